from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.released_auxsegnet import iccv_forward
from tests.models.small_auxsegnet import SMALL, build, rows
from wsss import config
from wsss.errors import InputError
from wsss.models import AuxSegNet, AuxSegNetOutput, Classifier
from wsss.models.auxsegnet import OUTPUTS
from wsss.ops.affinity import BlockedAffinity, DenseAffinity

LADDER: dict[str, dict[str, Any]] = {
    "segmentation": {"classification": False, "saliency": False, "affinity": "off"},
    "classification": {"saliency": False, "affinity": "off"},
    "saliency": {"affinity": "off"},
    "pairwise": {"affinity": "segmentation", "unary_affinity": False},
    "separate": {"affinity": "separate", "unary_affinity": False},
    "saliency_alone": {"affinity": "saliency", "unary_affinity": False},
    "cross_task": {"unary_affinity": False},
    "unary_features": {"unary_acts_on": "features"},
    "unary_predictions": {"unary_acts_on": "predictions"},
    "unary_both": {},
    "unary_only": {"pairwise_affinity": False},
    "features_only": {"pairwise_acts_on": "features", "unary_acts_on": "features"},
}


def photographs() -> Tensor:
    return torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(5))


def count(module: nn.Module | None) -> int:
    return sum(parameter.numel() for parameter in module.parameters()) if module is not None else 0


def test_numbers_of_parameters() -> None:
    with torch.device("meta"):
        iccv, both = AuxSegNet("resnet38d", 20, unary_affinity=False), AuxSegNet("resnet38d", 20)
    assert count(iccv) == 115_315_562
    assert count(both) == count(iccv) + 2 * 129 + 42
    assert count(iccv.backbone) == 105_070_912
    assert count(iccv.classifier) == 81_920
    assert count(iccv.segmentation.stem) + count(iccv.segmentation.tail) == 4_718_720 + 147_584 + 147_584 + 2_688
    assert iccv.saliency is not None
    assert count(iccv.saliency.stem) + count(iccv.saliency.tail) == 4_718_720 + 147_584 + 147_584 + 128
    for branch in (iccv.segmentation, iccv.saliency):
        assert count(branch.pairwise) == 33_024
        assert count(branch.context) == 2 * 16_512
    assert count(iccv.pairwise_fusion) == 42


def test_shapes_of_the_paper() -> None:
    with torch.device("meta"):
        found = AuxSegNet("resnet38d", 20).eval()(torch.rand(2, 3, 320, 320))
    assert found.segmentation_logits.shape == found.refined_segmentation_logits.shape == (2, 21, 40, 40)
    assert found.saliency_logits.shape == found.refined_saliency_logits.shape == (2, 1, 40, 40)
    assert found.class_logits.shape == (2, 20)
    assert found.cams.shape == (2, 20, 40, 40)
    assert found.pairwise_affinity.dense().shape == (2, 1600, 1600)
    assert found.unary_affinity.shape == (2, 1, 40, 40)


@pytest.mark.parametrize("training", [False, True])
def test_without_unary_affinity_it_is_the_iccv_network_bit_for_bit(training: bool) -> None:
    network = build(unary_affinity=False).train(training)
    torch.manual_seed(7)
    expected = iccv_forward(network, photographs())
    torch.manual_seed(7)
    found = network(photographs())
    assert expected["pairwise_affinity"].amax(-1).mean() > 0.1
    assert torch.equal(found.pairwise_affinity.dense(), expected.pop("pairwise_affinity"))
    for name, value in expected.items():
        assert torch.equal(getattr(found, name), value), name
    assert found.unary_affinity is None


def test_whole_and_blocked_affinity_give_one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsss.ops.affinity.BLOCK_ELEMENTS", 2 * 24 * 7)
    dense, blocked = build(), build(dense_positions=23)
    found, other = dense(photographs()), blocked(photographs())
    assert isinstance(found.pairwise_affinity, DenseAffinity)
    assert isinstance(other.pairwise_affinity, BlockedAffinity)
    for network, output in ((dense, found), (blocked, other)):
        network.zero_grad()
        (output.refined_segmentation_logits.square().mean() + output.refined_saliency_logits.square().mean()).backward()
    for name in ("refined_segmentation_logits", "refined_saliency_logits", "segmentation_logits"):
        value = getattr(found, name)
        assert torch.allclose(getattr(other, name), value, atol=1e-5 * float(value.detach().abs().max())), name
    for (name, parameter), (_, twin) in zip(dense.named_parameters(), blocked.named_parameters(), strict=True):
        if parameter.grad is not None:
            assert twin.grad is not None
            largest = max(float(parameter.grad.abs().max()), 1e-3)
            assert torch.allclose(twin.grad, parameter.grad, atol=1e-4 * largest), name


