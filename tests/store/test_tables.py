"""Tables of artifacts, whole and in blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wsss.store import ArtifactReader, ArtifactWriter
from wsss.store.tables import read_blocks, read_table


def write(path: Path, values: np.ndarray) -> ArtifactReader:
    with ArtifactWriter(path, stage="index") as artifact:
        artifact.write_table("labels", values)
    return ArtifactReader(path)


@pytest.mark.parametrize("rows", [0, 1, 30_000])
def test_blocks_are_the_table(tmp_path: Path, rows: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, (rows, 40)).astype(np.uint8)
    reader = write(tmp_path / "a.h5", values)
    blocks = list(reader.table_blocks("labels"))
    assert np.array_equal(np.concatenate([np.zeros((0, 40), np.uint8), *blocks]), values)
    # of a large table, none holds most
    assert rows < 30_000 or max(map(len, blocks)) < rows / 4


def test_other_values_are_seen_in_both_ways(tmp_path: Path) -> None:
    values = np.zeros((5000, 8), np.uint8)
    first = write(tmp_path / "a.h5", values)
    values[-1, -1] = 1
    second = write(tmp_path / "b.h5", values)
    table, name = first.file["tables/labels"], "tables/labels"
    assert len(list(read_blocks(table, name, first.sums()))) >= 1
    with pytest.raises(OSError, match="not those that were written"):
        list(read_blocks(table, name, second.sums()))
    with pytest.raises(OSError, match="not those that were written"):
        read_table(table, name, second.sums())
