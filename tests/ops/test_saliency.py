"""Unsupervised saliency: an object away from the border is found; what has none, or no room for one, is not salient."""

from __future__ import annotations

import numpy as np
import pytest

from wsss.ops.saliency import robust_background_saliency, superpixel_saliency, superpixels


def _scene(height: int = 90, width: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """A red disc on a ground whose colour changes from side to side, with noise, and where the disc is."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([60 + 0 * rows, 90 + columns / 2, 120 + rows / 2], axis=-1)
    disc = np.hypot(rows - 0.5 * height, columns - 0.4 * width) < 0.25 * height
    image[disc] = (200, 60, 40)
    return (image + random.normal(0, 6, image.shape)).clip(0, 255).astype(np.uint8), disc


def test_an_object_is_salient_and_its_surroundings_are_not() -> None:
    image, disc = _scene()
    saliency = superpixel_saliency(image)
    assert saliency.shape == disc.shape
    assert saliency.dtype == np.float32
    assert 0 <= saliency.min() <= saliency.max() <= 1
    assert saliency[disc].mean() > 0.8
    assert saliency[~disc].mean() < 0.1


def test_large_images_are_worked_on_at_reduced_size_with_the_same_result() -> None:
    image, disc = _scene()
    large = image.repeat(8, axis=0).repeat(8, axis=1)
    saliency = superpixel_saliency(large)
    assert saliency.shape == large.shape[:2]
    found, truth = saliency > 0.5, disc.repeat(8, axis=0).repeat(8, axis=1)
    assert (found & truth).sum() / (found | truth).sum() > 0.85


def test_an_object_may_touch_the_border_but_not_be_it() -> None:
    """Boundary connectivity, not contact with the border, makes background (Zhu et al., Section 3)."""
    image = np.full((80, 80, 3), (70, 110, 150), np.uint8)
    image[50:, 30:50] = (210, 180, 40)
    saliency = superpixel_saliency(image)
    assert saliency[55:75, 33:47].mean() > 0.2
    assert saliency[:40].mean() < 0.02


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 5), (17, 400)])
def test_any_size_gives_finite_values(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    saliency = superpixel_saliency(image)
    assert saliency.shape == size
    assert np.isfinite(saliency).all()


@pytest.mark.parametrize("value", [0, 128, 255])
def test_nothing_is_salient_in_a_plain_image(value: int) -> None:
    assert superpixel_saliency(np.full((60, 70, 3), value, np.uint8)).max() < 0.1


def test_the_same_image_gives_the_same_map() -> None:
    image, _ = _scene(50, 60)
    np.testing.assert_array_equal(superpixel_saliency(image), superpixel_saliency(image.copy()))


def test_settings_change_the_segments() -> None:
    image, _ = _scene()
    few, many = (superpixels(image, count, 10.0).colours.shape[0] for count in (30, 300))
    assert 15 < few < 60
    assert many > 3 * few
    # loose segments follow the disc, compact ones are nearly squares
    inside = [_purity(superpixels(image, 30, compactness).labels, _scene()[1]) for compactness in (10.0, 1000.0)]
    assert inside[0] > inside[1]


def _purity(labels: np.ndarray, truth: np.ndarray) -> float:
    """Share of pixels that agree with the majority of their segment."""
    inside = np.bincount(labels.ravel(), truth.ravel())
    area = np.bincount(labels.ravel())
    return float(np.maximum(inside, area - inside).sum() / area.sum())


def test_graph_of_a_known_division() -> None:
    image = np.zeros((90, 90, 3), np.uint8)
    image[30:60, 30:60] = 255
    graph = superpixels(image, 9, 10.0)
    assert graph.neighbours.shape == (len(graph.border),) * 2
    np.testing.assert_array_equal(graph.neighbours, graph.neighbours.T)
    assert not graph.neighbours.diagonal().any()
    inner = graph.labels[45, 45]
    assert not graph.border[inner]
    assert graph.colours[inner, 0] == pytest.approx(100, abs=1)
    assert graph.positions[inner] == pytest.approx((0.49, 0.49), abs=0.02)
    assert graph.neighbours[inner, graph.labels[45, 10]]
    assert not graph.neighbours[graph.labels[0, 0], inner] or graph.labels[0, 0] == graph.labels[45, 10]
    assert robust_background_saliency(graph).argmax() == inner


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 4\) uint8"):
        superpixel_saliency(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="float64"):
        superpixel_saliency(np.zeros((4, 4, 3)))
