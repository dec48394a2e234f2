"""Numbers per image of one evaluated thing: there may be a hundred thousand images and ten things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wsss.scratch import ScratchTable

KEYS = ("iou", "coverage", "foreground", "change")
"""The columns of `per_image.csv` that are kept."""


class ImageNumbers(Mapping[str, dict[str, float]]):
    """Image -> its numbers by `KEYS`, those that are known. Of many images they lie on the disk."""

    def __init__(self) -> None:
        # text in UTF-8 sorts as `str` does, by code point
        self._rows = ScratchTable("name UNIQUE", *KEYS)

    def add(self, row: Mapping[str, str]) -> None:
        """Take over a row of the table.

        Raises:
            KeyError: If a column is missing.
            ValueError: If there is something else than a number, or nothing, in one, or the image had a row.
        """
        # SQLite keeps nan as it keeps None: not known
        numbers = [float(row[key]) if row[key] else None for key in KEYS]
        if not self._rows.append(row["image"].encode(), *numbers):
            raise ValueError(f"it has image `{row['image']}` twice")

    def count(self, key: str) -> int:
        """Return of how many images one of the numbers is known."""
        found = self._rows.first(f"count({key})", "TRUE")
        assert found is not None
        return int(found[0])

    def in_order(self, key: str) -> Iterator[str]:
        """Yield the images of which one of the numbers is known, in its order; of equal ones, the first name first."""
        rows = self._rows.rows("name", f"WHERE {key} NOT NULL ORDER BY {key}, name")
        return (name.decode() for (name,) in rows)

    def __getitem__(self, image: str) -> dict[str, float]:
        numbers = self._rows.first(", ".join(KEYS), "name = ?", image.encode(errors="surrogatepass"))
        if numbers is None:
            raise KeyError(image)
        return {key: number for key, number in zip(KEYS, numbers, strict=True) if number is not None}

    def __iter__(self) -> Iterator[str]:
        return (name.decode() for (name,) in self._rows.rows("name"))

    def __len__(self) -> int:
        return len(self._rows)
