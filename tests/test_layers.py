"""Which room of the package may import from which."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import wsss

ROOT = Path(wsss.__file__).parent
TOP = {
    "checksums",
    "chunks",
    "context",
    "disk",
    "errors",
    "files",
    "grid",
    "inputs",
    "label_values",
    "memory",
    "outputs",
}
TOP |= {"nodes", "parallel", "progress", "protected", "record", "scratch", "signals", "state"}
TOP |= {"system_errors", "temporary"}
"""Modules at the top of the package that every room may use."""
BESIDE = {"config", "pipeline", "store", *TOP}
PURE = {"ops", "losses", *BESIDE}
MAY_IMPORT: dict[str, set[str]] = {
    # room -> the rooms that it may import from, beside itself
    **{
        name: {"checksums", "disk", "errors", "label_values", "memory", "context", "files", "inputs", "temporary"}
        for name in TOP
    },
    **{
        name: {"errors", "memory", "context", "files", "progress", "parallel", "signals"}
        for name in ("progress", "parallel")
    },
    "context": {"errors"},
    "disk": {"errors", "system_errors"},
    "inputs": {"errors"},
    "outputs": {"record", "disk", "errors", "files", "protected", "temporary"},
    "pipeline": {"errors"},
    "config": {"errors", "inputs", "pipeline", "system_errors"},
    "store": TOP,
    "code_digest": set(),
    "data": BESIDE,
    "ops": BESIDE,
    "losses": {"ops", *BESIDE},
    "models": PURE,
    "plan": {"config", "pipeline", "data", *TOP},
    "evaluation": {"data", *PURE},
    "training": {"models", "data", *PURE},
    "report": {"evaluation", "data", *PURE},
    "stages": {"training", "models", "report", "evaluation", "data", *PURE},
    "estimate": {"stages", "training", "models", "plan", "data", *PURE},
    "downloads": {"models", "data", *PURE},
    "workflow": set(),
    "exchange": {"stages", "training", "models", "data", *PURE},
    "api": {
        "cli",
        "exchange",
        "stages",
        "training",
        "models",
        "report",
        "plan",
        "workflow",
        "evaluation",
        "data",
        *PURE,
    },
    "viewer": {"stages", "training", "models", "report", "plan", "workflow", "evaluation", "data", *PURE},
}
"""`cli` may import from all. What a room imports at the top of a module and within functions counts alike."""


def imports(path: Path) -> set[str]:
    """The rooms that a module imports from."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            module = node.module or ""
            found |= {f"wsss.{alias.name}" for alias in node.names} if module == "wsss" else {module}
    return {name.split(".")[1] for name in found if name.startswith("wsss.")}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


MODULES = [path for path in sorted(ROOT.rglob("*.py")) if path.parent != ROOT or path.stem != "__init__"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_room_imports_only_from_rooms_below_it(path: Path):
    room = room_of(path)
    if room == "cli":
        return
    names = {path.stem if path.is_file() else path.name for path in ROOT.iterdir()}
    assert imports(path) & names <= MAY_IMPORT[room] | {room}


def test_only_the_store_knows_hdf5_and_nothing_knows_snakemake():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        modules = {
            (node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        assert "snakemake" not in modules, path
        assert "h5py" not in modules or path.parent.name == "store", path
