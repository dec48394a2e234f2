"""Records of images, and their splits, without an object for each image."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import pytest

from wsss.config import FolderData
from wsss.data.sources import list_images
from wsss.data.sources.image_records import ImageRecord, ImageRecords, Splits

RECORDS = [
    ImageRecord("sub/a", "photos/sub/a.jpg", "/masks/a.png", (1, 3), "train"),
    ImageRecord("b", "photos/b.jpg", "", None, "train"),
    ImageRecord("c", "photos/c.jpg", "", (), "train"),
    ImageRecord("ü", "photos/ü.jpg", "", (2,), "val"),
]


def test_records_come_back() -> None:
    records = ImageRecords()
    for record in RECORDS:
        records.append(record)
    assert list(records) == RECORDS
    assert records[::2] == RECORDS[::2]
    assert [records[row] for row in range(-4, 0)] == RECORDS
    assert list(records.ids) == ["sub/a", "b", "c", "ü"]
    assert list(records.images) == ["photos/sub/a.jpg", "photos/b.jpg", "photos/c.jpg", "photos/ü.jpg"]
    assert list(records.masks) == ["/masks/a.png", "", "", ""]
    assert list(records.splits) == ["train", "train", "train", "val"]
    with pytest.raises(IndexError):
        records[4]


def test_splits() -> None:
    splits = Splits(["b", "a"], ["c"])
    assert list(splits.items()) == [("b", "train"), ("a", "train"), ("c", "val")]
    assert "d" not in splits
    assert splits.get("d") is None
    with pytest.raises(ValueError, match="there twice"):
        Splits(["a"], ["a"])


def test_memory_holds_nothing_of_an_image_that_is_listed(tmp_path: Path) -> None:
    images = 3000
    root = tmp_path / "photos"
    (root / "masks").mkdir(parents=True)
    rows = ["image,label,split"]
    for number in range(images):
        # listing opens none
        (root / f"image_{number:06d}.jpg").touch()
        (root / f"masks/image_{number:06d}.png").touch()
        rows.append(f"image_{number:06d}.jpg,class {number % 7};class {number % 11},{'val' if number % 3 else ''}")
    (root / "labels.csv").write_text("\n".join(rows))
    tracemalloc.start()
    try:
        listing = list_images(FolderData(root=str(root), masks="masks"))
        gc.collect()  # Python keeps some tuples to use them again
        # of these modules, not of threads that other tests have left
        of_these = [tracemalloc.Filter(True, f"*wsss/{name}.py") for name in ("data/sources/*", "scratch")]
        own = tracemalloc.take_snapshot().filter_traces(of_these)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(listing.records) == images
    # objects took 400 an image, and four times that while they were made
    assert sum(trace.size for trace in own.traces) < 10 * images
    assert peak < 100 * images
