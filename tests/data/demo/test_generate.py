"""The files of the embedded data set: layout and determinism."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsss.data.demo import CLASS_NAMES, generate_demo
from wsss.data.demo import generate as generate_module

SMALL = {"train_images": 4, "val_images": 2, "image_size": 96}


def _digest(root: Path) -> dict[str, str]:
    """Hash of every file below root by its relative path."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of a few small images."""
    root = tmp_path_factory.mktemp("demo") / "set"
    generate_demo(root, **SMALL)
    return root


def test_layout(small: Path) -> None:
    train = (small / "ImageSets/Segmentation/train.txt").read_text().split()
    val = (small / "ImageSets/Segmentation/val.txt").read_text().split()
    assert (len(train), len(val), len({*train, *val})) == (4, 2, 6)
    assert tuple((small / "classes.txt").read_text().split()) == CLASS_NAMES
    assert CLASS_NAMES[0] == "background"
    assert len(CLASS_NAMES) == 9
    assert json.loads((small / "demo.json").read_text())["seed"] == 0
    assert {path.stem for path in (small / "JPEGImages").iterdir()} == {*train, *val}
    assert {path.stem for path in (small / "SegmentationClass").iterdir()} == {*train, *val}
    assert [path.name for path in small.parent.iterdir()] == ["set"], "temporary folders stay behind"


def test_masks_and_labels_agree(small: Path) -> None:
    for line in (small / "image_labels.txt").read_text().splitlines():
        identifier, *names = line.split()
        mask_file = Image.open(small / "SegmentationClass" / f"{identifier}.png")
        mask = np.asarray(mask_file)
        assert mask_file.mode == "P"
        assert mask_file.getpalette()[:6] == [0, 0, 0, 128, 0, 0]
        assert mask.shape[::-1] == Image.open(small / "JPEGImages" / f"{identifier}.jpg").size
        assert sorted(names) == [CLASS_NAMES[index] for index in np.unique(mask) if index]
        assert names
        assert mask.max() < len(CLASS_NAMES)


def test_same_arguments_same_bytes_with_any_workers(small: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    generate_demo(tmp_path / "again", **SMALL, workers=2, progress=lambda done, total: calls.append((done, total)))
    assert _digest(tmp_path / "again") == _digest(small)
    assert calls == [(done, 6) for done in range(1, 7)]


def test_images_do_not_depend_on_the_length_of_the_list(small: Path, tmp_path: Path) -> None:
    generate_demo(tmp_path / "shorter", **{**SMALL, "train_images": 2, "val_images": 0})
    longer, shorter = _digest(small), _digest(tmp_path / "shorter")
    assert all(longer[name] == digest for name, digest in shorter.items() if name.startswith("JPEGImages"))
    generate_demo(tmp_path / "other", **{**SMALL, "seed": 1, "train_images": 1, "val_images": 0})
    assert _digest(tmp_path / "other")["JPEGImages/train_0000.jpg"] != longer["JPEGImages/train_0000.jpg"]


def test_complete_set_is_left_alone(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(generate_module, "draw_scene", refuse)
    generate_demo(small, **SMALL)


@pytest.mark.parametrize("change", [{"seed": 3}, {"train_images": 5}])
def test_refuses_a_folder_that_holds_another_set(small: Path, change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="holds something other") as error:
        generate_demo(small, **{**SMALL, **change})
    assert "\n" not in str(error.value)


def test_refuses_foreign_folders_files_and_damage(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").touch()
    (tmp_path / "file").touch()
    for name in ("photos", "file"):
        with pytest.raises(ValueError, match="holds something other"):
            generate_demo(tmp_path / name, **SMALL)
    generate_demo(tmp_path / "set", **SMALL)
    (tmp_path / "set" / "JPEGImages" / "val_0001.jpg").unlink()
    with pytest.raises(ValueError, match="damaged"):
        generate_demo(tmp_path / "set", **SMALL)
    with pytest.raises(ValueError, match="image_size is 8"):
        generate_demo(tmp_path / "tiny", image_size=8)


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_demo(tmp_path / "set", **SMALL, progress=stop)
    assert not list(tmp_path.iterdir())


def test_imports_no_torch() -> None:
    """Checked on the source: another test of this process may have imported torch."""
    for module in ("demo", "demo.generate", "demo.scenes", "demo.render"):
        source = Path(sys.modules[f"wsss.data.{module}"].__file__).read_text()
        assert "torch" not in source.replace("threads (of torch, say)", "")
