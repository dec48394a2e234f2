"""The rounds of AuxSegNet in the report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.stages.evaluated import Run, make_rounds, make_run
from wsss.config import Evaluate, Report
from wsss.report.auxsegnet import rounds_chart, rounds_of, rounds_table
from wsss.report.evaluations import load_evaluation
from wsss.stages.evaluate import evaluate
from wsss.stages.report import report


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_rounds(tmp_path_factory.mktemp("rounds"))


def test_every_round_has_its_labels_its_saliency_and_its_network(run: Run):
    rounds = rounds_of(load_evaluation(run.folder / "evaluation/metrics.json"))
    assert [item.number for item in rounds] == [0, 1, 2]
    coverage = [item.labels["metrics"]["coverage"] for item in rounds if item.labels]
    assert coverage == pytest.approx([0.5, 0.75, 1.0], abs=0.02)
    assert [item.network["metrics"]["miou"] == 1 for item in rounds if item.network] == [False, True]
    assert rounds[2].network is None
    assert [None if item.segmenter is None else item.segmenter["metrics"]["miou"] for item in rounds] == [None, None, 1]
    found = [item.saliency["metrics"] for item in rounds if item.saliency]
    # levels 51, 102, 255 of 255 on the object: errors of 0.8, 0.6, 0 there, and nothing above one half at first
    assert found[1]["mae"] == pytest.approx(found[0]["mae"] * 0.6 / 0.8, abs=1e-5)
    assert found[2]["mae"] == 0
    assert found[0]["f_measure_at_0.5"] is None
    assert found[2]["f_measure_at_0.5"] == 1
    assert [item["best_f_measure"] for item in found] == [1, 1, 1]


def test_the_report_shows_the_labels_grow(run: Run, tmp_path: Path):
    output = tmp_path / "report.html"
    paths = [run.folder / "evaluation/metrics.json"]
    report(Report(samples=3), index=run.path("index"), evaluations=paths, output=output)
    page = output.read_text(encoding="utf-8")
    section = page[page.index('<section id="rounds">') : page.index('<section id="train">')]
    titles = re.findall(r"<figcaption><span>([^<]+)</span>", section)
    assert titles[:8] == [
        *("photograph", "saliency", "seed labels"),
        *("round 1 saliency", "round 1 labels", "round 2 saliency", "round 2 labels", "truth"),
    ]
    assert len(titles) == 3 * 8
    with Image.open(tmp_path / "report/rounds.jpg") as sheet:
        assert sheet.width > 8 * 250
    assert "network: mIoU" in (tmp_path / "report/rounds.svg").read_text(encoding="utf-8")


def test_the_chart_has_a_point_per_round_and_the_table_a_row(run: Run):
    evaluation = load_evaluation(run.folder / "evaluation/metrics.json")
    chart = rounds_chart({"": [evaluation]}, 860)
    assert chart is not None
    assert chart.count("<circle") == 3 * 3 + 2
    several = rounds_chart({"a": [evaluation], "b": [evaluation]}, 360)
    assert several is not None
    assert "a: labels" in several
    assert several.count("<circle") == 2 * (3 + 2)
    assert rounds_table({"": [evaluation]}).count("<tr>") == 1 + 3
    assert "b, round 2" in rounds_table({"a": [evaluation], "b": [evaluation]})


def test_a_run_without_rounds_has_neither(tmp_path: Path):
    other = make_run(tmp_path)
    output = tmp_path / "metrics.json"
    evaluate(Evaluate(), index=other.path("index"), labels={"seeds": other.path("perfect")}, output=output)
    evaluation = load_evaluation(output)
    assert rounds_of(evaluation) == []
    assert rounds_chart({"": [evaluation]}, 860) is None
    assert rounds_table({"": [evaluation]}) == ""
