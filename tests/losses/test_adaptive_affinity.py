from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from wsss.losses import adaptive_affinity_loss
from wsss.losses.adaptive_affinity import EdgeSplit


def _halves(size: int = 12) -> Tensor:
    """(1, size, size): background left, class 1 right."""
    labels = torch.zeros(1, size, size, dtype=torch.long)
    labels[:, :, size // 2 :] = 1
    return labels


def _random(seed: int = 0, size: tuple[int, int] = (9, 11)) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    probabilities = (3 * torch.randn(2, 4, *size, generator=generator)).softmax(1)
    labels = torch.randint(0, 4, (2, *size), generator=generator)
    labels[torch.rand(2, *size, generator=generator) < 0.3] = 255
    return probabilities, labels, torch.rand(2, *size, generator=generator)


def _naive(p: Tensor, y: Tensor, s: Tensor, d: int, margin: float, different: float, split: EdgeSplit) -> float:
    """The definition, one pair at a time."""
    groups: dict[str, list[float]] = {"background": [], "object": [], "objects": [], "borders": []}
    images, _, height, width = p.shape
    for n, i, j in itertools.product(range(images), range(height), range(width)):
        for a, b in itertools.product((-d, 0, d), repeat=2):
            k, m = i + a, j + b
            if (a, b) == (0, 0) or not (0 <= k < height and 0 <= m < width) or 255 in (y[n, i, j], y[n, k, m]):
                continue
            u, distance = float(max(s[n, i, j], s[n, k, m])), 0.0
            for here, there in zip(p[n, :, i, j].tolist(), p[n, :, k, m].tolist(), strict=True):
                for centre, neighbour in ((here, there), (1 - here, 1 - there)):
                    distance += max(neighbour, 1e-4) * math.log(max(neighbour, 1e-4) / max(centre, 1e-4))
            mine, other = int(y[n, i, j]), int(y[n, k, m])
            if mine == other:
                groups["object" if mine else "background"].append(u * distance)
            else:
                groups["objects" if mine and other else "borders"].append(max(0.0, margin * u - distance))
    means = {name: sum(found) / max(len(found), 1) for name, found in groups.items()}
    pushes = groups["objects"] + groups["borders"]
    apart = means["objects"] + means["borders"] if split == "fg_bg" else sum(pushes) / max(len(pushes), 1)
    return means["background"] + means["object"] + different * apart


@pytest.mark.parametrize("split", ["none", "fg_bg"])
@pytest.mark.parametrize(("offset", "margin", "different"), [(1, 3.0, 2.0), (2, 1.5, 0.5), (4, 5.0, 2.0)])
def test_equals_the_definition(offset: int, margin: float, different: float, split: EdgeSplit) -> None:
    p, y, s = _random(offset)
    found = adaptive_affinity_loss(p, y, s, offset, margin, different, split)
    assert found.item() == pytest.approx(_naive(p, y, s, offset, margin, different, split), rel=1e-5, abs=1e-5)


def test_uniform_probabilities_cost_the_margin_twice() -> None:
    p, labels = torch.full((1, 21, 12, 12), 1 / 21), _halves()
    assert adaptive_affinity_loss(p, labels, torch.ones(1, 12, 12)).item() == pytest.approx(6, abs=1e-5)
    assert adaptive_affinity_loss(p, labels, torch.full((1, 12, 12), 0.5)).item() == pytest.approx(3, abs=1e-5)
    assert adaptive_affinity_loss(p, labels, None).item() == pytest.approx(6, abs=1e-5)


def test_a_perfect_prediction_costs_nothing() -> None:
    labels = _halves()
    p = torch.nn.functional.one_hot(labels, 21).permute(0, 3, 1, 2).float()
    assert adaptive_affinity_loss(p, labels, None).item() == 0
    # the divergence across: a margin of 20 is missed by 20 - 18.42
    missed = adaptive_affinity_loss(p, labels, None, margin=20, different_weight=1).item()
    assert missed == pytest.approx(20 - 18.42, abs=5e-3)


def test_nothing_labelled_is_exactly_zero_with_finite_gradients() -> None:
    logits = torch.randn(1, 21, 12, 12, requires_grad=True)
    loss = adaptive_affinity_loss(logits.softmax(1), torch.full((1, 12, 12), 255), torch.ones(1, 12, 12))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().sum().item() == 0


@pytest.mark.parametrize("label", [0, 3])
def test_a_single_class_has_only_pairs_that_pull(label: int) -> None:
    p, labels = _random()[0], torch.full((2, 9, 11), label)
    loss = adaptive_affinity_loss(p, labels, None)
    assert math.isfinite(loss.item())
    assert loss.item() == pytest.approx(adaptive_affinity_loss(p, labels, None, different_weight=0).item())
    assert loss.item() > 0


def test_the_same_under_flips_and_transposition() -> None:
    p, y, s = _random()
    before = adaptive_affinity_loss(p, y, s)
    for turn in (
        lambda tensor: tensor.flip(-1),
        lambda tensor: tensor.flip(-2),
        lambda tensor: tensor.transpose(-1, -2),
    ):
        assert torch.allclose(adaptive_affinity_loss(turn(p), turn(y), turn(s)), before, atol=1e-5)


def test_both_ends_of_a_pair_learn() -> None:
    logits = torch.zeros(1, 2, 1, 5)
    logits[0, 0] = torch.tensor([1.0, 0, 0, 0, -1.0])
    logits.requires_grad_()
    adaptive_affinity_loss(logits.softmax(1), torch.zeros(1, 1, 5, dtype=torch.long), None).backward()
    assert logits.grad is not None
    assert (logits.grad[0, 0, 0, [0, 4]] != 0).all()


def test_image_smaller_than_the_offset() -> None:
    p = torch.randn(1, 3, 3, 2).softmax(1)
    assert adaptive_affinity_loss(p, torch.zeros(1, 3, 2, dtype=torch.uint8), None).item() == 0


def test_values_are_never_looked_at_on_the_host() -> None:
    # a tensor without values raises where one is asked for
    p, y = torch.empty(1, 4, 9, 9, device="meta"), torch.empty(1, 9, 9, dtype=torch.long, device="meta")
    assert adaptive_affinity_loss(p, y, torch.empty(1, 9, 9, device="meta"), edge_split="fg_bg").shape == ()


def test_float32_under_mixed_precision() -> None:
    p, y, s = _random()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = adaptive_affinity_loss(p, y, s)
    assert loss.dtype == torch.float32
    assert loss.item() == adaptive_affinity_loss(p, y, s).item()


def test_gradient() -> None:
    p, y, s = _random(size=(5, 6))
    logits = p.log().double().requires_grad_()
    loss = adaptive_affinity_loss(logits.softmax(1), y, s, 1)
    (gradient,) = torch.autograd.grad(loss, logits)
    step = 1e-2 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ahead, behind = (adaptive_affinity_loss((logits + sign * step).softmax(1), y, s, 1) for sign in (1, -1))
    assert (ahead - behind).item() / 2 == pytest.approx((gradient * step).sum().item(), rel=0.02)


@pytest.mark.parametrize(
    ("labels", "confidence"), [((1, 4, 5), (1, 4, 4)), ((1, 4, 4), (1, 2, 2)), ((2, 4, 4), (1, 4, 4))]
)
def test_shapes_that_do_not_fit_are_named(labels: tuple[int, ...], confidence: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected probabilities \(N, K, H, W\)"):
        adaptive_affinity_loss(torch.zeros(1, 3, 4, 4), torch.zeros(labels), torch.zeros(confidence))


def test_settings_that_are_none() -> None:
    arguments = torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4), None
    with pytest.raises(ValueError, match="offset from 1 on"):
        adaptive_affinity_loss(*arguments, offset=0)
    with pytest.raises(ValueError, match="edge_split `none` or `fg_bg`"):
        adaptive_affinity_loss(*arguments, edge_split="both")  # type: ignore[arg-type]


def test_a_background_that_no_pixel_can_be_changes_nothing() -> None:
    probabilities, labels, confidence = _random()
    labels = torch.where(labels == 255, 255, labels.clamp(min=1))
    # the probabilities of the classes alone, and a loss that counts no class as background
    classes = probabilities[:, 1:] / probabilities[:, 1:].sum(1, keepdim=True)
    without = torch.cat([torch.zeros_like(classes[:, :1]), classes], 1)
    splits: tuple[EdgeSplit, ...] = ("none", "fg_bg")
    found = [adaptive_affinity_loss(without, labels, confidence, 2, edge_split=split).item() for split in splits]
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[0] == pytest.approx(_naive(without, labels, confidence, 2, 3.0, 2.0, "none"), rel=1e-5)
    assert found[0] > 0
