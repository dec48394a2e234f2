from __future__ import annotations

from PIL import Image


def test_every_label_set_and_network_has_a_sheet_for_one_page(run, page):
    sheets = sorted((run.folder / "report/sheets").iterdir())
    names = ["eroded_labels_train", "seed_labels_train", "network_on_seed_labels_val", "network_on_true_masks_val"]
    assert [path.stem for path in sheets] == [f"{place:02}_{name}" for place, name in enumerate(names, 1)]
    for path in sheets:
        with Image.open(path) as sheet:
            width, height = (side / dots for side, dots in zip(sheet.size, sheet.info["dpi"], strict=True))
        assert width <= 7.6
        assert height <= 11
        assert height > 3
