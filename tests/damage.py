"""Damages a file in many ways, one at a time, and compares what is read with what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wsss.errors import InputError
from wsss.store import ArtifactReader


def flips(content: bytes, step: int, first: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield (place, content) with one bit flipped, in every `step`-th byte, another bit each time."""
    for count, place in enumerate(range(first, len(content), step)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (count % 8)
        yield place, bytes(damaged)


def survivors(path: Path, read: Callable[[Path], Any], step: int, first: int = 0) -> tuple[int, int, list[int]]:
    """Count the flips that `read` refuses in one line that names the file, and those that change nothing.

    Returns:
        Both counts, and the places of flips that went unseen though they change what is read.
    """
    content, refused, harmless, unseen = path.read_bytes(), 0, 0, []
    expected = read(path)
    for place, damaged in flips(content, step, first):
        path.write_bytes(damaged)
        try:
            found = read(path)
        except InputError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            refused += 1
            continue
        harmless += found == expected
        unseen += [place] if found != expected else []
    path.write_bytes(content)
    return refused, harmless, unseen


def read_artifact(path: Path) -> dict[str, Any]:
    """All that an artifact holds, as values that can be compared."""
    with ArtifactReader(path) as reader:
        found: dict[str, Any] = {"attributes": reader.attributes, "kinds": reader.kinds(), "tables": reader.tables()}
        for kind in reader.kinds():
            for image_id in reader.ids(kind):
                array = reader.read(kind, image_id)
                about = {name: np.asarray(value).tolist() for name, value in reader[kind].attributes(image_id).items()}
                found[f"{kind}/{image_id}"] = (array.tolist(), array.dtype, array.shape, about)
        return found | {name: reader.table(name).tolist() for name in reader.tables()}
