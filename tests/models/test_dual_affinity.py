from __future__ import annotations

import pytest
import torch

from tests.models.small_auxsegnet import build, rows
from wsss.models.dual_affinity import CrossTaskFusion, FeatureContext, UnaryAffinity
from wsss.ops.affinity import DenseAffinity


def test_unary_affinity_is_one_distribution_over_the_pixels() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 4, 3, 5)
    module = UnaryAffinity(4)
    scores = torch.einsum("c,nchw->nhw", module.score.weight[0, :, 0, 0], features)
    expected = scores.flatten(1).exp() / scores.flatten(1).exp().sum(1, keepdim=True)
    assert torch.allclose(module(features).flatten(1), expected, atol=1e-6)
    inside = torch.ones(2, 1, 3, 5, dtype=torch.bool)
    inside[0, :, 2:], inside[1, :, :, :2] = False, False
    expected = expected * inside.flatten(1)
    expected = expected / expected.sum(1, keepdim=True)
    assert torch.allclose(module(features, inside).flatten(1), expected, atol=1e-6)


@pytest.mark.parametrize("value", ["shared", "separate"])
@pytest.mark.parametrize(("pairwise", "unary"), [(True, True), (True, False), (False, True)])
def test_features_gain_what_both_affinities_gather(pairwise: bool, unary: bool, value: str) -> None:
    torch.manual_seed(0)
    features, matrix = torch.randn(2, 4, 2, 3), torch.rand(2, 6, 6)
    vector = torch.rand(2, 1, 2, 3)
    module = FeatureContext(4, pairwise=pairwise, unary=unary, unary_value=value)
    expected = torch.zeros(2, 6, 4)
    if pairwise:
        expected = expected + matrix @ rows(module.value(features))
    if unary:
        source = module.unary_value if value == "separate" else module.value
        expected = expected + torch.einsum("np,npc->nc", vector.flatten(1), rows(source(features)))[:, None]
    expected = features + module.output(expected.mT.reshape(2, 4, 2, 3))
    found = module(features, DenseAffinity(matrix, (2, 3)) if pairwise else None, vector if unary else None)
    assert torch.allclose(found, expected, atol=1e-5)


def test_identity_leaves_predictions_alone() -> None:
    """With all weight on segmentation and its affinity the identity, refined equals initial."""
    network = build(unary_affinity=False)
    fusion = network.pairwise_fusion
    assert isinstance(fusion, CrossTaskFusion)
    assert fusion.mix.bias is not None
    with torch.no_grad():
        fusion.mix.weight.zero_()
        fusion.mix.bias.copy_(torch.tensor([200.0, -200.0]))
    eye = DenseAffinity(torch.eye(6)[None], (2, 3))
    other = DenseAffinity(torch.rand(1, 6, 6), (2, 3))
    values = torch.randn(1, 4, 2, 3)
    assert torch.equal(fusion(eye, other).apply(values), values)
