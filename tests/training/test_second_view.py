from __future__ import annotations

import torch
from torch import nn

from tests.training.small_aalr import batch, module, network, random_masks
from wsss.config import LabelReassign
from wsss.models import AALR
from wsss.training.second_view import SecondView, second_view


def images() -> torch.Tensor:
    return torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))


def changed(built: AALR) -> None:
    with torch.no_grad():
        for parameter in built.backbone.parameters():
            parameter.add_(0.1)


def test_a_view_has_the_places_of_the_features_and_never_learns() -> None:
    built = network()
    learning = [parameter.requires_grad for parameter in built.backbone.parameters()]
    view = SecondView(built.backbone, (1.0, 1.5))
    before = view(images())
    features = built.backbone(images())
    assert before.shape == features.shape
    changed(built)
    assert torch.equal(view(images()), before)
    assert not any(parameter.requires_grad for parameter in view.parameters())
    assert [parameter.requires_grad for parameter in built.backbone.parameters()] == learning
    view.train()
    assert not any(layer.training for layer in view.modules())


def test_a_view_of_a_mirrored_photograph_is_mirrored_where_features_are_centred() -> None:
    class Centred(nn.Module):
        """Mean colours of cells, which are features in the centres of their cells."""

        grid = network().grid.__class__(16, 7.5)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return nn.functional.avg_pool2d(images, 16) + 0.1

    view = SecondView(Centred(), (1.0, 0.5, 1.5))  # type: ignore[arg-type]
    found = view(images().flip(3))
    assert torch.allclose(found, view(images()).flip(3), atol=1e-6)
    # six unit vectors: three scales with their mirror images
    assert found.norm(dim=1).max() <= 6 + 1e-5


def test_only_reassignment_that_asks_for_it_has_a_view() -> None:
    backbone = network().backbone
    assert second_view(backbone, LabelReassign()) is None
    assert second_view(backbone, LabelReassign(judge="start", weight=0)) is None
    assert second_view(backbone, LabelReassign(judge="start")) is not None


def test_a_training_reassigns_by_the_view_and_learns_by_its_own_vectors(monkeypatch) -> None:
    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", random_masks)
    own = module()
    judged = module(label_reassign={"judge": "start", "judge_scales": [1.0]})
    given = batch()
    seen = []
    assert judged.judge is not None
    judged.judge.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    first, second = own.losses(given), judged.losses(given)
    assert len(seen) == 1 and not seen[0].requires_grad
    assert second["label_reassign"].isfinite()
    assert not torch.equal(first["label_reassign"], second["label_reassign"])
    second["loss"].backward()
    embedding = judged.network.embedding
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in embedding.parameters())
