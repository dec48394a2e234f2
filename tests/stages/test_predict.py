from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.stages.networks import Networks
from tests.stages.rounds import CPU, Rounds
from wsss.config import Crf, Protocol
from wsss.context import RunContext
from wsss.stages.predict import predict
from wsss.store import ArtifactReader


def test_a_round_s_network_is_a_predictor(rounds: Rounds, tmp_path: Path) -> None:
    output = tmp_path / "auxsegnet_round0--multi.h5"
    protocol = Protocol(scales=(1.0, 1.5), flip=True)
    predict(protocol, index=rounds.index, model=rounds.model, split="val", output=output, context=CPU)
    with ArtifactReader(output, "predict") as reader:
        assert reader.attributes["model"] == "auxsegnet_round0"
        assert all(reader["segmentation"][i].shape == rounds.dataset.size(i) for i in rounds.dataset.ids("val"))


def test_predictions_have_the_size_of_the_photographs(networks: Networks, tmp_path: Path) -> None:
    path = tmp_path / "segmenter_seeds--multi.h5"
    protocol = Protocol(scales=(0.5, 1.0), flip=True)
    predict(protocol, index=networks.index, model=networks.segmenter, split="val", output=path, protocol_name="multi")
    with ArtifactReader(path, "predict") as reader:
        assert reader.ids("segmentation") == sorted(networks.dataset.ids("val"))
        assert all(reader["segmentation"][i].shape == networks.dataset.size(i) for i in networks.dataset.ids("val"))
        attributes = reader.attributes
    assert (attributes["split"], attributes["model"], attributes["protocol"]) == ("val", "segmenter_seeds", "multi")
    assert not attributes["image_labels_used"]


def test_the_crf_is_the_same_here_in_threads_and_by_the_reference_in_processes(
    networks: Networks, tmp_path: Path
) -> None:
    pytest.importorskip("pydensecrf.densecrf")
    predicted = []
    for name, backend, workers in [("here", "auto", 0), ("threads", "torch", 2), ("processes", "pydensecrf", 2)]:
        path = tmp_path / f"{name}.h5"
        protocol, context = Protocol(crf=Crf(iterations=2, backend=backend)), RunContext(workers=workers)
        predict(protocol, index=networks.index, model=networks.segmenter, split="val", output=path, context=context)
        with ArtifactReader(path) as reader:
            maps = [reader["segmentation"][image_id].ravel() for image_id in networks.dataset.ids("val")]
            predicted.append(np.concatenate(maps))
    for other in predicted[1:]:
        # rounding decides where two labels are nearly as likely: of 9000 pixels, 5 differ by less than 1e-4
        assert (predicted[0] == other).mean() > 0.995
