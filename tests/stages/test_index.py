from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import CLASSES, make_voc, save_mask
from tests.stages.indexed import refused, run
from wsss.checksums import bytes_digest
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.store import ArtifactReader

FIRST, SECOND = "2007_000000", "2007_000001"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_voc(tmp_path / "voc", train=3, val=2)


def fingerprint(path: Path) -> str:
    with ArtifactReader(path, stage="index") as reader:
        return str(reader.attributes["fingerprint"])


def test_tables_and_attributes(root: Path) -> None:
    with ArtifactReader(run(root, image_labels="image_labels.txt", max_side=500), stage="index") as reader:
        attributes = reader.attributes
        names = [f"2007_{i:06d}" for i in range(5)]
        assert reader.table("ids").tolist() == names
        assert reader.table("paths").tolist() == [f"JPEGImages/{name}.jpg" for name in names]
        assert reader.table("mask_paths").tolist() == [f"SegmentationClass/{name}.png" for name in names]
        assert reader.table("split").tolist() == ["train"] * 3 + ["val"] * 2
        assert reader.table("labels").tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]]
        sizes = reader.table("sizes")
    assert sizes.dtype == np.int32
    for name, size in zip(names, sizes.tolist(), strict=True):
        with Image.open(root / "JPEGImages" / f"{name}.jpg") as image:
            assert (image.height, image.width) == tuple(size)
    assert attributes["root"] == str(root)
    assert attributes["class_names"] == ["background", *CLASSES]
    assert attributes["ignore_index"] == 255
    assert attributes["max_side"] == 500
    assert attributes["label_source"] == "table image_labels.txt"
    assert attributes["data_name"] == "voc"
    assert set(attributes["inputs"]) == {"train_list", "val_list", "image_labels", "classes"}


def test_digests_and_stamps_are_those_of_the_files(root: Path) -> None:
    with ArtifactReader(run(root, mask_folder="SegmentationClass"), stage="index") as reader:
        tables = {name: reader.table(name) for name in ("paths", "mask_paths", "content", "mask_content", "stamps")}
    for row in range(5):
        files = [root / tables[name][row] for name in ("paths", "mask_paths")]
        digests = [tables[name][row].tobytes() for name in ("content", "mask_content")]
        assert digests == [bytes_digest(path.read_bytes()) for path in files]
        status = [path.stat() for path in files]
        assert tables["stamps"][row].tolist() == [
            number for found in status for number in (found.st_size, found.st_mtime_ns)
        ]


def test_workers_change_nothing(root: Path) -> None:
    assert fingerprint(run(root)) == fingerprint(run(root, workers=3))


def test_fingerprint_follows_what_others_depend_on(root: Path) -> None:
    seen = [fingerprint(run(root)), fingerprint(run(root, max_side=64)), fingerprint(run(root, limit=2))]
    photo = root / "JPEGImages" / f"{FIRST}.jpg"
    array = np.array(Image.open(photo))
    array[0, 0] ^= 128
    Image.fromarray(array).save(photo, quality=95)
    seen.append(fingerprint(run(root)))
    mask = root / "SegmentationClass" / f"{FIRST}.png"
    array = np.array(Image.open(mask))
    array[0, 0] = 1
    save_mask(mask, array)
    seen.append(fingerprint(run(root)))
    (root / "classes.txt").write_text((root / "classes.txt").read_text() + "rare\n")
    seen.append(fingerprint(run(root)))
    assert len(set(seen)) == len(seen)
    photo.touch()
    assert fingerprint(run(root)) == seen[-1]


def test_labels_from_masks(root: Path) -> None:
    expected = load_dataset(run(root)).labels("train")
    dataset = load_dataset(run(root, image_labels="masks"))
    assert np.array_equal(dataset.labels("train"), expected)
    assert dataset.label_source == "masks (ground truth)"


def test_nothing_is_said_to_be_done_before_an_error(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        run(root)
        assert [text.split(" in ")[0] for text in caplog.messages] == ["index: 5 images"]
        caplog.clear()
        path = root / "JPEGImages" / f"{SECOND}.jpg"
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(InputError, match="damaged"):
            run(root)
    assert caplog.messages == []


def test_what_sources_refuse_is_refused_here(root: Path) -> None:
    assert "no such folder" in refused(root, image_folder="Images")


def test_no_heavy_imports() -> None:
    code = """
import sys, wsss.stages.index, wsss.data
print([name for name in ("torch", "torchvision", "lightning", "skimage", "scipy") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
