from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from wsss.losses import label_reassign_loss
from wsss.losses.label_reassign import SCOPES, reassigned_labels


def _clusters(labels: Tensor, classes: int = 4, spread: float = 0.15) -> Tensor:
    """(N, D, h, w): a Gaussian cluster for every class; ignored pixels get that of class 0."""
    generator = torch.Generator().manual_seed(0)
    centres = functional.one_hot(labels.clamp(max=classes - 1), 16).permute(0, 3, 1, 2).float()
    return centres + spread * torch.randn(centres.shape, generator=generator)


def _scene() -> tuple[Tensor, Tensor]:
    """Labels (2, 10, 12) and image labels (2, 3): background with class 1 in both, with class 3 in the second."""
    labels = torch.zeros(2, 10, 12, dtype=torch.long)
    labels[:, 2:8, 2:6] = 1
    labels[1, 2:8, 7:11] = 3
    return labels, torch.tensor([[1, 0, 0], [1, 0, 1]])


def _with_noise(labels: Tensor, image_labels: Tensor, share: float) -> Tensor:
    """The labels, with a share of the pixels moved to another label of the image."""
    generator = torch.Generator().manual_seed(1)
    noisy = labels.clone()
    for image, present in zip(noisy, image_labels, strict=True):
        names = [0, *(present.nonzero()[:, 0] + 1).tolist()]
        for place in (torch.rand(image.shape, generator=generator) < share).nonzero():
            others = [name for name in names if name != image[tuple(place)]]
            image[tuple(place)] = others[int(torch.randint(len(others), (1,), generator=generator))]
    return noisy


@pytest.mark.parametrize("scope", SCOPES)
def test_separable_embeddings_keep_their_labels(scope: Any) -> None:
    labels, image_labels = _scene()
    result = label_reassign_loss(_clusters(labels), labels, image_labels, scope=scope)
    assert torch.equal(result.labels, labels)
    assert result.changed_fraction.tolist() == [0, 0, 0, 0]
    assert result.labelled.tolist() == [168, 48, 0, 24]


@pytest.mark.parametrize("scope", SCOPES)
def test_planted_noise_is_recovered(scope: Any) -> None:
    labels, image_labels = _scene()
    noisy = _with_noise(labels, image_labels, 0.2)
    wrong = noisy != labels
    assert wrong.sum() > 30
    result = label_reassign_loss(_clusters(labels), noisy, image_labels, scope=scope)
    assert (result.labels == labels)[wrong].float().mean() > 0.95
    assert (result.labels == labels)[~wrong].all()
    lost = torch.stack(
        [wrong[noisy == k].float().mean() if (noisy == k).any() else wrong.new_zeros(()).float() for k in range(4)]
    )
    assert torch.allclose(result.changed_fraction, lost, atol=0.02)


@pytest.mark.parametrize("scope", ["batch", "image"])
def test_a_judge_decides_and_the_embeddings_learn(scope: Any) -> None:
    labels, image_labels = _scene()
    noisy = _with_noise(labels, image_labels, 0.2)
    # embeddings that have learned the noise would change nothing
    embeddings = _clusters(noisy).requires_grad_()
    alone = label_reassign_loss(embeddings, noisy, image_labels, scope=scope)
    assert torch.equal(alone.labels, noisy)
    judge = _clusters(labels)[:, :12].requires_grad_()
    judged = label_reassign_loss(embeddings, noisy, image_labels, scope=scope, judge=judge)
    wrong = noisy != labels
    assert (judged.labels == labels)[wrong].float().mean() > 0.95
    # they are far from their new labels, and move towards them
    assert judged.loss > alone.loss
    judged.loss.backward()
    assert embeddings.grad is not None and embeddings.grad.any()
    assert judge.grad is None


def test_a_judge_that_does_not_fit_is_refused() -> None:
    labels, image_labels = _scene()
    embeddings = _clusters(labels)
    with pytest.raises(ValueError, match="expected a judge of"):
        label_reassign_loss(embeddings, labels, image_labels, judge=embeddings[:, :, :5])
    with pytest.raises(ValueError, match="remembers no centroids"):
        label_reassign_loss(embeddings, labels, image_labels, judge=embeddings, scope="ema")


