"""Where every artifact of a run came from, and whether its inputs have changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wsss.errors import InputError
from wsss.files import read_json
from wsss.pipeline.paths import IMPORTED, glob_of
from wsss.pipeline.stages import STAGES
from wsss.stages.artifact import fingerprint
from wsss.viewer.run import Run, as_json
from wsss.viewer.shelf import version_of

_LISTED = tuple(dict.fromkeys(glob_of(stage) for stage in STAGES if not STAGES[stage].path.endswith(".html")))
"""Paths of artifacts below the folder of a branch."""
_ORDER = {stage: place for place, stage in enumerate(STAGES)}

_fingerprints: dict[tuple[Path, str], str] = {}


def provenance(run: Run) -> list[dict[str, Any]]:
    """Describe every artifact: path, attributes, settings, and inputs with the matching file of the run.

    An input `matches` the file of the run that has its content. It is None if the run has no such file: the input lies
    outside the run, or was built again since.
    """
    files = list(_files(run.root))
    known: dict[str, str] = {}
    for path in files:
        digest = _fingerprint(path)
        if digest:
            known[digest] = path.relative_to(run.root).as_posix()
    entries = [as_json(_entry(run, path, known)) for path in files]
    return sorted(entries, key=lambda entry: (_ORDER.get(entry["attributes"].get("stage"), 99), entry["path"]))


def _files(root: Path) -> Iterator[Path]:
    places = (*_LISTED, f"{IMPORTED}/*.h5")
    for folder in [root, *sorted(root.glob("*/seed*"))]:
        # what one stage writes may match the pattern of another
        for path in dict.fromkeys(path for place in places for path in sorted(folder.glob(place))):
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
        {"name": name, "fingerprint": value, "matches": known.get(value), "ours": _ours(attributes, name)}
        for name, value in inputs.items()
    ]
    entry["attributes"] = attributes
    return entry


def _ours(attributes: Mapping[str, Any], name: str) -> bool:
    """Return whether a stage wrote an input; else it is a file of the user's."""
    stage = STAGES.get(str(attributes.get("stage")))
    # an evaluation reads artifacts of the run alone
    return stage is None or stage.per == "branch" or name in {item.name for item in stage.inputs}


def _attributes(run: Run, path: Path) -> dict[str, Any]:
    """Read the attributes of a file.

    Those of a checkpoint are read from the metrics beside it, which needs no torch.
    """
    if path.suffix == ".h5":
        return dict(run.shelf.attributes(path))
    if path.suffix == ".json":
        content = read_json(path)
        kept = ("stage", "run", "variant", "seed", "package_version", "git_commit", "code", "created")
        return {key: content[key] for key in (*kept, "settings", "inputs") if key in content}
    beside = path.with_name("metrics.json")
    return dict(read_json(beside)) if beside.is_file() else {}


def _fingerprint(path: Path) -> str:
    """Return the digest of a file's content; each version of the file is hashed once."""
    if path.suffix == ".json":
        return ""
    key = path, version_of(path) or ""
    if key not in _fingerprints:
        try:
            _fingerprints[key] = fingerprint(path)
        except (InputError, OSError):
            return ""
    return _fingerprints[key]