@pytest.mark.parametrize("rung", LADDER)
def test_every_rung_has_what_it_says_and_trains_all_of_it(rung: str) -> None:
    network = build(**LADDER[rung]).train()
    output = network(photographs())
    given = {name for name in OUTPUTS if getattr(output, name) is not None}
    assert given == set(network.available)
    assert ("saliency_logits" in given) == LADDER[rung].get("saliency", True)
    assert ("cams" in given) == LADDER[rung].get("classification", True)
    losses = [getattr(output, name) for name in given if name.endswith("logits")]
    torch.stack([loss.square().mean() for loss in losses]).sum().backward()
    idle = [
        name for name, parameter in network.named_parameters() if parameter.requires_grad and parameter.grad is None
    ]
    assert not idle
    assert network.segmentation_output in given


@pytest.mark.parametrize(
    ("rung", "best", "saliency"),
    [
        ("segmentation", "segmentation_logits", None),
        ("saliency", "segmentation_logits", "saliency_logits"),
        ("pairwise", "refined_segmentation_logits", "saliency_logits"),
        ("saliency_alone", "segmentation_logits", "refined_saliency_logits"),
        ("unary_only", "refined_segmentation_logits", "refined_saliency_logits"),
        ("features_only", "segmentation_logits", "saliency_logits"),
    ],
)
def test_the_best_predictions_are_named(rung: str, best: str, saliency: str | None) -> None:
    network = build(**LADDER[rung])
    assert network.segmentation_output == best
    assert network.saliency_output == saliency


def test_sizes_of_the_rungs_differ_by_what_they_add() -> None:
    sizes = {rung: count(build(**settings)) for rung, settings in LADDER.items()}
    pairwise = 4 * (8 * 8 + 8)  # query, key, value, output
    assert sizes["pairwise"] - sizes["saliency"] == pairwise
    assert sizes["separate"] - sizes["pairwise"] == pairwise
    assert sizes["cross_task"] - sizes["separate"] == 42
    assert sizes["unary_features"] - sizes["cross_task"] == 2 * 9
    assert sizes["unary_both"] - sizes["cross_task"] == 2 * 9 + 42
    assert sizes["unary_both"] - sizes["unary_only"] == 2 * 2 * (8 * 8 + 8) + 42
    assert count(build(unary_value="separate")) - sizes["unary_both"] == 2 * (8 * 8 + 8)
    assert count(build(fusion_kernel=1)) - sizes["unary_both"] == 2 * (4 - 36)
    assert sizes["unary_both"] - count(build(last_convolution=False)) == 2 * (8 * 8 * 9 + 8)


class Counter:
    """Counts how often modules run."""

    def __init__(self, network: AuxSegNet) -> None:
        self.calls: list[str] = []
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d) and not name.startswith("backbone"):
                module.register_forward_hook(lambda *_, name=name: self.calls.append(name))

    def take(self) -> set[str]:
        found, self.calls = self.calls, []
        # the classifier makes class logits of pooled features, and CAMs of all
        assert len(set(found)) == len(found) - (found.count("classifier") == 2), "something was computed twice"
        return set(found)


def branches(calls: set[str]) -> set[str]:
    return {".".join(name.split(".")[:2]) for name in calls}


def test_only_what_is_asked_for_is_computed() -> None:
    network = build()
    counter = Counter(network)

    def ask(*outputs: str) -> set[str]:
        found = network(photographs(), outputs)
        assert {name for name in OUTPUTS if getattr(found, name) is not None} == set(outputs)
        return branches(counter.take())

    assert ask("class_logits") == {"classifier"}
    own = {"segmentation.stem", "segmentation.pairwise", "segmentation.unary", "segmentation.context"}
    assert ask("segmentation_logits") == own | {"segmentation.tail"}
    # the fused affinity needs the saliency features, but no saliency prediction
    other = {"saliency.stem", "saliency.pairwise", "saliency.unary"}
    assert ask("refined_segmentation_logits") == own | {"segmentation.tail"} | other
    assert ask("pairwise_affinity") == {f"{t}.{m}" for t in ("segmentation", "saliency") for m in ("stem", "pairwise")}
    assert ask("unary_affinity") == {f"{t}.{m}" for t in ("segmentation", "saliency") for m in ("stem", "unary")}
    assert ask("segmentation_features") == {"segmentation.stem"}
    assert not ask("features")
    assert not ask()
    assert len(ask(*network.available)) == 11


