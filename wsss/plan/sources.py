"""The user's own files that a run reads: lists, tables, weights, and folders of images and maps."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wsss.config import Saliency, Settings, Training
from wsss.data.saliency_choice import outlook
from wsss.data.sources import input_files, input_folders
from wsss.errors import InputError
from wsss.pipeline.stages import STAGES
from wsss.plan.plan import Plan
from wsss.protected import PICTURES, RESULTS
from wsss.scratch import ScratchTable

WATCHED = (*PICTURES, ".xml")
"""Endings of the files that count in a folder: images, maps, annotations. Tables are inputs of their own."""


def source_files(stage: str, settings: Settings) -> dict[str, Path]:
    """Return the single files that a stage reads, by the setting that names them; they may be missing."""
    if stage == "index":
        return {f"data.{role}": path for role, path in input_files(settings).items()}  # type: ignore[arg-type]
    if isinstance(settings, Saliency) and settings.source in ("rembg", "auto") and settings.weights is not None:
        return {"saliency.weights": Path(settings.weights)}
    if isinstance(settings, Training) and settings.backbone.weights not in ("auto", "none"):
        # it may have come from either
        return {f"backbone.weights` or `{stage}.backbone.weights": Path(settings.backbone.weights)}
    return {}


def source_folders(stage: str, settings: Settings) -> dict[str, Path]:
    """Return the folders of many files that a stage reads, by the setting that names them; they may be missing."""
    if stage == "index":
        return {f"data.{name}": path for name, path in input_folders(settings).items()}  # type: ignore[arg-type]
    if isinstance(settings, Saliency) and settings.source == "folder" and settings.folder is not None:
        return {"saliency.folder": Path(settings.folder)}
    return {}


def missing_source(plan: Plan) -> str | None:
    """Say in one line which file or folder a run lacks, the first one; None if it has all."""
    for artifact in (artifact for stage in STAGES for artifact in plan.wanted(stage)):
        settings = plan.settings(artifact)
        root = Path(getattr(settings, "root", "."))
        for setting, folder in source_folders(artifact.stage, settings).items():
            if not root.is_dir():
                public = getattr(settings, "name", "") in ("voc", "coco")
                fetch = ", or download the data set (`wsss download --help`)" if public else ""
                return f"{root}: no such folder; correct `data.root`{fetch}"
            if not folder.is_dir():
                return f"{folder}: no such folder; correct `{setting}`"
        for setting, path in source_files(artifact.stage, settings).items():
            if not path.is_file():
                return f"{path}: no such file; correct `{setting}`"
    return None


def choices(plan: Plan) -> list[str]:
    """Say in a line each what the stages of a run will choose for themselves, and why; empty if they choose nothing.

    Raises:
        InputError: If the record of an earlier choice is damaged.
    """
    lines = [outlook(plan.settings(item), Path(plan.path(item))) for item in plan.wanted("saliency")]  # type: ignore[arg-type]
    return [line for line in lines if line]


@dataclass(frozen=True)
class FolderContents:
    """What lies in a folder of images, as one look finds it.

    Attributes:
        fingerprint: Digest of names, sizes and times: cheap, and changed by a replaced image.
        pictures: Number of images.
    """

    fingerprint: str
    pictures: int


def folder_contents(folder: Path) -> FolderContents:
    """Look at the images below a folder.

    Raises:
        InputError: If a folder cannot be read.
    """
    lines = ScratchTable("line")
    try:
        lines.extend(_entries(str(folder), "", {os.path.realpath(folder)}))
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); make it readable, or move it") from None
    hashed, pictures = hashlib.blake2b(digest_size=16), 0
    for (line,) in lines.rows("line", "ORDER BY line"):
        hashed.update(line)
        # a name ends before a zero byte
        pictures += b".xml\0" not in line
    return FolderContents(hashed.hexdigest(), pictures)


def _entries(folder: str, below: str, seen: set[str]) -> Iterator[tuple[bytes]]:
    """Yield a row of one line per image; skip hidden images, and enter every folder once."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or (not below and entry.name == RESULTS):
                continue
            if entry.is_dir():
                real = os.path.realpath(entry.path)
                if real not in seen:
                    seen.add(real)
                    yield from _entries(entry.path, f"{below}{entry.name}/", seen)
            elif entry.name.lower().endswith(WATCHED):
                try:
                    status = entry.stat()
                except OSError:
                    # a link that leads nowhere is looked at itself
                    status = entry.stat(follow_symlinks=False)
                line = f"{below}{entry.name}\0{status.st_size}\0{status.st_mtime_ns}\n"
                yield (line.encode(errors="surrogateescape"),)
