from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from wsss.ops import sweeps
from wsss.ops.metrics import confusion_matrix, label_scores
from wsss.ops.pseudo_labels import fuse_cams_with_saliency, labels_from_cams
from wsss.ops.sweeps import (
    BACKGROUND,
    CAM_THRESHOLDS,
    RIGHT,
    SALIENCY_THRESHOLDS,
    UNKNOWN,
    WRONG,
    SeedSweep,
    seed_counts,
)

CLASSES = 4
SHARED = ("precision", "coverage", "miou", "foreground_precision", "foreground_recall")


def example(seed: int, present: list[int], size=(23, 31)):
    random = np.random.default_rng(seed)
    cams = random.random((len(present), 6, 8)).astype(np.float16)
    saliency = random.integers(0, 256, size).astype(np.uint8)
    saliency[:4, :4] = 51  # exactly on the threshold 0.2
    truth = random.choice([0, 0, *present, 255], size).astype(np.uint8)
    return cams, saliency, truth


def enlarged(cams: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if not len(cams):
        return np.zeros((0, *size), np.float32)
    columns = sweeps._interpolate(cams.astype(np.float32), size[1], axis=2)
    return sweeps._interpolate(columns, size[0], axis=1)


IMAGES = [(0, [1, 3]), (1, [2]), (2, [4, 1, 2]), (3, [])]


@pytest.fixture(scope="module")
def sweep() -> SeedSweep:
    tables: dict[int, np.ndarray] = {}
    truth_counts = np.zeros(CLASSES + 1, np.int64)
    for seed, present in IMAGES:
        cams, saliency, truth = example(seed, present)
        for value, table in seed_counts(cams, present, saliency, truth, truth.shape).items():
            tables[value] = tables.get(value, 0) + table
        truth_counts += np.bincount(truth.ravel(), minlength=256)[: CLASSES + 1]
    return SeedSweep(tables, truth_counts)


def scores_of_maps(make_labels) -> dict[str, float]:
    total = np.zeros((CLASSES + 2, CLASSES + 2), np.int64)
    for seed, present in IMAGES:
        cams, saliency, truth = example(seed, present)
        maps = np.zeros((CLASSES, *truth.shape), np.float32)
        maps[np.array(present, int) - 1] = enlarged(cams, truth.shape)
        hot = np.isin(np.arange(1, CLASSES + 1), present).astype(np.uint8)
        total += confusion_matrix(truth, make_labels(maps, saliency.astype(np.float32) / 255, hot), CLASSES)
    scores = label_scores(total)
    return {name: scores[name] for name in SHARED}


@pytest.mark.parametrize(("saliency_at", "cam_at", "limit"), [(2, 20, None), (5, 20, 60), (6, 35, 5), (12, 95, None)])
def test_a_point_of_the_scan_equals_making_the_labels(sweep, saliency_at, cam_at, limit):
    thresholds = float(CAM_THRESHOLDS[cam_at]), float(SALIENCY_THRESHOLDS[saliency_at])
    weak = None if limit is None else float(CAM_THRESHOLDS[limit])
    expected = scores_of_maps(
        lambda maps, saliency, hot: fuse_cams_with_saliency(maps, saliency, hot, *thresholds, weak)
    )
    scores, _ = sweep.scores(saliency_at, cam_at, cam_at if limit is None else limit)
    assert scores == pytest.approx(expected)


@pytest.mark.parametrize(("cam_at", "limit"), [(0, 0), (20, 20), (40, 10), (30, 70)])
def test_a_point_without_saliency_equals_making_the_labels(sweep, cam_at, limit):
    thresholds = float(CAM_THRESHOLDS[cam_at]), float(CAM_THRESHOLDS[limit])
    expected = scores_of_maps(lambda maps, _, hot: labels_from_cams(maps, hot, *thresholds))
    assert sweep.scores(None, cam_at, limit)[0] == pytest.approx(expected)


def test_counts_by_hand():
    cams = np.array([[[0.0, 0.205]], [[0.1, 1.0]]], np.float16)
    counts = seed_counts(cams, [2, 5], np.array([[0, 255]], np.uint8), np.array([[0, 5]], np.uint8), (1, 2))
    assert set(counts) == {5}  # the strongest class of both pixels
    assert counts[5].sum() == 2
    # 0.1 as float16 is a little less than 0.1: ten thresholds, 0 to 0.09, lie below it
    assert counts[5][BACKGROUND, 0, 10] == 1
    assert counts[5][RIGHT, len(SALIENCY_THRESHOLDS), len(CAM_THRESHOLDS)] == 1


def test_states():
    cams = np.ones((1, 1, 4), np.float16)
    truth = np.array([[0, 1, 2, 255]], np.uint8)
    table = seed_counts(cams, [1], None, truth, (1, 4))[1].sum(axis=(1, 2))
    assert table[[BACKGROUND, RIGHT, WRONG, UNKNOWN]].tolist() == [1, 1, 1, 1]
    without = seed_counts(cams, [1], None, None, (1, 4))[1].sum(axis=(1, 2))
    assert without[UNKNOWN] == 4


def test_an_image_without_classes_is_background():
    counts = seed_counts(np.zeros((0, 3, 3), np.float16), [], None, np.array([[0, 1]], np.uint8), (1, 2))
    scores, _ = SeedSweep(counts, np.array([1, 1])).scores(None, 0, 0)
    assert scores["precision"] == 0.5
    assert scores["coverage"] == 1


def test_counting_in_strips_changes_nothing(monkeypatch):
    cams, saliency, truth = example(2, [4, 1, 2])
    whole = seed_counts(cams, [4, 1, 2], saliency, truth, truth.shape)
    monkeypatch.setattr(sweeps, "_STRIP", 3 * truth.shape[1])
    parts = seed_counts(cams, [4, 1, 2], saliency, truth, truth.shape)
    assert whole.keys() == parts.keys()
    assert all((whole[value] == parts[value]).all() for value in whole)


def test_interpolation_is_that_of_pillow():
    plane = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    pillow = np.asarray(Image.fromarray(plane).resize((29, 21), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(enlarged(plane[None], (21, 29))[0], pillow, atol=2e-6)
