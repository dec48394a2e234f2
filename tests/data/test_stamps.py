from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import make_voc
from wsss.config import VocData
from wsss.data import Dataset, load_dataset
from wsss.errors import InputError
from wsss.stages.index import index


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    make_voc(tmp_path / "voc", train=2, val=1)
    index(VocData(root=str(tmp_path / "voc"), classes="classes.txt"), output=tmp_path / "index.h5")
    return load_dataset(tmp_path / "index.h5")


def later(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


def test_a_photograph_that_was_changed_is_refused_by_all_that_read_it(dataset: Dataset):
    image_id = dataset.ids("train")[0]
    path = dataset.image_path(image_id)
    dataset.image(image_id)
    content = bytearray(path.read_bytes())
    content[-40] ^= 1  # the size stays
    path.write_bytes(bytes(content))
    later(path)
    for read in (dataset.image, dataset.network_image, dataset.bounded_image):
        with pytest.raises(InputError, match=r"has changed since .* was written; build the index again with") as caught:
            read(image_id)
        assert str(caught.value).startswith(f"{path}: ")
    dataset.max_side = 32  # read in another way
    with pytest.raises(InputError, match="has changed since"):
        dataset.bounded_image(image_id)


def test_a_mask_that_was_changed_is_refused(dataset: Dataset):
    image_id = dataset.ids("train")[0]
    path = dataset.mask_path(image_id)
    assert path is not None
    Image.fromarray(np.zeros(dataset.size(image_id), np.uint8)).save(path)
    with pytest.raises(InputError, match="has changed since"):
        dataset.mask(image_id)


def test_a_copy_has_times_of_its_own_and_is_read_once_more_in_each_process(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
):
    image_id = dataset.ids("train")[0]
    path = dataset.image_path(image_id)
    later(path)
    read: list[Path] = []
    original = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: (read.append(self), original(self))[1])
    for _ in range(3):
        dataset.image(image_id)
    assert read == [path]
    pickle.loads(pickle.dumps(dataset)).image(image_id)


def test_a_file_that_is_gone_is_named_by_whoever_reads_it(dataset: Dataset):
    image_id = dataset.ids("train")[0]
    dataset.image_path(image_id).unlink()
    with pytest.raises(InputError, match="no such image file"):
        dataset.image(image_id)


def test_times_are_no_part_of_what_the_data_set_is(dataset: Dataset, tmp_path: Path):
    for path in (tmp_path / "voc").rglob("*.jpg"):
        later(path)
    index(VocData(root=str(tmp_path / "voc"), classes="classes.txt"), output=tmp_path / "again.h5")
    assert load_dataset(tmp_path / "again.h5").fingerprint == dataset.fingerprint
