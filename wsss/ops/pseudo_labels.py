"""From CAMs and saliency to pseudo labels (numpy)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from wsss.label_values import IGNORE_INDEX

"""Label of pixels that no loss looks at."""


def fuse_cams_with_saliency(
    cams: np.ndarray,
    saliency: np.ndarray,
    image_labels: np.ndarray,
    cam_threshold: float = 0.2,
    saliency_threshold: float = 0.06,
    background_cam_threshold: float | None = None,
) -> np.ndarray:
    """Make segmentation labels by AuxSegNet's heuristic fusion (Xu et al. 2021, released code `fusion_cam`).

    With k the strongest CAM of a present class and S the saliency, a pixel gets

    - S above its threshold and k above `cam_threshold`: the class,
    - S above, k not: 255,
    - S not above and k at most `background_cam_threshold`: background, 0,
    - S not above, k greater: 255.

    Args:
        cams: (C, H, W) in [0, 1], of all classes; planes of absent classes are not looked at.
        saliency: (H, W) in [0, 1].
        image_labels: (C,) multi-hot.
        cam_threshold: Released code: 0.2.
        saliency_threshold: Released code: 0.06.
        background_cam_threshold: None takes `cam_threshold`, the paper's rule; other values are inferred.

    Returns:
        (H, W) uint8: 0 background, 1 to C classes, 255 ignored.

    Raises:
        ValueError: If shapes do not agree or there are more than 254 classes.
    """
    _check(cams, saliency, image_labels)
    score, label = strongest_class(cams, image_labels)
    return fuse_scores_with_saliency(
        score, label, saliency, cam_threshold, saliency_threshold, background_cam_threshold
    )


def fuse_scores_with_saliency(
    score: np.ndarray,
    label: np.ndarray,
    saliency: np.ndarray,
    cam_threshold: float,
    saliency_threshold: float,
    background_cam_threshold: float | None,
) -> np.ndarray:
    """Fuse as `fuse_cams_with_saliency` from the strongest class's score (H, W) float and label (H, W) uint8."""
    background_limit = cam_threshold if background_cam_threshold is None else background_cam_threshold
    salient = saliency > saliency_threshold
    result = np.full(saliency.shape, IGNORE_INDEX, np.uint8)
    foreground = salient & (score > cam_threshold)
    result[foreground] = label[foreground]
    result[~salient & (score <= background_limit)] = 0
    return result


def add_missed_classes(
    labels: np.ndarray, score: np.ndarray, label: np.ndarray, present: Iterable[int], strong_cam_threshold: float
) -> np.ndarray:
    """Give a class that saliency has missed the pixels of its strong CAMs, salient or not (inferred).

    Args:
        labels: (H, W) uint8, made with saliency. A class without a pixel is missed.
        score: (H, W) float, the strongest CAM among present classes.
        label: (H, W) uint8, the label value of its class.
        present: Label values of the classes in the image.
        strong_cam_threshold: A CAM is strong above it.

    Returns:
        (H, W) uint8.
    """
    result, strong = labels.copy(), score > strong_cam_threshold
    for value in present:
        if not (labels == value).any():
            result[strong & (label == value)] = value
    return result


def labels_from_cams(
    cams: np.ndarray,
    image_labels: np.ndarray,
    cam_threshold: float,
    background_cam_threshold: float | None = None,
) -> np.ndarray:
    """Make segmentation labels from CAMs alone: the strongest class above the threshold, background below.

    Args:
        cams: (C, H, W) in [0, 1], of all classes.
        image_labels: (C,) multi-hot.
        cam_threshold: The score of background.
        background_cam_threshold: Where given and lower, CAMs above it and up to `cam_threshold` are ignored.

    Returns:
        (H, W) uint8: 0 background, 1 to C classes, 255 ignored.

    Raises:
        ValueError: If shapes do not agree or there are more than 254 classes.
    """
    _check(cams, None, image_labels)
    return labels_from_scores(*strongest_class(cams, image_labels), cam_threshold, background_cam_threshold)


def labels_from_scores(
    score: np.ndarray, label: np.ndarray, cam_threshold: float, background_cam_threshold: float | None
) -> np.ndarray:
    """Label as `labels_from_cams` from the strongest class's score (H, W) float and label (H, W) uint8."""
    result = np.where(score > cam_threshold, label, 0).astype(np.uint8)
    if background_cam_threshold is not None:
        result[(score <= cam_threshold) & (score > background_cam_threshold)] = IGNORE_INDEX
    return result


def labels_of_classes(score: np.ndarray, label: np.ndarray, cam_threshold: float) -> np.ndarray:
    """Label where no pixel is background: the strongest class above the threshold, 255 up to it (inferred).

    Args:
        score: (H, W) float, the strongest CAM among present classes.
        label: (H, W) uint8, the label value of its class.
        cam_threshold: A CAM counts above it.

    Returns:
        (H, W) uint8: 1 to C classes, 255 ignored.
    """
    return np.where(score > cam_threshold, label, IGNORE_INDEX).astype(np.uint8)


def mask_by_saliency(labels: np.ndarray, saliency: np.ndarray, threshold: float) -> np.ndarray:
    """Set labels to 255 wherever they and the saliency disagree about foreground (inferred).

    Args:
        labels: (H, W) uint8.
        saliency: (H, W) in [0, 1].
        threshold: A pixel is salient above it.

    Returns:
        (H, W) uint8.

    Raises:
        ValueError: If shapes do not agree.
    """
    if labels.shape != saliency.shape:
        raise ValueError(f"labels and saliency must have one shape, got {labels.shape} and {saliency.shape}")
    agree = (saliency > threshold) == (labels != 0)
    return np.where(agree, labels, IGNORE_INDEX).astype(np.uint8)


def strongest_class(cams: np.ndarray, image_labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest CAM among present classes (H, W), and the label value of its class (H, W) uint8.

    An image without any class has score 0 everywhere.
    """
    present = np.flatnonzero(image_labels)
    return strongest_plane((cams[index] for index in present), present + 1, cams.shape[1:])


def strongest_plane(
    planes: Iterable[np.ndarray], values: Iterable[int], size: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest value of maps (H, W) that come one by one, and the label value of its map.

    One map is in memory at a time, for any number of classes; the first wins among equals.
    """
    score, label = np.zeros(size, np.float32), np.zeros(size, np.uint8)
    for number, (plane, value) in enumerate(zip(planes, values, strict=True)):
        better = plane > score if number else np.ones(size, bool)
        np.copyto(score, plane, where=better)
        label[better] = value
    return score, label


def _check(cams: np.ndarray, saliency: np.ndarray | None, image_labels: np.ndarray) -> None:
    if cams.ndim != 3 or image_labels.shape != cams.shape[:1]:
        raise ValueError(f"cams must be (C, H, W) with image_labels (C,), got {cams.shape} and {image_labels.shape}")
    if saliency is not None and saliency.shape != cams.shape[1:]:
        raise ValueError(f"saliency must be (H, W) like the cams {cams.shape}, got {saliency.shape}")
    if cams.shape[0] > 254:
        raise ValueError(f"labels are 8 bit: at most 254 classes, got {cams.shape[0]}")
