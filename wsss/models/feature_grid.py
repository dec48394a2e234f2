"""Find where the features of a network lie on its input, from the layers that make maps smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wsss.grid import GRID, FeatureGrid

SIDE = 4 * GRID
"""Side of the image that is sent through, in pixels: few, yet enough for any network."""


def find_feature_grid(parts: Sequence[nn.Module], bands: int = 3) -> FeatureGrid:
    """Follow one image through the parts of a network, and find stride and place of its features.

    A layer with stride s, kernel k, dilation d and p pixels of padding before the first puts its output i on its input
    s i - p + d (k - 1) / 2. Where several layers lead from one size to the next, as a convolution and the shortcut
    beside it, the mean of their places counts. Layers that keep the size keep the place too, except where the kernel is
    even, as in ConvNeXt whose last stride is taken out; those that read the same map stand beside each other.

    Args:
        parts: One after the other.
        bands: Of the images that the first takes.

    Raises:
        ValueError: If the sizes of the maps do not follow from the layers, or strides differ by direction.
    """
    steps: dict[int, list[tuple[int, float]]] = {}
    keeping: dict[int, dict[int, list[float]]] = {}
    # an id names a map as long as it is alive
    read: list[Tensor] = []

    def note(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        before, after = inputs[0].shape[-1], output.shape[-1]
        if after < before:
            steps.setdefault(before, []).append((after, _place(module, before, after)))
        elif after == before:
            read.append(inputs[0])
            keeping.setdefault(before, {}).setdefault(id(inputs[0]), []).append(_place(module, before, after))

    training = [(module, module.training) for part in parts for module in part.modules()]
    hooks = [m.register_forward_hook(note) for m, _ in training if hasattr(m, "kernel_size") and hasattr(m, "stride")]
    try:
        features = torch.zeros(1, bands, SIDE, SIDE)
        with torch.no_grad():
            for part in parts:
                features = part.eval()(features)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in training:
            module.training = mode
    stride, first = 1, 0.0
    length = SIDE
    while True:
        first += stride * sum(sum(places) / len(places) for places in keeping.get(length, {}).values())
        if length == features.shape[-1]:
            return FeatureGrid(stride, first)
        found = steps.get(length, [])
        if not found or len({after for after, _ in found}) > 1:
            raise ValueError(f"no layer of known form leads from maps of {length} px to smaller ones")
        first += stride * sum(place for _, place in found) / len(found)
        stride *= length // found[0][0]
        length = found[0][0]


def _place(module: Any, before: int, after: int) -> float:
    """Return the input pixel on which a layer centres its first output; both sizes are of square maps."""
    kernel, stride = _single(module.kernel_size), _single(module.stride)
    reach = _single(getattr(module, "dilation", 1)) * (kernel - 1)
    padding = _single(module.padding) if not isinstance(module.padding, str) else None
    if padding is None or (before + 2 * padding - reach - 1) // stride + 1 != after:
        # TensorFlow's padding, which timm computes at each call: the odd pixel comes after the last
        padding = max((after - 1) * stride + reach + 1 - before, 0) // 2
    return reach / 2 - padding


def _single(value: int | tuple[int, ...]) -> int:
    if isinstance(value, int):
        return value
    if len(set(value)) > 1:
        raise ValueError(f"a layer has {value}, but features must lie alike in rows and columns")
    return value[0]
