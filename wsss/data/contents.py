"""What the arrays of an artifact may hold, written down once.

Stages ask through `wsss.data.artifacts`; whoever has no index (`wsss inspect`) asks here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from wsss.data.index_file import DRAWN
from wsss.label_values import IGNORE_INDEX, has_unknown
from wsss.pipeline.names import MASKS

LABEL_KINDS = ("segmentation", DRAWN, *MASKS)
"""Kinds of label maps: (H, W) uint8, values 0 to the number of classes, and 255."""
SALIENCY, CAMS = "saliency", "cams"
_ONE = 0x3C00
"""1.0 as float16. Bit patterns of numbers from 0 to 1 are smaller, those of all others, infinities and nan are not."""
TOLERANCE = 1e-3
"""Rounding of float16 just above 1."""


def problem_of(
    kind: str,
    array: np.ndarray,
    attributes: Mapping[str, Any],
    *,
    num_classes: int,
    background: bool = True,
    sizes: tuple[tuple[int, int], tuple[int, int]] | None = None,
    named: Iterable[int] | None = None,
    refined: bool = False,
) -> str:
    """Say what is wrong with an array of an artifact; empty for nothing. Other kinds than these hold what they like.

    Label maps and saliency are (H, W) uint8 of the photograph's size. CAMs are (P, h, w) floats in [0, 1], at most as
    large as the photograph or what networks see of it, with one class each in the attribute `classes`.

    Args:
        kind: `segmentation`, `saliency`, `cams`, ...
        array: The array.
        attributes: Its attributes.
        num_classes: Classes without background.
        background: Whether a pixel can be background; else no label map holds 0.
        sizes: (H, W) of the photograph, and of what networks see; None if they are not known.
        named: Label values that the image-level labels name, to which CAMs are bound; None if they are not known.
        refined: Whether CAMs have been through an affinity, whose rows need not add up to 1, so that they may pass 1.
    """
    if kind == CAMS:
        return _problem_of_cams(array, attributes, num_classes, sizes, named) or _problem_of_range(array, refined)
    if kind != SALIENCY and kind not in LABEL_KINDS:
        return ""
    if array.dtype != np.uint8:
        return f"is {array.dtype}, expected uint8"
    if array.ndim != 2 or not array.size:
        return f"has the shape {array.shape}, expected (H, W)"
    if sizes is not None and array.shape != sizes[0]:
        return f"is {_size(array.shape)}, but the photograph is {_size(sizes[0])} (height x width)"
    if kind == SALIENCY:
        return ""
    if not background and not array.all():
        return "holds the value 0, but the data set has no background (data.background is false)"
    if not has_unknown(array, num_classes):
        return ""
    wrong = array[(array > num_classes) & (array != IGNORE_INDEX)]
    return f"holds the value {wrong[0]}, but the classes end at {num_classes} (0 is background, 255 is ignored)"


def _problem_of_cams(
    array: np.ndarray,
    attributes: Mapping[str, Any],
    num_classes: int,
    sizes: tuple[tuple[int, int], tuple[int, int]] | None,
    named: Iterable[int] | None,
) -> str:
    if array.dtype.kind != "f":
        return f"is {array.dtype}, expected float16"
    if array.ndim != 3 or not all(array.shape[1:]):
        return f"has the shape {array.shape}, expected (P, h, w)"
    most = [max(sides) for sides in zip(*sizes, strict=True)] if sizes is not None else list(array.shape[1:])
    if array.shape[1] > most[0] or array.shape[2] > most[1]:
        return f"is {_size(array.shape[1:])}, more than the photograph's {_size(most)} (height x width)"
    classes = np.asarray(attributes.get("classes", ()))
    if classes.dtype.kind not in "iu" and classes.size:
        return f"has classes that are no numbers ({classes.dtype})"
    values = classes.ravel().tolist()
    if len(values) != len(array):
        return f"has {len(array)} planes, but {len(values)} classes in its attribute `classes`"
    if len(set(values)) < len(values):
        return f"has a class twice ({values})"
    unknown = [value for value in values if not 1 <= value <= num_classes]
    if unknown:
        return f"has class {unknown[0]}, but the classes are 1 to {num_classes}"
    if named is not None and (absent := sorted({*values} - {*map(int, named)})):
        return f"has class {absent[0]}, which the image-level labels do not name"
    return ""


def _problem_of_range(array: np.ndarray, refined: bool) -> str:
    """Say whether floats leave [0, 1]; for float16 by their bits, for numpy compares these a number at a time."""
    if not array.size or (array.dtype == np.float16 and array.view(np.uint16).max() <= _ONE):
        return ""
    values = array.astype(np.float32) if array.dtype == np.float16 else array
    low, high = values.min(), values.max()
    if not np.isfinite(low) or not np.isfinite(high):
        return "holds numbers that are not finite"
    if low >= 0 and (refined or high <= 1 + TOLERANCE):
        return ""
    return f"holds numbers from {low:.3g} to {high:.3g}, expected {'0 and more' if refined else '0 to 1'}"


def _size(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))
