from __future__ import annotations

import gc
import pickle
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.damage import read_artifact
from tests.store.versions import as_version_2
from wsss.errors import InputError
from wsss.inputs import ZIP
from wsss.store import ArtifactReader, ArtifactWriter, blocks
from wsss.store.blocks import BLOCK


def write(path: Path, values: dict[str, int], stage: str = "cams") -> None:
    with ArtifactWriter(path, stage=stage, attributes={"class_names": ["background", "cat"]}) as artifact:
        for name, value in values.items():
            artifact.write("cams", name, np.full((4, 30), value, np.uint8), classes=[1])


def test_round_trip_of_nested_ids_tables_and_attributes(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.h5"
    with ArtifactWriter(path, stage="cams", attributes={"class_names": ["background", "cat"], "seed": 3}) as artifact:
        artifact["cams", "one/two"] = np.arange(6.0).reshape(2, 3)
        artifact.write("labels", "ü x", np.zeros((1, 1), np.uint8))
        artifact.write_table("ids", ["one/two", "ü x"])
        artifact.write_table("sizes", np.arange(4))
    with ArtifactReader(path, "cams") as reader:
        assert reader.kinds() == ["cams", "labels"]
        assert reader.ids("cams") == ["one/two"]
        assert np.array_equal(reader["cams"]["one/two"], np.arange(6.0).reshape(2, 3))
        assert list(reader["labels"]) == ["ü x"]
        assert reader.table("ids").tolist() == ["one/two", "ü x"]
        assert reader.table("sizes").tolist() == [0, 1, 2, 3]
        assert reader.attributes["class_names"] == ["background", "cat"]
        assert reader.attributes["seed"] == 3
        assert reader.attributes["stage"] == "cams"


@pytest.mark.parametrize("dtype", ["uint8", "bool", "float16", ">f4", "float64"])
@pytest.mark.parametrize("noise", [False, True])
def test_an_image_is_one_chunk_that_any_reader_of_hdf5_undoes(tmp_path: Path, dtype: str, noise: bool) -> None:
    """Noise grows by compression, so its chunk is larger than its values."""
    shape, generator = (3, 31, 47), np.random.default_rng(0)
    raw = generator.bytes(3 * 31 * 47 * np.dtype(dtype).itemsize)
    values = np.frombuffer(raw, dtype).reshape(shape) if noise and dtype != "bool" else np.ones(shape, dtype)
    with ArtifactWriter(tmp_path / "a.h5", stage="cams") as artifact:
        artifact["cams", "one"] = values
    with h5py.File(tmp_path / "a.h5") as file:
        dataset = file["cams/one"]
        assert dataset.chunks == shape
        assert dataset.compression == "gzip"
        assert dataset.shuffle == (np.dtype(dtype).itemsize > 1)
        assert dataset[()].tobytes() == values.tobytes()
    assert ArtifactReader(tmp_path / "a.h5").read("cams", "one").dtype == np.dtype(dtype)


def test_what_is_too_large_for_one_chunk_is_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsss.chunks.LARGEST_CHUNK", 1000)
    values = np.arange(300 * 500, dtype=np.float32).reshape(300, 500)
    with ArtifactWriter(tmp_path / "a.h5", stage="cams") as artifact:
        artifact["cams", "one"] = values
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["cams/one"].id.get_num_chunks() > 1
        assert file["cams/one"].compression == "gzip"
    assert np.array_equal(ArtifactReader(tmp_path / "a.h5").read("cams", "one"), values)


def test_the_fingerprint_is_that_of_files_of_before(tmp_path: Path) -> None:
    """Artifacts that are there already must not look changed to the stages after them."""
    write(tmp_path / "a.h5", {"a": 1, "b/c": 2})
    assert ArtifactReader(tmp_path / "a.h5").attributes["fingerprint"] == "7d69e9f5ea08c17bb8ea76635f81d864"


def test_text_is_in_no_heap_without_checksums(tmp_path: Path) -> None:
    names, settings = ["", "ü", "x" * 300], {"long": "ä" * 70_000, "empty": ""}
    with ArtifactWriter(tmp_path / "a.h5", stage="cams", attributes={"settings": settings, "about": ""}) as artifact:
        artifact.write("cams", "a", np.zeros(3), note="ä", nothing="")
        artifact.write_table("names", names)
        artifact.write_table("none", [])
    assert b"GCOL" not in (tmp_path / "a.h5").read_bytes()
    with ArtifactReader(tmp_path / "a.h5") as reader:
        assert reader.attributes["settings"] == settings
        assert reader.attributes["about"] == ""
        assert reader["cams"].attributes("a") == {"note": "ä", "nothing": ""}
        assert reader.table("names").tolist() == names
        assert reader.table("none").tolist() == []


def test_a_failing_block_leaves_nothing_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, {"old": 1})
    with pytest.raises(RuntimeError), ArtifactWriter(path, stage="cams") as artifact:
        artifact["cams", "new"] = np.zeros(3)
        raise RuntimeError
    assert ArtifactReader(path).ids("cams") == ["old"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]


