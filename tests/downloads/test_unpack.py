"""Archives are unpacked without replacing or leaving the folder, and again only where something lacks."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from wsss import disk
from wsss.downloads.unpack import unpack
from wsss.errors import InputError

FILES = {"a/1.txt": b"one", "a/deep/2.txt": b"two" * 1000, "b.txt": b""}
KINDS = ("zip", "tar", "tgz")


def make_archive(path: Path, files: Mapping[str, bytes] = FILES) -> Path:
    """An archive of the kind that its name ends in."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
            zipped.mkdir("folder")
            for name, content in files.items():
                zipped.writestr(name, content)
        return path
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as packed:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(link)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


def files_below(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if not p.is_dir()}


@pytest.fixture(params=KINDS)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_archive(tmp_path / f"x.{request.param}")


def test_all_files_and_no_links(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert unpack(archive, out) == [out / name for name in FILES]
    assert files_below(out) == FILES
    (out / "a/1.txt").unlink()
    before = (out / "b.txt").stat().st_mtime_ns
    assert len(unpack(archive, out)) == 3
    assert files_below(out) == FILES
    assert (out / "b.txt").stat().st_mtime_ns == before


def test_places_of_ones_own(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert len(unpack(archive, out, lambda name: f"c/{name}" if name.startswith("a/") else None)) == 2
    assert sorted(files_below(out)) == ["c/a/1.txt", "c/a/deep/2.txt"]


def test_nothing_is_replaced(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "a").mkdir(parents=True)
    (out / "a/1.txt").write_bytes(b"mine!")
    with pytest.raises(InputError, match=r"a/1\.txt: is there, but is not the file in x"):
        unpack(archive, out)
    assert files_below(out) == {"a/1.txt": b"mine!"}


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_leaves_the_folder(tmp_path: Path, kind: str, name: str) -> None:
    archive = make_archive(tmp_path / f"x.{kind}", {"a": b"1", name: b"2"})
    with pytest.raises(InputError, match="would lie outside"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "evil").exists()


def test_damaged_archives(archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    # a tar has no end by which one could see that it is cut between two files: the checksum of the download sees it
    for damaged in (content[: min(3000, len(content) // 2)], b"nothing", b""):
        archive.write_bytes(damaged)
        with pytest.raises(InputError, match=r"damaged or no archive .*; delete it and download it again") as caught:
            unpack(archive, tmp_path / "out")
        assert "\n" not in str(caught.value)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.endswith(".tmp")]


def test_too_small_a_disk(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "free_space", lambda path: 100)
    with pytest.raises(InputError, match="the disk has no room for the files in x"):
        unpack(archive, tmp_path / "out")
