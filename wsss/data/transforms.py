"""Joint augmentation of a photograph and its maps. Imports torch: for training only.

torchvision is imported where it is used, for it takes a second: inference shares the module of loaders, and needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from wsss.config import Augmentation
from wsss.grid import snapped
from wsss.label_values import IGNORE_INDEX

if TYPE_CHECKING:
    from torchvision.transforms.v2 import InterpolationMode

PAD_COLOR = (124, 116, 104)
"""The mean colour of ImageNet: close to zero after any backbone's normalisation."""


class JointAugmentation:
    """Random scale, flip, crop and colours, the geometry shared by a photograph and its maps.

    Everything random comes from the generator that is passed in, so the result is a pure function of it. All stays
    uint8; the training step turns images into floats on its device.

    Args:
        settings: Ranges and probabilities.
    """

    def __init__(self, settings: Augmentation) -> None:
        self._settings = settings

    def __call__(
        self,
        generator: np.random.Generator,
        image: np.ndarray,
        *,
        labels: np.ndarray | None = None,
        saliency: np.ndarray | None = None,
        cams: np.ndarray | None = None,
    ) -> dict[str, Tensor]:
        """Make one training example.

        Args:
            generator: Source of all randomness.
            image: (H, W, C) uint8; its size counts as scale 1. Colours change in the first three bands alone.
            labels: (H', W') uint8 of the same scene in any resolution; resized by nearest pixel, padded with 255
                (or 0, as the settings say).
            saliency: (H', W') uint8, a map of probabilities 0..255; resized bilinearly and cut at 0.5.
            cams: (P, H', W') uint8, maps of scores 0..255; resized bilinearly, padded with 0.

        Returns:
            `images` (C, S, S), `inside` (S, S) bool, False on padding, and, as given, `labels` (S, S), `saliency`
            (S, S) in {0, 1, 255}, padded like the labels, and `cams` (P, S, S); all uint8 but `inside`. S is the crop
            size, snapped to the grid of sizes that networks see.
        """
        from torchvision.transforms.v2 import InterpolationMode, functional

        side = snapped(self._settings.side)
        scale = self._scale(generator, max(image.shape[:2]))
        size = [max(1, round(length * scale)) for length in image.shape[:2]]
        flip = generator.random() < self._settings.flip
        window = [_window(length, side, generator) for length in size]

        def take(
            array: np.ndarray | Tensor, mode: InterpolationMode, fill: int | tuple[int, ...]
        ) -> tuple[Tensor, Tensor]:
            maps = array if isinstance(array, Tensor) else _tensor(array)
            resized = functional.resize(maps, size, interpolation=mode, antialias=True)
            part = resized[:, window[0][0], window[1][0]].contiguous()
            if flip:
                part = functional.horizontal_flip(part)
            canvas = torch.tensor(fill, dtype=torch.uint8).reshape(-1, 1, 1).expand(part.shape[0], side, side).clone()
            return part, canvas

        def place(part: Tensor, canvas: Tensor) -> Tensor:
            canvas[:, window[0][1], window[1][1]] = part
            return canvas

        part, canvas = take(image, InterpolationMode(self._settings.interpolation), pad_color(image.shape[2]))
        example = {"images": place(self._jitter(part, generator), canvas)}
        padding = IGNORE_INDEX if self._settings.padding == "ignored" else 0
        example["inside"] = torch.zeros(side, side, dtype=torch.bool)
        example["inside"][window[0][1], window[1][1]] = True
        if labels is not None:
            example["labels"] = place(*take(labels, InterpolationMode.NEAREST_EXACT, padding))[0]
        if saliency is not None:
            part, canvas = take(saliency, InterpolationMode.BILINEAR, padding)
            # 128 / 255 is the first value above 0.5
            example["saliency"] = place((part >= 128).to(torch.uint8), canvas)[0]
        if cams is not None:
            example["cams"] = place(*take(_writable(cams), InterpolationMode.BILINEAR, 0))
        return example

    def _scale(self, generator: np.random.Generator, side: int) -> float:
        """Draw the factor on the size of an image whose longer side is `side`."""
        if self._settings.long_side is None:
            return float(generator.uniform(*self._settings.scale))
        shortest, longest = self._settings.long_side
        return int(generator.integers(shortest, longest + 1)) / side

    def _jitter(self, image: Tensor, generator: np.random.Generator) -> Tensor:
        """Change brightness, contrast, saturation and hue in random order, as torchvision's ColorJitter."""
        if image.shape[0] > len(PAD_COLOR):
            colours, others = image[: len(PAD_COLOR)], image[len(PAD_COLOR) :]
            return torch.cat([self._jitter(colours, generator), others])
        from torchvision.transforms.v2 import functional

        changes = (
            functional.adjust_brightness,
            functional.adjust_contrast,
            functional.adjust_saturation,
            functional.adjust_hue,
        )
        order = generator.permutation(len(changes))
        draws = generator.uniform(-1, 1, len(changes))
        for index in order:
            strength = self._settings.color_jitter[index] * draws[index]
            if strength != 0:
                factor = strength if index == 3 else max(0.0, 1 + strength)
                image = changes[index](image, float(factor))
        return image


def pad_color(channels: int) -> tuple[int, ...]:
    """Return the colour of padding for images of so many channels; further bands take the mean of the three."""
    return (*PAD_COLOR, *[round(sum(PAD_COLOR) / len(PAD_COLOR))] * (channels - len(PAD_COLOR)))


def image_tensor(image: np.ndarray) -> Tensor:
    """Turn an image (H, W, C) uint8 into a tensor (C, H, W) uint8."""
    return _writable(image).permute(2, 0, 1)


def resize_labels(labels: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Resize a label map (H, W) uint8 to a tensor (h, w) uint8 by nearest pixel."""
    if labels.shape == size:
        return _writable(labels)
    from torchvision.transforms.v2 import InterpolationMode, functional

    return functional.resize(_tensor(labels), list(size), interpolation=InterpolationMode.NEAREST_EXACT)[0]


def _tensor(array: np.ndarray) -> Tensor:
    return image_tensor(array) if array.ndim == 3 else _writable(array)[None]


def _writable(array: np.ndarray) -> Tensor:
    """Share memory where that is safe; Pillow's arrays cannot be written, which torch does not support."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def _window(length: int, side: int, generator: np.random.Generator) -> tuple[slice, slice]:
    """Draw the part of a length to take, and its place in a crop of `side`."""
    start = int(generator.integers(0, abs(length - side) + 1))
    if length >= side:
        return slice(start, start + side), slice(0, side)
    return slice(0, length), slice(start, start + length)
