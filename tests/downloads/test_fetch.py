"""A download is whole and right, or one line says why not; what was cut goes on."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from tests.downloads.conftest import CONTENT
from tests.downloads.server import Site
from wsss import disk
from wsss.downloads import fetch as module
from wsss.downloads.fetch import Remote, fetch, remote_size
from wsss.errors import InputError

MD5 = hashlib.md5(CONTENT).hexdigest()
PART = ".data.bin.part"


def remote(site: Site, digest: str = MD5, name: str = "a/data.bin", algorithm: str = "md5") -> Remote:
    return Remote(f"{site.address}/{name}", digest, algorithm)


def refused(file: Remote, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        fetch(file, folder)
    text = str(caught.value)
    assert "\n" not in text
    return text


def gets(site: Site) -> list[str]:
    """The ranges that were asked for."""
    return [wanted for method, _, wanted in site.asked if method == "GET"]


def test_a_file_is_fetched_once(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "data/deep"
    for file in (remote(site), remote(site, hashlib.sha256(CONTENT).hexdigest()[:8], algorithm="sha256")):
        assert fetch(file, folder) == folder / "data.bin"
        assert (folder / "data.bin").read_bytes() == CONTENT
    assert gets(site) == [""]
    assert [path.name for path in folder.iterdir()] == ["data.bin"]


def test_cuts_are_followed_by_further_tries(site: Site, tmp_path: Path) -> None:
    site.cuts = [100_000, 50_000, 0, 0, 10]
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT
    assert gets(site) == ["", "bytes=100000-", *["bytes=150000-"] * 3, "bytes=150010-"]


def test_a_server_without_ranges_sends_all_again(site: Site, tmp_path: Path) -> None:
    site.ranges, site.cuts = False, [100_000, 20]
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT
    assert gets(site) == ["", "bytes=100000-", "bytes=20-"]


def test_after_tries_that_bring_nothing_the_same_command_goes_on(site: Site, tmp_path: Path) -> None:
    site.cuts = [120_000] + [0] * module.TRIES
    text = refused(remote(site), tmp_path)
    assert text.startswith(f"{site.address}/a/data.bin: 120 kB have come, and then nothing in {module.TRIES} tries")
    assert text.endswith("run the same command again: it goes on from there")
    assert (tmp_path / PART).read_bytes() == CONTENT[:120_000]
    site.asked.clear()
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT
    assert gets(site) == ["bytes=120000-"]


def test_an_error_of_the_server_between_two_tries(site: Site, tmp_path: Path) -> None:
    site.cuts, site.answers = [100_000], [0, 503, 0]
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT
    site.cuts, site.answers = [100_000], [0, 403]
    (tmp_path / "data.bin").unlink()
    assert "the server answers 403 Forbidden" in refused(remote(site), tmp_path)


def test_all_had_come_before_the_last_try(site: Site, tmp_path: Path) -> None:
    (tmp_path / PART).write_bytes(CONTENT)
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT
    assert gets(site) == ["bytes=300000-"]


def test_a_wrong_checksum_leaves_nothing(site: Site, tmp_path: Path) -> None:
    text = refused(remote(site, "0" * 32), tmp_path)
    assert "what came has another checksum than is published (md5 00000" in text
    assert not list(tmp_path.iterdir())
    # what was left of another file is noticed too
    (tmp_path / PART).write_bytes(b"x" * 100)
    assert "has another checksum" in refused(remote(site), tmp_path)
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT


def test_a_file_of_the_user_is_not_touched(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"mine")
    text = refused(remote(site), tmp_path)
    assert text.startswith(f"{path}: is there, but is not the file of {site.address}/a/data.bin")
    assert path.read_bytes() == b"mine"
    path.unlink()
    path.mkdir()
    assert "move or delete it" in refused(remote(site), tmp_path)
    path.rmdir()
    path.symlink_to("nowhere")
    assert "move or delete it" in refused(remote(site), tmp_path)
    assert not site.asked


@pytest.mark.parametrize("code", [404, 403, 500])
def test_errors_of_the_server(site: Site, tmp_path: Path, code: int) -> None:
    site.answers = [code]
    text = refused(remote(site), tmp_path)
    assert text.startswith(f"{site.address}/a/data.bin: the server answers {code} ")
    assert f"download it elsewhere and put it there as {tmp_path / 'data.bin'}" in text
    assert len(gets(site)) == 1


def test_without_network(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for address in (f"http://127.0.0.1:{port}", "http://no-such-host.invalid"):
        file = Remote(f"{address}/data.bin", MD5)
        text = refused(file, tmp_path)
        assert text.startswith(f"{address}/data.bin: cannot be reached (")
        assert "check the network, or download it elsewhere and put it there" in text
        with pytest.raises(InputError, match="cannot be reached"):
            remote_size(file, tmp_path / "data.bin")
        assert not list(tmp_path.iterdir())


def test_a_full_disk_is_noticed_before_anything_comes(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free_space", lambda path: 299_999)
    text = refused(remote(site), tmp_path)
    assert "the disk has no room for data.bin: at least 300 kB are needed, 300 kB are free" in text
    assert not list(tmp_path.iterdir())
    (tmp_path / PART).write_bytes(CONTENT[:10])
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT


def test_a_disk_that_fills_up_keeps_what_has_come(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = disk.write_some

    def full(handle: int, content: memoryview, place: int) -> int:
        if place >= module.BLOCK:
            raise OSError(28, "No space left on device")
        return write(handle, content, place)

    monkeypatch.setattr(disk, "write_some", full)
    assert "data.bin: the disk is full (" in refused(remote(site), tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(module, "PAUSE", 0.0)
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT
    assert gets(site)[-1] == f"bytes={module.BLOCK}-"


def test_two_commands_at_once(site: Site, tmp_path: Path) -> None:
    with module._alone(tmp_path / PART):
        assert "another command is downloading it" in refused(remote(site), tmp_path)
    assert fetch(remote(site), tmp_path).read_bytes() == CONTENT


def test_sizes(site: Site, tmp_path: Path) -> None:
    assert remote_size(remote(site), tmp_path) == 300_000
    with pytest.raises(InputError, match="the server answers 404"):
        remote_size(remote(site, name="no.bin"), tmp_path)
    site.head = False
    assert remote_size(remote(site), tmp_path) == 0
