"""The first word of a docstring says what the function does: a verb in the imperative."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import wsss

ROOT = Path(wsss.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
PROPERTIES = {"property", "cached_property", "setter"}
NO_VERBS = {
    *("The", "A", "An", "All", "Any", "Both", "Each", "Either", "Every", "Neither", "No", "None", "One", "Some", "Two"),
    *("He", "Her", "His", "It", "Its", "She", "Such", "That", "Their", "These", "They", "This", "Those", "We", "You"),
    *("How", "What", "When", "Where", "Whether", "Which", "While", "Who", "Whose", "Why"),
    *("After", "As", "At", "Before", "By", "For", "From", "If", "In", "Inside", "Of", "On", "Per", "To", "With"),
}


def is_imperative(line: str) -> bool:
    """Whether the first word is a capitalised one that is none of the words above and no third person (`Reads`)."""
    found = re.match(r"[A-Z][a-z]+\b", line)
    if found is None or found[0] in NO_VERBS:
        return False
    return not found[0].endswith("s") or found[0].endswith("ss")


def functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods below a node, without those within functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        else:
            yield from functions(child)


def is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(getattr(name, "id", getattr(name, "attr", "")) in PROPERTIES for name in function.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_begin_with_a_verb(path: Path):
    wrong = []
    for function in functions(ast.parse(path.read_text(encoding="utf-8"))):
        docstring = ast.get_docstring(function)
        if docstring is None or is_property(function) or function.name.startswith("__"):
            continue
        line = docstring.splitlines()[0]
        if not is_imperative(line):
            wrong.append(f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {line}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("line", ["Return the matrices.", "Pass it on.", "Guess: one of two.", "See `Affinity`."])
def test_a_verb_first_is_imperative(line: str):
    assert is_imperative(line)


@pytest.mark.parametrize(
    "line",
    ["The matrices.", "Whether it is.", "Returns the matrices.", "(N, C) of maps.", "`apply` on maps.", "a word", "A"],
)
def test_anything_else_is_not(line: str):
    assert not is_imperative(line)