@pytest.mark.parametrize("scope", SCOPES)
def test_classes_that_an_image_does_not_show_never_appear(scope: Any) -> None:
    labels, image_labels = _scene()
    embeddings = _clusters(labels)
    # background of the first image that looks exactly like class 3, which only the second image shows
    embeddings[0, :, :2] = embeddings[1, :, 3:4, 8:9]
    memory = None
    for _ in range(2):
        result = label_reassign_loss(embeddings, labels, image_labels, scope=scope, memory=memory)
        memory = result.memory
    assert set(result.labels[0].unique().tolist()) <= {0, 1}
    assert (label_reassign_loss(embeddings, labels, torch.tensor([[1, 0, 1]] * 2)).labels[0] == 3).any()


def test_nothing_labelled_is_zero() -> None:
    embeddings = torch.randn(2, 8, 5, 5, requires_grad=True)
    result = label_reassign_loss(embeddings, torch.full((2, 5, 5), 255), torch.ones(2, 3))
    result.loss.backward()
    assert result.loss.item() == 0
    assert embeddings.grad is not None
    assert embeddings.grad.abs().sum().item() == 0
    assert (result.labels == 255).all()
    assert result.changed_fraction.sum().item() == 0


def test_by_hand() -> None:
    # background at 0 degrees, class 1 at 90; the last background pixel lies at 58 degrees
    angles = torch.tensor([0.0, 0, 90, 90, 58]).deg2rad()
    embeddings = 7 * torch.stack([angles.cos(), angles.sin()])[None, :, None]
    labels = torch.tensor([[[0, 0, 1, 1, 0]]])
    centre = functional.normalize(torch.tensor([2 + math.cos(math.radians(58)), math.sin(math.radians(58))]), dim=0)
    result = label_reassign_loss(embeddings, labels, torch.tensor([[1]]), min_points=2, temperature=0.5)
    similarity = torch.stack([centre @ embeddings[0, :, 0] / 7, embeddings[0, 1, 0] / 7])
    assert similarity[1, 4] - similarity[0, 4] > 0.05
    logarithms = (similarity / 0.5).log_softmax(0)
    kept = -logarithms[0, [0, 1, 4]].mean() - logarithms[1, [2, 3]].mean()
    moved = -logarithms[0, :2].mean() - logarithms[1, 2:].mean()
    assert result.labels.tolist() == [[[0, 0, 1, 1, 0]]]
    assert result.loss.item() == pytest.approx(kept.item(), rel=1e-5)
    eager = label_reassign_loss(embeddings, labels, torch.tensor([[1]]), min_points=2, temperature=0.5, margin=0.05)
    assert eager.labels.tolist() == [[[0, 0, 1, 1, 1]]]
    assert eager.loss.item() == pytest.approx(moved.item(), rel=1e-5)
    assert eager.changed_fraction.tolist() == pytest.approx([1 / 3, 0])


def test_a_class_with_few_points_has_no_centroid() -> None:
    labels, image_labels = torch.zeros(1, 6, 6, dtype=torch.long), torch.tensor([[1, 0, 0]])
    labels[0, 0, :4] = 1
    result = label_reassign_loss(torch.randn(1, 8, 6, 6), labels, image_labels)
    assert torch.equal(result.labels, labels)
    # background is the only candidate, so that nothing is to be told apart
    assert result.loss.item() == 0
    assert label_reassign_loss(torch.randn(1, 8, 6, 6), labels, image_labels, min_points=4).loss.item() > 0


def test_each_image_has_a_background_of_its_own() -> None:
    labels, image_labels = _scene()
    embeddings = _clusters(labels)
    embeddings[1] = torch.where(labels[1] == 0, -embeddings[1], embeddings[1])
    assert torch.equal(label_reassign_loss(embeddings, labels, image_labels).labels, labels)


