from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wsss import config
from wsss.errors import InputError
from wsss.models import Backbone
from wsss.models.resnet38d import ResNet38d
from wsss.models.resnet38d_weights import _name, convert, read_resnet38d

SETTINGS = config.BackboneSettings(name="resnet38d", weights="none", output_stride=8, frozen_stages=1)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("arg:conv1a_weight", "conv1a.weight"),
        ("arg:res2a_branch1_weight", "b2.conv_branch1.weight"),
        ("arg:res4b5_branch2b1_weight", "b4_5.conv_branch2b1.weight"),
        ("arg:res6a_branch2b2_weight", "b6.conv_branch2b2.weight"),
        ("arg:bn3b1_branch2a_gamma", "b3_1.bn_branch2a.weight"),
        ("arg:bn3b1_branch2a_beta", "b3_1.bn_branch2a.bias"),
        ("aux:bn7a_branch2b2_moving_mean", "b7.bn_branch2b2.running_mean"),
        ("aux:bn7_moving_var", "bn7.running_var"),
        ("arg:linear1000_weight", ""),
    ],
)
def test_names_of_mxnet(key: str, name: str) -> None:
    assert _name(key) == name


def test_weights_of_both_kinds_of_file_are_loaded(tmp_path: Path) -> None:
    with torch.device("meta"):
        own = ResNet38d().state_dict()
    # one small value per tensor keeps the files from taking half a gigabyte of distinct numbers
    state = {
        name: torch.full((1,), (index + 1) / 1000).expand(value.shape)
        for index, (name, value) in enumerate(own.items())
        if not name.endswith("num_batches_tracked")
    }
    path = tmp_path / "classifier.pth"
    torch.save({f"module.{name}": value for name, value in {**state, "fc8.weight": torch.zeros(20, 1)}.items()}, path)
    found = read_resnet38d(path)
    assert list(found) == list(own)
    assert all(torch.equal(found[name], value) for name, value in state.items())
    backbone = Backbone(SETTINGS.model_copy(update={"weights": str(path)}))
    assert torch.equal(backbone.parts[3][5].conv_branch2a.weight, state["b4_5.conv_branch2a.weight"])
    assert torch.equal(backbone.parts[5][2].running_var, state["bn7.running_var"])
    assert convert(path, tmp_path / "sub" / "converted.pth") == (len(own), 105_070_912)
    converted = torch.load(tmp_path / "sub" / "converted.pth", weights_only=True)
    assert all(torch.equal(converted[name], value) for name, value in state.items())
    torch.save({name: value for name, value in state.items() if name != "b6.conv_branch1.weight"}, path)
    with pytest.raises(InputError, match=r"does not fit resnet38d: 1 of \d+ tensors .* `b6.conv_branch1.weight`"):
        read_resnet38d(path)
