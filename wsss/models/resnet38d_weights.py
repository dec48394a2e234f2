"""The published ImageNet weights of ResNet38 under the names that `ResNet38d` has."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsss.errors import InputError
from wsss.models.mxnet_file import read_params
from wsss.models.pretrained import read_state
from wsss.models.resnet38d import ResNet38d
from wsss.outputs import OutputFolder
from wsss.protected import Inputs

_BLOCK = re.compile(
    r"(?:arg|aux):(?P<kind>res|bn)(?P<stage>[2-7])(?:a|b(?P<index>\d+))?_(?P<branch>branch\w+?)_"
    r"(?P<what>weight|beta|gamma|moving_mean|moving_var)"
)
_LAST_NORM = re.compile(r"(?:arg|aux):bn7_(?P<what>beta|gamma|moving_mean|moving_var)")
_NORM = {"beta": "bias", "gamma": "weight", "moving_mean": "running_mean", "moving_var": "running_var"}


def read_resnet38d(path: str | Path) -> dict[str, Tensor]:
    """Read a state of `ResNet38d` from a file.

    Args:
        path: `.params` is read as MXNet's file of the authors of "Wider or Deeper"
            (`ilsvrc-cls_rna-a1_cls1000_ep-0001.params`). Anything else is read as a state dict of PyTorch with the
            names that AffinityNet gave them (`b2.conv_branch2a.weight`), also that of a whole classifier or of a
            released AuxSegNet; layers that the backbone does not have are left out.

    Raises:
        InputError: If the file is missing or damaged, or lacks a tensor.
    """
    if Path(path).suffix == ".params":
        found = {_name(key): value for key, value in read_params(path).items()}
        state = {name: torch.from_numpy(np.array(value, np.float32)) for name, value in found.items() if name}
    else:
        state = {name.removeprefix("module."): value for name, value in read_state(path).items()}
    with torch.device("meta"):
        own = ResNet38d().state_dict()
    for name in own:
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, torch.zeros((), dtype=torch.long))
    wrong = [name for name, value in own.items() if name not in state or state[name].shape != value.shape]
    if wrong:
        raise InputError(
            f"{path}: does not fit resnet38d: {len(wrong)} of {len(own)} tensors are missing or of another shape, the "
            f"first is `{wrong[0]}`; give a file of its weights"
        )
    return {name: state[name] for name in own}


def load_resnet38d(network: ResNet38d, path: str | Path) -> None:
    """Fill a network with the state that `read_resnet38d` reads.

    Raises:
        InputError: As `read_resnet38d` does.
    """
    network.load_state_dict(read_resnet38d(path))


def convert(source: str | Path, output: str | Path) -> tuple[int, int]:
    """Write the state that `read_resnet38d` reads as a state dict; return its numbers of tensors and of parameters.

    Raises:
        InputError: As `read_resnet38d` does; also if the output cannot be written, or would replace a file that this
            function did not write.
    """
    source, output = Path(source), Path(output)
    folder = OutputFolder(output.parent, Inputs([source]))
    folder.check([output])
    state, buffer = read_resnet38d(source), io.BytesIO()
    torch.save(state, buffer)
    folder.write_bytes(output, buffer.getbuffer())
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return len(state), sum(value.numel() for name, value in state.items() if not name.endswith(statistics))


def _name(key: str) -> str:
    """Return the name in `ResNet38d` of an array in MXNet's file; empty for the 1000-way classifier."""
    if key == "arg:conv1a_weight":
        return "conv1a.weight"
    last = _LAST_NORM.fullmatch(key)
    if last:
        return f"bn7.{_NORM[last['what']]}"
    found = _BLOCK.fullmatch(key)
    if not found:
        return ""
    block = f"b{found['stage']}" + (f"_{found['index']}" if found["index"] else "")
    if found["kind"] == "res":
        return f"{block}.conv_{found['branch']}.weight"
    return f"{block}.bn_{found['branch']}.{_NORM[found['what']]}"
