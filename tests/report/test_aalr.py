"""AA&LR in evaluation and report: beside the other method, its masks on the sheets, its epochs as charts."""

from __future__ import annotations

import re

import pytest

from tests.stages.evaluated import Run, artifact, make_run, perfect_maps, write_prediction
from wsss.config import Evaluate, Report
from wsss.config.aalr import AalrLabels
from wsss.context import RunContext
from wsss.report.aalr import quality_chart, reassigned_chart
from wsss.report.curves import TrainingCurves
from wsss.stages.evaluate import evaluate
from wsss.stages.report import report

EPOCHS = """epoch,step,mask_coverage,reassigned,reassigned background,reassigned cat,mask_miou_labelled,mask_precision
1.0,4,0.5,0.02,0.01,0.15,0.4,0.7
2.0,8,0.6,0.04,0.02,,0.5,0.8
"""
CURVES = "step,epoch,learning_rate,loss\n4,1.0,0.1,2.0\n8,2.0,0.1,1.0\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Labels of both methods; those of AA&LR with the masks behind them, and a training that left its numbers."""
    run = make_run(tmp_path_factory.mktemp("both"))
    dataset = run.dataset
    perfect = perfect_maps(dataset)
    with artifact(run, "aalr_labels", "aalr_labels", AalrLabels(save_masks=True), split="train") as writer:
        for image_id in dataset.ids("train"):
            for kind in ("segmentation", "masks", "reassigned"):
                writer.write(kind, image_id, perfect[image_id])
    write_prediction(run, "aalr", {i: perfect[i] for i in dataset.ids("val")})
    evaluate(
        Evaluate(),
        index=run.path("index"),
        saliency=run.path("saliency"),
        cams=run.path("cams"),
        labels={"seeds": run.path("eroded"), "aalr": run.path("aalr_labels")},
        predictions={
            "val/segmenter_seeds--single": run.path("segmenter_seeds"),
            "val/aalr--single": run.path("aalr"),
        },
        output=run.folder / "evaluation/metrics.json",
        context=RunContext(run="tiny"),
    )
    (run.folder / "aalr").mkdir()
    (run.folder / "aalr/epochs.csv").write_text(EPOCHS)
    (run.folder / "aalr/curves.csv").write_text(CURVES)
    return run


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    paths = [run.folder / "evaluation/metrics.json"]
    report(Report(samples=2), index=run.path("index"), evaluations=paths, output=run.folder / "report.html")
    return (run.folder / "report.html").read_text(encoding="utf-8")


def test_the_page_compares_both_methods(page: str) -> None:
    overview = page[page.index('<section id="overview">') : page.index('<section id="masks">')]
    cards = re.findall(r'<div class="card"[^>]*><h3>([^<]+)</h3>', overview)
    assert cards == ["Seed labels", "Network on seed labels", "AA&amp;LR labels", "AA&amp;LR"]


def test_sheets_show_the_masks_before_and_after_reassignment(page: str) -> None:
    section = page[page.index('<section id="train">') : page.index('<section id="val">')]
    titles = re.findall(r"<figcaption><span>([^<]+)</span>", section)
    assert len(titles) == 2 * 8
    first = titles[: len(titles) // 2]
    place = first.index("AA&amp;LR labels")
    assert first[place + 1 : place + 3] == [
        "AA&amp;LR labels: online masks",
        "AA&amp;LR labels: online masks, reassigned",
    ]


def test_the_epochs_of_the_training_are_drawn(run: Run, page: str) -> None:
    section = page[page.index('<section id="masks">') : page.index('<section id="train">')]
    assert "AA&amp;LR: labels that it learned from" in section
    assert "AA&amp;LR: labels that were reassigned" in section
    drawn = (run.folder / "report/masks.svg").read_text(encoding="utf-8")
    assert "mIoU of labelled pixels" in drawn
    assert "cat" in drawn


def test_charts_have_a_point_for_every_epoch_that_has_a_number() -> None:
    rows = (
        {"epoch": 1.0, "mask_coverage": 0.5, "reassigned": 0.02, "reassigned cat": 0.15},
        {"epoch": 2.0, "mask_coverage": 0.6, "reassigned": 0.04},
    )
    training = TrainingCurves("AA&LR", (), rows)
    quality, reassigned = quality_chart(training, 860), reassigned_chart(training, 860)
    assert quality is not None
    assert quality.count("<circle") == 2
    assert reassigned is not None
    assert reassigned.count("<circle") == 2 + 1
    # the axis ends at a round share above 15 %
    assert ">20<" in reassigned
    assert (
        quality_chart(TrainingCurves("Classifier", ()), 860)
        is reassigned_chart(TrainingCurves("Classifier", ()), 860)
        is None
    )
