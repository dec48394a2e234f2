from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from wsss.config import OnlineCrf, OnlineLabels
from wsss.ops import DenseCRF, online_pseudo_labels
from wsss.ops.crf_of_many import crf_marginals, in_batches

SMALL: dict[str, Any] = {
    "crf": {"iterations": 2},
    "pamr": {"dilations": [1, 2], "iterations": 2},
    "par": {"dilations": [1, 2], "iterations": 2},
}
PLAIN: dict[str, Any] = {"refinement": "none"}


def _settings(**values: Any) -> OnlineLabels:
    found: OnlineLabels = OnlineLabels.parse({**SMALL, **values})
    return found


def _scene(size: int = 24) -> tuple[Tensor, Tensor, Tensor]:
    """CAMs (2, 3, s, s) that fall off from a peak per class, image labels, and images to match."""
    rows = torch.arange(size)[:, None] / size
    columns = torch.arange(size)[None] / size
    peaks = [(0.3, 0.3), (0.7, 0.7), (0.3, 0.7)]
    cams = torch.stack([(-12 * ((rows - y) ** 2 + (columns - x) ** 2)).exp() for y, x in peaks])
    images = torch.stack([(255 * cams).round(), (255 * cams.flip(0)).round()]).to(torch.uint8)
    return torch.stack([5 * cams, 0.1 * cams]), torch.tensor([[1, 0, 1], [0, 1, 0]]), images


def _reference(cams: np.ndarray, present: list[int], settings: OnlineLabels, refine: Any) -> tuple[np.ndarray, ...]:
    """Section 4 of the method for one image at full resolution, written down pixel by pixel."""
    height, width = cams.shape[1:]
    scores = {k + 1: cams[k] / (cams[k].max() + 1e-5) for k in present}
    strongest = np.max(list(scores.values()), axis=0)
    names = [0, *scores]
    large, small = (
        refine(np.stack([(1 - strongest) ** power, *scores.values()])) for power in settings.background_powers
    )
    seen = np.stack([(1 - strongest) ** settings.background_powers[1], *scores.values()])
    labels, confidence = np.full((height, width), 255), np.zeros((height, width))
    sure = np.zeros((height, width), bool)
    occurring = set(large.argmax(0).ravel().tolist())
    for place in range(len(names)):
        region = list(zip(*np.nonzero(seen.argmax(0) == place), strict=True))
        if place == 0:
            best = [pixel for pixel in region if seen[0][pixel] > 0.8]
        else:
            region = [pixel for pixel in region if seen[place][pixel] > 0.1] if place in occurring else []
            ordered = sorted(seen[place][pixel] for pixel in region)
            limit = ordered[int((1 - settings.object_share) * len(ordered) + 1e-9)] if ordered else math.inf
            best = [pixel for pixel in region if seen[place][pixel] >= limit]
        for pixel in best:
            sure[pixel] = True
    for pixel in itertools.product(range(height), range(width)):
        found = int(large[(slice(None), *pixel)].argmax())
        label = names[found] if found else 255
        if small[(slice(None), *pixel)].argmax() == 0:
            label = 0
        confidence[pixel] = max(small[(0, *pixel)], large[(slice(1, None), *pixel)].max())
        if sure[pixel] and confidence[pixel] >= 0.8:
            labels[pixel] = label
    return labels, confidence


@pytest.mark.parametrize("refinement", ["none", "crf"])
def test_equals_the_method_pixel_by_pixel(refinement: str) -> None:
    cams, image_labels, images = _scene()
    settings = _settings(refinement=refinement)
    found = online_pseudo_labels(cams, image_labels, images, settings)
    for i in range(2):

        def refine(scores: np.ndarray, number: int = i) -> np.ndarray:
            if refinement == "none":
                return scores / scores.sum(0)
            energies = -np.log(np.clip(scores, 1e-5, 1)).astype(np.float32)
            return DenseCRF(images[number].permute(1, 2, 0).contiguous(), settings.crf).marginals(energies)

        present = image_labels[i].nonzero()[:, 0].tolist()
        labels, confidence = _reference(cams[i].numpy(), present, settings, refine)
        np.testing.assert_allclose(found.confidence[i].numpy(), confidence, atol=1e-4)
        # where rounding decides a limit, a pixel may go either way
        assert (found.labels[i].numpy() != labels).mean() < 0.01
        assert {0, 255, present[0] + 1} <= set(found.labels[i].unique().tolist())


