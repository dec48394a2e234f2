from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wsss
from tests.viewer.tiny import make_results
from wsss.errors import InputError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> wsss.Run:
    return wsss.Run(make_results(tmp_path_factory.mktemp("tiny")))


def test_artifacts_are_found_by_their_paths(run: wsss.Run):
    assert sorted(run.artifacts) == [
        "auxsegnet/round0/labels",
        "auxsegnet/round1/labels",
        "cams",
        "predictions/val/segmenter_seeds--single",
        "saliency",
    ]
    image_id = run.dataset.ids("train")[0]
    labels = run.artifacts["auxsegnet/round0/labels"]["segmentation"][image_id]
    assert labels.shape == run.dataset.size(image_id)
    assert run.models == {}


def test_metrics_are_tables(run: wsss.Run):
    rows = {row["name"]: row for row in run.metrics if row["kind"] == "labels"}
    assert sorted(rows) == ["auxsegnet_round1", "seeds"]
    # every second column of the seeds is not labelled, which counts as wrong
    assert 0.4 < rows["seeds"]["miou"] < 0.6
    assert 0.4 < rows["seeds"]["coverage"] < 0.6
    classes = [row for row in run.class_metrics if row["name"] == "seeds" and row["split"] == "train"]
    assert [row["class"] for row in classes] == list(run.dataset.class_names)
    images = {row["image"] for row in run.image_metrics if row["name"] == "seeds"}
    assert images == set(run.dataset.ids("train"))


def test_curves_are_arrays(demo: Path):
    curves = wsss.Run(demo / "results/demo").curves("classifier")
    assert curves["step"].tolist() == list(range(1, 13))
    assert np.isfinite(curves["loss"]).all()


def test_what_is_not_there_is_named(run: wsss.Run, tmp_path: Path):
    for look in (run.curves, run.load):
        with pytest.raises(InputError, match="has no network `classifier`, only none yet"):
            look("classifier")
    with pytest.raises(InputError, match="no such folder"):
        wsss.Run(tmp_path / "none")
    with pytest.raises(InputError, match=r"holds no index\.h5"):
        wsss.Run(tmp_path)
