from __future__ import annotations

from pathlib import Path

import pytest

from wsss.config import DemoData, load_config
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


def test_a_negative_seed_is_refused_with_the_config() -> None:
    with pytest.raises(InputError, match=r"`data\.seed`: .* greater than or equal to 0, got -1"):
        load_config({"data": {"name": "demo", "seed": -1}})