def test_all_images_in_one_lattice_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    cams, image_labels, images = _scene()
    inside = torch.ones(2, 24, 24, dtype=torch.bool)
    inside[0, :, 19:] = inside[1, :5] = False
    alone = online_pseudo_labels(cams, image_labels, images, _settings(), inside)

    def as_on_a_gpu(function: Any, maps: list[Tensor], photographs: list[Tensor], backend: str) -> list[Tensor]:
        return in_batches(function, maps, photographs, 2**21)

    monkeypatch.setattr("wsss.ops.crf_of_many.fastest", as_on_a_gpu)
    together = online_pseudo_labels(cams, image_labels, images, _settings(), inside)
    assert torch.equal(alone.labels, together.labels)
    torch.testing.assert_close(alone.confidence, together.confidence, atol=1e-6, rtol=0)


def test_both_backgrounds_share_one_lattice(monkeypatch: pytest.MonkeyPatch) -> None:
    cams, image_labels, images = _scene()
    calls: list[list[tuple[int, ...]]] = []

    def record(energies: list[Tensor], *rest: Any) -> list[Tensor]:
        calls.append([tuple(one.shape) for one in energies])
        return crf_marginals(energies, *rest)

    monkeypatch.setattr("wsss.ops.online_masks.crf_marginals", record)
    online_pseudo_labels(cams, image_labels, images, _settings())
    # one call for all images, each with background and present classes alone
    assert calls == [[(2, 3, 24, 24), (2, 2, 24, 24)]]


@pytest.mark.parametrize("refinement", ["crf", "pamr", "par", "none"])
def test_padding_is_ignored_and_changes_nothing_inside(refinement: str) -> None:
    cams, image_labels, images = _scene()
    settings = _settings(refinement=refinement)
    alone = online_pseudo_labels(cams, image_labels, images, settings)
    inside = torch.zeros(2, 32, 40, dtype=torch.bool)
    inside[0, :24, 8:32] = inside[1, 8:, 16:] = True
    padded, crops = torch.full((2, 3, 32, 40), 3.0), torch.full((2, 3, 32, 40), 120, dtype=torch.uint8)
    for i in range(2):
        padded[i, :, inside[i]] = cams[i].flatten(1)
        crops[i, :, inside[i]] = images[i].flatten(1)
    found = online_pseudo_labels(padded, image_labels, crops, settings, inside)
    assert (found.labels[~inside] == 255).all()
    for i in range(2):
        assert torch.equal(found.labels[i][inside[i]], alone.labels[i].flatten())
        # nor does anything flow in from there: a padded crop has no CAM, which is background
        torch.testing.assert_close(found.confidence[i][inside[i]], alone.confidence[i].flatten())
    # RRM's released code trains such pixels as reliable background
    assert (found.labels[inside] == 0).any()


