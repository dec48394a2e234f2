"""Rows of a study: written once, kept when something changes, and turned into a table."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stages.evaluated import make_run, true_mask, write_labels, write_prediction
from wsss.cli.study import collect_rows
from wsss.config import Evaluate
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.files import read_json
from wsss.stages.evaluate import evaluate

VARIANTS = {"second": {}, "first": {"train_auxsegnet": {"network": {"unary_affinity": False}}}}


def training(checkpoint: Path, stage: str) -> dict[str, Any]:
    """In place of what a checkpoint says of its training."""
    return {"training": {"minutes": 2.0, "git_commit": "c0ffee"}, "training_settings": {"epochs": 3}}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config of two variants, in a folder where one seed of the first of them is evaluated."""
    run = make_run(tmp_path / "made")
    perfect = {i: true_mask(run.dataset, i) for i in run.dataset.ids("train")}
    write_labels(run, "round0", perfect, saliency=255)
    write_prediction(run, "auxsegnet_round0", {i: true_mask(run.dataset, i) * 0 for i in run.dataset.ids("val")})
    write_prediction(run, "segmenter_seeds", {i: true_mask(run.dataset, i) for i in run.dataset.ids("val")})
    evaluate(
        Evaluate(sweep=False),
        index=run.path("index"),
        labels={"seeds": run.path("round0")},
        predictions={f"val/{name}--single": run.path(name) for name in ("auxsegnet_round0", "segmenter_seeds")},
        output=tmp_path / "results/ladder/second/seed0/evaluation/metrics.json",
        context=RunContext(run="ladder", variant="second"),
    )
    path = tmp_path / "ladder.yaml"
    rounds = {"rounds": 1, "last_labels": False}
    sections = {"data": {"name": "demo"}, "methods": ["auxsegnet"], "auxsegnet": rounds, "variants": VARIANTS}
    path.write_text(yaml.safe_dump({**sections, "train_segmenter": {"label_sets": []}}, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wsss.cli.study.auxsegnet.training_part", training)
    return path


def test_a_finished_row_is_written_once_with_all_that_made_it(config: Path, tmp_path: Path):
    written, missing = collect_rows([config], tmp_path / "docs")
    assert [path.name.rsplit("-", 1)[0] for path in written] == ["second-seed0"]
    assert missing == 1
    row = json.loads(written[0].read_text())
    assert (row["study"], row["variant"], row["seed"], row["images"]) == ("ladder", "second", 0, {"train": 5, "val": 3})
    assert row["machine"]["cores"] >= 1
    only = row["rounds"][0]
    assert only["training_settings"] == {"epochs": 3}
    assert only["label_settings"]["cam_threshold"] == 0.2
    assert only["labels"]["precision"] == 1
    assert only["network"]["miou"] < 0.5
    assert only["segmenter"]["miou"] == 1
    assert only["saliency_labels"]["mae"] == 0
    before = written[0].read_bytes()
    assert collect_rows([config], tmp_path / "docs") == ([], 1)
    assert written[0].read_bytes() == before


def test_other_seeds_join_the_mean_and_changed_rows_lose_nothing(config: Path, tmp_path: Path):
    source = tmp_path / "results/ladder/second/seed0/evaluation/metrics.json"
    for number, (place, miou, day) in enumerate([("second/seed4", 0.3, 1), ("first/seed0", 0.5, 2)]):
        target = tmp_path / f"results/ladder/{place}/evaluation/metrics.json"
        target.parent.mkdir(parents=True)
        content = read_json(source)
        prediction = next(item for item in content["evaluations"] if item.get("model") == "auxsegnet_round0")
        prediction["metrics"]["miou"] = miou
        content["created"] = f"2030-01-0{day}T00:00:0{number}+00:00"
        target.write_text(json.dumps(content))
    written, missing = collect_rows([config], tmp_path / "docs")
    assert len(written) == 3
    assert missing == 1  # seed 4 of `first`
    table = (tmp_path / "docs/README.md").read_text().splitlines()
    rows = [line.split(" | ") for line in table if line.startswith(("| second", "| first"))]
    assert [row[0].strip("| ") for row in rows] == ["second", "first"]
    assert rows[0][1] == "0, 4"
    assert "±" in rows[0][-3]
    assert [row[-2] for row in rows] == ["100.0 ± 0.0", "100.0"]
    assert rows[1][-3] == "50.0"
    changed = tmp_path / "results/ladder/first/seed0/evaluation/metrics.json"
    content = read_json(changed)
    next(i for i in content["evaluations"] if i["kind"] == "predictions")["metrics"]["miou"] = 0.625
    content["created"] = "2030-01-03T00:00:00+00:00"
    changed.write_text(json.dumps(content))
    written, _ = collect_rows([config], tmp_path / "docs")
    assert len(written) == 1
    assert len(list((tmp_path / "docs").glob("first-seed0-*.json"))) == 2
    assert "| 62.5 |" in (tmp_path / "docs/README.md").read_text()


def test_seeds_of_a_run_without_variants_are_rows(config: Path, tmp_path: Path):
    sections = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump({**sections, "variants": {}, "seeds": [0, 1]}))
    (tmp_path / "results/ladder/second").rename(tmp_path / "results/ladder/base")
    written, missing = collect_rows([config], tmp_path / "docs")
    assert [path.name.rsplit("-", 1)[0] for path in written] == ["base-seed0"]
    assert missing == 1
    row = json.loads(written[0].read_text())
    assert row["differs_by"] == {}
    assert row["auxsegnet"]["rounds"] == 1


def test_the_table_can_be_made_of_the_rows_alone(config: Path, tmp_path: Path):
    collect_rows([config], tmp_path / "docs")
    table = tmp_path / "docs/README.md"
    before = table.read_text()
    shutil.rmtree(tmp_path / "results")
    table.unlink()
    assert collect_rows([config], tmp_path / "docs") == ([], 2)
    assert table.read_text() == before


def test_a_damaged_row_is_named(config: Path, tmp_path: Path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/x-seed0-00.json").write_text("{}")
    with pytest.raises(InputError, match=r"x-seed0-00\.json: no row of a study"):
        collect_rows([config], tmp_path / "docs")
