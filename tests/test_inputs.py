"""Only regular files are opened."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from wsss.errors import InputError
from wsss.inputs import HDF5, ZIP, begins_with, check_regular


def test_files_folders_and_nothing_pass(tmp_path: Path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path / "file", tmp_path / "link", tmp_path, tmp_path / "none", tmp_path / "loop", "a\0b"):
        check_regular(path)


def test_a_pipe_is_refused_before_it_is_opened(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(InputError, match=r"pipe: is a pipe, not a file; give a file$"):
        check_regular(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"link: is a pipe, not a file"):
        check_regular(tmp_path / "link")


def test_sockets_and_devices_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s")
        with pytest.raises(InputError, match=r"^s: is a socket"):
            check_regular("s")
    with pytest.raises(InputError, match=r"^/dev/zero: is a device"):
        check_regular("/dev/zero")


def test_the_kind_of_a_file_is_told_by_its_first_bytes(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(HDF5[:3])
    assert not begins_with(path, HDF5)
    path.write_bytes(HDF5 + b"more")
    assert begins_with(path, HDF5)
    assert not begins_with(path, ZIP)
    assert not begins_with(tmp_path / "none", HDF5)
    assert not begins_with(tmp_path, HDF5)
