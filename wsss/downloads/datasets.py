"""Public data sets: their archives, and how each becomes the folder that a source of data reads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsss.disk import require_space
from wsss.downloads.fetch import Remote, fetch, remote_size
from wsss.downloads.trainaug import VOC, make_trainaug, require_voc
from wsss.downloads.unpack import unpack
from wsss.errors import InputError
from wsss.files import read_json, write_json

logger = logging.getLogger(__name__)

COCO = "http://images.cocodataset.org"
SBD = "sbd"
PACKED = 0.95
"""Files take at least this share of their archive: a tar adds a little to each."""


@dataclass(frozen=True)
class Archive:
    """An archive of a data set.

    Attributes:
        remote: Where it lies.
        place: Path of a member below the folder, by its name in the archive; None leaves it out.
    """

    remote: Remote
    place: Callable[[str], str | None] = lambda name: name


def download_dataset(name: str, folder: Path) -> str:
    """Download and unpack a data set; what is there already is not touched.

    Args:
        name: Of `DATASETS`.
        folder: Gets the archives, and the data set below.

    Returns:
        What is there now, in one line.

    Raises:
        InputError: If the name is unknown, the network or the disk fails, or other files are in the way.
    """
    if name not in DATASETS:
        raise InputError(f"there is no data set `{name}` to download; take one of {', '.join(DATASETS)}")
    if name == SBD:
        require_voc(folder / VOC)
    archives = [archive for archive in DATASETS[name]() if not _is_unpacked(archive, folder)]
    _require_space(archives, folder)
    for archive in archives:
        path = fetch(archive.remote, folder)
        files = unpack(path, folder, archive.place)
        last = files[-1].relative_to(folder).as_posix() if files else ""
        write_json(_mark(archive, folder), {"digest": archive.remote.digest, "files": len(files), "last": last})
    if name == SBD:
        return make_trainaug(folder / VOC, folder / SBD)
    return f"{folder}: {name} is there; its archives are no longer needed"


def _require_space(archives: Sequence[Archive], folder: Path) -> None:
    """Refuse what cannot fit before anything comes: the archives that lack, and what is in all of them."""
    need = 0
    for archive in archives:
        path = folder / archive.remote.name
        part = folder / f".{path.name}.part"
        size = path.stat().st_size if path.is_file() else remote_size(archive.remote, path)
        have = size if path.is_file() else part.stat().st_size if part.is_file() else 0
        need += max(size - have, 0) + int(PACKED * size)
    require_space(folder, need, "the archives and what is in them")


def _mark(archive: Archive, folder: Path) -> Path:
    return folder / f".{archive.remote.name}.unpacked.json"


def _is_unpacked(archive: Archive, folder: Path) -> bool:
    try:
        mark = read_json(_mark(archive, folder))
        # someone may have removed the data set
        return bool(mark["digest"] == archive.remote.digest) and (folder / mark["last"]).exists()
    except (FileNotFoundError, NotADirectoryError):
        return False


def _voc2012() -> list[Archive]:
    from torchvision.datasets.voc import DATASET_YEAR_DICT

    about = DATASET_YEAR_DICT["2012"]
    return [Archive(Remote(about["url"], about["md5"]))]


def _sbd() -> list[Archive]:
    from torchvision.datasets import SBDataset

    return [Archive(Remote(SBDataset.url, SBDataset.md5), sbd_place)]


def sbd_place(name: str) -> str | None:
    """Keep masks and lists; the photographs are those of VOC."""
    below = name.removeprefix("./").removeprefix("benchmark_RELEASE/dataset/")
    wanted = below.startswith("cls/") or below in ("train.txt", "val.txt")
    return f"{SBD}/{below}" if wanted else None


def _coco(digests: dict[str, str]) -> list[Archive]:
    return [Archive(Remote(f"{COCO}/{name}.zip", digest)) for name, digest in digests.items()]


DATASETS: dict[str, Callable[[], list[Archive]]] = {
    "voc2012": _voc2012,
    SBD: _sbd,
    "coco2014": lambda: _coco(
        {
            "annotations/annotations_trainval2014": "0a379cfc70b0e71301e0f377548639bd",
            "zips/val2014": "a3d79f5ed8d289b7a7554ce06a5782b3",
            "zips/train2014": "0da8c0bd3d6becc4dcb32757491aca88",
        }
    ),
    "coco2017": lambda: _coco(
        {
            "annotations/annotations_trainval2017": "f4bbac642086de4f52a3fdda2de5fa2c",
            "zips/val2017": "442b8da7639aecaf257c1dceb8ba8c80",
            "zips/train2017": "cced6f7f71b7629ddf16f17bbcfab6b2",
        }
    ),
}
"""Name -> its archives. Checksums of VOC and SBD are torchvision's; COCO publishes none, these are in wide use."""
