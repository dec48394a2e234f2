"""The stage `refine_labels`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.stages.evaluated import Run, make_run, true_mask, write_labels
from wsss.config.refine_labels import RefineLabels
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.stages.refine_labels import refine_labels
from wsss.store import ArtifactReader

CPU = RunContext(device="cpu")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("refined"), train=5)


def refined(run: Run, output: Path, labels: str = "eroded", context: RunContext = CPU, **settings: Any) -> Path:
    values: RefineLabels = RefineLabels.parse(settings)
    refine_labels(values, index=run.path("index"), labels=run.path(labels), output=output, context=context)
    return output


def agreement(run: Run, path: Path) -> float:
    """Share of judged pixels with their true label; 255 is a miss."""
    found = total = 0
    with ArtifactReader(path) as reader:
        for image_id in run.dataset.ids("train"):
            truth = true_mask(run.dataset, image_id)
            judged = truth != 255
            found += int((reader.read("segmentation", image_id) == truth)[judged].sum())
            total += int(judged.sum())
    return found / total


@pytest.mark.parametrize("refinement", ["crf", "pamr", "par"])
def test_every_second_column_is_filled_in_by_the_colours(run: Run, tmp_path: Path, refinement: str):
    path = refined(run, tmp_path / "labels.h5", refinement=refinement)
    assert agreement(run, run.path("eroded")) < 0.55
    assert agreement(run, path) > 0.9
    with ArtifactReader(path, "refine_labels") as reader:
        assert reader.ids("segmentation") == sorted(run.dataset.ids("train"))
        assert reader.attributes["inputs"].keys() == {"index", "labels"}
        for image_id in reader.ids("segmentation"):
            named = set((np.flatnonzero(run.dataset.image_labels(image_id)) + 1).tolist())
            assert set(np.unique(reader.read("segmentation", image_id)).tolist()) <= {0, *named}


def test_ignored_pixels_can_be_kept_and_unsure_ones_made(run: Run, tmp_path: Path):
    kept = refined(run, tmp_path / "kept.h5", ignored="kept")
    unsure = refined(run, tmp_path / "unsure.h5", sure=0.999)
    with ArtifactReader(kept) as one, ArtifactReader(unsure) as other, ArtifactReader(run.path("eroded")) as given:
        ignored = 0
        for image_id in run.dataset.ids("train"):
            before = given.read("segmentation", image_id) == 255
            assert np.array_equal(one.read("segmentation", image_id) == 255, before)
            ignored += int((other.read("segmentation", image_id) == 255).sum())
    assert ignored > 0


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_and_a_second_run_change_nothing(run: Run, tmp_path: Path, workers: int):
    path = refined(run, tmp_path / "labels.h5")
    again = refined(run, tmp_path / "again.h5", context=RunContext(device="cpu", workers=workers))
    with ArtifactReader(path) as one, ArtifactReader(again) as other:
        assert one.attributes["fingerprint"] == other.attributes["fingerprint"]


def test_a_photograph_larger_than_networks_see_gets_labels_of_its_own_size(tmp_path: Path):
    from tests.helpers import make_voc
    from wsss.config import VocData
    from wsss.stages.index import index

    photos = make_voc(tmp_path / "voc", train=2, val=1, size=(60, 90))
    large = Run(tmp_path / "results/large")
    index(VocData(root=str(photos), classes="classes.txt", max_side=32), output=large.path("index"))
    write_labels(large, "seeds", {i: true_mask(large.dataset, i) for i in large.dataset.ids("train")})
    path = refined(large, tmp_path / "labels.h5", labels="seeds")
    with ArtifactReader(path) as reader:
        for image_id in large.dataset.ids("train"):
            assert reader.read("segmentation", image_id).shape == large.dataset.size(image_id)


def test_another_artifact_in_place_of_labels_is_refused(run: Run, tmp_path: Path):
    with pytest.raises(InputError, match="was written by stage cams; pass the file of stage seed_labels"):
        refined(run, tmp_path / "labels.h5", labels="cams")
    assert not (tmp_path / "labels.h5").exists()


@pytest.mark.parametrize("refinement", ["crf", "pamr"])
def test_labels_of_data_without_background_get_none(tmp_path: Path, refinement: str):
    run = make_run(tmp_path, background=False)
    path = refined(run, tmp_path / "refined.h5", refinement=refinement, sure=0.0)
    with ArtifactReader(path, "refine_labels") as reader:
        for image_id in run.dataset.ids("train"):
            labels, named = (
                reader.read("segmentation", image_id),
                np.flatnonzero(run.dataset.image_labels(image_id)) + 1,
            )
            assert {*np.unique(labels).tolist()} <= {*named.tolist()}
