from __future__ import annotations

import torch

from tests.training.small_aalr import network
from wsss.models import AALR
from wsss.training.mask_teacher import MaskTeacher


def weight(teacher: MaskTeacher[AALR]) -> torch.Tensor:
    return teacher.network.classifier.weight


def test_an_average_follows_and_a_start_stays() -> None:
    built = network()
    average, start = MaskTeacher(built, 0.9), MaskTeacher(built, 1.0)
    before = built.classifier.weight.detach().clone()
    with torch.no_grad():
        built.classifier.weight.add_(1.0)
    for _ in range(2):
        average.follow(built)
        start.follow(built)
    # 1 - 0.9^2 of the way
    assert torch.allclose(weight(average), before + 0.19, atol=1e-6)
    assert torch.equal(weight(start), before)
    assert not any(parameter.requires_grad for parameter in average.parameters())
    assert built.classifier.weight.requires_grad


def test_only_an_average_has_a_state_and_it_comes_back() -> None:
    built = network()
    average = MaskTeacher(built, 0.5)
    with torch.no_grad():
        built.classifier.weight.add_(1.0)
    average.follow(built)
    other = MaskTeacher(built, 0.5)
    assert not torch.equal(weight(other), weight(average))
    other.load(average.state())
    assert torch.equal(weight(other), weight(average))
    assert MaskTeacher(built, 1.0).state() == {}
