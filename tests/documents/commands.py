"""The commands that the documents tell people to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`((?:wsss|snakemake) [^`]+)`(?!`)", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """A command, and where it stands."""

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words that the shell would hand over, without redirections."""
        words = shlex.split(self.text, comments=True)
        return words[: next((place for place, word in enumerate(words) if word in (">", "|", "&&")), len(words))]

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def block_commands() -> list[Command]:
    """Commands in blocks of code: people copy them whole."""
    return list(dict.fromkeys(_block_commands()))


def inline_commands() -> list[Command]:
    """Commands within a line: some are shortened."""
    return list(dict.fromkeys(_inline_commands()))


def _block_commands() -> Iterator[Command]:
    for page in PAGES:
        for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines() if language in ("", "bash", "sh") else ():
                text = line.strip().removeprefix(".venv/bin/")
                if text.startswith(("wsss ", "snakemake ")):
                    yield Command(_name(page), text)


def _inline_commands() -> Iterator[Command]:
    for page in PAGES:
        outside = BLOCK.sub("", page.read_text(encoding="utf-8"))
        for text in INLINE.findall(outside):
            yield Command(_name(page), " ".join(text.split()))


def _name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()
