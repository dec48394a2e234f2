from __future__ import annotations

import zlib

import numpy as np
import pytest

from wsss.chunks import pack


def test_values_are_shuffled_by_byte_and_compressed() -> None:
    array = np.arange(100, dtype=np.uint16).reshape(4, 25)
    packed = pack("cams", "one", array, {"classes": [1]})
    assert packed.chunk is not None
    plain = np.frombuffer(zlib.decompress(packed.chunk), np.uint8)
    assert plain[:100].tolist() == list(range(100))
    assert not plain[100:].any()
    assert (packed.name, packed.shape, packed.dtype, packed.attributes) == (
        "cams/one",
        (4, 25),
        np.uint16,
        {"classes": [1]},
    )


@pytest.mark.parametrize("shape", [(0,), (1,), (8, 8), (3, 0, 500)])
def test_what_is_small_is_left_as_it_is(shape: tuple[int, ...]) -> None:
    packed = pack("labels", "one", np.ones(shape, np.uint8))
    assert packed.chunk is None
    assert packed.array is not None
    assert packed.array.shape == shape


def test_what_no_chunk_can_hold_is_left_to_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsss.chunks.LARGEST_CHUNK", 99)
    assert pack("labels", "one", np.ones(99, np.uint8)).chunk is not None
    assert pack("labels", "one", np.ones(100, np.uint8)).chunk is None


def test_the_digest_tells_name_type_shape_and_values_apart() -> None:
    ones = np.ones((10, 20), np.uint8)
    others = [
        pack("labels", "two", ones),
        pack("cams", "one", ones),
        pack("labels", "one", ones.T),
        pack("labels", "one", ones.view(np.int8)),
        pack("labels", "one", 2 * ones),
    ]
    digests = {packed.digest for packed in [pack("labels", "one", ones), *others]}
    assert len(digests) == 6
    # a part of a larger array has the values of its copy
    assert pack("labels", "one", np.ones((20, 40), np.uint8)[::2, ::2]).digest in digests
