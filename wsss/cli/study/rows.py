"""Find the finished branches of a study, and write a row for each."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

from wsss.cli.study.methods import method_modules
from wsss.cli.study.page import SIGN, study_page
from wsss.cli.study.table import Row
from wsss.config import load_config
from wsss.errors import InputError
from wsss.files import write_text
from wsss.inputs import check_regular
from wsss.outputs import check_target
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.stages import METHODS
from wsss.plan import Plan
from wsss.protected import Inputs
from wsss.report.evaluations import Evaluation, load_evaluation
from wsss.system_errors import said_of

_SORTED_BY = {"variant": str, "place": int, "seed": int, "date": str}
"""Entries of a row that tell its place on the page, and their types."""


def collect_rows(configs: Sequence[Path], folder: Path) -> tuple[list[Path], int]:
    """Write a JSON file for each finished branch (variant and seed) without one, and the page of all rows.

    Args:
        configs: The config file of the study, or several, each laid over those before it. Seeds that they do not name
            are found too.
        folder: Holds the rows and the page, `README.md`.

    Returns:
        The new rows, and the number of branches of the config's variants without one.

    Raises:
        InputError: If the config is wrong, a file is damaged, or no branch has one of the methods; also, before
            anything is written, if a file would replace an input, or a page that no study wrote.
    """
    plan = _plan(configs)
    rows, missing, without, read = dict[Path, Row](), 0, list[Path](), list(configs)
    for place, variant in enumerate(plan.variants):
        for seed in plan.seeds:
            path = Path(plan.path(Artifact("evaluate", variant, seed)))
            if not path.is_file():
                missing += 1
                continue
            evaluation = load_evaluation(path)
            read += [path, *evaluation.artifacts()]
            row = _row(plan, place, variant, seed, evaluation)
            if row is None:
                without.append(path)
                continue
            target = folder / f"{variant or 'run'}-seed{seed}-{_digest(row)}.json"
            if not target.is_file():
                rows[target] = row
    earlier = {path: _read_row(path) for path in sorted(folder.glob("*-seed*.json"))}
    if without and not rows and not earlier:
        titles = " or ".join(method.title for method in METHODS.values())
        raise InputError(f"{without[0]}: holds no network of {titles}; is this the config of such a study?")
    inputs, page = Inputs(read), folder / "README.md"
    for target in (*rows, page):
        check_target(target, inputs, _is_page)
    for target, row in rows.items():
        write_text(target, json.dumps(row, indent=1, sort_keys=False) + "\n")
    write_text(page, study_page(plan.run, _newest([*earlier.values(), *rows.values()])))
    return list(rows), missing


def _is_page(path: Path) -> bool:
    """Return whether a file is a page of a study."""
    if path.is_symlink() or not path.is_file():
        return False
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n", 3)
    return lines[0].startswith("# ") and len(lines) > 2 and lines[2].startswith(SIGN)


def _plan(paths: Sequence[Path]) -> Plan:
    """Return the plan of the configs, with every seed that has results."""
    config = load_config(*paths)
    found = Path("results", config.run).glob("*/seed*")
    seeds = {int(name) for item in found if (name := item.name.removeprefix("seed")).isdecimal()}
    return Plan(config.model_copy(update={"seeds": tuple(sorted({*config.seeds, *seeds}))}))


def _row(plan: Plan, place: int, variant: str, seed: int, evaluation: Evaluation) -> Row | None:
    """Return the row of one branch, with the part of every method; None if no method has one."""
    parts: Row = {}
    for module in method_modules().values():
        parts |= module.part(plan, variant, seed, evaluation)
    if not parts:
        return None
    content = evaluation.content
    splits = content["data"]["splits"]
    return {
        "study": plan.run,
        "variant": variant,
        "place": place,
        "seed": seed,
        "date": content["created"],
        "git_commit": content["git_commit"],
        "package_version": content["package_version"],
        "machine": _machine(),
        "images": {name: part["images"] for name, part in splits.items()},
        "differs_by": plan.config.variants.get(variant, {}),
        **parts,
    }


def _machine() -> Row:
    """Describe this machine; it is taken for the one that trained."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return {"processor": name, "cores": os.cpu_count(), "python": platform.python_version()}


def _digest(row: Row) -> str:
    """Digest a row without its place, machine and date, so that it is written once."""
    content = {key: value for key, value in row.items() if key not in ("place", "machine", "date")}
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=4).hexdigest()


def _newest(rows: Iterable[Row]) -> list[Row]:
    """Return the newest row of every variant and seed, in the order of the config."""
    found: dict[tuple[str, int], Row] = {}
    for row in rows:
        key = row["variant"], row["seed"]
        if key not in found or found[key]["date"] < row["date"]:
            found[key] = row
    return sorted(found.values(), key=lambda row: (row["place"], row["seed"]))


def _read_row(path: Path) -> Row:
    """Read a row that an earlier study wrote.

    Raises:
        InputError: If it is damaged.
    """
    check_regular(path)
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(row[key], kind) for key, kind in _SORTED_BY.items()):
            raise ValueError(f"{', '.join(_SORTED_BY)} are of other types")
        # what cannot stand on a page is no row
        study_page("", [row])
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({said_of(error)}); delete it, or restore it") from None
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise InputError(f"{path}: no row of a study ({error!r:.160}); delete it, or restore it") from None
    return row