def test_fingerprint_tells_contents_apart_and_not_their_order(tmp_path: Path) -> None:
    prints = []
    for number, values in enumerate([{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2, "b": 1}]):
        write(tmp_path / f"{number}.h5", values)
        prints.append(ArtifactReader(tmp_path / f"{number}.h5").attributes["fingerprint"])
    assert prints[0] == prints[1] != prints[2]


def test_shards_make_the_same_artifact(tmp_path: Path) -> None:
    write(tmp_path / "whole.h5", {"a": 1, "b/c": 2})
    write(tmp_path / "one.h5", {"a": 1})
    write(tmp_path / "two.h5", {"b/c": 2})
    with ArtifactWriter(tmp_path / "merged.h5", stage="cams") as artifact:
        artifact.copy_from(tmp_path / "two.h5")
        artifact.copy_from(tmp_path / "one.h5")
    merged, whole = ArtifactReader(tmp_path / "merged.h5"), ArtifactReader(tmp_path / "whole.h5")
    assert merged.ids("cams") == whole.ids("cams") == ["a", "b/c"]
    assert merged.attributes["fingerprint"] == whole.attributes["fingerprint"]
    assert merged["cams"].attributes("b/c")["classes"].tolist() == [1]


def test_an_artifact_is_about_the_split_that_it_names_or_about_all(tmp_path: Path) -> None:
    write(tmp_path / "all.h5", {"a": 1})
    with ArtifactWriter(tmp_path / "train.h5", stage="cams", attributes={"split": "train"}):
        pass
    found = {
        name: [ArtifactReader(tmp_path / name).covers(split) for split in ("train", "val")]
        for name in ("all.h5", "train.h5")
    }
    assert found == {"all.h5": [True, True], "train.h5": [True, False]}


def test_an_image_is_written_once(tmp_path: Path) -> None:
    with ArtifactWriter(tmp_path / "a.h5", stage="cams") as artifact:
        artifact["cams", "a"] = np.zeros(3)
        with pytest.raises(ValueError, match="written twice"):
            artifact["cams", "a"] = np.zeros(3)


def test_missing_damaged_foreign_and_wrong_files_are_named(tmp_path: Path) -> None:
    damaged, foreign, other = tmp_path / "damaged.h5", tmp_path / "foreign.h5", tmp_path / "other.h5"
    write(damaged, {"a": 1})
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    with h5py.File(foreign, "w") as file:
        file["x"] = 1
    write(other, {"a": 1}, stage="saliency")
    network, newer = tmp_path / "model.ckpt", tmp_path / "newer.h5"
    network.write_bytes(ZIP + b"x" * 100)
    write(newer, {"a": 1})
    with h5py.File(newer, "a") as file:
        file.attrs["format_version"] = 99
    for path, words in [
        (tmp_path / "none.h5", "no such artifact"),
        (damaged, "damaged or no HDF5 file"),
        (network, "holds a network, as it seems, and is no artifact; pass a file .h5"),
        (foreign, "no artifact of wsss"),
        (other, "written by stage saliency; pass the file of stage cams"),
        (newer, "format version 99"),
    ]:
        with pytest.raises(InputError) as error:
            ArtifactReader(path, "cams").ids("cams")
        assert str(path) in str(error.value)
        assert words in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", ["an image", "the list of images"])
