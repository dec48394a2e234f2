"""Files of other kinds than the reader expects: pictures, pickles, checkpoints."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from PIL import Image

from tests.campaign.grammars import changed, damaged


def pictures() -> list[bytes]:
    """Pictures in forms that masks and photographs do not have, or seldom."""
    found = []
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8)
    for mode, form in (("RGB", "PNG"), ("RGBA", "PNG"), ("1", "PNG"), ("I;16", "PNG"), ("P", "GIF"), ("F", "TIFF"),
                       ("I", "TIFF"), ("CMYK", "JPEG"), ("L", "BMP"), ("RGB", "WEBP"), ("LA", "PNG")):  # fmt: skip
        buffer = io.BytesIO()
        picture = Image.fromarray(ramp.astype(np.uint16)) if mode == "I;16" else Image.fromarray(ramp).convert(mode)
        picture.save(buffer, form)
        found.append(buffer.getvalue())
    huge = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(huge, "PNG")
    return [*found, huge.getvalue(), b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]


class _Exit:
    """A pickle that ends the program."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exit, (0,)


class _Raise:
    """A pickle that asks for more memory than there is."""

    def __reduce__(self) -> tuple[Any, ...]:
        return bytearray, (1 << 44,)


def pickles() -> list[bytes]:
    """Arrays of other shapes and kinds than dictionaries of maps, and pickles that do as they like."""
    ones, threes = np.ones((2, 2)), np.ones((3, 3))
    contents: list[Any] = [
        *({}, {0: 1.0}, {0: np.zeros(3)}, {0: np.zeros((0, 4))}, {"a": 1}, {0: "text"}, {0: np.array(["a"])}),
        *({-1: ones}, {10**30: ones}, {0: ones * np.nan}, {0: ones, 1: threes, 2: 1}, {0: ones, 1: threes, 2: ones}),
        *({"keys": [0], "cam": np.ones((2, 3, 3))}, {"keys": "a", "cam": 3}, {"keys": None, "high_res": None}),
        *({"keys": [[0.5]], "cam": np.ones((1, 3, 3))}, [1, 2], None, "text", 3.0, _Exit(), {0: _Exit()}, _Raise()),
    ]
    found = []
    for content in contents:
        buffer = io.BytesIO()
        holder = np.empty((), dtype=object)
        holder[()] = content
        np.save(buffer, holder, allow_pickle=True)
        found += [buffer.getvalue(), pickle.dumps(content)]
    for array in (np.zeros((3, 4)), np.zeros(0), np.zeros((), "U3"), np.zeros(2, [("a", "f4")])):
        buffer = io.BytesIO()
        np.save(buffer, array)
        found.append(buffer.getvalue())
    return found


def checkpoints(content: bytes) -> SearchStrategy[bytes]:
    """Checkpoints of changed content without a seal, as another program could write them; damaged ones; pickles."""
    payload = torch.load(io.BytesIO(content), weights_only=True)
    others = [*pickles(), *(saved(value) for value in ({}, [], None, torch.zeros(3), {"weights": {}}, _Exit()))]
    return st.one_of(
        damaged(content), changed(payload).map(saved), changed(payload).map(saved), st.sampled_from(others)
    )


def saved(content: Any) -> bytes:
    """Return what `torch.save` writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
