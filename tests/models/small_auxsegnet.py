"""A small AuxSegNet with affinities far from uniform."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from wsss import config
from wsss.models import AuxSegNet

SMALL = config.BackboneSettings(name="tf_efficientnet_lite0", weights="none", output_stride=16, frozen_stages=2)


def build(**settings: Any) -> AuxSegNet:
    torch.manual_seed(0)
    # large weights in the affinities: a matrix near uniform would hide what is wrong
    network = AuxSegNet(SMALL, 3, **{"channels": 8, "atrous_rates": (1, 2, 3), **settings}).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if any(part in name for part in (".query.", ".key.", "unary.score", "fusion")):
                parameter.mul_(4)
            if ".stem.0" in name:
                parameter.mul_(20)
    return network


def rows(values: Tensor) -> Tensor:
    return values.flatten(2).mT
