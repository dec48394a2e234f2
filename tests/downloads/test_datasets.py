"""Data sets from a server of the test's own: what a source of data reads lies there afterwards."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.cli.commands_with_outputs import call
from tests.coco import coco_settings, make_coco
from tests.downloads.server import Site
from tests.downloads.test_trainaug import make_sbd
from tests.downloads.test_unpack import make_archive
from tests.helpers import make_voc
from wsss import disk
from wsss.config import CocoData, VocData
from wsss.data.sources import list_images
from wsss.downloads import datasets
from wsss.downloads.datasets import Archive, download_dataset, sbd_place
from wsss.downloads.fetch import Remote
from wsss.errors import InputError


def packed(tmp_path: Path, folder: Path, name: str, below: str = "") -> bytes:
    """A folder as an archive of the kind that the name ends in."""
    files = {below + p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return make_archive(tmp_path / name, files).read_bytes()


def offer(
    site: Site, monkeypatch: pytest.MonkeyPatch, name: str, files: dict[str, bytes], place: object = None
) -> None:
    """Make the server the home of a data set."""
    site.files |= files

    def archives() -> list[Archive]:
        found = []
        for path, content in files.items():
            remote = Remote(f"{site.address}/{path}", hashlib.md5(content).hexdigest())
            found.append(Archive(remote, place) if place else Archive(remote))  # type: ignore[arg-type]
        return found

    monkeypatch.setitem(datasets.DATASETS, name, archives)


def test_coco(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_coco(tmp_path / "made")
    files = {f"zips/{part}.zip": packed(tmp_path, root / part, f"{part}.zip", f"{part}/")
             for part in ("annotations", "train2017", "val2017")}  # fmt: skip
    offer(site, monkeypatch, "coco2017", files)
    folder = tmp_path / "data/coco"
    site.cuts = [100]
    result = call("download", "coco2017", "--folder", folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{folder}: coco2017 is there")
    listing = list_images(CocoData(**coco_settings(folder)))
    assert len(listing.records) == 9
    site.asked.clear()
    for path in folder.glob("*.zip"):
        path.unlink()
    assert call("download", "coco2017", "--folder", folder).exit_code == 0
    assert not site.asked
    shutil.rmtree(folder / "val2017")
    assert call("download", "coco2017", "--folder", folder).exit_code == 0
    assert len(list_images(CocoData(**coco_settings(folder))).records) == 9


def test_voc_and_sbd(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voc = make_voc(tmp_path / "made", train=4, val=2)
    sbd = make_sbd(tmp_path / "benchmark", {"train": ["2007_000001"], "val": ["2007_000003", "2007_000004"]})
    offer(site, monkeypatch, "voc2012", {"voc.tar": packed(tmp_path, voc, "voc.tar", "VOCdevkit/VOC2012/")})
    content = packed(tmp_path, sbd, "benchmark.tgz", "benchmark_RELEASE/dataset/")
    offer(site, monkeypatch, "sbd", {"benchmark.tgz": content}, sbd_place)
    folder = tmp_path / "data"
    with pytest.raises(InputError, match="run `wsss download voc2012` first"):
        download_dataset("sbd", folder)
    assert not site.asked
    assert "voc2012 is there" in download_dataset("voc2012", folder)
    assert "train_aug.txt: 4 images, 6 masks" in download_dataset("sbd", folder)
    settings = VocData(
        root=str(folder / "VOCdevkit/VOC2012"),
        classes="classes.txt",
        train_list="ImageSets/Segmentation/train_aug.txt",
        mask_folder="SegmentationClassAug",
    )
    assert len(list_images(settings).records) == 6
    assert sorted(path.name for path in (folder / "sbd").iterdir()) == ["cls", "train.txt", "val.txt"]


def test_the_disk_is_looked_at_before_anything_comes(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        zipped.writestr("a", b"x" * 100_000)
    offer(site, monkeypatch, "coco2014", {"a.zip": buffer.getvalue(), "b.zip": buffer.getvalue()})
    monkeypatch.setattr(disk, "free_space", lambda path: 350_000)
    with pytest.raises(InputError, match=r"for the archives and what is in them: at least 390 kB are needed, 350 kB"):
        download_dataset("coco2014", tmp_path / "data")
    assert {method for method, _, _ in site.asked} == {"HEAD"}
    assert not (tmp_path / "data").exists()


def test_an_archive_that_lies_there_is_taken(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = make_archive(tmp_path / "a.zip").read_bytes()
    offer(site, monkeypatch, "coco2014", {"zips/a.zip": content})
    download_dataset("coco2014", tmp_path)
    assert (tmp_path / "a/1.txt").read_bytes() == b"one"
    assert not site.asked


def test_the_tables_name_whole_checksums() -> None:
    for name, archives in datasets.DATASETS.items():
        found = archives()
        assert found, name
        for archive in found:
            assert archive.remote.url.startswith("http")
            assert len(archive.remote.digest) == 32
            int(archive.remote.digest, 16)


def test_unknown_names() -> None:
    result = call("download", "imagenet")
    assert result.exit_code == 1
    assert "there is no data set `imagenet` to download; take one of voc2012, sbd, coco2014, coco2017" in result.stderr
    assert call("download", "weights").exit_code == 2
    assert call("download", "voc2012", "resnet50").exit_code == 2