@pytest.mark.parametrize("refinement", ["crf", "pamr", "par", "none"])
@pytest.mark.parametrize("resolution", ["full", "half", "feature"])
def test_every_refinement_at_every_resolution(refinement: str, resolution: str) -> None:
    cams, image_labels, images = _scene(26)
    small = torch.nn.functional.interpolate(cams, (13, 13), mode="bilinear")
    settings = _settings(refinement=refinement, resolution=resolution, reliability="cam")
    inside = torch.ones(2, 26, 26, dtype=torch.bool)
    inside[0, :, 21:] = False
    found = online_pseudo_labels(small, image_labels, images, settings, inside)
    assert found.labels.shape == found.confidence.shape == found.cam_confidence.shape == (2, 26, 26)
    assert found.labels.dtype == torch.uint8
    assert set(found.labels[0].unique().tolist()) == {0, 1, 3, 255}
    assert set(found.labels[1].unique().tolist()) == {0, 2, 255}
    assert (found.labels[0][:, 21:] == 255).all()
    assert found.confidence.min() >= 0
    assert found.confidence.max() <= 1.001
    assert ((found.cam_confidence == 0) | (found.labels != 255)).all()


def test_classes_that_an_image_does_not_show_are_never_given() -> None:
    cams, image_labels, images = _scene()
    found = online_pseudo_labels(cams, torch.zeros_like(image_labels), images, _settings())
    assert set(found.labels.unique().tolist()) == {0}
    found = online_pseudo_labels(cams, torch.tensor([[0, 0, 1], [0, 0, 0]]), images, _settings(**PLAIN))
    assert set(found.labels[0].unique().tolist()) == {0, 3, 255}
    assert set(found.labels[1].unique().tolist()) == {0}


def test_a_class_without_a_high_score_is_nowhere_sure() -> None:
    # RRM's released code takes a percentile of an empty list here, which is an error
    cams, image_labels, images = _scene()
    found = online_pseudo_labels(cams, image_labels, images, _settings(**PLAIN, object_score=1.0))
    assert set(found.labels.unique().tolist()) <= {0, 255}
    nothing = online_pseudo_labels(torch.zeros_like(cams), image_labels, images, _settings(**PLAIN))
    assert set(nothing.labels.unique().tolist()) == {0}


def test_background_is_judged_where_the_large_one_never_wins() -> None:
    # the released code then loses all background
    cams, image_labels, images = _scene()
    settings = _settings(**PLAIN, background_powers=(1000, 1.0), refined_score=0.5)
    found = online_pseudo_labels(cams, image_labels, images, settings)
    assert (found.labels == 0).any()


def test_inputs_are_not_changed() -> None:
    cams, image_labels, images = _scene()
    before = cams.clone(), image_labels.clone(), images.clone()
    inside = torch.ones(2, 24, 24, dtype=torch.bool)
    inside[:, :, 20:] = False
    online_pseudo_labels(cams, image_labels, images, _settings(), inside)
    assert torch.equal(before[0], cams)
    assert torch.equal(before[1], image_labels)
    assert torch.equal(before[2], images)
    assert int((~inside).sum()) == 2 * 24 * 4


def test_masks_carry_no_gradient() -> None:
    cams, image_labels, images = _scene()
    found = online_pseudo_labels(cams.requires_grad_(), image_labels, images, _settings(**PLAIN))
    assert not found.confidence.requires_grad
    assert not found.cam_confidence.requires_grad


def test_constants_disagree_where_they_leave_a_gap() -> None:
    cams, image_labels, images = _scene()
    found = online_pseudo_labels(
        cams, image_labels, images, _settings(**PLAIN, background="constants", reliability="none")
    )
    strongest = (cams[1, 1] / (cams[1, 1].max() + 1e-5)).numpy()
    expected = np.select([strongest > 0.55, strongest < 0.35], [2, 0], 255)
    np.testing.assert_array_equal(found.labels[1].numpy(), expected)


def test_reliability_is_each_rule_or_both() -> None:
    cams, image_labels, images = _scene()
    masks = {
        rule: online_pseudo_labels(cams, image_labels, images, _settings(**PLAIN, reliability=rule)).labels != 255
        for rule in ("both", "cam", "refined", "none")
    }
    assert torch.equal(masks["both"], masks["cam"] & masks["refined"])
    assert masks["both"].sum() < masks["cam"].sum() < masks["none"].sum()


