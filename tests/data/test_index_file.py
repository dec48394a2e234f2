"""An index of any size opens by few tables; where files lie and what they were is read and checked when it is used."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.store.versions import as_version_2
from tests.waiting import PATIENCE_SECONDS
from wsss.data import Dataset, index_file, load_dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.errors import InputError
from wsss.store import ArtifactReader, ArtifactWriter, blocks, tables
from wsss.store.blocks import BLOCK

AT_ONCE = {"/tables/checksums", "/tables/ids", "/tables/split", "/tables/sizes", "/tables/labels"}


def write(path: Path, count: int = 9) -> Path:
    attributes = {"root": "/photos", "class_names": ["background", "cat"], "ignore_index": 255, "max_side": 64}
    attributes |= {"label_source": "made", "data_name": "made", "seed": 0}
    # not in order, so that ids are found through their order
    ids = [f"folder/{number:05d}" for number in reversed(range(count))]
    with ArtifactWriter(path, stage="index", attributes=attributes) as artifact:
        artifact.write_table("ids", ids)
        artifact.write_table("paths", [f"{image_id}.jpg" for image_id in ids])
        artifact.write_table("mask_paths", [f"{image_id}.png" if n % 2 else "" for n, image_id in enumerate(ids)])
        artifact.write_table("split", ["val" if n % 3 == 2 else "train" for n in range(count)])
        artifact.write_table("sizes", np.stack([np.arange(count) + 1, np.full(count, 7)], axis=1).astype(np.int32))
        artifact.write_table("labels", np.ones((count, 1), np.uint8))
        artifact.write_table("identity", ["cat"])
        artifact.write_table("content", np.full((count, 16), 1, np.uint8))
        artifact.write_table("mask_content", np.array([[n % 2] * 16 for n in range(count)], np.uint8))
        artifact.write_table("stamps", np.zeros((count, 4), np.int64), note=True)
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tables that were read."""
    found: list[str] = []
    get = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: found.append(self.name) or get(self, key))
    return found


def test_each_table_is_read_when_it_is_used_and_once(tmp_path: Path, read: list[str]) -> None:
    dataset = load_dataset(write(tmp_path / "index.h5"))
    image_id = "folder/00001"
    assert dataset.size(image_id) == (8, 7)
    assert image_id in dataset
    assert len(dataset.labels("train")) == len(dataset.ids("train")) == 6
    assert dataset.ids("val") == ["folder/00006", "folder/00003", "folder/00000"]
    assert set(read) == AT_ONCE
    assert len(read) == len(AT_ONCE)
    for _ in range(2):
        assert dataset.image_path(image_id) == Path("/photos/folder/00001.jpg")
        assert dataset.mask_path(image_id) == Path("/photos/folder/00001.png")
        assert dataset.mask_path("folder/00002") is None
        assert dataset.masked_ids("val") == ["folder/00003"]
        assert [dataset.has_mask(name) for name in dataset.ids("val")] == [False, True, False]
    expected = AT_ONCE | {"/tables/paths", "/tables/mask_paths", "/tables/mask_content"}
    assert set(read) == expected
    # the file is opened once more, with its checksums
    assert len(read) == len(expected) + 1


def test_opening_makes_no_object_for_an_image(tmp_path: Path) -> None:
    blocks = []
    for count in (10, 10, 800):
        path = write(tmp_path / f"{len(blocks)}.h5", count)
        before = sys.getallocatedblocks()
        dataset = load_dataset(path)
        assert "folder/00003" in dataset
        blocks.append(sys.getallocatedblocks() - before)
        del dataset
    assert blocks[2] < blocks[1] + 100


def test_damage_of_a_table_is_said_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "index.h5", 400)
    with h5py.File(path) as file:
        place = file["tables/paths"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 40] ^= 1
    path.write_bytes(content)
    dataset = load_dataset(path)
    for _ in range(2):
        with pytest.raises(InputError, match=f"{path}: its table paths is damaged"):
            dataset.image_path("folder/00001")


def opened_before(dataset: Dataset) -> Dataset:
    return dataset


def in_a_worker(dataset: Dataset) -> Dataset:
    copy: Dataset = pickle.loads(pickle.dumps(dataset))
    return copy


