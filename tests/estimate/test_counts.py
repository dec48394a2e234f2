"""What a run has to work on, from what is said, an index, or the source of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.helpers import make_folder, make_voc
from wsss.config import CocoData, DemoData, FolderData, VocData
from wsss.errors import InputError
from wsss.estimate.counts import Counts, Said, count
from wsss.stages.index import index

NOWHERE = Path("nowhere.h5")


def test_what_is_said_needs_no_data():
    found = count(VocData(root="nowhere"), NOWHERE, Said(10582, 1449))
    assert (found.train, found.val, found.classes, found.size) == (10582, 1449, 20, (375, 500))
    assert count(CocoData(root="nowhere"), NOWHERE, Said(9)).classes == 80
    own = count(VocData(root="nowhere", max_side=250), NOWHERE, Said(9, 2, 5, (200, 500)))
    assert (own.classes, own.size) == (5, (100, 250))


def test_the_demo_is_not_made_to_be_counted(tmp_path: Path):
    found = count(DemoData(root=str(tmp_path / "demo"), train_images=9, val_images=4, limit=5), NOWHERE, Said())
    assert (found.train, found.val) == (5, 4)
    assert not (tmp_path / "demo").exists()


def test_the_source_is_counted_and_the_index_where_there_is_one(tmp_path: Path):
    data = VocData(root=str(make_voc(tmp_path / "voc", train=5, val=2)), classes="classes.txt")
    source = count(data, NOWHERE, Said())
    index(data, output=tmp_path / "index.h5")
    indexed = count(data, tmp_path / "index.h5", Said())
    assert (source.train, source.val, source.classes) == (indexed.train, indexed.val, indexed.classes) == (5, 2, 3)
    assert sorted(source.sizes) == sorted(indexed.sizes)
    assert indexed.dataset is not None


def test_an_index_of_other_settings_or_a_damaged_one_is_passed_over(tmp_path: Path):
    data = VocData(root=str(make_voc(tmp_path / "voc", train=5, val=3)), classes="classes.txt")
    path = tmp_path / "index.h5"
    index(data, output=path)
    changed = count(data.model_copy(update={"limit": 2, "max_side": 32}), path, Said())
    assert (changed.train, changed.val, changed.max_side, changed.dataset) == (2, 2, 32, None)
    content = path.read_bytes()
    for damaged in (b"", content[: len(content) // 2], b"no index" * 100):
        path.write_bytes(damaged)
        found = count(data, path, Said())
        assert (found.train, found.val, found.dataset) == (5, 3, None)


def test_data_that_is_not_there_must_be_said():
    with pytest.raises(InputError, match="nowhere: no such"):
        count(VocData(root="nowhere"), NOWHERE, Said())


def test_photographs_of_many_bands_are_counted_as_others(tmp_path: Path):
    names = ["a.tif", "b.tif"]
    make_folder(tmp_path / "photos", train=1, val=1, names=names, masks=False)
    for name in names:
        path = tmp_path / "photos" / name
        tifffile.imwrite(path, np.zeros((40, 60, 5), np.uint8), photometric="minisblack", planarconfig="contig")
    found = count(FolderData(root=str(tmp_path / "photos"), bands=(1, 2, 3, 4, 5)), NOWHERE, Said())
    assert (found.sizes, found.reading.channels) == ([(40, 60), (40, 60)], 5)


def test_pixels_are_those_that_networks_see():
    assert Counts(1, 1, 3, [(375, 500), (500, 375)], 1024, "").pixels == 384 * 512
    assert Counts(1, 1, 3, [(400, 800)], 400, "").pixels == 192 * 416  # 200 lies between 192 and 224
