"""The stage `report`: the files that it leaves."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers import make_folder
from tests.report.tiny import evaluated, write
from tests.stages.evaluated import Run
from tests.stages.networks import CLASSES, Networks
from wsss.config import Cams, Evaluate, FolderData, Protocol, Report, SeedLabels
from wsss.data import load_dataset
from wsss.stages.cams import cams
from wsss.stages.evaluate import evaluate
from wsss.stages.index import index
from wsss.stages.predict import predict
from wsss.stages.report import FIGURES, report
from wsss.stages.seed_labels import seed_labels
from wsss.store import ArtifactReader


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return evaluated(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(run) -> str:
    return write(run)


def test_figures_have_fixed_names_and_open(run, page):
    folder = run.folder / "report"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FIGURES)
    for name in FIGURES:
        if name.endswith(".svg"):
            assert ElementTree.parse(folder / name).getroot().tag.endswith("svg")
        elif name.endswith(".jpg"):
            with Image.open(folder / name) as sheet:
                assert min(sheet.size) > (100 if name == "rounds.jpg" else 400), name  # this run has no rounds


def test_figures_are_there_even_when_there_is_nothing_to_show(run, tmp_path):
    output = tmp_path / "evaluation/metrics.json"
    evaluate(Evaluate(), index=run.path("index"), labels={"seeds": run.path("perfect")}, output=output)
    report(Report(samples=2), index=run.path("index"), evaluations=[output], output=tmp_path / "report.html")
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == sorted(FIGURES)


def test_a_data_set_without_val_and_masks_goes_to_the_end(networks: Networks, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "photos", train=4, val=0, masks=False)
    labels = folder / "labels.csv"
    rows = [line.rsplit(",", 1)[0] for line in labels.read_text(encoding="utf-8").splitlines()]
    labels.write_text("\n".join(rows) + "\n", encoding="utf-8")
    made = tmp_path / "index.h5"
    classes = CLASSES[1:]
    index(FolderData(root=str(folder), classes=classes), output=made)
    assert load_dataset(made).splits == ["train"]
    paths = {"cams": tmp_path / "cams.h5", "labels": tmp_path / "labels.h5", "predictions": tmp_path / "m--single.h5"}
    cams(Cams(scales=(1.0,)), index=made, classifier=networks.classifier, output=paths["cams"])
    alone = SeedLabels(rule="background_threshold", cam_threshold=0.3)
    seed_labels(alone, index=made, cams=paths["cams"], saliency=None, output=paths["labels"])
    predict(Protocol(), index=made, model=networks.segmenter, split="val", output=paths["predictions"])
    assert ArtifactReader(paths["predictions"], "predict").kinds() == []
    metrics, page = tmp_path / "evaluation" / "metrics.json", tmp_path / "report.html"
    sets = {"labels": {"seeds": paths["labels"]}, "predictions": {"val/m--single": paths["predictions"]}}
    evaluate(Evaluate(), index=made, cams=paths["cams"], **sets, output=metrics)
    report(Report(samples=2), index=made, evaluations=[metrics], output=page)
    assert "seed labels" in page.read_text(encoding="utf-8").lower()
