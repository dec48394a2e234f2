"""What settings say of backbones, held against the libraries and the networks themselves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from wsss.config import BackboneSettings
from wsss.config.backbone_names import KNOWN, names_of_timm, problem_of_name, problem_of_settings
from wsss.errors import InputError


def test_the_names_read_from_timms_source_are_those_that_it_registers():
    registry = pytest.importorskip("timm.models._registry")
    assert names_of_timm() == set(registry._model_entrypoints)


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_of_a_backbone_is_so(name: str):
    torch = pytest.importorskip("torch")
    from wsss.models.families import build_network

    known = KNOWN[name]
    with torch.device("meta"):
        family, network = build_network(BackboneSettings(name=name, weights="none", output_stride=8, frozen_stages=0))
    assert known.strides == tuple(family.strides)
    assert known.stages == len(family.cut(network).parts)
    assert known.has_weights == (not family.refusal)


@pytest.mark.parametrize("name", [*KNOWN, "resnet18", "convnext_tiny.fb_in1k", "convnext_tiny_in22k", "test_resnet"])
def test_known_names_pass(name: str):
    assert problem_of_name(name) == ""


@pytest.mark.parametrize(
    ("name", "near"),
    [("resnet5", "resnet50"), ("tf_efficientnet_lit0", "tf_efficientnet_lite0"), ("resnet38", "resnet38d")],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, near: str):
    with pytest.raises(InputError, match="`name`: backbone") as caught:
        BackboneSettings.parse({"name": name})
    assert near in str(caught.value).partition("similar: ")[2]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "x" * 5000, "../resnet50", "resnet50\n", "hf-hub:someone/model"])
def test_odd_names_are_refused_in_a_short_line(name: str):
    problem = problem_of_name(name)
    assert "nor in timm" in problem
    assert len(problem) < 500


def test_strides_and_stages_that_a_name_rules_out_are_refused():
    assert problem_of_settings("resnet38d", 32, 0) == "output_stride is 32, but resnet38d can have 8 or 16"
    assert problem_of_settings("resnet50", 16, 6) == "frozen_stages is 6, but resnet50 has 5 stages"
    assert problem_of_settings("resnet26", 16, 6) == ""


def test_the_networks_that_a_user_adds_to_timm_pass():
    code = """
import timm
from timm.models import register_model
@register_model
def my_own_network(pretrained=False, **options): ...
from wsss.config.backbone_names import problem_of_name
assert problem_of_name("my_own_network") == ""
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_are_looked_up_without_importing_timm_or_torch():
    code = """
import sys
from wsss.config import BackboneSettings
BackboneSettings(name="convnext_tiny")
assert not {"timm", "torch"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
