from __future__ import annotations

import numpy as np
import pytest

from wsss.ops import metrics
from wsss.ops.metrics import (
    changed_share,
    class_scores,
    confusion_matrix,
    label_scores,
    prediction_scores,
    saliency_error,
    saliency_histogram,
    saliency_scores,
)

TRUTH = np.array([[0, 0, 1, 1], [0, 2, 255, 1]], np.uint8)
LABELS = np.array([[0, 1, 1, 255], [255, 2, 2, 0]], np.uint8)


def test_confusion_matrix_counts_every_pair_once():
    expected = [[1, 1, 0, 1], [1, 1, 0, 1], [0, 0, 1, 0], [0, 0, 1, 0]]
    assert confusion_matrix(TRUTH, LABELS, 2).tolist() == expected


def test_label_scores_by_hand():
    scores = label_scores(confusion_matrix(TRUTH, LABELS, 2))
    assert scores == pytest.approx(
        {
            "precision": 3 / 5,  # five pixels are labelled where the truth is known, three of them rightly
            "coverage": 6 / 8,  # all pixels count, the one of unknown truth too
            "miou": (1 / 4 + 1 / 4 + 1) / 3,
            "miou_labelled": (1 / 3 + 1 / 3 + 1) / 3,
            "class_precision": (1 / 2 + 1 / 2 + 1) / 3,
            "class_recall": (1 / 3 + 1 / 3 + 1) / 3,
            "foreground_precision": 2 / 3,
            "foreground_recall": 2 / 4,
            "foreground_miou": (1 / 4 + 1) / 2,
            "background_iou": 1 / 4,
        }
    )


def test_prediction_scores_by_hand():
    truth = np.array([[0, 0, 1], [1, 1, 255]], np.uint8)
    predicted = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)
    scores = prediction_scores(confusion_matrix(truth, predicted, 1))
    assert scores == pytest.approx(
        {
            "miou": (1 / 3 + 2 / 4) / 2,
            "pixel_accuracy": 3 / 5,
            "mean_accuracy": (1 / 2 + 2 / 3) / 2,
            "foreground_miou": 2 / 4,
            "background_iou": 1 / 3,
        }
    )


def test_one_confusion_matrix_is_not_the_mean_over_images():
    first = confusion_matrix(np.array([[0, 1]], np.uint8), np.array([[0, 1]], np.uint8), 1)
    second = confusion_matrix(np.zeros((1, 8), np.uint8), np.ones((1, 8), np.uint8), 1)
    pooled = prediction_scores(first + second)["miou"]
    assert pooled == pytest.approx((1 / 9 + 1 / 9) / 2)


def test_classes_without_any_pixel_are_left_out_of_means():
    scores = class_scores(confusion_matrix(TRUTH, LABELS, 5))
    assert np.isnan(scores.iou[3:]).all()
    assert label_scores(confusion_matrix(TRUTH, LABELS, 5)) == label_scores(confusion_matrix(TRUTH, LABELS, 2))


def test_class_that_is_only_predicted_counts_as_zero():
    matrix = confusion_matrix(np.zeros((1, 4), np.uint8), np.array([[0, 0, 0, 2]], np.uint8), 2)
    assert prediction_scores(matrix)["miou"] == pytest.approx((3 / 4 + 0) / 2)


def test_without_truth_only_coverage_is_known():
    scores = label_scores(confusion_matrix(None, LABELS, 2))
    assert scores.pop("coverage") == pytest.approx(6 / 8)
    assert all(np.isnan(value) for value in scores.values())


def test_254_classes_and_another_ignored_value():
    truth = np.array([[0, 254, 3]], np.uint8)
    assert prediction_scores(confusion_matrix(truth, truth, 254))["miou"] == 1
    matrix = confusion_matrix(np.array([[0, 9]], np.uint8), np.array([[0, 1]], np.uint8), 2, ignore_index=9)
    assert matrix[:-1].sum() == 1


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (40, 30)])
def test_counting_in_chunks_changes_nothing(monkeypatch, size):
    random = np.random.default_rng(0)
    truth, labels = (random.choice([0, 1, 2, 3, 255], size).astype(np.uint8) for _ in range(2))
    whole = confusion_matrix(truth, labels, 3), saliency_histogram(truth, labels)
    monkeypatch.setattr(metrics, "_CHUNK", 7)
    assert (confusion_matrix(truth, labels, 3) == whole[0]).all()
    assert (saliency_histogram(truth, labels) == whole[1]).all()
    slow = np.zeros((5, 5), int)
    place = {0: 0, 1: 1, 2: 2, 3: 3, 255: 4}
    for one, other in zip(truth.ravel(), labels.ravel(), strict=True):
        slow[place[int(one)], place[int(other)]] += 1
    assert (whole[0] == slow).all()


def test_values_that_are_no_class_are_refused():
    with pytest.raises(ValueError, match="label value 7 is no class"):
        confusion_matrix(TRUTH, np.where(LABELS == 2, 7, LABELS).astype(np.uint8), 2)
    with pytest.raises(ValueError, match="true value 2 is no class"):
        confusion_matrix(TRUTH, np.zeros_like(LABELS), 1)


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="the truth is 2 x 4, the labels are 2 x 3"):
        confusion_matrix(TRUTH, LABELS[:, :3], 2)
    with pytest.raises(ValueError, match="the truth is 2 x 4, the saliency is 1 x 4"):
        saliency_histogram(TRUTH, LABELS[:1])


def test_saliency_by_hand():
    truth = np.array([[0, 1], [2, 255]], np.uint8)
    histogram = saliency_histogram(truth, np.array([[51, 255], [102, 255]], np.uint8))
    middle = saliency_scores(histogram, 0.5)
    assert middle == pytest.approx(
        {"iou": 1 / 2, "precision": 1, "recall": 1 / 2, "f_measure": 1.3 * 0.5 / (0.3 * 1 + 0.5)}
    )
    assert saliency_scores(histogram, 0.1)["iou"] == pytest.approx(2 / 3)
    # 51 / 255 is 0.2, which is not above 0.2
    assert saliency_scores(histogram, 0.2)["iou"] == 1
    assert saliency_error(histogram) == pytest.approx((0.2 + 0 + 0.6) / 3)


def test_saliency_without_truth_is_counted_and_not_judged():
    histogram = saliency_histogram(None, np.full((3, 4), 200, np.uint8))
    assert histogram[2, 200] == 12
    assert np.isnan(saliency_error(histogram))
    assert np.isnan(saliency_scores(histogram, 0.5)["iou"])


def test_changed_share_counts_changes_to_255():
    assert changed_share(LABELS, np.where(LABELS == 255, 0, LABELS)) == pytest.approx(2 / 8)
