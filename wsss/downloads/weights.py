"""Weights of backbones, fetched before a run to where the libraries look for them: later runs need no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wsss.downloads.fetch import Remote, fetch
from wsss.errors import InputError
from wsss.models.families import family_of
from wsss.models.pretrained import load_library_network


def download_weights(name: str) -> str:
    """Fetch the weights that `backbone.weights: auto` takes for a network.

    Those of torchvision are fetched here, with its checksums; those of timm by the library that timm uses.

    Args:
        name: As `backbone.name`.

    Returns:
        What is there now, in one line.

    Raises:
        InputError: If the network is unknown or has no weights, or they cannot be fetched.
    """
    family = family_of(name)
    if family.refusal:
        raise InputError(f"{name}: {family.refusal}")
    if family.load_packaged is not None:
        return f"{name}: its weights are part of the installation; nothing is to be downloaded"
    if family.weights_url is None:
        return _of_timm(name)
    from torch import hub

    return f"{fetch(of_torch(family.weights_url(name)), Path(hub.get_dir()) / 'checkpoints')}: the weights of {name}"


def of_torch(url: str) -> Remote:
    """Return a file that `torch.hub` knows: its name ends in the first digits of its SHA-256."""
    return Remote(url, url.rsplit("-", 1)[-1].partition(".")[0], "sha256")


def _of_timm(name: str) -> str:
    import timm

    config: Any = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise InputError(f"{name}: timm has no weights of it; take another network, or `backbone.weights: none`")
    load_library_network(name, lambda: timm.create_model(name, pretrained=True))
    return f"{name}: its weights are where timm looks for them"
