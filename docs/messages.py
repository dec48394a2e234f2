"""Write the page of all messages, from the source: `python docs/messages.py > docs/messages.md`.

Nothing is imported from the package: messages are read where they are raised.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "wsss"
RAISED = {"InputError", "ValueError", "BadParameter", "PydanticCustomError"}
"""Errors whose text a user reads. A ValueError is one only where settings are checked."""
CHAPTERS = {
    "config": "Settings and configs",
    "plan": "Settings and configs",
    "pipeline": "Settings and configs",
    "workflow": "Settings and configs",
    "data": "Photographs, labels, masks",
    "store": "Artifacts",
    "stages": "Stages",
    "models": "Networks and weights",
    "training": "Trainings and checkpoints",
    "ops": "Stages",
    "losses": "Trainings and checkpoints",
    "evaluation": "Stages",
    "report": "Stages",
    "exchange": "Export and import",
    "downloads": "Downloads",
    "viewer": "The page (`wsss view`)",
    "cli": "Commands",
}
REST = "Files, disks, memory"
HEADER = """\
# Every message

What the program says when something is wrong with its input, by its first words. In front of most stands the file, the
line or the setting that is meant. `…` stands for a path, a name or a number. A message says what, where and how to mend
it; [troubleshooting.md](troubleshooting.md) says more about those that are met most.

This page is made by `python docs/messages.py > docs/messages.md`.
"""


def page() -> str:
    """Return the page."""
    chapters: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        chapters.setdefault(CHAPTERS.get(room, REST), set()).update(messages(path))
    lines = [HEADER.rstrip()]
    for title in [*dict.fromkeys(CHAPTERS.values()), REST]:
        lines += ["", f"## {title}", ""]
        lines += [f"- {_marked(text)}" for text in sorted(chapters.get(title, ()), key=_plain)]
    return "\n".join(lines) + "\n"


def messages(path: Path) -> Iterator[str]:
    """Yield the messages that a module raises, with `…` for what is put in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checks_settings = "config" in path.relative_to(PACKAGE).parts
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in RAISED or (name == "ValueError" and not checks_settings):
            continue
        for text in map(first_words, _texts(node.args[-1] if name == "PydanticCustomError" else node.args[0])):
            # what is put in alone says nothing
            if re.search(r"[a-z]{3}", text):
                yield text
    if path.stem == "system_errors":
        yield from _words_of_the_system(tree)


def first_words(text: str) -> str:
    """Return a message without the place at its start."""
    text = re.sub(r"(…\s*)+…|…+", "…", " ".join(text.split()))
    return re.sub(r"^(`?…`?: )+", "", text)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z ]", "", text.lower()).strip()


def _words_of_the_system(tree: ast.Module) -> Iterator[str]:
    """Yield what the table of the system's errors says: what is wrong, how to mend it."""
    for node in ast.walk(tree):
        pairs = node.values if isinstance(node, ast.Dict) else []
        for pair in pairs:
            if isinstance(pair, ast.Tuple) and all(isinstance(part, ast.Constant) for part in pair.elts):
                yield "; ".join(str(ast.literal_eval(part)) for part in pair.elts)


def _texts(node: ast.expr) -> list[str]:
    """Return the texts that an expression can be."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(_texts(value)[0] if isinstance(value, ast.Constant) else "…" for value in node.values)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [left + right for left in _texts(node.left) for right in _texts(node.right)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return ["…"]


def _marked(text: str) -> str:
    """Return a message as Markdown that shows it as it is."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of an unpaired backtick: nothing is code
        return re.sub(r"([*_<>\[\]#|\\`])", r"\\\1", text)
    parts[::2] = [re.sub(r"([*_<>\[\]#|\\])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