@pytest.mark.parametrize("rung", ["segmentation", "unary_both"])
def test_features_are_those_that_the_branch_starts_from(rung: str) -> None:
    network = build(**LADDER[rung])
    found = network(photographs())
    features = network.backbone(photographs())
    assert torch.equal(found.features, features)
    assert torch.equal(found.segmentation_features, network.segmentation.stem(features))
    assert found.segmentation_features.shape == (2, 8, 4, 6)


def test_cams_cost_one_more_run_of_the_classifier_and_are_not_computed_in_training() -> None:
    network = build()
    sizes: list[int] = []
    assert network.classifier is not None
    network.classifier.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-1]))
    network(photographs(), ["class_logits", "refined_segmentation_logits"])
    assert sizes == [1]
    network(photographs(), ["cams"])
    assert sizes == [1, 6]


def refined(network: AuxSegNet) -> tuple[AuxSegNetOutput, Tensor, Tensor]:
    output = network(photographs())
    unary = output.unary_affinity if output.unary_affinity is not None else torch.zeros(2, 1, 4, 6)
    matrix = (
        output.pairwise_affinity.dense() if output.pairwise_affinity is not None else torch.eye(24).expand(2, 24, 24)
    )
    return output, matrix, unary.flatten(1)


@pytest.mark.parametrize("task", ["segmentation", "saliency"])
@pytest.mark.parametrize(
    "settings",
    [
        {"unary_affinity": False},
        {},
        {"unary_prediction": "mean"},
        {"pairwise_affinity": False},
        {"pairwise_affinity": False, "unary_prediction": "mean"},
        {"transpose_affinity": True},
        {"normalize_rows": True},
        {"pairwise_acts_on": "features"},
        {"unary_acts_on": "features"},
        {"fusion_kernel": 1},
    ],
)
def test_predictions_are_refined_by_both_affinities(settings: dict[str, Any], task: str) -> None:
    output, matrix, unary = refined(build(**settings))
    before = rows(getattr(output, f"{task}_logits"))
    after = rows(getattr(output, f"refined_{task}_logits"))
    if settings.get("transpose_affinity"):
        matrix = matrix.mT
    expected = before if settings.get("pairwise_acts_on") == "features" else matrix @ before
    if settings.get("unary_affinity", True) and settings.get("unary_acts_on") != "features":
        expected = expected + (unary[:, None] @ before)
        if settings.get("unary_prediction") == "mean":
            expected = expected / 2
    assert torch.allclose(after, expected, atol=1e-4 * float(expected.abs().max()))


def test_without_fusion_every_task_refines_itself() -> None:
    output = build(affinity="separate")(photographs())
    single = build(affinity="segmentation")(photographs())
    assert torch.allclose(
        output.pairwise_affinity.apply(output.segmentation_logits)
        + (output.unary_affinity * output.segmentation_logits).sum((-2, -1), keepdim=True),
        output.refined_segmentation_logits,
        atol=1e-3,
    )
    assert not torch.allclose(
        output.pairwise_affinity.apply(output.saliency_logits), output.refined_saliency_logits, atol=1e-3
    )
    assert single.refined_saliency_logits is None


@pytest.mark.parametrize("unary", ["add", "mean"])
def test_probabilities_can_be_refined_in_place_of_logits(unary: str) -> None:
    output, matrix, vector = refined(build(refine="probabilities", unary_prediction=unary))
    for task in ("segmentation", "saliency"):
        logits = rows(getattr(output, f"{task}_logits"))
        before = (
            logits.softmax(-1) if task == "segmentation" else torch.cat([1 - logits.sigmoid(), logits.sigmoid()], -1)
        )
        expected = matrix @ before + vector[:, None] @ before
        expected = expected / expected.sum(-1, keepdim=True)
        after = rows(getattr(output, f"refined_{task}_logits"))
        found = after.softmax(-1) if task == "segmentation" else torch.cat([1 - after.sigmoid(), after.sigmoid()], -1)
        assert torch.allclose(found, expected, atol=1e-5)


