"""The config that `wsss init` writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.commands_with_outputs import call
from tests.data.band_pictures import tiff
from tests.helpers import make_folder
from wsss.config import FolderData
from wsss.config.files import read_configs
from wsss.data.sources import list_images
from wsss.plan import checked_plan
from wsss.stages.index import index


def photographs(root: Path, labels: str) -> Path:
    make_folder(root, names=[f"{number}.jpg" for number in range(12)], masks=False)
    (root / "labels.csv").write_text(labels)
    return root


def table(*rows: str) -> str:
    return "image,label\n" + "".join(f"{number}.jpg,{row}\n" for number, row in enumerate(rows))


def test_the_config_is_right_and_says_what_is_odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photographs(tmp_path / "my photos", table(*["cat"] * 10, "cat;dog", ""))
    done = call("init", "my photos")
    assert done.exit_code == 0, done.output
    assert done.output == "my photos.yaml: look at it, then type `wsss run 'my photos.yaml'`\n"
    text = Path("my photos.yaml").read_text()
    assert "# 12 photographs of 2 classes (about " in text
    assert "classes with fewer than 10 training images: " in text
    assert "there are no masks, so results are shown and not measured" in text
    plan = checked_plan(read_configs([Path("my photos.yaml")]), Path("my photos.yaml"))
    assert plan.config.run == "my_photos"
    assert plan.config.data == FolderData(root="my photos", val_from_train=0.2)
    listing = list_images(plan.config.data)
    counts = {split: sum(record.split == split for record in listing.records) for split in ("train", "val")}
    assert f"{counts['train']} to train on, {counts['val']} to validate by" in text
    assert f"no image is in val, so val_from_train: 0.2 holds out {counts['val']} of 12 by their names" in text
    cats = [sum(record.split == split and 1 in (record.labels or ()) for record in listing.records) for split in counts]
    assert [line.split()[2:] for line in text.splitlines() if line.startswith("# cat ")] == [list(map(str, cats))]


def test_a_class_in_every_image_and_images_without_any(tmp_path: Path) -> None:
    labels = "image,label,split\n" + "".join(f"{number}.jpg,cat,train\n" for number in range(11)) + "11.jpg,cat,val\n"
    photographs(tmp_path / "photos", labels)
    output = tmp_path / "a.yaml"
    assert call("init", tmp_path / "photos", "--output", output).exit_code == 0
    text = output.read_text()
    assert text.startswith("# 12 photographs of 1 class (about ")
    assert "# - in every training image: cat; a classifier learns nothing about what is everywhere" in text
    assert "val_from_train" not in text
    assert "fewer than" not in text
    bare = labels.replace("3.jpg,cat", "3.jpg,").replace("4.jpg,cat", "4.jpg,")
    (tmp_path / "photos/labels.csv").write_text(bare)
    assert call("init", tmp_path / "photos", "--output", tmp_path / "b.yaml").exit_code == 0
    assert "# - 2 training images show no class, all of them background" in (tmp_path / "b.yaml").read_text()


def test_odd_photographs(tmp_path: Path) -> None:
    root = photographs(tmp_path / "photos", table(*["cat", "dog"] * 6))
    Image.fromarray(np.zeros((600, 900, 4), np.uint8)).save(root / "0.png")
    (root / "0.jpg").unlink()
    (root / "1.jpg").write_bytes(b"no picture")
    (root / "labels.csv").write_text((root / "labels.csv").read_text().replace("0.jpg", "0.png", 1))
    assert call("init", root, "--output", tmp_path / "a.yaml").exit_code == 0
    text = (tmp_path / "a.yaml").read_text()
    assert f"# - {root / '1.jpg'}: " in text
    assert "1 of mode RGBA: see how they look in `wsss view`" in text
    assert "px: objects differ as much in size" in text


def test_photographs_of_many_bands_and_bits_get_the_settings_that_they_need(tmp_path: Path) -> None:
    root = photographs(tmp_path / "photos", table(*["cat", "dog"] * 6).replace(".jpg", ".tif"))
    pixels = np.random.default_rng(0).integers(0, 4096, (40, 60, 5)).astype(np.uint16)
    for path in root.glob("*.jpg"):
        tiff(path.with_suffix(".tif"), pixels, planarconfig="contig")
        path.unlink()
    output = tmp_path / "a.yaml"
    assert call("init", root, "--output", output).exit_code == 0
    text = output.read_text()
    assert "(about 60 x 40 px)" in text
    assert "# - photographs of 5 bands: data.bands below takes the first three" in text
    assert "# - pixels are uint16, " in text
    plan = checked_plan(read_configs([output]), output)
    assert (plan.config.data.bands, plan.config.data.range) == ((1, 2, 3), (0.0, 4095.0))
    # the index, which decodes all, takes them
    index(plan.config.data, output=tmp_path / "index.h5")
    assert "tiles" not in text


def test_large_photographs_have_tiles_as_a_comment(tmp_path: Path) -> None:
    root = photographs(tmp_path / "photos", table(*["cat", "dog"] * 6))
    Image.new("RGB", (2500, 100)).save(root / "0.jpg")
    output = tmp_path / "a.yaml"
    assert call("init", root, "--output", output).exit_code == 0
    text = output.read_text()
    assert "# set max_side: 2500 in data above, and" in text
    comments = [line[2:] for line in text.splitlines() if line.startswith(("# cams: ", "# predict: "))]
    assert len(comments) == 2
    body = text.replace("data:\n", "data:\n  max_side: 2500\n") + "\n".join(comments) + "\n"
    output.write_text(body)
    config = checked_plan(read_configs([output]), output).config
    assert (config.cams.tiles.side, config.predict.protocols["single"].tiles.side) == (1024, 1024)
    assert config.data.max_side == 2500


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    photographs(tmp_path / "photos", table(*["cat", "dog"] * 6))
    output = tmp_path / "mine.yaml"
    output.write_text("mine")
    done = call("init", tmp_path / "photos", "--output", output)
    assert done.exit_code == 1
    assert f"{output}: exists and says something else than would be written; move or delete it" in done.stderr
    assert output.read_text() == "mine"


def test_wrong_labels_are_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    photographs(tmp_path / "photos", "image,label\n1.jpg,cat\n")
    done = call("init", tmp_path / "photos", "--output", tmp_path / "a.yaml")
    assert done.exit_code == 1
    assert "no row of image `0` (11 such images in all)" in done.output
    assert not (tmp_path / "a.yaml").exists()


def test_a_config_that_run_would_not_take_is_not_written(tmp_path: Path) -> None:
    root = photographs(tmp_path / "photos", table(*["cat", "dog"] * 6))
    for name in ("my.json", "my"):
        done = call("init", root, "--output", tmp_path / name)
        assert done.exit_code == 2
        assert "--output takes a file that ends in .yaml" in " ".join(done.stderr.split())
        assert not (tmp_path / name).exists()
