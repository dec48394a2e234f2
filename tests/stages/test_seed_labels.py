from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.stages.networks import Networks
from wsss.config import SeedLabels
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.stages.seed_labels import seed_labels
from wsss.store import ArtifactReader


def test_seed_labels_by_both_rules(networks: Networks, made_cams: Path, tmp_path: Path) -> None:
    inputs = {"index": networks.index, "cams": made_cams}
    seed_labels(
        SeedLabels(), **inputs, saliency=networks.saliency, output=tmp_path / "a.h5", context=RunContext(workers=2)
    )
    settings = SeedLabels(rule="background_threshold", cam_threshold=0.5)
    seed_labels(settings, **inputs, saliency=None, output=tmp_path / "b.h5")
    fused, alone = ArtifactReader(tmp_path / "a.h5", "seed_labels"), ArtifactReader(tmp_path / "b.h5", "seed_labels")
    for image_id in networks.dataset.ids("train"):
        labels, salient = fused["segmentation"][image_id], fused["saliency"][image_id] > 0
        allowed = {0, 255, *(np.flatnonzero(networks.dataset.image_labels(image_id)) + 1)}
        assert labels.shape == networks.dataset.size(image_id)
        assert set(np.unique(labels)) <= allowed
        assert not (labels[salient] == 0).any()
        assert set(np.unique(labels[~salient])) <= {0, 255}
        assert 255 not in alone["segmentation"][image_id]
    assert alone.kinds() == ["segmentation"]


def test_seed_labels_by_saliency_need_saliency(networks: Networks, made_cams: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="saliency maps are needed"):
        seed_labels(SeedLabels(), index=networks.index, cams=made_cams, saliency=None, output=tmp_path / "a.h5")
    assert not (tmp_path / "a.h5").exists()
