from __future__ import annotations

import numpy as np
import pytest

from wsss.ops import fuse_cams_with_saliency, labels_from_cams
from wsss.ops.pseudo_labels import add_missed_classes, labels_of_classes, mask_by_saliency


def one_row(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_fusion_follows_the_truth_table() -> None:
    # columns: salient and cam, salient no cam, cam not salient, neither
    cams = np.stack([one_row(0.9, 0.1, 0.9, 0.1), one_row(0.5, 0.15, 0.5, 0.0)])
    saliency = one_row(0.5, 0.5, 0.0, 0.0)
    assert fuse_cams_with_saliency(cams, saliency, np.array([1, 1])).tolist() == [[1, 255, 255, 0]]


def test_thresholds_are_exclusive_as_in_the_released_code() -> None:
    cams = one_row(0.2, 0.2001)[None]
    saliency = np.full((1, 2), 0.0601, np.float32)
    assert fuse_cams_with_saliency(cams, saliency, np.array([1])).tolist() == [[255, 1]]
    at_limit = np.full((1, 2), np.float32(0.06))
    limit = float(at_limit[0, 0])
    labels = fuse_cams_with_saliency(cams, at_limit, np.array([1]), saliency_threshold=limit)
    assert labels.tolist() == [[0, 255]]


def test_absent_classes_never_appear() -> None:
    cams = np.stack([one_row(0.3, 0.3), one_row(0.9, 0.9)])
    saliency = one_row(1.0, 1.0)
    assert fuse_cams_with_saliency(cams, saliency, np.array([1, 0])).tolist() == [[1, 1]]
    assert fuse_cams_with_saliency(cams, saliency, np.array([0, 0])).tolist() == [[255, 255]]


def test_background_limit_of_its_own_teaches_background_near_objects() -> None:
    cams = one_row(0.1, 0.4, 0.7)[None]
    saliency = one_row(0.0, 0.0, 0.0)
    labels = np.array([1])
    assert fuse_cams_with_saliency(cams, saliency, labels).tolist() == [[0, 255, 255]]
    assert fuse_cams_with_saliency(cams, saliency, labels, background_cam_threshold=0.6).tolist() == [[0, 0, 255]]


def test_cams_alone_with_and_without_an_ignored_band() -> None:
    cams = one_row(0.05, 0.2, 0.6)[None]
    assert labels_from_cams(cams, np.array([1]), 0.3).tolist() == [[0, 0, 1]]
    assert labels_from_cams(cams, np.array([1]), 0.3, 0.1).tolist() == [[0, 255, 1]]


def test_disagreement_with_saliency_is_ignored() -> None:
    labels = np.array([[0, 0, 3, 3]], np.uint8)
    assert mask_by_saliency(labels, one_row(0.1, 0.9, 0.1, 0.9), 0.3).tolist() == [[0, 255, 255, 3]]


def test_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"\(2, 1, 2\)"):
        fuse_cams_with_saliency(np.zeros((2, 1, 2)), np.zeros((1, 3)), np.array([1, 1]))
    with pytest.raises(ValueError, match="254"):
        labels_from_cams(np.zeros((255, 1, 1)), np.ones(255), 0.3)


def test_only_a_class_without_a_pixel_gets_its_strong_cams() -> None:
    labels = np.array([[1, 0, 255, 255]], np.uint8)
    score, label = np.array([[0.9, 0.1, 0.8, 0.6]], np.float32), np.array([[1, 2, 2, 1]], np.uint8)
    assert add_missed_classes(labels, score, label, [1, 2], 0.5).tolist() == [[1, 0, 2, 255]]
    assert add_missed_classes(labels, score, label, [1, 2], 0.8).tolist() == labels.tolist()
    assert add_missed_classes(labels, score, label, [1], 0.5).tolist() == labels.tolist()


def test_labels_where_nothing_is_background_by_hand() -> None:
    score = np.array([[0.0, 0.2, 0.21], [0.9, 0.5, 0.1]], np.float32)
    label = np.array([[1, 1, 2], [3, 1, 2]], np.uint8)
    found = labels_of_classes(score, label, 0.2)
    assert found.dtype == np.uint8
    assert found.tolist() == [[255, 255, 2], [3, 1, 255]]