def test_queries_and_keys_that_start_the_same_make_every_position_most_akin_to_itself() -> None:
    cosine = build(similarity="cosine", temperature=0.1, query_key_start="same", affinity="segmentation")
    affinity = cosine(photographs(), ("pairwise_affinity",)).pairwise_affinity
    assert affinity is not None
    rows_of = affinity.dense()
    assert torch.equal(rows_of.argmax(-1), torch.arange(rows_of.shape[1]).expand(2, -1))
    independent = build(similarity="cosine", temperature=0.1, affinity="segmentation")
    assert independent.segmentation.pairwise is not None
    assert not torch.equal(independent.segmentation.pairwise.query.weight, independent.segmentation.pairwise.key.weight)


def test_branches_can_start_from_the_first_weights_of_torch() -> None:
    xavier, own = (build(affinity="off", first_weights=kind).segmentation for kind in ("xavier", "torch"))
    assert xavier.tail[-1].bias is None
    assert own.tail[-1].bias is not None
    # from 8 channels to 8, 3 x 3: Kaiming's uniform weights with a = sqrt(5) reach 1 / sqrt(72), Xavier's sqrt(6 / 144)
    assert own.stem[2].weight.abs().max() <= 72**-0.5 < xavier.stem[2].weight.abs().max() <= (6 / 144) ** 0.5


def test_branches_can_be_normalised() -> None:
    network = build(normalization="batch").train()
    names = [name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert [name for name in names if not name.startswith("backbone.")] == [
        f"{task}.{place}" for task in ("segmentation", "saliency") for place in ("stem.1", "stem.4", "tail.1")
    ]
    features = network.segmentation.stem[:2](network.backbone(photographs()))
    assert torch.allclose(features.mean((0, 2, 3)), torch.zeros(8), atol=1e-5)


def parameter_names(network: AuxSegNet, group: list[nn.Parameter]) -> Iterator[str]:
    members = {id(parameter) for parameter in group}
    return (name.split(".")[0] for name, parameter in network.named_parameters() if id(parameter) in members)


def test_the_segmentation_branch_can_be_a_pyramid_that_trains() -> None:
    network = build(segmentation_head="pyramid", normalization="batch").train()
    assert count(network.saliency.stem) == count(build(normalization="batch").saliency.stem)  # type: ignore[union-attr]
    inside = torch.ones(2, 64, 96, dtype=torch.bool)
    inside[:, :, 64:] = False
    output = network(photographs(), ["refined_segmentation_logits", "segmentation_features"], inside)
    assert output.segmentation_features.shape[1] == 8
    output.refined_segmentation_logits.square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.segmentation.stem.parameters())


def test_new_layers_learn_faster_the_fusion_among_them() -> None:
    network = build()
    groups = network.parameter_groups()
    assert set(parameter_names(network, groups["pretrained"])) == {"backbone"}
    heads = {"classifier", "segmentation", "saliency"}
    assert set(parameter_names(network, groups["new"])) == heads | {"pairwise_fusion", "unary_fusion"}
    released = network.parameter_groups(released=True)
    assert set(parameter_names(network, released["new"])) == heads
    for found in (groups, released):
        grouped = [id(parameter) for parameters in found.values() for parameter in parameters]
        assert sorted(grouped) == sorted(id(p) for p in network.parameters() if p.requires_grad)


def test_it_goes_on_from_a_classifier_and_from_another_round() -> None:
    torch.manual_seed(1)
    classifier, network = Classifier(SMALL, 3), build()
    kept = network.start_from(classifier.state_dict())
    assert network.classifier is not None
    assert torch.equal(network.classifier.weight, classifier.classifier.weight)
    assert all(
        torch.equal(value, network.backbone.state_dict()[name])
        for name, value in classifier.backbone.state_dict().items()
    )
    assert {name.split(".")[0] for name in kept} == {"segmentation", "saliency", "pairwise_fusion", "unary_fusion"}
    later = build()
    assert later.start_from(network.state_dict()) == []
    assert all(torch.equal(value, later.state_dict()[name]) for name, value in network.state_dict().items())
    other = Classifier(config.BackboneSettings(name="resnet18", weights="none", output_stride=32), 3)
    with pytest.raises(ValueError, match=r"tensors are missing or of another shape, the first is `backbone\."):
        network.start_from(other.state_dict())


def test_wrong_settings_are_one_line() -> None:
    with pytest.raises(InputError, match="needs the saliency branch"):
        build(saliency=False)
    with pytest.raises(InputError, match=r"`unary_afinity` is not a setting: did you mean `unary_affinity`\?"):
        build(unary_afinity=False)
    with pytest.raises(ValueError, match="this network has no output `cams`, only segmentation_logits"):
        build(**LADDER["segmentation"])(photographs(), ["cams"])
