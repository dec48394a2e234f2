"""Lists of images, and what is said of each image by its id, as tables on the disk (`wsss.scratch`)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar, overload

from wsss.scratch import ROW, ScratchTable

_Value_co = TypeVar("_Value_co", covariant=True)

ID = "id"
"""Name of the column that rows are found by."""
UNIQUE_ID = f"{ID} UNIQUE"


def bytes_of(text: str) -> bytes:
    """Return a text as it stands in a table. Names of files may hold bytes that are no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def text_of(content: bytes) -> str:
    """Return a text of a table."""
    return content.decode("utf-8", "surrogatepass")


def bytes_of_numbers(numbers: Iterable[int]) -> bytes:
    """Return numbers from 0 on as they stand in a table."""
    return array("I", numbers).tobytes()


def numbers_of(content: bytes) -> tuple[int, ...]:
    """Return numbers of a table."""
    return tuple(array("I", content))


class Rows(Sequence[_Value_co]):
    """What is made, when it is asked for, of the rows of a table, in their order.

    Args:
        table: The table.
        columns: Names of columns, separated by commas.
        make: Makes the value of what stands in them.
    """

    def __init__(self, table: ScratchTable, columns: str, make: Callable[..., _Value_co]) -> None:
        self._table, self._columns, self._make = table, columns, make

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[_Value_co]:
        for values in self._table.rows(self._columns):
            yield self._make(*values)

    @overload
    def __getitem__(self, row: int) -> _Value_co: ...
    @overload
    def __getitem__(self, row: slice) -> list[_Value_co]: ...
    def __getitem__(self, row: int | slice) -> _Value_co | list[_Value_co]:
        if isinstance(row, slice):
            return [self[number] for number in range(len(self))[row]]
        found = self._table.first(self._columns, f"{ROW} = ?", range(len(self))[row])
        assert found is not None
        return self._make(*found)


class TextColumn(Rows[str]):
    """Texts of a table, in the order of its rows.

    Args:
        table: The table.
        column: Name of the column.
    """

    def __init__(self, table: ScratchTable, column: str) -> None:
        super().__init__(table, column, text_of)


class TextList(TextColumn):
    """Texts one after another.

    Args:
        texts: The first ones.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        super().__init__(ScratchTable("text"), "text")
        self._table.extend((bytes_of(text),) for text in texts)

    def append(self, text: str) -> None:
        """Add a text at the end."""
        self._table.append(bytes_of(text))


class IdColumn(TextColumn):
    """The ids of a table, each once, in the order of its rows; they are found like the keys of a dictionary.

    Args:
        table: A table with a column `UNIQUE_ID`.
    """

    def __init__(self, table: ScratchTable) -> None:
        super().__init__(table, ID)

    def row(self, image_id: str) -> int | None:
        """Return the row of an id; None if it is not there."""
        found = self._table.first(ROW, f"{ID} = ?", bytes_of(image_id))
        return None if found is None else int(found[0])

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and self.row(image_id) is not None


class IdList(IdColumn):
    """Ids one after another, each once.

    Args:
        ids: The first ones.

    Raises:
        ValueError: If one is there twice.
    """

    def __init__(self, ids: Iterable[str] = ()) -> None:
        super().__init__(ScratchTable(UNIQUE_ID))
        for image_id in ids:
            self.append(image_id)

    def append(self, image_id: str) -> None:
        """Add an id at the end.

        Raises:
            ValueError: If it is there.
        """
        if not self._table.append(bytes_of(image_id)):
            raise ValueError(f"{image_id!r} is there twice")


class ById(Mapping[str, _Value_co]):
    """What is made, when it is asked for, of the row of a table by its id.

    Args:
        table: A table with a column `UNIQUE_ID`.
        columns: Names of columns, separated by commas.
        make: Makes the value of what stands in them.
    """

    def __init__(self, table: ScratchTable, columns: str, make: Callable[..., _Value_co]) -> None:
        self._table, self._columns, self._make = table, columns, make
        self._ids = IdColumn(table)

    def __getitem__(self, image_id: str) -> _Value_co:
        found = self._table.first(self._columns, f"{ID} = ?", bytes_of(image_id))
        if found is None:
            raise KeyError(image_id)
        return self._make(*found)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._ids

    def items(self) -> ItemsView[str, _Value_co]:
        """Return ids and values, which are found without looking for each id."""
        return _Items(self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


class _Items(ItemsView[str, _Value_co]):
    _mapping: ById[_Value_co]

    def __iter__(self) -> Iterator[tuple[str, _Value_co]]:
        own = self._mapping
        for image_id, *values in own._table.rows(f"{ID}, {own._columns}"):
            yield text_of(image_id), own._make(*values)


class LabelsById(ById[tuple[int, ...] | None]):
    """Sets of class numbers, each a tuple or None, by the id of an image."""

    def __init__(self) -> None:
        super().__init__(
            ScratchTable(UNIQUE_ID, "labels"), "labels", lambda labels: None if labels is None else numbers_of(labels)
        )

    def add(self, image_id: str, labels: Iterable[int] | None) -> None:
        """Add an image that is not there yet."""
        added = self._table.append(bytes_of(image_id), None if labels is None else bytes_of_numbers(labels))
        assert added, image_id
