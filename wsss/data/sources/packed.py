"""Lists of short texts and of sets of classes in one array each: an object for every image takes far more memory."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar, overload

_Value_co = TypeVar("_Value_co", covariant=True)

FREE = -1
"""A place of a table of rows that holds none."""


class PackedTexts(Sequence[str]):
    """Texts one after another; a text is made when it is asked for. Each takes its UTF-8 and 8 bytes.

    Args:
        texts: The first ones.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes, self._ends = bytearray(), array("q", [0])
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add a text at the end."""
        # names of files may hold bytes that are no UTF-8
        self._bytes += text.encode(errors="surrogatepass")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in islice(self._ends, 1, None):
            yield self._bytes[start:end].decode(errors="surrogatepass")
            start = end

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[number] for number in range(len(self))[row]]
        if not 0 <= row < len(self):
            row = range(len(self))[row]
        # the end of the text before is the start of this one
        return self._bytes[self._ends[row] : self._ends[row + 1]].decode(errors="surrogatepass")


class PackedNames(PackedTexts):
    """Texts, each once, that are found like the keys of a dictionary: each takes 6 to 12 bytes more.

    Args:
        texts: The first ones.

    Raises:
        ValueError: If one is there twice.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        # a hash table: the row of a text stands in the place of its hash, or in the next one that was free
        self._places = array("i", [FREE]) * 8
        super().__init__(texts)

    def append(self, text: str) -> None:
        """Add a text at the end.

        Raises:
            ValueError: If it is there.
        """
        if 3 * len(self) >= 2 * len(self._places):
            self._places = array("i", [FREE]) * (2 * len(self._places))
            for row, known in enumerate(self):
                self._places[self._place(known)] = row
        place = self._place(text)
        if self._places[place] != FREE:
            raise ValueError(f"{text!r} is there twice")
        self._places[place] = len(self)
        super().append(text)

    def row(self, text: str) -> int | None:
        """Return the row of a text; None if it is not there."""
        row = self._places[self._place(text)]
        return None if row == FREE else row

    def row_of(self, text: str) -> int:
        """Return the row of a text.

        Raises:
            KeyError: If it is not there.
        """
        row = self.row(text)
        if row is None:
            raise KeyError(text)
        return row

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self.row(text) is not None

    def __reduce__(self) -> tuple[type[PackedNames], tuple[list[str]]]:
        # hashes of texts are others in every process
        return type(self), (list(self),)

    def _place(self, text: str) -> int:
        """Return the place of a text, or the free one where it belongs."""
        places, place = self._places, hash(text) % len(self._places)
        while (row := places[place]) != FREE and self[row] != text:
            place = (place + 1) % len(places)
        return place


class PackedClasses:
    """Sets of class numbers one after another, each a tuple or None, of 9 bytes and 4 for each number."""

    def __init__(self) -> None:
        self._numbers, self._ends, self._unknown = array("I"), array("q", [0]), bytearray()

    def append(self, classes: Iterable[int] | None) -> None:
        """Add a set at the end; None says that it is not known."""
        self._numbers.extend(classes or ())
        self._ends.append(len(self._numbers))
        self._unknown.append(classes is None)

    def __getitem__(self, row: int) -> tuple[int, ...] | None:
        row = range(len(self._unknown))[row]
        return None if self._unknown[row] else tuple(self._numbers[self._ends[row] : self._ends[row + 1]])


class PackedLabels:
    """Sets of class numbers, each a tuple or None, by the id of an image."""

    def __init__(self) -> None:
        self._ids, self._classes = PackedNames(), PackedClasses()

    def add(self, image_id: str, classes: Iterable[int] | None) -> None:
        """Add an image that is not there yet."""
        self._ids.append(image_id)
        self._classes.append(classes)

    def __getitem__(self, image_id: str) -> tuple[int, ...] | None:
        return self._classes[self._ids.row_of(image_id)]


class ByName(Collection[str]):
    """What holds something for each of some names: it has their order and their number.

    Args:
        names: The names.
    """

    def __init__(self, names: PackedNames) -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class MadeFrom(ByName, Mapping[str, _Value_co]):
    """What is made of a text when it is asked for, by a name.

    Args:
        names: Names, in the order in which they are listed.
        texts: The text of each.
        make: Makes the value of a text.
    """

    def __init__(self, names: PackedNames, texts: PackedTexts, make: Callable[[str], _Value_co]) -> None:
        super().__init__(names)
        self._texts, self._make = texts, make

    def __getitem__(self, name: str) -> _Value_co:
        return self._make(self._texts[self._names.row_of(name)])
