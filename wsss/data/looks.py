"""What photographs hold, as their reader sees them: sizes, bands, bits, damage; and the settings that they need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wsss.data.band_files import Values, read_values
from wsss.data.bands import chosen_bands
from wsss.data.images import LARGEST, decoded_size, decoding, image_size, opened
from wsss.data.reading import MAX_PIXELS, PLAIN, RGB, Reading, as_bytes
from wsss.errors import InputError

DECODED = 250_000_000
"""Pixels that are decoded in all, some seconds' work; of photographs beyond, size and mode are read. Inferred."""
_ANY_SIZE = Reading(max_pixels=LARGEST)
_USUAL = ("RGB", "L", "P")


@dataclass
class Look:
    """What some photographs hold.

    Attributes:
        sizes: (H, W) of each, upright.
        settings: Of the data, that they need to be read at all: `bands`, `range`, `max_pixels`.
        odd: What a person should know, a sentence each.
    """

    sizes: list[tuple[int, int]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    odd: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Form:
    """How a photograph is stored.

    Attributes:
        bands: How many it has.
        numbers: Name of their type.
        lowest: Least value of those that networks would see; infinity where none is finite.
        highest: Largest; minus infinity where none is finite.
        needs_bands: Whether it is read only where `data.bands` says which.
        needs_range: Likewise `data.range`.
        ends: Least and largest value of all bands, as above.
    """

    bands: int
    numbers: str = "uint8"
    lowest: float = 0.0
    highest: float = 255.0
    needs_bands: bool = False
    needs_range: bool = False
    ends: tuple[float, float] = (0.0, 255.0)


def look_at(paths: Sequence[Path]) -> Look:
    """Look at photographs, and decode so many of them as takes some seconds."""
    look, forms, modes, left = Look(), list[_Form](), Counter[str](), DECODED
    for path in paths:
        try:
            size = image_size(path, _ANY_SIZE)
            pixels = size[0] * size[1]
            if pixels <= left:
                left -= pixels
                mode, form = _form(path)
                forms.append(form)
                modes[mode] += 1
            look.sizes.append(size)
        except InputError as error:
            look.odd.append(str(error))
    largest = max((height * width for height, width in look.sizes), default=0)
    if largest > MAX_PIXELS:
        look.settings["max_pixels"] = min(-(-largest // 10**7) * 10**7, LARGEST)
        look.odd.append(f"up to {largest:,} pixels: data.max_pixels allows that; each takes 4 bytes a pixel and more")
    if others := [f"{count} of mode {mode}" for mode, count in modes.items() if mode and mode not in _USUAL]:
        look.odd.append(f"of {len(forms)} photographs looked at, {', '.join(others)}: see how they look in `wsss view`")
    if undecoded := len(look.sizes) - len(forms):
        look.odd.append(f"{undecoded} of {len(look.sizes)} photographs were not decoded, to save time: `index` will")
    look.odd.extend(_bands(forms, look.settings))
    look.odd.extend(_range(forms, look.settings))
    return look


def _form(path: Path) -> tuple[str, _Form]:
    """Decode a photograph; return Pillow's mode of a plain one, and how it is stored."""
    with decoding(path):
        values = read_values(path, _ANY_SIZE)
    if values is not None:
        return "", _form_of(values, path)
    decoded_size(path, reading=_ANY_SIZE)
    with opened(path, most=LARGEST) as image:
        return image.mode, _Form(1 if image.mode in ("L", "1") else RGB)


def _form_of(values: Values, path: Path) -> _Form:
    count = values.array.shape[2]
    seen, needs_bands, needs_range = values.array[..., :RGB], False, False
    try:
        seen = chosen_bands(values, PLAIN, path)[0]
    except InputError:
        needs_bands = True
    try:
        as_bytes(seen, PLAIN, path)
    except InputError:
        needs_range = True
    return _Form(count, values.array.dtype.name, *_ends(seen), needs_bands, needs_range, _ends(values.array))


def _ends(array: np.ndarray) -> tuple[float, float]:
    finite = array[np.isfinite(array)]
    return (float(finite.min()), float(finite.max())) if finite.size else (np.inf, -np.inf)


def _bands(forms: Sequence[_Form], settings: dict[str, Any]) -> Iterator[str]:
    """Set the bands where some photograph needs that, and yield what to know about it."""
    if not any(form.needs_bands for form in forms):
        return
    counts = sorted({form.bands for form in forms})
    said = " and ".join(map(str, counts))
    if counts[0] < RGB:
        yield f"photographs of {said} bands: no setting reads them all; leave one kind out, then set data.bands"
        return
    settings["bands"] = tuple(range(1, RGB + 1))
    every = list(range(1, counts[0] + 1))
    yield (
        f"photographs of {said} bands: data.bands below takes the first three for red, green and blue; name others, in "
        f"that order, or {every} to show networks {'all' if len(counts) == 1 else 'those that all have'}"
    )


def _range(forms: Sequence[_Form], settings: dict[str, Any]) -> Iterator[str]:
    """Set the range where some photograph needs that, and yield what to know about it."""
    if not any(form.needs_range for form in forms):
        return
    deep = [form for form in forms if form.numbers != "uint8"]
    lowest, highest = min(form.lowest for form in deep), max(form.highest for form in deep)
    numbers = " and ".join(sorted({form.numbers for form in deep}))
    if all(form.numbers == "uint16" for form in deep):
        settings["range"] = (0.0, float(2 ** max(9, int(highest).bit_length()) - 1))
    elif lowest < highest:
        settings["range"] = (lowest, highest)
    if "range" in settings:
        yield (
            f"pixels are {numbers}, {lowest:g} to {highest:g} in those looked at: data.range below says which stand "
            f"for black and white; correct it if you know better{_beyond(deep, settings)}"
        )
    else:
        held = f"all {lowest:g}" if lowest == highest else "none of them finite"
        yield f"pixels are {numbers}, {held} in those looked at: set data.range to what stands for black and white"
    if bytes_too := len(forms) - len(deep):
        yield f"{bytes_too} photographs of 8 bits beside them: no range reads both; leave one kind out, or convert it"


def _beyond(deep: Sequence[_Form], settings: dict[str, Any]) -> str:
    """Say where the bands that are not among the first three hold values that the range cuts off."""
    least, most = min(form.ends[0] for form in deep), max(form.ends[1] for form in deep)
    if "bands" not in settings or (settings["range"][0] <= least and most <= settings["range"][1]):
        return ""
    return f". It is that of the first three bands; all hold {least:g} to {most:g}: widen it if you name others"
