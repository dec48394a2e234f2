from __future__ import annotations

import numpy as np
import pytest
import torch

from wsss.config import Augmentation
from wsss.data.transforms import PAD_COLOR, JointAugmentation, resize_labels
from wsss.label_values import IGNORE_INDEX

STILL = {"scale": (1.0, 1.0), "flip": 0.0, "color_jitter": (0, 0, 0, 0)}


def checkerboard(height: int, width: int, cell: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Labels 1 and 2 in squares, and an image that is bright exactly where the label is 2."""
    labels = (1 + (np.add.outer(np.arange(height) // cell, np.arange(width) // cell) % 2)).astype(np.uint8)
    return np.repeat(((labels == 2) * 255).astype(np.uint8)[..., None], 3, axis=2), labels


def augment(seed: int = 0, size: tuple[int, int] = (50, 70), **settings: object) -> dict[str, torch.Tensor]:
    image, labels = checkerboard(*size)
    augmentation = JointAugmentation(Augmentation.parse({"crop_size": 32, **settings}))
    return augmentation(np.random.default_rng(seed), image, labels=labels, saliency=image[..., 0])


@pytest.mark.parametrize("size", [(50, 70), (20, 90), (90, 20), (1, 1), (300, 7)])
@pytest.mark.parametrize("seed", range(3))
def test_everything_has_the_size_of_the_crop(size: tuple[int, int], seed: int) -> None:
    found = augment(seed, size)
    assert found["images"].shape == (3, 32, 32)
    assert found["labels"].shape == found["saliency"].shape == (32, 32)
    assert found["inside"].dtype == torch.bool
    assert {value.dtype for name, value in found.items() if name != "inside"} == {torch.uint8}
    assert set(found["labels"].unique().tolist()) <= {1, 2, IGNORE_INDEX}


@pytest.mark.parametrize("seed", range(12))
def test_labels_stay_on_their_pixels(seed: int) -> None:
    found = augment(seed, scale=(0.6, 2.5), color_jitter=(0, 0, 0, 0))
    inside = found["labels"] != IGNORE_INDEX
    bright = found["images"][0] > 127
    # only the blurred borders of squares can differ: half a pixel on either side
    assert (bright == (found["labels"] == 2))[inside].float().mean() > 0.93
    assert (bright == (found["saliency"] == 1))[inside].all()


@pytest.mark.parametrize("seed", range(4))
def test_cams_of_any_resolution_stay_on_their_pixels(seed: int) -> None:
    image, labels = checkerboard(48, 64)
    cams = np.stack([image[2::4, 2::4, 0], 255 - image[2::4, 2::4, 0]])
    augmentation = JointAugmentation(
        Augmentation.parse({"crop_size": 32, "scale": (0.6, 1.5), "color_jitter": (0, 0, 0, 0)})
    )
    found = augmentation(np.random.default_rng(seed), image, labels=labels, cams=cams)
    assert found["cams"].dtype == torch.uint8
    assert found["cams"].shape == (2, 32, 32)
    inside = found["inside"]
    bright = found["images"][0] > 127
    # squares of 8 pixels from maps a quarter as wide: their borders differ
    assert ((found["cams"][0] > 127) == bright)[inside].float().mean() > 0.85
    assert ((found["cams"][1] > 127) != bright)[inside].float().mean() > 0.85
    assert (found["cams"][:, ~inside] == 0).all()


def test_without_changes_the_crop_is_a_part_of_the_image() -> None:
    image, labels = checkerboard(50, 70)
    image[..., 1] = np.arange(50)[:, None]
    image[..., 2] = np.arange(70)
    settings = Augmentation.parse({"crop_size": 32, **STILL})
    corners = set()
    for seed in range(20):
        found = JointAugmentation(settings)(np.random.default_rng(seed), image, labels=labels)
        top, left = int(found["images"][1, 0, 0]), int(found["images"][2, 0, 0])
        part = image[top : top + 32, left : left + 32]
        assert np.array_equal(found["images"].permute(1, 2, 0).numpy(), part)
        assert np.array_equal(found["labels"].numpy(), labels[top : top + 32, left : left + 32])
        corners.add((top, left))
    assert len(corners) > 10
    assert max(top for top, _ in corners) <= 18
    assert max(left for _, left in corners) <= 38


def test_padding_is_ignored_and_of_the_mean_colour() -> None:
    found = augment(size=(24, 60), **STILL)
    padding = found["labels"] == IGNORE_INDEX
    assert int(padding.sum()) == 8 * 32
    assert (found["images"].permute(1, 2, 0)[padding] == torch.tensor(PAD_COLOR, dtype=torch.uint8)).all()
    assert (found["saliency"][padding] == IGNORE_INDEX).all()
    assert set(found["saliency"][~padding].tolist()) == {0, 1}
    parity = augment(size=(24, 60), **STILL, padding="background")
    assert (parity["labels"][padding] == 0).all()
    assert (parity["saliency"][padding] == 0).all()
    assert all(torch.equal(parity[name][~padding], found[name][~padding]) for name in ("labels", "saliency"))


def test_padding_keeps_its_colour_under_jitter() -> None:
    found = augment(size=(24, 60), color_jitter=(0.9, 0.9, 0.9, 0.5))
    padding = found["labels"] == IGNORE_INDEX
    assert (found["images"].permute(1, 2, 0)[padding] == torch.tensor(PAD_COLOR, dtype=torch.uint8)).all()


def test_flip_mirrors_all_maps() -> None:
    plain = augment(size=(64, 64), crop_size=64, **STILL)
    flipped = augment(size=(64, 64), crop_size=64, **{**STILL, "flip": 1.0})
    for name, value in plain.items():
        assert torch.equal(flipped[name], value.flip(-1)), name
    assert not torch.equal(plain["labels"], flipped["labels"])


def test_equal_generators_give_equal_examples_whatever_the_global_state() -> None:
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - the point is that it does not matter
    first = augment(5)
    torch.manual_seed(1)
    second, other = augment(5), augment(6)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert not torch.equal(first["images"], other["images"])


def test_labels_of_another_resolution_follow_the_image() -> None:
    image, _ = checkerboard(64, 64)
    _, labels = checkerboard(128, 128, cell=16)
    settings = Augmentation.parse({"crop_size": 64, **STILL})
    found = JointAugmentation(settings)(np.random.default_rng(0), image, labels=labels)
    assert torch.equal(found["labels"] == 2, found["images"][0] > 127)


@pytest.mark.parametrize("index", range(4))
def test_every_colour_strength_does_something(index: int) -> None:
    image, _ = checkerboard(64, 64)
    image[..., 1] = 90
    strengths = [0.4 if i == index else 0.0 for i in range(4)]
    augmentation = JointAugmentation(Augmentation.parse({"crop_size": 64, **STILL, "color_jitter": strengths}))
    changes = []
    for seed in range(5):
        changed = augmentation(np.random.default_rng(seed), image)["images"].permute(1, 2, 0).numpy()
        changes.append(np.abs(changed.astype(int) - image.astype(int)).max())
    assert max(changes) > 10
    assert len(set(changes)) > 1


def test_labels_are_resized_by_nearest_pixel() -> None:
    labels = np.array([[1, 2], [3, 255]], np.uint8)
    expected = np.repeat(np.repeat(labels, 2, 0), 2, 1)
    assert np.array_equal(resize_labels(labels, (4, 4)).numpy(), expected)
    assert np.array_equal(resize_labels(expected, (2, 2)).numpy(), labels)
    assert np.array_equal(resize_labels(labels, (2, 2)).numpy(), labels)


@pytest.mark.parametrize("size", [(50, 70), (20, 90), (90, 20), (1, 1)])
def test_inside_is_where_the_photograph_lies(size: tuple[int, int]) -> None:
    image, labels = checkerboard(*size)
    augmentation = JointAugmentation(Augmentation.parse({"crop_size": 32, "scale": (0.5, 1.5)}))
    found = augmentation(np.random.default_rng(1), image, labels=labels)
    assert found["inside"].dtype == torch.bool
    assert torch.equal(found["inside"], found["labels"] != IGNORE_INDEX)
    assert torch.equal(augmentation(np.random.default_rng(1), image)["inside"], found["inside"])


@pytest.mark.parametrize(("crop_size", "side"), [(16, 32), (40, 32), (321, 320)])
def test_the_crop_is_snapped_to_the_grid_of_networks(crop_size: int, side: int) -> None:
    found = augment(crop_size=crop_size, padding="background")
    assert {tuple(value.shape[-2:]) for value in found.values()} == {(side, side)}


def test_sizes_vary_from_image_to_image() -> None:
    # a released loader computes a random size and returns the image as it was
    image, _ = checkerboard(30, 30)
    augmentation = JointAugmentation(Augmentation.parse({"crop_size": 64, "scale": (0.7, 1.3)}))
    areas = {int(augmentation(np.random.default_rng(i), image)["inside"].sum()) for i in range(12)}
    assert len(areas) > 6
    assert min(areas) < 900 < max(areas)


def longer_sides(size: tuple[int, int], **settings: object) -> list[int]:
    """The longer sides of an image after augmentation, as far as its crop shows them."""
    found = [augment(seed, size, crop_size=544, flip=0.0, **settings)["inside"] for seed in range(60)]
    return [max(int(inside.any(0).sum()), int(inside.any(1).sum())) for inside in found]


@pytest.mark.parametrize("size", [(50, 70), (90, 20), (600, 800)])
def test_the_longer_side_is_drawn_whatever_the_image_has(size: tuple[int, int]) -> None:
    sides = longer_sides(size, long_side=(256, 512), scale=(9.0, 9.0))
    assert min(sides) >= 256 and max(sides) <= 512
    assert max(sides) - min(sides) > 100
    assert longer_sides(size, long_side=(300, 300)) == [300] * 60


def test_only_the_photograph_is_interpolated_otherwise() -> None:
    bilinear, bicubic = (augment(3, (50, 70), scale=(1.7, 1.7), interpolation=name) for name in ("bilinear", "bicubic"))
    assert torch.equal(bilinear["labels"], bicubic["labels"])
    assert torch.equal(bilinear["saliency"], bicubic["saliency"])
    assert not torch.equal(bilinear["images"], bicubic["images"])


def test_further_bands_move_along_and_keep_their_values():
    settings = Augmentation(crop_size=64, scale=(1, 1), flip=1, color_jitter=(0.5, 0.5, 0.5, 0.1))
    image = np.random.default_rng(2).integers(0, 256, (40, 50, 5), np.uint8)
    found = JointAugmentation(settings)(np.random.default_rng(3), image)
    inside = found["images"][:, found["inside"]].reshape(5, 40, 50)
    assert np.array_equal(inside[3:].permute(1, 2, 0), image[:, ::-1, 3:])
    assert not np.array_equal(inside[:3].permute(1, 2, 0), image[:, ::-1, :3])
    plain = JointAugmentation(settings)(np.random.default_rng(3), image[..., :3].copy())
    assert torch.equal(plain["images"], found["images"][:3])
    assert (found["images"][3:, ~found["inside"]] == 115).all()
