"""Check a whole run: read every file, and compare it with its checksums, its fingerprint and the files it came from."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from wsss.checksums import file_digest, table_bytes
from wsss.chunks import digest
from wsss.disk import in_bytes
from wsss.errors import InputError
from wsss.files import read_json
from wsss.pipeline.stages import STAGES
from wsss.progress import Progress
from wsss.record import RECORD, Record
from wsss.stages.artifact import fingerprint
from wsss.store import TABLES, ArtifactReader

SUFFIXES = (".h5", ".ckpt", ".json")


@dataclass
class Checked:
    """What was found about one file.

    Attributes:
        path: The file.
        stage: The stage that wrote it; empty if it cannot be read.
        fingerprint: Of its content; empty where nothing is made from it.
        inputs: Fingerprints of what it was made from, by input.
        damage: What is wrong with the file, in one line that names it; empty for a whole file.
        changed: Inputs that the run holds with other content than it had.
        tables: Digests of the tables beside it, by name.
    """

    path: Path
    stage: str = ""
    fingerprint: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    damage: str = ""
    changed: list[str] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)


def print_verification(results: Path) -> None:
    """Print one row per file of a run.

    Args:
        results: Folder of the run.

    Raises:
        InputError: If a file is damaged or was made from other files than lie there; one line for each is on
            stderr.
    """
    start = time.monotonic()
    found = verify_run(results)
    size = sum(item.path.lstat().st_size for item in found if os.path.lexists(item.path))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("file", "stage", "state"):
        table.add_column(name, overflow="fold")
    for item in found:
        state = (
            "damaged" if item.damage else f"made from another {', '.join(item.changed)}" if item.changed else "whole"
        )
        table.add_row(item.path.relative_to(results).as_posix(), item.stage, state)
    console = Console(highlight=False)
    console.print(table)
    seconds = time.monotonic() - start
    console.print(f"{len(found)} files, {in_bytes(size)}, {seconds:.1f} s", markup=False)
    lines = [line for item in found for line in _lines(item)]
    for line in lines[:-1]:
        sys.stderr.write(f"error: {line}\n")
    if lines:
        raise InputError(lines[-1])


def _lines(item: Checked) -> Iterator[str]:
    if item.damage:
        yield item.damage
    elif item.changed:
        names = ", ".join(item.changed)
        again = f"build it again with `wsss run CONFIG {item.path}`"
        yield f"{item.path}: was made from another {names} than lies there; {again}"


def verify_run(results: Path) -> list[Checked]:
    """Read every artifact, checkpoint and JSON file of a run, its tables, and what records of written files name.

    Args:
        results: Folder of the run.

    Raises:
        InputError: If there is no such folder, or it holds none.
    """
    if not results.is_dir():
        raise InputError(f"{results}: no such folder; give the folder of a run, results/RUN")
    paths = [path for path in sorted(results.rglob("*")) if path.suffix in SUFFIXES and path.is_file()]
    paths = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(results).parts)]
    if not paths:
        raise InputError(f"{results}: holds no artifact, checkpoint or metrics; give the folder of a run, results/RUN")
    found = []
    with Progress("verify", len(paths), unit="files") as progress:
        for path in paths:
            found.append(verify_file(path))
            progress.advance()
    _compare_inputs(found)
    known = {item.path: item for item in found}
    for item in [*_tables(found), *_written(results)]:
        first = known.setdefault(item.path, item)
        first.damage = first.damage or item.damage
    return list(known.values())


def verify_file(path: Path) -> Checked:
    """Read all of one file."""
    checked = Checked(path)
    try:
        {".h5": _verify_artifact, ".ckpt": _verify_checkpoint, ".json": _verify_json}[path.suffix](checked)
    except (InputError, OSError) as error:
        line = " ".join(str(error).split())
        checked.damage = line if str(path) in line else f"{path}: {line}"
    return checked


def _tables(found: Sequence[Checked]) -> Iterator[Checked]:
    """Compare the tables beside metrics with the digests there; files of earlier versions have none."""
    for item in found:
        for name, expected in item.tables.items():
            path = item.path.with_name(name)
            there = path.is_file()
            if there and file_digest(path) == expected:
                yield Checked(path, item.stage)
            else:
                what = "damaged or changed since it was written" if there else "is not there"
                yield Checked(
                    path, item.stage, damage=f"{path}: {what}; make it again with `wsss run CONFIG -R {item.stage}`"
                )


def _written(results: Path) -> Iterator[Checked]:
    """Compare pages and pictures with the records of written files that lie beside them."""
    for path in sorted(results.rglob(RECORD)):
        record = Record(path.parent)
        try:
            record.read()
        except InputError as error:
            yield Checked(path, damage=str(error))
        for target in sorted(record.paths()):
            changed = not record.wrote(target)
            yield Checked(
                target,
                damage=f"{target}: damaged or changed since it was written; delete it and make it again"
                if changed
                else "",
            )


def _verify_artifact(checked: Checked) -> None:
    images = tables = 0
    with ArtifactReader(checked.path) as reader:
        attributes = reader.attributes
        checked.stage = str(attributes["stage"])
        checked.fingerprint = str(attributes.get("fingerprint", ""))
        checked.inputs = _digests(attributes.get("inputs"))
        for kind in reader.kinds():
            for image_id in reader.ids(kind):
                array = reader.read(kind, image_id)
                images += digest(f"{kind}/{image_id}", array, array.shape, str(array.dtype))
        for name in reader.tables():
            values = reader.table(name)
            content = values.tolist() if values.dtype == object else values
            tables += digest(f"{TABLES}/{name}", table_bytes(content), values.shape, "")
    expected = {"images_fingerprint": images, "fingerprint": images + tables}
    if any(attributes.get(name) != f"{value % 2**128:032x}" for name, value in expected.items()):
        raise InputError(
            f"{checked.path}: damaged: its content is not that of its fingerprint; "
            f"delete it and build it again with `wsss run CONFIG {checked.path}`"
        )


def _verify_checkpoint(checked: Checked) -> None:
    # only where a run has checkpoints, for torch takes seconds to load
    from wsss.training.checkpoint import load_weights

    _, info = load_weights(checked.path)
    checked.stage, checked.inputs = info.stage, _digests(info.attributes.get("inputs"))
    checked.fingerprint = fingerprint(checked.path)


def _verify_json(checked: Checked) -> None:
    content = read_json(checked.path)
    if isinstance(content, dict):
        checked.stage = str(content.get("stage", ""))
        checked.tables = _digests(content.get("tables"))
        inputs = content.get("inputs")
        checked.inputs = _digests(inputs.get("fingerprints") if isinstance(inputs, dict) else None)


def _digests(value: Any) -> dict[str, str]:
    """Return digests by name as they are recorded; lists of them are named by their entries."""
    value = json.loads(value) if isinstance(value, str) else value or {}
    return {str(name): str(item) for name, item in value.items() if isinstance(item, str)}


def _compare_inputs(found: list[Checked]) -> None:
    """Note the inputs of each file that the run holds no more with the content that they had.

    Inputs of the user's own, lists and weights, lie elsewhere and are not looked for.
    """
    there = Counter(item.fingerprint for item in found if not item.damage)
    damaged = any(item.damage for item in found)
    for item in found:
        stage = STAGES.get(item.stage)
        if stage is None or item.damage or damaged:
            continue
        ours = {entry.name for entry in stage.inputs}
        changed = [name for name, value in item.inputs.items() if value and value not in there]
        item.changed = [name for name in changed if stage.name == "evaluate" or name in ours]
