"""A kind of input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis.strategies import SearchStrategy

INPUTS, OUTPUT = "{inputs}", "{output}"
Command = Sequence[str]


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        name: In the table.
        file: The file that is replaced, below the inputs.
        content: What takes its place.
        command: Reads it. The words for both folders are replaced.
        share: Its share of the campaign's inputs.
        right: Looks at what was written after success; raises if that cannot be right.
        linked: Where the file is to be found below the output too, by a link.
        keeps: Whether what was finished before an error stays.
    """

    name: str
    file: str
    content: SearchStrategy[bytes]
    command: Command
    share: int = 100
    right: Callable[[Path], None] | None = None
    linked: str = ""
    keeps: bool = False
