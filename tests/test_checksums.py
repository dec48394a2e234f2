"""Seals and checksums see every flipped bit, and leave the files what they were to other programs."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.damage import flips, read_artifact, survivors
from wsss.checksums import (
    array_bytes,
    attributes_sum,
    content_sum,
    json_is_damaged,
    seal_json,
    seal_zip,
    table_bytes,
    zip_is_damaged,
)
from wsss.files import read_json, write_json
from wsss.store import ArtifactWriter


def make_artifact(path: Path) -> None:
    generator = np.random.default_rng(0)
    attributes = {"class_names": ["background", "cat"], "inputs": {"index": "ab" * 16}, "split": "train", "seed": 1}
    with ArtifactWriter(path, stage="cams", attributes=attributes) as artifact:
        artifact.write("cams", "f/a", generator.random((2, 12, 9)).astype(np.float16), classes=[1, 2])
        artifact.write("segmentation", "f/a", generator.integers(0, 3, (24, 30)).astype(np.uint8))
        artifact.write("small", "f/a", np.arange(5))
        artifact.write_table("ids", ["f/a", "b"])
        artifact.write_table("sizes", np.arange(12, dtype=np.int32).reshape(6, 2))


def test_no_flipped_bit_of_an_artifact_changes_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results" / "a.h5"
    make_artifact(path)
    refused, harmless, unseen = survivors(path, read_artifact, step=47, first=11)
    assert unseen == []
    # little of a file is space that HDF5 keeps free
    assert refused > 5 * harmless


@pytest.mark.slow
def test_no_flipped_bit_at_any_place_of_an_artifact_changes_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "results" / "a.h5"
    make_artifact(path)
    assert survivors(path, read_artifact, step=17)[2] == []


def test_no_flipped_bit_of_a_json_file_changes_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"stage": "evaluate", "miou": 0.53125, "confusion": [[1, 2], [3, 4]], "names": ["cat", "×"]})

    def read(path: Path) -> Any:
        # a flip in the name of the last entry makes another entry of it, that nobody reads
        return {
            name: value for name, value in read_json(path).items() if name in ("stage", "miou", "confusion", "names")
        }

    refused, harmless, unseen = survivors(path, read, step=1)
    assert unseen == []
    assert refused > 5 * harmless


def test_a_sealed_json_is_json_and_others_pass(tmp_path: Path) -> None:
    assert list(json.loads(seal_json('{\n  "a": 1\n}\n'))) == ["a", "sha256"]
    assert list(json.loads(seal_json("{}"))) == ["sha256"]
    assert not json_is_damaged(seal_json('{"a": 1}'))
    assert not json_is_damaged('{"a": 1}')
    (tmp_path / "old.json").write_text('{"a": 1}')
    assert read_json(tmp_path / "old.json") == {"a": 1}


def test_a_sealed_zip_is_a_zip_and_every_flip_is_seen(tmp_path: Path) -> None:
    buffer, path = io.BytesIO(), tmp_path / "a.zip"
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "content")
    path.write_bytes(buffer.getvalue())
    assert not zip_is_damaged(path)
    seal_zip(buffer)
    sealed = buffer.getvalue()
    path.write_bytes(sealed)
    assert not zip_is_damaged(path)
    assert zipfile.ZipFile(path).read("a") == b"content"
    seen = []
    for place, damaged in flips(sealed, 1):
        path.write_bytes(damaged)
        seen += [zip_is_damaged(path)] if place < len(sealed) - 76 else []
    assert all(seen)
    assert len(seen) > 80


def test_sums_tell_name_type_shape_values_and_attributes_apart() -> None:
    values = np.arange(6, dtype=np.uint8)
    sums = {
        content_sum(name, shape, dtype, array_bytes(array))
        for name, shape, dtype, array in [
            ("a", (6,), "uint8", values),
            ("b", (6,), "uint8", values),
            ("a", (2, 3), "uint8", values),
            ("a", (6,), "int8", values),
            ("a", (6,), "uint8", values[::-1]),
        ]
    }
    assert len(sums) == 5
    given = {"classes": [1, 2], "name": "cat", "flag": True, "share": 0.5, "words": ["a", "b"]}
    as_read = {"words": np.array(["a", "b"], object), "share": np.float64(0.5), "flag": np.True_, "name": "cat"}
    assert attributes_sum("a", given) == attributes_sum("a", as_read | {"classes": np.array([1, 2])})
    assert attributes_sum("a", given) != attributes_sum("a", given | {"classes": [1, 3]})
    assert table_bytes(["a"]) == b'["a"]'
