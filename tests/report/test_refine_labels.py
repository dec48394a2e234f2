"""The part of `refine_labels` in the report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.stages.evaluated import Run, make_run
from wsss.config import Evaluate, Report
from wsss.report.evaluations import by_variant, load_evaluation
from wsss.report.refine_labels import refined_pairs, refined_table
from wsss.stages.evaluate import evaluate
from wsss.stages.report import report


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Seeds of which every second column is 255, and the perfect labels in place of their refinement."""
    run = make_run(tmp_path_factory.mktemp("refined"))
    sets = {"seeds": run.path("eroded"), "seeds_refined": run.path("perfect"), "seeds_self": run.path("perfect")}
    evaluate(Evaluate(), index=run.path("index"), labels=sets, output=run.folder / "evaluation/metrics.json")
    return run


def test_a_refined_set_stands_after_the_one_that_it_was_made_from(run: Run) -> None:
    evaluation = load_evaluation(run.folder / "evaluation/metrics.json")
    assert [(before["name"], after["name"]) for before, after in refined_pairs(evaluation)] == [
        ("seeds", "seeds_refined")
    ]
    rows = re.findall(r"<tr><td>(.*?)</td>(.*?)</tr>", refined_table(by_variant([evaluation])))
    assert [name for name, _ in rows] == ["seed labels", "refined labels"]
    coverage = [float(re.findall(r">([\d.]+)<", cells)[1]) for _, cells in rows]
    assert coverage == pytest.approx([50, 100], abs=2)


def test_the_page_has_its_section_where_labels_are_refined_and_only_there(run: Run, tmp_path: Path) -> None:
    paths = [run.folder / "evaluation/metrics.json"]
    report(Report(samples=1), index=run.path("index"), evaluations=paths, output=tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert '<section id="refined">' in page
    plain = tmp_path / "plain/metrics.json"
    evaluate(Evaluate(), index=run.path("index"), labels={"seeds": run.path("eroded")}, output=plain)
    report(Report(samples=1), index=run.path("index"), evaluations=[plain], output=tmp_path / "plain.html")
    assert '<section id="refined">' not in (tmp_path / "plain.html").read_text(encoding="utf-8")
