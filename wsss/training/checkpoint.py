"""Checkpoints of trained networks: one file without code that describes its network and rebuilds it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wsss import __version__
from wsss.config import BackboneSettings
from wsss.errors import InputError
from wsss.inputs import HDF5, begins_with, check_regular
from wsss.label_values import has_background
from wsss.models.network import Network, NetworkType, SegmentationNetwork
from wsss.store import rebuild_hint
from wsss.training.files import read_torch, write_torch
from wsss.training.safetensors_file import SUFFIX, read_safetensors

FORMAT_VERSION = 1
Weights = dict[str, Tensor]
_ENTRIES = {
    **{"format_version": int, "stage": str, "kind": str, "model_settings": dict, "class_names": list},
    **{"attributes": dict, "metrics": dict, "weights": dict},
}
"""Entries of a checkpoint, and their types."""


@dataclass(frozen=True)
class Checkpoint:
    """The description of a network in its checkpoint, beside the weights.

    Attributes:
        stage: The stage that wrote it.
        kind: `kind` of the network's class.
        model_settings: Settings that the network was built from.
        class_names: Background first.
        attributes: Where it came from (`wsss.stages.artifact.provenance`).
        metrics: The measurements of the training, without timings.
    """

    stage: str
    kind: str
    model_settings: dict[str, Any]
    class_names: tuple[str, ...]
    attributes: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def num_classes(self) -> int:
        """Classes without background."""
        return len(self.class_names) - 1


def build_model(
    network: type[NetworkType],
    model_settings: Mapping[str, Any],
    num_classes: int,
    *,
    background: bool = True,
    seed: int = 0,
) -> NetworkType:
    """Build a network with new layers drawn from the seed.

    Args:
        network: Its class.
        model_settings: `backbone` (a mapping) and the network's own settings.
        num_classes: Classes without background.
        background: Whether a pixel can be background (`SegmentationNetwork.background`).
        seed: Seed of the initialisation; the global random state is left alone.
    """
    settings = dict(model_settings)
    backbone = BackboneSettings.parse(settings.pop("backbone"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = network(backbone, num_classes=num_classes, **settings)
    if isinstance(built, SegmentationNetwork):
        built.background = background
    return built


def save_model(
    path: str | Path,
    *,
    stage: str,
    model: Network,
    model_settings: Mapping[str, Any],
    class_names: Sequence[str],
    attributes: Mapping[str, Any],
    metrics: Mapping[str, Any],
) -> None:
    """Write a checkpoint, whole or not at all; equal content gives equal bytes."""
    info = Checkpoint(stage, model.kind, dict(model_settings), tuple(class_names), dict(attributes), dict(metrics))
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_torch(Path(path), payload_of(info, weights))


def payload_of(info: Checkpoint, weights: Weights) -> dict[str, Any]:
    """Return the content of a checkpoint as plain types and tensors."""
    return {
        "format_version": FORMAT_VERSION,
        "package_version": __version__,
        "stage": info.stage,
        "kind": info.kind,
        # through JSON: plain types are all that a safe unpickler takes
        "model_settings": json.loads(json.dumps(info.model_settings)),
        "class_names": [str(name) for name in info.class_names],
        "attributes": json.loads(json.dumps(info.attributes)),
        "metrics": json.loads(json.dumps(info.metrics)),
        "weights": weights,
    }


def load_model(
    path: str | Path,
    network: type[NetworkType],
    stages: str | tuple[str, ...] | None = None,
    *,
    class_names: Sequence[str] | None = None,
) -> tuple[NetworkType, Checkpoint]:
    """Load the network of a checkpoint, in evaluation mode on the CPU, and the file's description of it.

    Args:
        path: The file.
        network: The class that is expected.
        stages: As in `load_weights`.
        class_names: As in `load_weights`.

    Raises:
        InputError: In one line, where `load_weights` does; also if the network is of another class, or the weights are
            not those of the network that the file describes.
    """
    weights, info = load_weights(path, stages, class_names=class_names)
    return restore_model(path, network, weights, info), info


def load_weights(
    path: str | Path,
    stages: str | tuple[str, ...] | None = None,
    *,
    class_names: Sequence[str] | None = None,
) -> tuple[Weights, Checkpoint]:
    """Load the weights of a checkpoint, of any network, and the file's description of them.

    Args:
        path: The file.
        stages: The stage, or stages, that must have written it; None takes any.
        class_names: Classes that it must have been trained on, background first; None takes any.

    Raises:
        InputError: In one line, if the file is missing, damaged, no checkpoint of ours, of another stage or of other
            classes.
    """
    path = Path(path)
    payload = _read(path)
    info = Checkpoint(
        **{key: payload[key] for key in ("stage", "kind", "model_settings", "attributes", "metrics")},
        class_names=tuple(payload["class_names"]),
    )
    known = (stages,) if isinstance(stages, str) else stages
    if known is not None and info.stage not in known:
        wanted = " or ".join(known)
        raise InputError(f"{path}: was written by stage {info.stage}; pass the checkpoint of stage {wanted}")
    if class_names is not None and info.class_names != tuple(class_names):
        raise InputError(f"{path}: {_class_difference(info.class_names, tuple(class_names))}; {rebuild_hint(path)}")
    return payload["weights"], info


def restore_model(path: str | Path, network: type[NetworkType], weights: Weights, info: Checkpoint) -> NetworkType:
    """Build the network that a checkpoint describes, in evaluation mode on the CPU, with its weights.

    Args:
        path: Where it comes from, for messages.
        network: The class that is expected.
        weights: Of the file.
        info: The file's description of them.

    Raises:
        InputError: In one line, if the network is of another class, or the weights are not those of this network.
    """
    path = Path(path)
    if info.kind != network.kind:
        raise InputError(
            f"{path}: holds a network `{info.kind}`, written by stage {info.stage}; pass the checkpoint of a network "
            f"`{network.kind}`"
        )
    # the weights come from this file, so nothing must be downloaded first
    try:
        settings = {**info.model_settings, "backbone": {**info.model_settings["backbone"], "weights": "none"}}
        model = build_model(network, settings, info.num_classes, background=has_background(info.class_names))
    except (KeyError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        # only a file that was made by hand describes what cannot be built
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: describes no network that can be built ({reason}); {rebuild_hint(path)}") from None
    _fill(path, model, weights)
    return model.eval()


def _read(path: Path) -> dict[str, Any]:
    check_regular(path)
    try:
        payload = read_safetensors(path) if path.suffix == SUFFIX else read_torch(path)
    except FileNotFoundError:
        again = f", or build it with `wsss run CONFIG {path}`" if "results" in path.parts else ""
        raise InputError(f"{path}: no such checkpoint; correct the path{again}") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, expected a checkpoint (model.ckpt)") from None
    except Exception as error:  # torch.load raises any error of its unpickler
        if begins_with(path, HDF5):
            raise InputError(f"{path}: is an artifact, and no network; pass a checkpoint (model.ckpt)") from None
        reason = str(error) if type(error) is ValueError else type(error).__name__
        raise InputError(
            f"{path}: damaged, or no checkpoint that can be read safely ({reason[:80]}); {rebuild_hint(path)}"
        ) from None
    if not isinstance(payload, dict) or not all(isinstance(payload.get(key), kind) for key, kind in _ENTRIES.items()):
        raise InputError(f"{path}: a file of torch, but no checkpoint of wsss; {rebuild_hint(path)}")
    if payload["format_version"] != FORMAT_VERSION:
        version = payload["format_version"]
        raise InputError(
            f"{path}: has format version {version}, this package reads {FORMAT_VERSION}; {rebuild_hint(path)}"
        )
    names, weights = payload["class_names"], payload["weights"]
    if len(names) < 2 or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: damaged: its classes have no names; {rebuild_hint(path)}")
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()):
        raise InputError(f"{path}: damaged: its weights are no tensors; {rebuild_hint(path)}")
    return payload


def _fill(path: Path, model: Network, weights: Mapping[str, Tensor]) -> None:
    own = model.state_dict()
    weights = {name: value for name, value in weights.items() if name in own or not name.startswith(model.unused)}
    wrong = [name for name in own if name not in weights] + [name for name in weights if name not in own]
    wrong += [name for name in own if name in weights and own[name].shape != weights[name].shape]
    if wrong:
        raise InputError(
            f"{path}: {len(wrong)} tensors are missing, unknown or of another shape, the first is `{wrong[0]}`; "
            f"{rebuild_hint(path)}"
        )
    model.load_state_dict(weights, strict=True)


def _class_difference(found: tuple[str, ...], expected: tuple[str, ...]) -> str:
    if len(found) != len(expected):
        return f"was trained on {len(found) - 1} classes, the index has {len(expected) - 1}"
    place = next(i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b)
    return f"its class {place} is `{found[place]}`, the index has `{expected[place]}`"
