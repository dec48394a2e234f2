from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.stages.networks import Networks
from wsss.config import Cams
from wsss.context import RunContext
from wsss.stages.cams import cams
from wsss.store import ArtifactReader


def test_cams_hold_the_present_classes_with_their_maximum_at_one(networks: Networks, made_cams: Path) -> None:
    with ArtifactReader(made_cams, "cams") as reader:
        assert reader.ids("cams") == sorted(networks.dataset.ids("train"))
        for image_id in reader.ids("cams"):
            planes, values = reader.read("cams", image_id), reader["cams"].attributes(image_id)["classes"]
            assert values.tolist() == (np.flatnonzero(networks.dataset.image_labels(image_id)) + 1).tolist()
            height, width = networks.dataset.network_size(image_id)
            assert planes.shape == (len(values), height // 4, width // 4)
            assert planes.dtype == np.float16
            assert np.allclose(planes.max((1, 2)), 1, atol=1e-2) or planes.max() == 0


@pytest.mark.parametrize("changes", [{"batch_size": 1}, {"workers": 2}])
def test_cams_do_not_depend_on_batches_and_workers(
    networks: Networks, made_cams: Path, tmp_path: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsss.data.steps.IMAGES_PER_WORKER", 1)
    other = tmp_path / "cams.h5"
    settings = Cams(scales=(1.0, 1.5))
    cams(settings, index=networks.index, classifier=networks.classifier, output=other, context=RunContext(**changes))
    ours, theirs = ArtifactReader(made_cams)["cams"], ArtifactReader(other)["cams"]
    assert list(ours) == list(theirs)
    assert all(np.allclose(ours[i], theirs[i], atol=2e-3) for i in ours)


def test_an_interrupted_stage_goes_on(networks: Networks, made_cams: Path, tmp_path: Path, monkeypatch: Any) -> None:
    import wsss.stages.cams as stage

    output, calls = tmp_path / "cams.h5", []
    original = stage.multi_scale_cams

    def failing(compute: Any, images: torch.Tensor, *rest: Any) -> torch.Tensor:
        calls.append(len(images))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(compute, images, *rest)

    arguments = {"index": networks.index, "classifier": networks.classifier, "output": output}
    context = RunContext(batch_size=1)
    monkeypatch.setattr(stage, "multi_scale_cams", failing)
    with pytest.raises(KeyboardInterrupt):
        cams(Cams(scales=(1.0, 1.5)), **arguments, context=context)
    assert not output.exists()
    cams(Cams(scales=(1.0, 1.5)), **arguments, context=context)
    # two images were kept from the first attempt
    assert len(calls) == 3 + len(networks.dataset.ids("train")) - 2
    assert ArtifactReader(output).ids("cams") == ArtifactReader(made_cams).ids("cams")
