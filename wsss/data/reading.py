"""How photographs are read: which bands become channels, and which values become the bytes 0 and 255."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wsss.errors import InputError

MAX_PIXELS = 8000 * 8000
"""Larger images are refused where nothing else is said: a small file can claim to hold more than fits into memory."""
BRIGHT = 2**14
"""Photographs of 16 bits whose values all lie below have 14 bits or fewer: they would become nearly black. Inferred."""

RGB = 3
"""Bands of a photograph as networks have it."""


@dataclass(frozen=True)
class Reading:
    """How photographs are read.

    Attributes:
        bands: Bands that become channels, counted from 1; one is taken three times. None takes grey and RGB as they
            are, and refuses other bands.
        range: Values that become 0 and 255; None takes the whole range of 8 and 16 bits.
        max_pixels: Larger photographs are refused.
    """

    bands: tuple[int, ...] | None = None
    range: tuple[float, float] | None = None
    max_pixels: int = MAX_PIXELS

    @property
    def asks(self) -> bool:
        """Whether bands or a range are named, so that every photograph is read by its bands."""
        return self.bands is not None or self.range is not None

    @property
    def channels(self) -> int:
        """Channels of a photograph: 3, or more where more bands are named."""
        return max(RGB, len(self.bands or ()))

    def attributes(self) -> dict[str, Any]:
        """Return what an artifact records: only what is not the default."""
        found: dict[str, Any] = {} if self.bands is None else {"bands": list(self.bands)}
        found |= {} if self.range is None else {"range": list(self.range)}
        return found if self.max_pixels == MAX_PIXELS else {**found, "max_pixels": self.max_pixels}

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Reading:
        """Return the reading that an artifact records; extra keys are ignored."""
        pairs = {name: tuple(attributes[name]) for name in ("bands", "range") if attributes.get(name)}
        return cls(**pairs, max_pixels=int(attributes.get("max_pixels", MAX_PIXELS)))


PLAIN = Reading()
"""Grey and RGB, as they are."""


def as_bytes(values: np.ndarray, reading: Reading, path: str | Path) -> np.ndarray:
    """Turn values of any type into uint8, by the range of the settings or by their own type.

    Args:
        values: Of any shape.
        reading: Says the range.
        path: The file, for messages.

    Raises:
        InputError: If they do not fit the range, or a range must say what they mean.
    """
    lowest, highest = reading.range or (0.0, 0.0)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8:
        if reading.range is None:
            return values
        if highest > 255:
            raise InputError(
                f"{path}: holds 8 bits, but data.range ends at {highest:g}, so it would be nearly black; leave it out, "
                "or convert it to the bits of the others"
            )
    if reading.range is not None:
        scaled = np.nan_to_num((values.astype(np.float32) - lowest) * (255 / (highest - lowest)), nan=0.0)
        result: np.ndarray = np.rint(scaled.clip(0, 255)).astype(np.uint8)
        return result
    least, most = values.min(), values.max()
    if values.dtype.kind not in "ui" or least < 0 or most > 65535:
        kind = "floating point numbers" if values.dtype.kind not in "ui" else "not of 8 or 16 bits"
        raise InputError(
            f"{path}: its pixels are {kind} ({least:g} to {most:g}); set data.range to the values that stand for black "
            "and white, or save it with 8 bits per channel"
        )
    if most < BRIGHT:
        bits = max(8, int(most).bit_length())
        raise InputError(
            f"{path}: its values end at {most} of the 65535 of 16 bits, so it would be nearly black; set data.range to "
            f"the values that stand for black and white, [0, {2**bits - 1}] say"
        )
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
