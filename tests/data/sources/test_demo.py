from __future__ import annotations

from pathlib import Path

import pytest

from wsss.config import DemoData
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.stages.index import index


def test_demo_is_made_when_it_is_not_there(tmp_path: Path) -> None:
    root = tmp_path / "sets/demo"
    settings = DemoData(root=str(root), train_images=3, val_images=2, image_size=64)
    index(settings, output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    assert dataset.name == "demo"
    assert [len(dataset.ids(split)) for split in ("train", "val")] == [3, 2]
    assert dataset.num_classes >= 6
    assert dataset.has_masks("train")
    written = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    index(settings, output=tmp_path / "again.h5")
    assert written == {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert load_dataset(tmp_path / "again.h5").fingerprint == dataset.fingerprint
    with pytest.raises(InputError, match=r"^data \(demo\): .*holds something other"):
        index(settings.model_copy(update={"seed": 1}), output=tmp_path / "other.h5")