@pytest.mark.parametrize("where", [opened_before, in_a_worker])
def test_an_index_that_was_built_again_is_not_mixed_with_what_was_read(tmp_path: Path, where) -> None:  # type: ignore[no-untyped-def]
    dataset = where(load_dataset(write(tmp_path / "index.h5")))
    write(tmp_path / "index.h5", 12)
    for _ in range(2):
        with pytest.raises(InputError, match="was built again while this ran"):
            dataset.image_path("folder/00001")


def test_the_file_is_compared_with_what_was_opened_once_in_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = load_dataset(write(tmp_path / "index.h5"))
    looked: list[int] = []
    attributes = ArtifactReader.attributes.fget
    assert attributes is not None
    monkeypatch.setattr(ArtifactReader, "attributes", property(lambda self: looked.append(1) or attributes(self)))
    for _ in range(3):
        assert dataset.has_mask("folder/00003")
        assert dataset.mask_path("folder/00003") is not None
        dataset._index.same_file()
    assert looked == [1]


@pytest.mark.parametrize("any_length", [False, True])
def test_an_index_of_version_2_is_read(tmp_path: Path, any_length: bool) -> None:
    path = write(tmp_path / "index.h5")
    as_version_2(path, any_length=any_length)
    dataset = load_dataset(path)
    assert dataset.ids("val") == ["folder/00006", "folder/00003", "folder/00000"]
    assert dataset.image_path("folder/00001") == Path("/photos/folder/00001.jpg")


def test_an_artifact_is_held_against_the_index_without_an_object_for_an_image(tmp_path: Path) -> None:
    blocks = []
    for count in (12, 12, 900):
        dataset = load_dataset(write(tmp_path / f"{len(blocks)}.h5", count))
        ids, path = dataset.ids("train"), tmp_path / f"saliency{len(blocks)}.h5"
        with ArtifactWriter(path, stage="saliency") as artifact:
            for image_id in ids:
                artifact.write("saliency", image_id, np.zeros(dataset.size(image_id), np.uint8))
        before = sys.getallocatedblocks()
        reader = IndexedArtifact(path, "saliency", dataset).require("saliency", ids)
        assert reader.read("saliency", ids[-1]).shape == dataset.size(ids[-1])
        blocks.append(sys.getallocatedblocks() - before)
    assert blocks[2] < blocks[1] + 100


def test_a_forked_process_reads_though_a_thread_was_reading(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path / "index.h5"))
    ready, done = threading.Event(), threading.Event()

    def hold() -> None:
        with index_file._READING:
            ready.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait()
    child = multiprocessing.get_context("fork").Process(target=dataset.image_path, args=(dataset.ids("train")[0],))
    child.start()
    try:
        child.join(PATIENCE_SECONDS)
        assert child.exitcode == 0
    finally:
        child.kill()
        done.set()
        thread.join()


def test_tables_of_many_images_stay_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "READ_AT_ONCE", 2 * BLOCK)
    monkeypatch.setattr(tables, "READ_AT_ONCE", 2 * BLOCK)
    count = 5 * BLOCK + 3
    dataset = load_dataset(write(tmp_path / "index.h5", count))
    assert sum(map(len, dataset._index._table("paths")._kept.values())) == 0
    for copy in (dataset, in_a_worker(dataset)):
        for number in (0, 3 * BLOCK, count - 1, 7):
            image_id = f"folder/{number:05d}"
            assert copy.image_path(image_id) == Path(f"/photos/{image_id}.jpg")
            masked = copy.mask_path(image_id)
            assert masked == (Path(f"/photos/{image_id}.png") if copy.has_mask(image_id) else None)
    files = [path.removeprefix("/photos/") for path in dataset.files()]
    assert files[:count] == [f"{image_id}.jpg" for image_id in dataset._index.ids]
    assert [f"{path.removesuffix('.png')}" for path in files[count:]] == [
        image_id for image_id in dataset._index.ids if dataset.has_mask(image_id)
    ]


def test_damage_that_comes_later_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, use in (("paths", lambda own: list(own.files())), ("mask_content", lambda own: own.has_masks("train"))):
        path = write(tmp_path / f"{name}.h5", 5 * BLOCK)
        dataset = load_dataset(path)
        dataset._index._table(name)

        def fail(*_: object) -> Iterator[np.ndarray]:
            raise OSError("can't synchronously read data")
            yield np.zeros(0)

        with monkeypatch.context() as patch, pytest.raises(InputError, match=f"{path}: its table {name} is damaged"):
            patch.setattr(dataset._index._tables[name], "runs", fail)
            use(dataset)