def test_damage_inside_a_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "results" / "a.h5"
    with ArtifactWriter(path, stage="cams") as artifact:
        for number in range(20):
            artifact["cams", f"image {number}"] = np.random.default_rng(number).random((20, 20))
    with h5py.File(path) as file:
        chunk = file["cams/image 3"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    places = [chunk] if damage == "an image" else [content.index(b"FHDB")]
    for place in places:
        content[place : place + 4] = b"????"
    path.write_bytes(content)
    with pytest.raises(InputError) as error, ArtifactReader(path, "cams") as reader:
        [reader["cams"][name] for name in reader.ids("cams")]
    assert f"{path}: " in str(error.value)
    assert "damaged" in str(error.value)
    assert f"wsss run CONFIG {path}" in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_image_and_kind_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", {"a": 1})
    reader = ArtifactReader(tmp_path / "a.h5")
    with pytest.raises(InputError, match="no cams of image `b`"):
        reader.read("cams", "b")
    with pytest.raises(InputError, match="holds no labels"):
        reader.ids("labels")
    assert "b" not in reader["cams"]
    assert "a" in reader["cams"]


def test_reader_travels_to_other_processes(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", {"a": 7})
    reader = ArtifactReader(tmp_path / "a.h5")
    assert reader.ids("cams") == ["a"]
    copy = pickle.loads(pickle.dumps(reader))
    assert copy["cams"]["a"].max() == 7


def test_a_file_of_version_2_has_its_checksums_as_json_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, {"b/c": 2, "a": 1})
    with ArtifactWriter(tmp_path / "index.h5", stage="index") as artifact:
        artifact.write_table("ids", ["ü", "a"])
    expected = [read_artifact(file) for file in (path, tmp_path / "index.h5")]
    for file, content in zip((path, tmp_path / "index.h5"), expected, strict=True):
        as_version_2(file)
        assert read_artifact(file) == content | {"attributes": content["attributes"] | {"format_version": 2}}
    write(tmp_path / "whole.h5", {"d": 3})
    with ArtifactWriter(tmp_path / "whole.h5", stage="cams") as whole:
        whole.link_from(path)
    assert ArtifactReader(tmp_path / "whole.h5")["cams"]["b/c"].max() == 2
    with (
        pytest.raises(InputError, match=r"index.h5: has tables as an earlier version wrote them"),
        ArtifactWriter(tmp_path / "joined.h5", stage="index") as whole,
    ):
        whole.link_from(tmp_path / "index.h5")
    with h5py.File(path, "a") as file:
        file["tables/checksums"][5] ^= 1
    with pytest.raises(InputError, match="its header is damaged"):
        ArtifactReader(path).kinds()


def test_opening_reads_one_table_and_makes_no_object_for_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    get = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: read.append(self.name) or get(self, key))
    blocks = []
    for count in (10, 10, 700):
        path = tmp_path / f"{len(blocks)}.h5"
        write(path, {f"folder/{number:04d}": 1 for number in range(count)})
        read.clear()
        reader, before = ArtifactReader(path, "cams"), sys.getallocatedblocks()
        assert reader.has("cams", "folder/0007")
        assert reader.kinds() == ["cams"]
        assert len(reader["cams"]) == reader.count("cams") == count
        blocks.append(sys.getallocatedblocks() - before)
        assert read == ["/tables/checksums"]
        reader.read("cams", "folder/0007")
        assert read == ["/tables/checksums"]
        assert reader.ids("cams")[-1] == f"folder/{count - 1:04d}"
    assert blocks[2] < blocks[1] + 100


def test_a_writer_keeps_no_object_for_an_array(tmp_path: Path) -> None:
    values = np.zeros((2, 2), np.uint8)
    with ArtifactWriter(tmp_path / "a.h5", stage="cams") as artifact:
        for number in range(50):
            artifact["cams", f"first/{number}"] = values
        # h5py leaves cycles
        gc.collect()
        before = sys.getallocatedblocks()
        for number in range(1000):
            artifact["cams", f"{number}"] = values
        gc.collect()
        assert sys.getallocatedblocks() - before < 0.5 * 1000


def test_a_long_list_of_arrays_stays_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "READ_AT_ONCE", 2 * BLOCK)
    path, count = tmp_path / "a.h5", 4 * BLOCK + 7
    write(path, {f"folder/{number:04d}": 1 for number in range(count)})
    with ArtifactReader(path, "cams") as reader:
        assert reader.file["tables/checksums"].chunks == (BLOCK,)
        assert reader.ids("cams") == [f"folder/{number:04d}" for number in range(count)]
        assert [len(block) for block in reader.id_blocks("cams")] == [2 * BLOCK, 2 * BLOCK, 7]
        assert reader.count("cams") == count
        assert all(reader.has("cams", image_id) for image_id in reader.ids("cams"))
        assert not reader.has("cams", f"folder/{count:04d}")
        assert reader.read("cams", f"folder/{count - 1:04d}").shape == reader.read("cams", "folder/0000").shape
    with pytest.raises(InputError, match="holds no saliency, only cams"):
        ArtifactReader(path).count("saliency")
    with h5py.File(path, "a") as file:
        table = file["tables/checksums"]
        table[3 * BLOCK, "content"] += 1
    with pytest.raises(InputError, match="its header is damaged"):
        ArtifactReader(path).kinds()


def test_a_file_of_before_has_no_checksums_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, {"a": 1, "b/c": 2})
    with ArtifactReader(path) as reader:
        expected = {image_id: array.tolist() for image_id, array in reader["cams"].items()}
    with h5py.File(path, "a") as file:
        del file["tables/checksums"], file.attrs["checksum"]
    with pytest.raises(InputError, match="its header is damaged"):
        ArtifactReader(path).kinds()
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 1
    with ArtifactReader(path) as reader:
        assert {image_id: array.tolist() for image_id, array in reader["cams"].items()} == expected
        assert reader.has("cams", "b/c")
        assert not reader.has("cams", "b/d")
