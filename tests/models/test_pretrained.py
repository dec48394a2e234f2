from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wsss import config
from wsss.errors import InputError
from wsss.models import Backbone

SMALL = config.BackboneSettings(name="tf_efficientnet_lite0", weights="none", output_stride=16, frozen_stages=2)


def test_packaged_weights_are_those_of_imagenet() -> None:
    # an untrained network's features hardly depend on the image; trained ones do
    images = torch.stack([torch.zeros(3, 64, 64), torch.rand(3, 64, 64)])
    with torch.no_grad():
        features = Backbone(config.BackboneSettings()).eval()(images).mean((-2, -1))
        random = Backbone(SMALL).eval()(images).mean((-2, -1))
    assert (features[0] - features[1]).norm() / features.norm() > 0.3
    assert (random[0] - random[1]).norm() / random.norm() < (features[0] - features[1]).norm() / features.norm()


def test_weight_file_must_fit(tmp_path: Path) -> None:
    import timm

    path = tmp_path / "lite0.pth"
    torch.save(timm.create_model("tf_efficientnet_lite0").state_dict(), path)
    Backbone(config.BackboneSettings(weights=str(path)))
    with pytest.raises(InputError, match=r"does not fit ResNet: \d+ of \d+ tensors"):
        Backbone(config.BackboneSettings(name="resnet18", weights=str(path)))
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a state dict"):
        Backbone(config.BackboneSettings(weights=str(path)))
