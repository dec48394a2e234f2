from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.stages.networks import Networks
from wsss.errors import InputError
from wsss.training.checkpoint import load_weights, payload_of
from wsss.training.safetensors_file import description_in, safetensors_bytes


def test_a_checkpoint_is_the_same_as_safetensors(networks: Networks, tmp_path: Path):
    weights, info = load_weights(networks.segmenter)
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors_bytes(payload_of(info, weights)))
    again, theirs = load_weights(path, class_names=networks.dataset.class_names)
    assert theirs == info
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[name], weights[name]) for name in weights)
    assert description_in(path)["kind"] == "segmenter"  # type: ignore[index]


def test_a_changed_weight_is_noticed(networks: Networks, tmp_path: Path):
    weights, info = load_weights(networks.segmenter)
    content = bytearray(safetensors_bytes(payload_of(info, weights)))
    content[-1] ^= 1
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"model\.safetensors: damaged.*not as it was written"):
        load_weights(path)


def test_tensors_of_others_are_no_checkpoint(tmp_path: Path):
    from safetensors.torch import save

    path = tmp_path / "theirs.safetensors"
    path.write_bytes(save({"weight": torch.zeros(2)}))
    assert description_in(path) is None
    with pytest.raises(InputError, match=r"it was not written by wsss"):
        load_weights(path)
