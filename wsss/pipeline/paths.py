"""Paths of artifacts below `results/RUN/`: turn an artifact into its path, and a path into its artifact."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path

from wsss.pipeline.artifact import BRANCH, Artifact, typed
from wsss.pipeline.stages import STAGES

BRANCH_PATTERN = r"(?:(?P<variant>[^/]+)/seed(?P<seed>\d+)/)?"
"""Regular expression of the folders of variant and seed, which a plain run does not have."""
IMPORTED = "imported"
"""Folder of imported artifacts; no variant may have this name."""


def pattern_of(stage: str, *, plain: bool) -> str:
    """Return the paths of a stage's artifacts, with wildcards; a plain run has no folders of the branch."""
    return STAGES[stage].path.replace("{branch}", "" if plain else BRANCH)


def path_of(artifact: Artifact, *, plain: bool) -> str:
    """Return the path of an artifact."""
    values = {field.name: getattr(artifact, field.name) for field in fields(artifact)}
    return pattern_of(artifact.stage, plain=plain).format(**values)


def record_of(stage: str, *, plain: bool) -> str:
    """Return the path of a stage's logs and benchmarks, with wildcards and without a suffix."""
    branch = "" if plain or STAGES[stage].per == "run" else BRANCH
    return branch + "-".join([stage, *(f"{{{name}}}" for name in STAGES[stage].wildcards)])


def glob_of(stage: str) -> str:
    """Return the shell pattern of a stage's paths below the folder of a branch."""
    return re.sub(r"{\w+}", "*", STAGES[stage].path.removeprefix("{branch}"))


def artifact_at(path: str) -> Artifact | None:
    """Return the artifact at a path below `results/RUN/`; None if no stage writes there."""
    for stage in STAGES:
        match = None if path.startswith(f"{IMPORTED}/") else re.fullmatch(_expression(stage), path)
        if match:
            return Artifact(stage, **typed(match.groupdict()))
    return None


@cache
def _expression(stage: str) -> str:
    known = {"round": r"\d+"} | dict(STAGES[stage].constraints)
    path = re.escape(STAGES[stage].path.removeprefix("{branch}"))
    path = re.sub(r"\\{(\w+)\\}", lambda name: f"(?P<{name[1]}>{known.get(name[1], '[^/]+')})", path)
    return (BRANCH_PATTERN if "{branch}" in STAGES[stage].path else "") + path


def parts_folder(whole: Path) -> Path:
    """Return the folder beside an artifact that holds its parts."""
    return whole.with_suffix(".parts")


def part_path(whole: Path, part: int, parts: int) -> Path:
    """Return the file of a part of an artifact, counted from 1."""
    return parts_folder(whole) / f"{part}-of-{parts}{whole.suffix}"


def parts_beside(whole: Path) -> list[Path]:
    """List the parts beside an artifact that are there, or were begun, of any number of parts."""
    folder, names = parts_folder(whole), set[str]()
    # the stage that joins the parts may remove the folder meanwhile, which `Path.glob` does not bear
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        names = {path.name.removeprefix(".").removesuffix(".state") for path in folder.iterdir()}
    return [folder / name for name in sorted(names) if re.fullmatch(rf"\d+-of-\d+{whole.suffix}", name)]


def whole_path(path: Path) -> Path:
    """Return the artifact that a file is a part of; the file itself if it is none."""
    is_part = path.parent.suffix == ".parts" and re.fullmatch(r"\d+-of-\d+", path.stem)
    return path.parent.with_suffix(path.suffix) if is_part else path


def files_of(root: Path, stage: str) -> list[Path]:
    """List the files of a stage below the folder of a run: those of a plain run, or of all variants and seeds."""
    found = sorted(root.glob(glob_of(stage)))
    return found if STAGES[stage].per == "run" else [*found, *sorted(root.glob(f"*/seed*/{glob_of(stage)}"))]
