"""What keeps the scenes of the embedded data set honest."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.feature import match_template

from wsss.data.demo import CLASS_NAMES, OBJECT_CLASSES, Scene, draw_scene


@pytest.fixture(scope="module")
def train_scenes() -> list[Scene]:
    return [draw_scene(0, "train", number) for number in range(72)]


@pytest.fixture(scope="module")
def val_scenes() -> list[Scene]:
    return [draw_scene(0, "val", number) for number in range(32)]


def test_every_object_is_worth_its_label(train_scenes: list[Scene]) -> None:
    for scene in train_scenes:
        assert scene.items
        for item in scene.items:
            assert item.visible.mean() > 0.01
            assert item.part.sum() > 25
            assert (scene.mask[item.visible] == 1 + OBJECT_CLASSES.index(item.name)).all()
        assert np.array_equal(scene.mask > 0, np.any([item.visible for item in scene.items], 0))


def test_the_part_is_small_and_classes_are_mixed(train_scenes: list[Scene], val_scenes: list[Scene]) -> None:
    items = [item for scene in train_scenes for item in scene.items]
    shares = np.array([item.part.sum() / item.visible.sum() for item in items])
    assert 0.1 < np.median(shares) < 0.25
    assert np.quantile(shares, 0.95) < 0.35
    several = np.mean([len(np.unique(scene.mask)) > 2 for scene in train_scenes])
    assert several > 0.5
    for scenes, least in ((train_scenes, 10), (val_scenes, 5)):
        counts = [sum(index in scene.mask for scene in scenes) for index in range(1, len(CLASS_NAMES))]
        assert min(counts) >= least
    assert np.mean([_touches(item.visible, scene) for scene in train_scenes for item in scene.items]) > 0.25


def _touches(visible: np.ndarray, scene: Scene) -> bool:
    """Whether an object has another one right beside it."""
    others = (scene.mask > 0) & ~visible
    near = np.zeros_like(visible)
    near[1:] |= visible[:-1]
    near[:-1] |= visible[1:]
    return bool((near & others).any())


def test_material_does_not_tell_the_class(train_scenes: list[Scene]) -> None:
    kinds = {name: {i.recipe.kind for s in train_scenes for i in s.items if i.name == name} for name in OBJECT_CLASSES}
    assert min(len(found) for found in kinds.values()) >= 6


def test_splits_share_no_material_and_no_crop(train_scenes: list[Scene], val_scenes: list[Scene]) -> None:
    """No textured patch of val is found anywhere in train, while one is found again in its own image under noise."""
    recipes = [{item.recipe for scene in scenes for item in scene.items} for scenes in (train_scenes, val_scenes)]
    assert not recipes[0] & recipes[1]
    rng = np.random.default_rng(0)
    grey = [scene.image.astype(np.float32).mean(-1) for scene in train_scenes[:24]]
    for scene in val_scenes[:8]:
        own = scene.image.astype(np.float32).mean(-1)
        corners = rng.integers(0, np.array(own.shape) - 48, (12, 2))
        patch = max((own[y : y + 48, x : x + 48] for y, x in corners), key=np.std)
        noisy = own + rng.normal(0, 4, own.shape)
        assert match_template(noisy, patch).max() > 0.98
        assert max(match_template(image, patch).max() for image in grey) < 0.95


def test_colour_alone_does_not_segment(train_scenes: list[Scene], val_scenes: list[Scene]) -> None:
    """A Bayes classifier on colour histograms of the true training masks stays under 25 mIoU."""
    classes, bins = len(CLASS_NAMES), 12

    def colour(scene: Scene) -> np.ndarray:
        return ((scene.image.astype(int) * bins // 256) @ np.array([bins * bins, bins, 1])).ravel()

    histogram = np.zeros((classes, bins**3))
    for scene in train_scenes:
        np.add.at(histogram, (scene.mask.ravel(), colour(scene)), 1)
    decision = histogram.argmax(0)
    confusion = np.zeros((classes, classes))
    for scene in val_scenes:
        np.add.at(confusion, (scene.mask.ravel(), decision[colour(scene)]), 1)
    hits = np.diag(confusion)
    iou = hits / (confusion.sum(0) + confusion.sum(1) - hits)
    assert iou.mean() < 0.25
