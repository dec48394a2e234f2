"""Writing images with resume: what a stage took is whole on the disk, or not there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wsss.chunks import PackedArray, pack
from wsss.errors import InputError
from wsss.stages import artifact as artifact_module
from wsss.stages.artifact import PACKED_AT_ONCE, ImageArtifact
from wsss.store import ArtifactReader

ATTRIBUTES = {"settings": "{}", "inputs": {}, "code": "", "seed": 0}


def begin(output: Path) -> ImageArtifact:
    return ImageArtifact(output, stage="cams", attributes=ATTRIBUTES, shard_size=4)


def put(artifact: ImageArtifact, number: int) -> None:
    array = np.full((10, 20), number, np.uint8)
    artifact.write(f"image {number}", {"cams": array, "labels": array + 1}, classes=[number])


def test_images_come_back_and_the_order_of_threads_changes_nothing(tmp_path: Path) -> None:
    contents = []
    for name in ("one.h5", "two.h5"):
        with begin(tmp_path / name) as artifact:
            for number in range(10):
                put(artifact, number)
            artifact.write_table("ids", ["a"])
        with ArtifactReader(tmp_path / name) as reader:
            assert reader.ids("cams") == reader.ids("labels") == [f"image {number}" for number in range(10)]
            assert reader["cams"].attributes("image 7")["classes"].tolist() == [7]
            contents.append([reader["labels"][name].tobytes() for name in reader["labels"]])
            assert reader["labels"]["image 7"].min() == 8
            contents[-1].append(reader.attributes["fingerprint"])
    assert contents[0] == contents[1]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["one.h5", "two.h5"]


def test_a_stage_that_fails_keeps_its_images(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="of the stage"), begin(tmp_path / "a.h5") as artifact:
        for number in range(6):
            put(artifact, number)
        raise RuntimeError("of the stage")
    assert not (tmp_path / "a.h5").exists()
    with begin(tmp_path / "a.h5") as artifact:
        assert artifact.pending([f"image {number}" for number in range(7)]) == ["image 6"]


def test_an_error_of_a_thread_is_raised_and_its_shard_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_at_five(kind: str, image_id: str, *rest: Any) -> PackedArray:
        if (kind, image_id) == ("labels", "image 5"):
            raise MemoryError("no memory for image 5")
        return pack(kind, image_id, *rest)

    monkeypatch.setattr(artifact_module, "pack", fails_at_five)
    with pytest.raises(MemoryError, match="image 5"), begin(tmp_path / "a.h5") as artifact:
        for number in range(6):
            put(artifact, number)
    assert not (tmp_path / "a.h5").exists()
    with begin(tmp_path / "a.h5") as artifact:
        assert artifact.done == {f"image {number}" for number in range(4)}
        monkeypatch.undo()
        for number in (4, 5):
            put(artifact, number)
    assert len(ArtifactReader(tmp_path / "a.h5")["labels"]) == 6


def test_a_stage_ahead_of_compression_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, taken = threading.Event(), []

    def waits(*arguments: Any) -> PackedArray:
        go_on.wait()
        return pack(*arguments)

    def write_many() -> None:
        with ImageArtifact(tmp_path / "a.h5", stage="cams", attributes=ATTRIBUTES, shard_size=100) as artifact:
            for number in range(3 * PACKED_AT_ONCE):
                artifact.write(f"image {number}", {"cams": np.full((10, 20), number, np.uint8)})
                taken.append(number)
                if number == PACKED_AT_ONCE - 1:
                    full.set()

    full = threading.Event()
    monkeypatch.setattr(artifact_module, "pack", waits)
    stage = threading.Thread(target=write_many)
    stage.start()
    assert full.wait(timeout=60)
    # the next image waits for the first, which cannot end
    stage.join(timeout=0.2)
    assert len(taken) == PACKED_AT_ONCE
    go_on.set()
    stage.join(timeout=60)
    assert len(ArtifactReader(tmp_path / "a.h5")["cams"]) == 3 * PACKED_AT_ONCE


@pytest.mark.parametrize("name", ["done", "values"])
def test_images_of_a_damaged_shard_are_done_again(tmp_path: Path, name: str) -> None:
    output = tmp_path / "a.h5"

    def run(images: range, *, stop: bool = False) -> list[str]:
        with ImageArtifact(output, stage="cams", attributes=ATTRIBUTES, shard_size=2) as artifact:
            pending = artifact.pending([f"{number}" for number in images])
            for image_id in pending:
                artifact.write(image_id, {"cams": np.random.default_rng(int(image_id)).random((9, 9))})
            if stop:
                raise KeyboardInterrupt
        return pending

    with pytest.raises(KeyboardInterrupt):
        run(range(4), stop=True)
    shard = tmp_path / ".a.h5.state" / "shard-000000.h5"
    with ArtifactReader(shard) as reader:
        place = reader.file["cams/0"].id.get_chunk_info(0).byte_offset
    content = bytearray(shard.read_bytes())
    if name == "done":
        content = content[: len(content) // 2]
    else:
        content[place + 20] ^= 1
    shard.write_bytes(content)
    if name == "values":
        with pytest.raises(InputError, match="run the same command again"):
            run(range(4))
    assert run(range(4)) == ["0", "1"]
    with ArtifactReader(output) as reader:
        for number in range(4):
            assert (reader.read("cams", str(number)) == np.random.default_rng(number).random((9, 9))).all()


def test_images_that_surely_do_not_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsss.disk.free_space", lambda path: 2500)
    with (
        pytest.raises(InputError, match="no room for 10 images"),
        ImageArtifact(tmp_path / "a.h5", stage="cams", attributes=ATTRIBUTES) as artifact,
    ):
        artifact.pending([f"{number}" for number in range(10)])
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_will_be_full_is_told_of_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("wsss.disk.free_space", lambda path: 20_000)
    with ImageArtifact(tmp_path / "a.h5", stage="cams", attributes=ATTRIBUTES, shard_size=2) as artifact:
        artifact.pending([f"{number}" for number in range(8)])
        for number in range(8):
            artifact.write(f"{number}", {"cams": np.random.default_rng(number).random((20, 20))})
    assert caplog.text.count("more are needed") == 1
