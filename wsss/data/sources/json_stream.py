"""Read a JSON of any size member by member, and say where each lies, so that none has to stay in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.system_errors import said_of

CHUNK = 2**20
"""Bytes that are read at a time; more of an item that is larger."""
LARGEST = 2**26
"""Bytes that one item may take: of a file that is damaged, no more is read in vain."""
_BLANK = re.compile(r"[ \t\n\r]*")
_BYTE_ORDER_MARK = "\xef\xbb\xbf"


@dataclass(frozen=True)
class Item:
    """A member of the outermost object, or an item of a list that is one.

    Attributes:
        key: Name of the member.
        number: Place in its list, from 0 on; None for a member itself.
        value: What it holds; an empty list for a list, whose items follow.
        start: Its first byte in the file.
        length: Its bytes.
    """

    key: str
    number: int | None
    value: Any
    start: int
    length: int


def stream_items(path: Path, setting: str) -> Iterator[Item]:
    """Yield the members of the object that a JSON file holds; of members that are lists, each item by itself too.

    Args:
        setting: The setting that names the file, for messages.

    Raises:
        InputError: If the file is missing, or no JSON object.
    """
    check_regular(path)
    try:
        handle = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{path}: no such file; correct `{setting}`") from None
    except (OSError, ValueError) as error:
        reason = said_of(error) if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read ({reason}); correct `{setting}`") from None
    with handle:
        text = _Text(handle)
        try:
            yield from _items(text)
        except (ValueError, RecursionError) as error:
            reason = getattr(error, "msg", None) or getattr(error, "reason", None) or "nested too deeply, or too large"
            raise InputError(
                f"{path}: not valid JSON of COCO's kind near byte {text.place} ({reason}); replace the file"
            ) from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({said_of(error)}); correct or replace the file") from None


class _Text:
    """The text of a file, one character a byte: JSON's own signs are ASCII, and places stay those of the file."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle, self._text, self._start, self._at = handle, "", 0, 0
        self._ended = False
        self._decoder = json.JSONDecoder()

    def skip_byte_order_mark(self) -> None:
        """Skip what some editors write at the beginning."""
        while len(self._text) < len(_BYTE_ORDER_MARK) and not self._ended:
            self._more()
        self._at = len(_BYTE_ORDER_MARK) if self._text.startswith(_BYTE_ORDER_MARK) else 0

    @property
    def place(self) -> int:
        """The byte of the file that comes next."""
        return self._start + self._at

    def next(self) -> str:
        """Return the next character that is not blank, without taking it; empty at the end."""
        while True:
            match = _BLANK.match(self._text, self._at)
            assert match is not None
            self._at = match.end()
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more()

    def take(self, *expected: str) -> str:
        """Take the next character, which must be one of these."""
        found = self.next()
        if found not in expected or not found:
            raise json.JSONDecodeError(f"expected {' or '.join(expected)}, found {found or 'the end'!r}", "", 0)
        self._at += 1
        return found

    def value(self) -> tuple[Any, int, int]:
        """Take a value; return it with its first byte and its length."""
        self.next()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except ValueError:
                if self._ended or len(self._text) - self._at > LARGEST:
                    raise
            else:
                # a number may go on in the next chunk, as `1` does in `1e+5`
                if self._ended or len(self._text) - end >= len("e+5"):
                    break
            self._more()
        raw, start, self._at = self._text[self._at : end], self.place, end
        if not raw.isascii():
            value = json.loads(raw.encode("latin-1").decode())
        return value, start, len(raw)

    def _more(self) -> None:
        # an item that goes on is parsed from its start again: what is held doubles, so that this is seldom
        held = len(self._text) - self._at
        content = self._handle.read(max(CHUNK, min(held, LARGEST + 1 - held)))
        self._ended = not content
        self._start += self._at
        self._text, self._at = self._text[self._at :] + content.decode("latin-1"), 0


def _items(text: _Text) -> Iterator[Item]:
    text.skip_byte_order_mark()
    text.take("{")
    seen: set[str] = set()
    while text.next() != "}" or seen:
        if text.next() != '"':
            text.take('"')
        key = text.value()[0]
        if key in seen:
            raise json.JSONDecodeError(f"`{key}` is there twice", "", 0)
        seen.add(key)
        text.take(":")
        if text.next() == "[":
            yield from _listed(text, key)
        else:
            yield Item(key, None, *text.value())
        if text.take(",", "}") == "}":
            break
    else:
        text.take("}")
    if text.next():
        raise json.JSONDecodeError("something follows its end", "", 0)


def _listed(text: _Text, key: str) -> Iterator[Item]:
    start = text.place
    text.take("[")
    yield Item(key, None, [], start, 0)
    number = 0
    while text.next() != "]" or number:
        yield Item(key, number, *text.value())
        number += 1
        if text.take(",", "]") == "]":
            return
    text.take("]")