def test_widths_shrink_with_the_resolution_down_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    cams, image_labels, images = _scene()
    seen: list[tuple[float, float]] = []

    def record(energies: list[Tensor], images: list[Tensor], params: OnlineCrf, backend: str) -> list[Tensor]:
        seen.append((params.gaussian_sxy, params.bilateral_sxy))
        return crf_marginals(energies, images, params, backend)

    monkeypatch.setattr("wsss.ops.online_masks.crf_marginals", record)
    small = torch.nn.functional.interpolate(cams, (6, 6), mode="bilinear")
    for resolution in ("full", "half", "feature"):
        online_pseudo_labels(small, image_labels, images, _settings(resolution=resolution))
    assert seen == [(3.0, 80.0), (1.5, 40.0), (1.0, 20.0)]


def test_shapes_that_do_not_fit_are_named() -> None:
    cams, image_labels, images = _scene()
    with pytest.raises(ValueError, match=r"expected CAMs \(N, C, h, w\)"):
        online_pseudo_labels(cams, image_labels[:, :2], images)
    with pytest.raises(ValueError, match="uint8"):
        online_pseudo_labels(cams, image_labels, images.float())


def test_cams_divided_elsewhere_give_an_absent_class_no_pixel() -> None:
    cams, image_labels, images = _scene()
    settings = _settings(**PLAIN, reliability="none", background_powers=(1, 1))
    weak = 0.1 * cams / cams.amax((2, 3), keepdim=True)
    # the crop's own maximum makes an object of the best place of any class
    assert (online_pseudo_labels(weak, image_labels, images, settings).labels > 0).any()
    assert (online_pseudo_labels(weak, image_labels, images, settings, normalize=False).labels == 0).all()


@pytest.mark.parametrize("refinement", ["none", "pamr", "par", "crf"])
@pytest.mark.parametrize("reliability", ["none", "both"])
def test_without_background_masks_hold_classes_alone(refinement: str, reliability: str) -> None:
    cams, image_labels, images = _scene()
    cams[:, :, 0, 0] = 0
    settings = _settings(refinement=refinement, reliability=reliability)
    found = online_pseudo_labels(cams, image_labels, images, settings, background=False)
    assert {*found.labels[0].unique().tolist()} == {1, 3, 255}
    # the second image shows one class: nothing else can be there, however weak its CAM
    assert {*found.labels[1].unique().tolist()} == {2, 255}
    assert (found.labels[:, 0, 0] == 255).all()
    assert ((found.confidence >= 0) & (found.confidence <= 1 + 1e-5)).all()
    if reliability == "none":
        assert (found.labels == 255).sum() == 2
        assert torch.allclose(found.confidence[1][found.labels[1] < 255], torch.tensor(1.0))
    else:
        unsure = found.labels[0] == 255
        assert unsure.any()
        assert (found.confidence[0][~unsure] >= settings.refined_score).all()


def test_without_background_masks_are_the_strongest_class() -> None:
    cams, image_labels, images = _scene()
    found = online_pseudo_labels(cams, image_labels, images, _settings(**PLAIN, reliability="none"), background=False)
    shown = cams[0, [0, 2]] / cams[0, [0, 2]].amax((1, 2), keepdim=True)
    assert torch.equal(found.labels[0].long(), torch.tensor([1, 3])[shown.argmax(0)])
    assert torch.allclose(found.confidence[0], (shown / shown.sum(0)).amax(0), atol=1e-4)
    assert torch.allclose(found.cam_confidence[0], shown.amax(0), atol=1e-4)


def test_without_background_and_classes_nothing_is_labelled() -> None:
    cams, image_labels, images = _scene()
    image_labels[1] = 0
    for refinement in ("none", "crf"):
        settings = _settings(refinement=refinement, reliability="none")
        found = online_pseudo_labels(cams, image_labels, images, settings, background=False)
        assert (found.labels[1] == 255).all()
        assert (found.labels[0] < 255).any()
