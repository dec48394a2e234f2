"""The adaptive affinity loss of AA&LR, on pairs of close pixels.

Zhang et al., "Adaptive Affinity Loss and Erroneous Pseudo-Label Refinement for Weakly Supervised Semantic
Segmentation" (ACM MM 2021), after the authors' released code of this loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from wsss.label_values import IGNORE_INDEX
from wsss.losses.whole_batch import ALONE, WholeBatch

EdgeSplit = Literal["none", "fg_bg"]
SMALLEST_PROBABILITY = 1e-4
"""Every argument of the divergence is kept above this, as in the released code."""


def adaptive_affinity_loss(
    probabilities: Tensor,
    labels: Tensor,
    confidence: Tensor | None,
    offset: int = 4,
    margin: float = 3.0,
    different_weight: float = 2.0,
    edge_split: EdgeSplit = "none",
    ignore_index: int = IGNORE_INDEX,
    whole: WholeBatch = ALONE,
) -> Tensor:
    """Pull pairs of one class together and push pairs of two classes apart; both ends of a pair learn.

    A pixel i and each of its eight neighbours j, `offset` pixels away, are a pair where both are labelled. With the
    divergence D(i, j) = sum over classes of KL(Bernoulli(p_j) || Bernoulli(p_i)) and u = max(s_i, s_j), the loss is

        mean of u D over pairs of background + mean of u D over pairs of one object
        + different_weight * mean of max(0, margin u - D) over pairs of different classes.

    A group without pairs adds 0 (the released code drops other groups with it). Computed in float32 at any
    precision around it, from overlapping slices, without reading a value back from the device.

    Args:
        probabilities: (N, K, H, W), a softmax; background is class 0.
        labels: (N, H, W), integers in 0..K-1 or `ignore_index`.
        confidence: s, (N, H, W); None stands for 1 everywhere.
        offset: Pixels between the two of a pair, in rows and columns.
        margin: How far apart two classes are to be where the confidence is 1.
        different_weight: Factor on the pairs of different classes.
        edge_split: `none`: one mean over all pairs of different classes, as the released code does. `fg_bg`: the mean
            over pairs of two objects plus that over pairs of object and background, as the released code intends.
        ignore_index: Marks pixels that make no pairs.
        whole: The batch that the means are over, where these are a part of it.

    Returns:
        A scalar, float32; zero, with zero gradients, where there is no pair.

    Raises:
        ValueError: If shapes do not fit, or a setting has no valid value.
    """
    _check(probabilities, labels, confidence, offset, edge_split)
    # mixed precision turns none of the following operations into half precision
    pixels = _Pixels(probabilities.float(), labels, confidence, ignore_index)
    groups = _Groups(edge_split, pixels.likely.sum() * 0)
    for centre, neighbour in _pairs(pixels, offset):
        groups.add(centre, neighbour, margin)
    return groups.total(different_weight, whole)


def _check(
    probabilities: Tensor, labels: Tensor, confidence: Tensor | None, offset: int, edge_split: EdgeSplit
) -> None:
    size = (probabilities.shape[0], *probabilities.shape[2:])
    if probabilities.ndim != 4 or tuple(labels.shape) != size or (confidence is not None and confidence.shape != size):
        shapes = [tuple(tensor.shape) for tensor in (probabilities, labels, confidence) if tensor is not None]
        raise ValueError(
            f"expected probabilities (N, K, H, W), labels and confidence (N, H, W), got {', '.join(map(str, shapes))}"
        )
    if offset < 1 or edge_split not in ("none", "fg_bg"):
        raise ValueError(
            f"expected an offset from 1 on and edge_split `none` or `fg_bg`, got {offset} and `{edge_split}`"
        )


class _Pixels:
    """The pixels of pairs: clamped probabilities of a class and of its absence, their logarithms, and labels."""

    def __init__(self, probabilities: Tensor, labels: Tensor, confidence: Tensor | None, ignore_index: int) -> None:
        self.likely = probabilities.clamp(SMALLEST_PROBABILITY, 1)
        self.unlikely = (1 - probabilities).clamp(SMALLEST_PROBABILITY, 1)
        self.log_likely, self.log_unlikely = self.likely.log(), self.unlikely.log()
        self.labels, self.labelled = labels, labels != ignore_index
        self.confidence = torch.ones_like(probabilities[:, 0]) if confidence is None else confidence.float()

    def part(self, rows: slice, columns: slice) -> _Pixels:
        """Cut a window out of all of it, sharing memory."""
        part = object.__new__(_Pixels)
        for name, value in vars(self).items():
            setattr(part, name, value[..., rows, columns])
        return part


def _pairs(pixels: _Pixels, offset: int) -> Iterator[tuple[_Pixels, _Pixels]]:
    """Yield each unordered pair once, as two windows that overlap: right, below, and the two diagonals below."""
    height, width = pixels.labels.shape[-2:]
    for down, right in ((0, offset), (offset, 0), (offset, offset), (offset, -offset)):
        rows, columns = max(height - down, 0), max(width - abs(right), 0)
        left = max(-right, 0)
        yield (
            pixels.part(slice(0, rows), slice(left, left + columns)),
            pixels.part(slice(down, down + rows), slice(left + right, left + right + columns)),
        )


class _Groups:
    """Sums and counts of the groups of pairs; both directions of a pair count."""

    def __init__(self, edge_split: EdgeSplit, zero: Tensor) -> None:
        different = ("objects", "borders") if edge_split == "fg_bg" else ("different",)
        self._sums = dict.fromkeys(("background", "object", *different), zero)
        self._counts = dict.fromkeys(self._sums, zero.detach())

    def add(self, centre: _Pixels, neighbour: _Pixels, margin: float) -> None:
        weight = torch.maximum(centre.confidence, neighbour.confidence)
        labelled = centre.labelled & neighbour.labelled
        same = labelled & (centre.labels == neighbour.labels)
        different = labelled & ~same
        of_background = (centre.labels == 0) | (neighbour.labels == 0)
        members = {
            "background": same & of_background,
            "object": same & ~of_background,
            "different": different,
            "objects": different & ~of_background,
            "borders": different & of_background,
        }
        for distance in (_divergence(centre, neighbour), _divergence(neighbour, centre)):
            pull, push = weight * distance, (margin * weight - distance).clamp(min=0)
            for name in self._sums:
                chosen, cost = members[name], pull if name in ("background", "object") else push
                self._sums[name] = self._sums[name] + (cost * chosen).sum()
                self._counts[name] = self._counts[name] + chosen.sum()

    def total(self, different_weight: float, whole: WholeBatch) -> Tensor:
        sums, counts = (torch.stack(list(values.values())) for values in (self._sums, self._counts))
        means = sums / whole.divisor(counts)
        # the first two are of one class
        return means[:2].sum() + different_weight * means[2:].sum()


def _divergence(centre: _Pixels, neighbour: _Pixels) -> Tensor:
    """Compute D(centre, neighbour), (N, H', W')."""
    present = neighbour.likely * (neighbour.log_likely - centre.log_likely)
    absent = neighbour.unlikely * (neighbour.log_unlikely - centre.log_unlikely)
    return (present + absent).sum(1)
