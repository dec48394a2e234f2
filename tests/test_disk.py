"""Disks that fill up or fail: one line, nothing half-written, and HDF5 never meets a failed write."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from tests.faults import ERRORS, WORDS, disk_that, tree
from wsss.disk import HdfFile, RawFile, free_space, in_bytes, require_space, writing
from wsss.errors import InputError
from wsss.files import CsvWriter, encoded, write_bytes, write_json
from wsss.store import ArtifactReader, ArtifactWriter
from wsss.temporary import temporary_name


def write_artifact(path: Path) -> None:
    generator = np.random.default_rng(0)
    with ArtifactWriter(path, stage="cams", attributes={"seed": 1}) as artifact:
        for number in range(4):
            artifact.write("cams", f"a/{number}", generator.random((2, 20, 20)), classes=[1, 2])
        artifact.write_table("ids", ["a", "b"])


def write_table(path: Path) -> None:
    with CsvWriter(path, ["name"]) as table:
        for number in range(3000):
            table.write({"name": f"image {number}"})


def write_image(path: Path) -> None:
    from PIL import Image

    write_bytes(path, encoded(Image.fromarray(np.zeros((300, 300, 3), np.uint8)), "JPEG"))


WRITERS = {
    "a.h5": write_artifact,
    "a.csv": write_table,
    "a.json": lambda path: write_json(path, {"a": 1}),
    "a.bin": lambda path: write_bytes(path, b"abc"),
    "a.jpg": write_image,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", ERRORS)
def test_a_fault_at_any_write_is_one_line_and_leaves_what_was_there(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    with disk_that() as counted:
        WRITERS[name](path)
    before = path.read_bytes()
    assert counted.writes > 0
    for number in range(1, counted.writes + 1):
        with disk_that(kind, number), pytest.raises(InputError, match=WORDS[kind]) as caught:
            WRITERS[name](path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert tree(tmp_path) == {name}
        assert path.read_bytes() == before


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kind", ["short", "slow"])
def test_short_and_slow_writes_change_nothing(tmp_path: Path, name: str, kind: str) -> None:
    with disk_that(kind):
        WRITERS[name](tmp_path / name)
    if name == "a.h5":
        with ArtifactReader(tmp_path / name) as reader:
            assert reader["cams"]["a/3"].shape == (2, 20, 20)
    else:
        whole = tmp_path / "whole" / name
        WRITERS[name](whole)
        assert (tmp_path / name).read_bytes() == whole.read_bytes()


def test_hdf5_reads_what_the_disk_refused(tmp_path: Path) -> None:
    with HdfFile(tmp_path / "a") as file:
        file.write(b"0123456789")
        with disk_that("full"):
            file.seek(8)
            assert file.write(b"abcd") == 4
        assert file.write(b"ef") == 2
        found = bytearray(16)
        file.seek(0)
        assert file.readinto(found) == 16
        assert found == b"01234567abcdef\0\0"
        assert file.seek(0, os.SEEK_END) == 14
        with pytest.raises(OSError, match="No space left"):
            file.raise_failure()


def test_a_file_reads_what_it_wrote(tmp_path: Path) -> None:
    with RawFile(tmp_path / "a") as file:
        file.write(b"abc")
        file.seek(-2, os.SEEK_CUR)
        assert (file.tell(), file.read(2)) == (1, b"bc")
        assert (file.truncate(1), file.seek(0, os.SEEK_END)) == (1, 1)
        file.sync()


def test_two_writers_of_one_name_do_not_share_a_file(tmp_path: Path) -> None:
    """As of two processes with one number, in two containers on one disk."""
    path = tmp_path / "a.h5"
    with ArtifactWriter(path, stage="cams") as one, ArtifactWriter(path, stage="cams") as other:
        one.write("cams", "one", np.zeros((2, 20, 20)))
        other.write("cams", "other", np.ones((2, 20, 20)))
    with ArtifactReader(path) as reader:
        assert reader.ids("cams") == ["one"]
        assert not reader["cams"]["one"].any()
    assert tree(tmp_path) == {"a.h5"}
    with RawFile(temporary_name(path)) as file, pytest.raises(FileExistsError):
        RawFile(tmp_path / next(name for name in tree(tmp_path) if name != "a.h5"))
    assert file.closed


def test_what_cannot_fit_is_refused_and_what_may_fit_is_not(tmp_path: Path) -> None:
    free = free_space(tmp_path / "not" / "there")
    require_space(tmp_path / "a.h5", free // 2, "it")
    with pytest.raises(InputError, match=r"at least .* MB are needed, .* MB are free"):
        require_space(tmp_path / "a.h5", free * 2, "it")


def test_other_errors_are_not_touched(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="something"), writing(tmp_path):
        raise OSError("something")
    with pytest.raises(FileNotFoundError), writing(tmp_path):
        (tmp_path / "none").read_bytes()


def test_a_limit_on_files_is_named_and_sizes_are_for_people(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"about 30 MB are needed.*ulimit -f"), writing(tmp_path / "a", 30_000_000):
        raise OSError(errno.EFBIG, "File too large")
    assert [in_bytes(size) for size in (900, 1_260_000, 3e10)] == ["1 kB", "1.3 MB", "30,000 MB"]
