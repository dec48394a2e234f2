"""Weights of backbones, to where the libraries look for them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import timm
from torch import hub

from tests.downloads.conftest import CONTENT
from tests.downloads.server import Site
from wsss.downloads import weights
from wsss.downloads.weights import download_weights, of_torch
from wsss.errors import InputError
from wsss.models.families import family_of


def test_torchvision_names_the_file_and_its_checksum() -> None:
    url = family_of("resnet50").weights_url
    assert url is not None
    found = of_torch(url("resnet50"))
    assert found.url == "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
    assert (found.digest, found.algorithm) == ("11ad3fa6", "sha256")
    # torchvision has one too, but timm builds it
    assert family_of("convnext_tiny").weights_url is None


def test_weights_lie_where_torch_looks_for_them(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"network-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
    site.files[name] = CONTENT
    family = replace(family_of("resnet50"), weights_url=lambda _: f"{site.address}/{name}")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "family_of", lambda _: family)
    path = Path(hub.get_dir()) / "checkpoints" / name
    assert path.is_relative_to(tmp_path)
    assert download_weights("resnet50") == f"{path}: the weights of resnet50"
    assert path.read_bytes() == CONTENT


def test_networks_without_a_download() -> None:
    assert "nothing is to be downloaded" in download_weights("tf_efficientnet_lite0")
    with pytest.raises(InputError, match="resnet38d: no package has the weights"):
        download_weights("resnet38d")
    with pytest.raises(InputError, match=r"`resnet5O` is neither .*similar: .*resnet50"):
        download_weights("resnet5O")
    without = next(name for name in timm.list_models("convnext*") if not timm.get_pretrained_cfg(name).has_weights)
    with pytest.raises(InputError, match=f"{without}: timm has no weights of it"):
        download_weights(without)


def test_timm_fetches_its_own_and_failures_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def create(name: str, *, pretrained: bool) -> None:
        asked.append((name, pretrained))
        if len(asked) > 1:
            raise OSError("no network\nat all")

    monkeypatch.setattr(timm, "create_model", create)
    assert "its weights are where timm looks for them" in download_weights("convnext_tiny")
    with pytest.raises(InputError, match=r"weights of convnext_tiny could not be downloaded .*no network at all"):
        download_weights("convnext_tiny")
    assert asked == [("convnext_tiny", True)] * 2