def test_scope_image_does_not_look_at_other_images() -> None:
    labels, image_labels = _scene()
    embeddings = torch.randn(2, 16, 10, 12, generator=torch.Generator().manual_seed(3))
    together = label_reassign_loss(embeddings, labels, image_labels, scope="image").labels
    for i in range(2):
        parts = embeddings[i : i + 1], labels[i : i + 1], image_labels[i : i + 1]
        assert torch.equal(label_reassign_loss(*parts, scope="image").labels, together[i : i + 1])
    assert not torch.equal(label_reassign_loss(embeddings, labels, image_labels).labels, together)


def test_memory_remembers_and_moves() -> None:
    labels, image_labels = _scene()
    embeddings = _clusters(labels)
    first = label_reassign_loss(embeddings, labels, image_labels, scope="ema").memory
    assert first is not None
    assert first[2].abs().sum().item() == 0
    nothing = torch.full_like(labels, 255)
    kept = label_reassign_loss(embeddings, nothing, image_labels, scope="ema", memory=first).memory
    assert kept is not None
    assert torch.equal(kept, first)
    moved = label_reassign_loss(-embeddings, labels, image_labels, scope="ema", memory=first, memory_momentum=0.9)
    assert moved.memory is not None
    similarity = functional.cosine_similarity(moved.memory[[1, 3]], first[[1, 3]], dim=1)
    assert torch.allclose(similarity, torch.ones(2), atol=1e-3)
    assert label_reassign_loss(embeddings, labels, image_labels).memory is None


def test_centroids_are_constants_unless_asked_for() -> None:
    labels, image_labels = _scene()
    gradients = []
    for detach in (True, False):
        embeddings = _clusters(labels, spread=0.5).requires_grad_()
        label_reassign_loss(embeddings, labels, image_labels, detach_centroids=detach).loss.backward()
        assert embeddings.grad is not None
        gradients.append(embeddings.grad)
    assert gradients[0].abs().sum() > 0
    assert not torch.allclose(gradients[0], gradients[1])


def test_labels_of_the_image_follow_the_embeddings() -> None:
    labels, image_labels = _scene()
    noisy = _with_noise(labels, image_labels, 0.1)
    large = noisy.repeat_interleave(4, 1).repeat_interleave(4, 2).to(torch.uint8)
    large[:, ::4] = 255
    result = label_reassign_loss(_clusters(labels), large, image_labels)
    assert torch.equal(result.before, noisy)
    repaired = reassigned_labels(large, result)
    assert repaired.dtype == torch.uint8
    assert torch.equal(repaired[:, 1::4, ::4].long(), result.labels)
    assert (repaired[:, ::4] == 255).all()
    dropped = reassigned_labels(large, result, drop=True)
    changed = result.labels != noisy
    assert (dropped[:, 1::4, ::4][changed] == 255).all()
    assert torch.equal(dropped[:, 1::4, ::4][~changed].long(), noisy[~changed])


def test_float32_under_mixed_precision() -> None:
    labels, image_labels = _scene()
    embeddings = _clusters(labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = label_reassign_loss(embeddings, labels, image_labels).loss
    assert loss.dtype == torch.float32
    assert loss.item() == label_reassign_loss(embeddings, labels, image_labels).loss.item()


def test_shapes_and_scopes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"expected embeddings \(N, D, h, w\)"):
        label_reassign_loss(torch.zeros(2, 3, 4, 4), torch.zeros(1, 4, 4), torch.zeros(2, 5))
    with pytest.raises(ValueError, match="a scope out of batch, image, ema"):
        label_reassign_loss(torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4), torch.zeros(1, 5), scope="all")  # type: ignore[arg-type]


@pytest.mark.parametrize("scope", SCOPES)
def test_where_no_label_is_background_none_becomes_it(scope: Any) -> None:
    labels, image_labels = _scene()
    image_labels[:, 1] = 1
    labels = torch.where(labels == 0, 2, labels)
    noisy = labels.clone()
    noisy[:, 2:8, 2] = 2
    embeddings = _clusters(labels).requires_grad_()
    result = label_reassign_loss(embeddings, noisy, image_labels, scope=scope)
    assert (result.labels > 0).all()
    assert (result.labels == labels).float().mean() > 0.99
    assert result.changed[0] == result.labelled[0] == 0
    result.loss.backward()
    assert torch.isfinite(result.loss)
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()
