"""Tables of artifacts, whole and in blocks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from wsss.store import ArtifactReader, ArtifactWriter, tables
from wsss.store.tables import json_pieces, read_blocks, read_table


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


def test_a_table_in_blocks_is_the_same_table(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (3000, 4)).astype(np.int64)
    whole = write(tmp_path / "a.h5", values)
    with ArtifactWriter(tmp_path / "b.h5", stage="index") as artifact:
        artifact.write_blocks("labels", [values[:1], values[1:1], values[1:]], values.shape, values.dtype)
    blocks = ArtifactReader(tmp_path / "b.h5")
    assert np.array_equal(blocks.table("labels"), values)
    assert blocks.attributes["fingerprint"] == whole.attributes["fingerprint"]
    with (
        pytest.raises(ValueError, match="labels has 2 rows, not 3"),
        ArtifactWriter(tmp_path / "c.h5", stage="index") as artifact,
    ):
        artifact.write_blocks("labels", [values[:2]], (3, 4), values.dtype)
    assert not (tmp_path / "c.h5").exists()


@pytest.mark.parametrize("texts", [[], ["a"], ["ü", "", "b" * 40] * 50])
def test_texts_in_blocks_are_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> None:
    fingerprints = []
    for name, block in (("a.h5", 4096), ("b.h5", 7)):
        monkeypatch.setattr(tables, "TEXTS_AT_ONCE", block)
        with ArtifactWriter(tmp_path / name, stage="index") as artifact:
            artifact.write_table("ids", dict.fromkeys(texts) if len(texts) < 2 else texts)
        reader = ArtifactReader(tmp_path / name)
        assert reader.table("ids").tolist() == texts
        fingerprints.append(reader.attributes["fingerprint"])
    assert len({*fingerprints}) == 1
    assert b"".join(json_pieces(texts)) == json.dumps(texts).encode()


def test_a_note_is_no_part_of_the_content(tmp_path: Path) -> None:
    fingerprints = []
    for number in range(2):
        with ArtifactWriter(tmp_path / f"{number}.h5", stage="index") as artifact:
            artifact.write_table("ids", ["a"])
            artifact.write_table("stamps", np.array([number]), note=True)
        reader = ArtifactReader(tmp_path / f"{number}.h5")
        assert reader.table("stamps").tolist() == [number]
        fingerprints.append(reader.attributes["fingerprint"])
    assert fingerprints[0] == fingerprints[1]


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
