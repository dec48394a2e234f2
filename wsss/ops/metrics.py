"""Numbers about label maps and saliency maps, from counts that add up over images.

Everything comes from two tables of counts: a confusion matrix of (truth, label) pairs, and a histogram of saliency
levels inside and outside the foreground. Both are of a fixed size, so that any number of images fits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wsss.label_values import IGNORE_INDEX

_CHUNK = 1 << 20
"""Pixels counted at once, so that a photograph of 8000 px needs no gigabytes."""


def confusion_matrix(
    truth: np.ndarray | None, labels: np.ndarray, num_classes: int, ignore_index: int = IGNORE_INDEX
) -> np.ndarray:
    """Count pixels by true and given label.

    Args:
        truth: (H, W) uint8 in {0..C, ignore_index}; None counts every pixel as one whose truth is ignored.
        labels: (H, W) uint8 in {0..C, ignore_index}.
        num_classes: C, without background.

    Returns:
        (C+2, C+2) int64, truth down, labels across; the last row and column hold ignored pixels.

    Raises:
        ValueError: If the shapes differ or a value is neither a class nor ignored.
    """
    if truth is not None and truth.shape != labels.shape:
        raise ValueError(f"the truth is {_size(truth)}, the labels are {_size(labels)} (height x width)")
    side = num_classes + 2
    index = np.full(256, side, np.int64)
    index[: num_classes + 1] = np.arange(num_classes + 1)
    index[ignore_index] = num_classes + 1
    counts = np.zeros(side * side, np.int64)
    flat = labels.ravel()
    for start in range(0, flat.size, _CHUNK):
        columns = _known(index, flat[start : start + _CHUNK], num_classes, "label")
        if truth is None:
            rows = np.full(1, side - 1)
        else:
            rows = _known(index, truth.ravel()[start : start + _CHUNK], num_classes, "true")
        counts += np.bincount(rows * side + columns, minlength=side * side)
    return counts.reshape(side, side)


def _known(index: np.ndarray, values: np.ndarray, num_classes: int, what: str) -> np.ndarray:
    places = index[values]
    if places.size and places.max() > num_classes + 1:
        raise ValueError(f"{what} value {values[places.argmax()]} is no class (0 to {num_classes}) and not ignored")
    return places


def _size(array: np.ndarray) -> str:
    return " x ".join(str(side) for side in array.shape)


@dataclass(frozen=True)
class ClassScores:
    """Scores per class, background first; (C+1,) float64, NaN where a class has no pixel to judge by.

    Attributes:
        iou: TP / (TP + FP + FN).
        precision: TP / (TP + FP).
        recall: TP / (TP + FN).
    """

    iou: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def class_scores(matrix: np.ndarray, *, ignored_is_miss: bool = True) -> ClassScores:
    """Compute scores per class from a confusion matrix; pixels whose truth is ignored are left out.

    Args:
        matrix: (C+2, C+2) from `confusion_matrix`.
        ignored_is_miss: Whether a pixel labelled 255 counts as missed (a false negative of its true class), or is
            left out altogether.
    """
    given = matrix[:-1] if ignored_is_miss else matrix[:-1, :-1]
    hits = np.diagonal(matrix)[:-1].astype(np.float64)
    true = given.sum(axis=1)
    labelled = matrix[:-1, :-1].sum(axis=0)
    return ClassScores(
        iou=ratio(hits, true + labelled - hits), precision=ratio(hits, labelled), recall=ratio(hits, true)
    )


def label_scores(matrix: np.ndarray) -> dict[str, float]:
    """Score pseudo labels, which may leave pixels undecided (255).

    Args:
        matrix: (C+2, C+2) from `confusion_matrix`, summed over images.

    Returns:
        `precision` (share of labelled pixels that are right), `coverage` (share of all pixels that are labelled),
        `miou` (255 counts as a miss), `miou_labelled` (labelled pixels only), `class_precision` and `class_recall`
        (means over classes), `foreground_precision` and `foreground_recall` (right class, not just any),
        `background_iou`, `foreground_miou`; NaN where there is nothing to count. Without truth all but the
        coverage are NaN.
    """
    missed, labelled = class_scores(matrix), class_scores(matrix, ignored_is_miss=False)
    hits = np.diagonal(matrix)[:-1]
    decided = matrix[:-1, :-1]
    return {
        "precision": float(ratio(hits.sum(), decided.sum())),
        "coverage": float(ratio(matrix[:, :-1].sum(), matrix.sum())),
        "miou": mean(missed.iou),
        "miou_labelled": mean(labelled.iou),
        "class_precision": mean(missed.precision),
        "class_recall": mean(missed.recall),
        "foreground_precision": float(ratio(hits[1:].sum(), decided[:, 1:].sum())),
        "foreground_recall": float(ratio(hits[1:].sum(), matrix[1:-1].sum())),
        "foreground_miou": mean(missed.iou[1:]),
        "background_iou": float(missed.iou[0]),
    }


def prediction_scores(matrix: np.ndarray) -> dict[str, float]:
    """Score predictions, which decide every pixel.

    Args:
        matrix: (C+2, C+2) from `confusion_matrix`, summed over all images of the split.

    Returns:
        `miou`, `pixel_accuracy`, `mean_accuracy` (mean of the classes' recalls), `foreground_miou`,
        `background_iou`. A predicted 255 counts as wrong everywhere.
    """
    scores = class_scores(matrix)
    return {
        "miou": mean(scores.iou),
        "pixel_accuracy": float(ratio(np.diagonal(matrix)[:-1].sum(), matrix[:-1].sum())),
        "mean_accuracy": mean(scores.recall),
        "foreground_miou": mean(scores.iou[1:]),
        "background_iou": float(scores.iou[0]),
    }


def changed_share(labels: np.ndarray, before: np.ndarray) -> float:
    """Return the share of pixels whose label differs between two maps of one image, from or to 255 included."""
    return float(np.mean(labels != before)) if labels.size else 0.0


def saliency_histogram(truth: np.ndarray | None, saliency: np.ndarray, ignore_index: int = IGNORE_INDEX) -> np.ndarray:
    """Count saliency levels inside and outside the foreground.

    Args:
        truth: (H, W) uint8 mask, where any class is foreground; None counts every pixel as ignored.
        saliency: (H, W) uint8; 255 is fully salient.

    Returns:
        (3, 256) int64: background, foreground, ignored.

    Raises:
        ValueError: If the shapes differ.
    """
    if truth is None:
        counts = np.zeros((3, 256), np.int64)
        counts[2] = np.bincount(saliency.ravel(), minlength=256)
        return counts
    if truth.shape != saliency.shape:
        raise ValueError(f"the truth is {_size(truth)}, the saliency is {_size(saliency)} (height x width)")
    kind = np.full(256, 256, np.int64)
    kind[0], kind[ignore_index] = 0, 512
    flat, flat_truth = saliency.ravel(), truth.ravel()
    total = np.zeros(768, np.int64)
    for start in range(0, flat.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        total += np.bincount(kind[flat_truth[part]] + flat[part], minlength=768)
    return total.reshape(3, 256)


def saliency_scores(histogram: np.ndarray, threshold: float, *, beta_squared: float = 0.3) -> dict[str, float]:
    """Measure how well `saliency > threshold` finds the foreground, pooled over the pixels of all images.

    Args:
        histogram: (3, 256) from `saliency_histogram`, summed over images.
        threshold: In [0, 1].
        beta_squared: Weight of recall in the F-measure (0.3 in the saliency literature, Achanta et al. 2009).

    Returns:
        `iou`, `precision`, `recall`, `f_measure` of the foreground.
    """
    above = np.arange(256) / 255 > threshold
    hits, false_alarms = histogram[1, above].sum(), histogram[0, above].sum()
    foreground = histogram[1].sum()
    precision, recall = ratio(hits, hits + false_alarms), ratio(hits, foreground)
    f_measure = ratio((1 + beta_squared) * precision * recall, beta_squared * precision + recall)
    iou = ratio(hits, foreground + false_alarms)
    return {
        "iou": float(iou),
        "precision": float(precision),
        "recall": float(recall),
        "f_measure": float(f_measure),
    }


def saliency_error(histogram: np.ndarray) -> float:
    """Average the absolute difference of saliency in [0, 1] and foreground in {0, 1}; NaN without truth."""
    levels = np.arange(256) / 255
    return float(ratio((histogram[0] * levels + histogram[1] * (1 - levels)).sum(), histogram[:2].sum()))


def ratio(numerator: np.ndarray | float, denominator: np.ndarray | float) -> np.ndarray:
    """Divide the numerator by the denominator; NaN where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0)


def mean(values: np.ndarray) -> float:
    """Average the values that are not NaN; NaN when none is left."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
