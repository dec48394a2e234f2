from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.stages.evaluated import make_run
from tests.stages.networks import Networks
from wsss.config import SegmenterLabels
from wsss.errors import InputError
from wsss.stages.segmenter_labels import segmenter_labels
from wsss.store import ArtifactReader


def test_self_labels_keep_to_the_image_labels_and_the_saliency(networks: Networks, tmp_path: Path) -> None:
    path = tmp_path / "labels.h5"
    inputs = {"index": networks.index, "segmenter": networks.segmenter, "saliency": networks.saliency}
    segmenter_labels(SegmenterLabels(), **inputs, output=path)
    reader = ArtifactReader(path, "segmenter_labels")
    for image_id in networks.dataset.ids("train"):
        labels, salient = reader["segmentation"][image_id], reader["saliency"][image_id] > 0
        assert set(np.unique(labels)) <= {0, 255, *(np.flatnonzero(networks.dataset.image_labels(image_id)) + 1)}
        assert not (labels[salient] == 0).any()
        assert set(np.unique(labels[~salient])) <= {0, 255}


def test_saliency_has_no_part_where_there_is_no_background(tmp_path: Path) -> None:
    run = make_run(tmp_path, background=False)
    with pytest.raises(InputError, match=r"segmenter_labels.saliency_threshold is 0.3, but .* set it to null"):
        segmenter_labels(
            SegmenterLabels(),
            index=run.path("index"),
            segmenter=tmp_path / "model.ckpt",
            saliency=run.path("saliency"),
            output=tmp_path / "labels.h5",
        )
