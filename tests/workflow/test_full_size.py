"""The presets on as many images as the papers have: index, dry run, and every label stage on a sample."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.workflow.conftest import PROJECT, Project, copy_project
from tests.workflow.full_size import make_coco2014, make_trainaug
from wsss.config import load_config
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.names import LABEL_STAGES, product_of
from wsss.pipeline.stages import STAGES
from wsss.plan import Plan
from wsss.stages.index import index
from wsss.store import ArtifactReader

PRESETS = PROJECT / "wsss/workflow/presets"
TRAINING: dict[str, Any] = {
    "backbone": {"name": "tf_efficientnet_lite0", "output_stride": 16, "frozen_stages": 3},
    "augmentation": {"crop_size": 32, "long_side": None},
    "batch_size": 2,
    "max_steps": 1,
}
FOUND = {"cam_threshold": 0.0, "saliency_threshold": 0.0, "background_cam_threshold": 1.0}
"""Thresholds by which a network that has learned nothing finds something."""
SAMPLE: dict[str, Any] = {
    "data": {"limit": 3},
    "saliency": {"source": "folder", "folder": "data/saliency"},
    "backbone": {**TRAINING["backbone"], "weights": "auto"},
    "train_classifier": TRAINING,
    "seed_labels": FOUND,
    "train_auxsegnet": {**TRAINING, "network": {"channels": 8, "atrous_rates": [1, 2, 3]}},
    "update_labels": FOUND,
    "train_aalr": {
        **{key: value for key, value in TRAINING.items() if key != "max_steps"},
        **{"max_steps": 2, "epochs": 2, "warmup_epochs": 0},
        "network": {"channels": 8, "dilation": 1},
        "masks": {"scales": [1.0], "refinement": "pamr", "pamr": {"dilations": [1], "iterations": 1}},
    },
    "train_segmenter": {**TRAINING, "label_sets": ["seeds_self"]},
    "segmenter_labels": {"saliency_threshold": None},
    "refine_labels": {"label_sets": ["seeds_refined"], "refinement": "pamr"},
}
"""Over a preset: a small network, a step of each training, three images of each split, the label stages of no paper."""

Make = Callable[..., Path]
SMALL, VOC, COCO = (200, 60), (10582, 1449), (82081, 40137)
CASES = [
    ("voc12_auxsegnet", make_trainaug, SMALL),
    ("voc12_aalr", make_trainaug, SMALL),
    pytest.param("voc12", make_trainaug, SMALL, marks=pytest.mark.slow),
    ("coco14_auxsegnet", make_coco2014, SMALL),
    pytest.param("voc12_auxsegnet", make_trainaug, VOC, marks=pytest.mark.slow),
    pytest.param("coco14_auxsegnet", make_coco2014, COCO, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "make", "numbers"), CASES)
def test_a_preset_has_its_index_its_plan_and_its_labels(
    name: str, make: Make, numbers: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy_project(tmp_path / "project", made_up=False)
    monkeypatch.chdir(project.folder)
    root = Path(load_config(PRESETS / f"{name}.yaml").data.root)  # type: ignore[union-attr]
    make(root, Path("data/saliency"), train=numbers[0], val=numbers[1])
    times = dict(check_index(name, numbers))
    times |= check_dry_run(name, project)
    times |= check_labels(name)
    print(name, numbers, {what: f"{seconds:.1f} s" for what, seconds in times.items()})


def check_index(name: str, numbers: tuple[int, int]) -> Iterator[tuple[str, float]]:
    """The index of the preset, as its rule makes it, has all images, their classes and their masks."""
    config = load_config(PRESETS / f"{name}.yaml")
    start = time.monotonic()
    index(config.data, output=Path("index.h5"), context=RunContext(workers=0))
    yield "index", time.monotonic() - start
    start = time.monotonic()
    dataset = load_dataset("index.h5")
    yield "open the index", time.monotonic() - start
    assert (len(dataset.ids("train")), len(dataset.ids("val"))) == numbers
    assert (dataset.labels("train").sum(1) == 1).all()
    last = dataset.ids("val")[-1]
    mask = dataset.mask(last)
    assert mask is not None
    assert set(np.unique(mask)) - {255} == {0, *(np.flatnonzero(dataset.image_labels(last)) + 1)}


def check_dry_run(name: str, project: Project) -> dict[str, float]:
    """`snakemake -n` leads from the preset to its labels and its page; nothing but the weights is another."""
    Path("weights.yaml").write_text(yaml.safe_dump({"run": name, "backbone": {"weights": "none"}}))
    files = (f"wsss/workflow/presets/{name}.yaml", "weights.yaml")
    start = time.monotonic()
    written = project.would_write("--configfile", *files)
    seconds = time.monotonic() - start
    plan = plan_of(name, {"backbone": {"weights": "none"}})
    wanted = {plan.path(item) for stage in ("index", *LABEL_STAGES, "predict", "report") for item in plan.wanted(stage)}
    assert {path.removeprefix(f"{plan.root}/") for path in wanted} <= written
    return {"snakemake -n": seconds}


def check_labels(name: str) -> dict[str, float]:
    """Every label stage of the preset, and those that it leaves out, make labels of three images."""
    plan = plan_of(name, SAMPLE)
    start, made = time.monotonic(), set[Artifact]()
    labels = [item for stage in LABEL_STAGES for item in plan.wanted(stage)]
    for item in labels:
        make(plan, item, made)
    assert {item.stage for item in labels} >= {"seed_labels", "segmenter_labels", "refine_labels"}
    assert len(labels) > 3
    for item in labels:
        with ArtifactReader(plan.path(item)) as reader:
            ids = list(reader.ids("segmentation"))
            assert len(ids) == 3, product_of(item)
            assert all(reader.read("segmentation", image_id).shape == (40, 56) for image_id in ids)
    return {"labels of a sample": time.monotonic() - start}


def plan_of(name: str, over: dict[str, Any]) -> Plan:
    """The plan of a preset with settings laid over it."""
    Path("over.yaml").write_text(yaml.safe_dump({"run": name, **over}))
    return Plan(load_config(PRESETS / f"{name}.yaml", Path("over.yaml")))


def make(plan: Plan, artifact: Artifact, made: set[Artifact]) -> None:
    """Makes an artifact, and before it what it is made from."""
    if artifact in made:
        return
    made.add(artifact)
    inputs = plan.inputs(artifact)
    for item in inputs.values():
        make(plan, item, made)
    function = getattr(import_module(f"wsss.stages.{artifact.stage}"), artifact.stage)
    paths: dict[str, Path | None] = {item.name: None for item in STAGES[artifact.stage].inputs}
    paths |= {input_name: Path(plan.path(item)) for input_name, item in inputs.items()}
    output = Path(plan.path(artifact))
    output.parent.mkdir(parents=True, exist_ok=True)
    function(plan.settings(artifact), **paths, output=output, context=RunContext(device="cpu", seed=artifact.seed))
