"""The choice of the numbers in which networks compute."""

from __future__ import annotations

import pytest
import torch

from wsss.models.precision import computes_in_bf16

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("device", [CPU, GPU])
def test_a_precision_that_is_named_is_taken(device: torch.device):
    assert computes_in_bf16("bf16-mixed", device)
    assert not computes_in_bf16("32", device)


@pytest.mark.parametrize("has_it", [True, False])
def test_auto_takes_bf16_where_the_processor_multiplies_it(has_it: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_it)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_it and not including_emulation)
    assert computes_in_bf16("auto", CPU) is has_it
    assert computes_in_bf16("auto", GPU) is has_it


def test_a_torch_that_cannot_tell_computes_in_32_bits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert not computes_in_bf16("auto", CPU)
