"""Load the segmentation network of a checkpoint, of any kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from wsss.errors import InputError
from wsss.models.kinds import NETWORKS, network_class
from wsss.models.network import SegmentationNetwork
from wsss.training.checkpoint import Checkpoint, load_weights, restore_model


def load_segmentation_network(
    path: Path, device: torch.device, class_names: Sequence[str] | None = None
) -> tuple[SegmentationNetwork, Checkpoint]:
    """Load the segmentation network of a checkpoint, ready on the device, and the file's description of it.

    Args:
        path: The checkpoint.
        device: The device for the network.
        class_names: Classes that it must have been trained for, background first; None takes any.

    Raises:
        InputError: If the file is missing or damaged, or holds another kind of network or other classes.
    """
    weights, info = load_weights(path, class_names=class_names)
    network = restore_model(path, _segmentation_class(path, info), weights, info)
    return network.on(device), info


def _segmentation_class(path: Path, info: Checkpoint) -> type[SegmentationNetwork]:
    found = network_class(info.kind) if info.kind in NETWORKS else None
    if found is None or not issubclass(found, SegmentationNetwork):
        able = [kind for kind in NETWORKS if issubclass(network_class(kind), SegmentationNetwork)]
        raise InputError(
            f"{path}: was written by stage {info.stage} and holds a network `{info.kind}`, which predicts no "
            f"segmentation; pass the checkpoint of a network {' or '.join(able)}"
        )
    return found
