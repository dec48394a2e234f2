"""Where every artifact of a run came from, and whether its inputs are still those that lie there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wsss.config import STAGE_SETTINGS
from wsss.errors import InputError
from wsss.stages.artifact import fingerprint
from wsss.viewer.run import Run, as_json
from wsss.viewer.shelf import version_of

_LISTED = ("*.h5", "auxsegnet/round*/*.h5", "aalr/*.h5", "segmenter/*/*.h5", "predictions/*/*.h5", "imported/*.h5")
_CHECKPOINTS = ("classifier/model.ckpt", "auxsegnet/round*/model.ckpt", "aalr/model.ckpt", "segmenter/*/model.ckpt")

_STAGES = {stage: place for place, stage in enumerate(STAGE_SETTINGS)}

_fingerprints: dict[tuple[Path, str], str] = {}


def provenance(run: Run) -> list[dict[str, Any]]:
    """One entry per artifact: path, attributes, settings, inputs with the file of the run that each is.

    An input is `matches` a path of the run whose content it was made from, or None where the run holds no such content:
    a file outside the run, or one that was built again since.
    """
    files = list(_files(run.root))
    known: dict[str, str] = {}
    for path in files:
        digest = _fingerprint(path)
        if digest:
            known[digest] = path.relative_to(run.root).as_posix()
    entries = [as_json(_entry(run, path, known)) for path in files]
    return sorted(entries, key=lambda entry: (_STAGES.get(entry["attributes"].get("stage"), 99), entry["path"]))


def _files(root: Path) -> Iterator[Path]:
    for folder in [root, *sorted(root.glob("*/seed*"))]:
        for place in (*_LISTED, *_CHECKPOINTS, "evaluation/metrics.json"):
            for path in sorted(folder.glob(place)):
                if path.is_file() and path.resolve().is_relative_to(root.resolve()):
                    yield path


def _entry(run: Run, path: Path, known: dict[str, str]) -> dict[str, Any]:
    status = path.stat()
    entry: dict[str, Any] = {
        "path": path.relative_to(run.root).as_posix(),
        "size": status.st_size,
        "changed": status.st_mtime,
        "fingerprint": _fingerprint(path),
        "attributes": {},
        "settings": {},
        "inputs": [],
        "problem": "",
    }
    try:
        attributes = _attributes(run, path)
    except (InputError, OSError, ValueError) as error:
        return {**entry, "problem": str(error)}
    settings = attributes.pop("settings", {})
    inputs = attributes.pop("inputs", {})
    inputs = inputs.get("fingerprints", {}) if "fingerprints" in inputs else inputs
    entry["settings"] = settings if isinstance(settings, dict) else {}
    entry["inputs"] = [
        {"name": name, "fingerprint": value, "matches": known.get(value)} for name, value in inputs.items()
    ]
    entry["attributes"] = attributes
    return entry


def _attributes(run: Run, path: Path) -> dict[str, Any]:
    """What a file says of itself; a checkpoint only through the metrics beside it, as torch is not loaded for this."""
    if path.suffix == ".h5":
        return dict(run.shelf.attributes(path))
    if path.suffix == ".json":
        content = json.loads(path.read_text(encoding="utf-8"))
        kept = ("stage", "run", "variant", "seed", "package_version", "git_commit", "code", "created")
        return {key: content[key] for key in (*kept, "settings", "inputs") if key in content}
    beside = path.with_name("metrics.json")
    return dict(json.loads(beside.read_text(encoding="utf-8"))) if beside.is_file() else {}


def _fingerprint(path: Path) -> str:
    """The content's digest, hashed once per version of a file."""
    if path.suffix == ".json":
        return ""
    key = path, version_of(path) or ""
    if key not in _fingerprints:
        try:
            _fingerprints[key] = fingerprint(path)
        except (InputError, OSError):
            return ""
    return _fingerprints[key]
