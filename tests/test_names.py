"""The names of methods and stages stand in the table, in modules of their own, in their rules, and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import wsss
from wsss.pipeline.stages import METHODS, STAGES

ROOT = Path(wsss.__file__).parent
TABLE = "pipeline/stages.py"
FACES = ("models/__init__.py", "losses/__init__.py", "config/__init__.py")
"""What a package offers to Python names its networks, losses and the settings of shared stages."""
SHARED_SETTINGS = "config/stages.py"
"""Settings of the stages that methods share."""
NAMES = (*METHODS, *(name for name in STAGES if "_" in name))
"""Words that mean nothing but a method or a stage; `cams` or `predict` are words of their own."""


FURTHER = {
    "config/rounds.py": "auxsegnet",
    "models/dual_affinity.py": "auxsegnet",
    "viewer/affinity.py": "auxsegnet",
}
"""Modules of a method that are not called by its name."""
SEEDS = "seed_labels"
"""They are also the labels of round 0 of the method that has rounds."""


def own(path: str, name: str) -> bool:
    """Whether a module is one of a name's own: called by it, or by the method that has the stage."""
    method = STAGES[name].method if name in STAGES else name
    stages = {stage for stage, entry in STAGES.items() if method and entry.method == method}
    stems = {name, name.removeprefix("train_"), method, *stages, *({"auxsegnet"} if name == SEEDS else ())}
    shared = path == SHARED_SETTINGS and not method
    return shared or Path(path).stem in stems or FURTHER.get(path, "") == (method or None)


def words(path: Path) -> Iterator[tuple[int, str]]:
    """Names and texts in the code of a module, without comments and docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.lineno, node.value
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, f"{node.module} {' '.join(alias.name for alias in node.names)}"
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def test_no_module_but_its_own_names_a_method_or_a_stage():
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        if where == TABLE or where in FACES:
            continue
        for line, text in words(path):
            flat = [word.replace("_", "").lower() for word in re.findall(r"\w+", text.replace("AA&LR", "aalr"))]
            for name in NAMES:
                if any(name.replace("_", "") in word for word in flat) and not own(where, name):
                    found.append(f"{where}:{line}: {name} in {text[:60]!r}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", sorted((ROOT / "viewer/static").glob("*.js")), ids=lambda path: path.name)
def test_the_front_end_names_none(path: Path):
    text = path.read_text(encoding="utf-8")
    assert not [name for name in NAMES if re.search(rf"\b{name}\b", text)]
