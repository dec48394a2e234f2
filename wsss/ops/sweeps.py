"""Scanning the thresholds that turn CAMs and saliency into labels, without making a label map per threshold.

A pixel's label under the rules of `wsss.ops.pseudo_labels` depends on three things only: its strongest class, how
strong it is, and how salient the pixel is. So pixels are counted once, by those three and by whether that class is
the true one; every threshold's scores are sums over that table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wsss.label_values import IGNORE_INDEX
from wsss.ops.metrics import mean, ratio

CAM_THRESHOLDS = np.arange(100, dtype=np.float32) / np.float32(100)
SALIENCY_THRESHOLDS = np.array([0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], np.float32)

WRONG, RIGHT, BACKGROUND, UNKNOWN = range(4)
"""The truth where a pixel has its strongest class: another class, this class, background, unknown (255)."""

_STRIP = 1 << 20
"""Pixels handled at once, so that a photograph of 8000 px needs no gigabytes."""


def seed_counts(
    cams: np.ndarray,
    classes: Sequence[int],
    saliency: np.ndarray | None,
    truth: np.ndarray | None,
    size: tuple[int, int],
    ignore_index: int = IGNORE_INDEX,
) -> dict[int, np.ndarray]:
    """Count the pixels of one image by strongest class, its correctness, saliency and strength.

    Args:
        cams: (P, h, w) in [0, 1], of present classes; brought to `size` bilinearly.
        classes: Label values of the planes, (P,).
        saliency: (H, W) uint8; None counts every pixel as not salient.
        truth: (H, W) uint8; None counts every pixel as UNKNOWN.
        size: (H, W).

    Returns:
        Per class that is strongest somewhere (0 for an image without classes): (4, S+1, K+1) int64, where index s
        or k means that the value exceeds the first s or k thresholds.
    """
    height, width = size
    levels = (np.arange(256, dtype=np.float32)[:, None] / np.float32(255) > SALIENCY_THRESHOLDS).sum(axis=1)
    values = np.asarray(list(classes) or [0], np.int64)
    shape = (len(values), 4, len(SALIENCY_THRESHOLDS) + 1, len(CAM_THRESHOLDS) + 1)
    counts = np.zeros(int(np.prod(shape)), np.int64)
    columns = _interpolate(cams.astype(np.float32), width, axis=2)
    step = max(1, _STRIP // max(width, 1))
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        planes = _interpolate(columns, height, axis=1, part=rows)
        if len(planes):
            best, strength = planes.argmax(axis=0), planes.max(axis=0)
        else:
            best = np.zeros((rows.stop - top, width), np.int64)
            strength = np.zeros(best.shape, np.float32)
        state = _state(values[best], truth[rows] if truth is not None else None, ignore_index)
        salient = levels[saliency[rows]] if saliency is not None else 0
        strong = np.searchsorted(CAM_THRESHOLDS, strength.ravel(), side="left").reshape(best.shape)
        places = ((best * 4 + state) * shape[2] + salient) * shape[3] + strong
        counts += np.bincount(places.ravel(), minlength=counts.size)
    by_class = counts.reshape(shape)
    return {int(value): table for value, table in zip(values, by_class, strict=True) if table.any()}


def _state(strongest: np.ndarray, truth: np.ndarray | None, ignore_index: int) -> np.ndarray:
    if truth is None:
        return np.full(strongest.shape, UNKNOWN)
    state = np.where(truth == strongest, RIGHT, WRONG)
    state[truth == 0] = BACKGROUND
    state[truth == ignore_index] = UNKNOWN
    return state


def _interpolate(array: np.ndarray, size: int, *, axis: int, part: slice | None = None) -> np.ndarray:
    """Interpolate along one axis to `size` samples, or part of them: linear, half-pixel centres, edges repeated."""
    source = array.shape[axis]
    wanted = np.arange(size)[part] if part is not None else np.arange(size)
    position = np.clip((wanted + 0.5) * (source / size) - 0.5, 0, source - 1)
    low = np.floor(position).astype(np.int64)
    weight = (position - low).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(array.ndim)])
    first, second = array.take(low, axis), array.take(np.minimum(low + 1, source - 1), axis)
    return first + (second - first) * weight


class SeedSweep:
    """The scores of any thresholds of the grid, from the counts of all images.

    Args:
        tables: Per class, (4, S+1, K+1): sums of the tables of `seed_counts`.
        truth_counts: (C+1,) pixels of each true class, background first.
        background: Whether weak pixels are background; else they are 255.
    """

    def __init__(self, tables: Mapping[int, np.ndarray], truth_counts: np.ndarray, *, background: bool = True) -> None:
        counts = np.zeros((len(truth_counts), 4, len(SALIENCY_THRESHOLDS) + 1, len(CAM_THRESHOLDS) + 1), np.int64)
        for value, table in tables.items():
            counts[value] = table
        self._truth_counts, self._pixels, self._background = truth_counts, counts.sum(), background
        # pixels at or beyond a level of saliency and of strength, and pixels at or below them
        self._above = counts[:, :, ::-1, ::-1].cumsum(axis=2).cumsum(axis=3)[:, :, ::-1, ::-1]
        self._below = counts.sum(axis=0).cumsum(axis=1).cumsum(axis=2)

    def scores(self, salient: int | None, strong: int, weak: int) -> tuple[dict[str, float], np.ndarray]:
        """Score the labels at one point of the grid.

        Args:
            salient: Index into SALIENCY_THRESHOLDS; None looks at CAMs alone.
            strong: Index into CAM_THRESHOLDS: a class above it.
            weak: Index into CAM_THRESHOLDS: background at most it.

        Returns:
            `precision`, `coverage`, `miou` (255 a miss), `foreground_precision`, `foreground_recall`, with the
            meaning of `wsss.ops.metrics.label_scores`; and the IoU per class, (C+1,).
        """
        if salient is None:
            foreground = self._above[:, :, 0, strong + 1]
            background = self._below[:, -1, min(weak, strong)]
        else:
            foreground = self._above[:, :, salient + 1, strong + 1]
            background = self._below[:, salient, weak]
        return self._from_counts(foreground, background if self._background else np.zeros_like(background))

    def _from_counts(self, foreground: np.ndarray, background: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        """Score from pixels labelled as each class (C+1, 4) and as background (4,), by correctness."""
        judged = [WRONG, RIGHT, BACKGROUND]
        hits = foreground[:, RIGHT].astype(np.float64)
        labelled = foreground[:, judged].sum(axis=1).astype(np.float64)
        hits[0], labelled[0] = background[BACKGROUND], background[judged].sum()
        iou = ratio(hits, self._truth_counts + labelled - hits)
        scores = {
            "precision": float(ratio(hits.sum(), labelled.sum())),
            "coverage": float(ratio(foreground.sum() + background.sum(), self._pixels)),
            "miou": mean(iou),
            "foreground_precision": float(ratio(hits[1:].sum(), labelled[1:].sum())),
            "foreground_recall": float(ratio(hits[1:].sum(), self._truth_counts[1:].sum())),
        }
        return scores, iou
