"""How long a run takes, on the terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli.program import wsss
from wsss.cli import estimate as printing
from wsss.cli.app import app
from wsss.cli.estimate import long_time
from wsss.estimate.measure import TIME_IS_UP
from wsss.estimate.run import RunEstimate
from wsss.estimate.scaling import Estimate

ROWS = [
    Estimate("cams", 2, 3600.0, 1800.0, 2 * 10**9, 0, 3 * 10**6, 0, "measured"),
    Estimate("train_classifier", 1, 86400.0 * 3, 86400.0, 10**9, 0, 400 * 10**6, 10**9, "scaled x4"),
    Estimate("saliency", 1, None, None, 0, 0, 0, 0, "not measured: it is missing"),
]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(printing, "estimate_run", lambda *_, **__: RunEstimate(ROWS, 12.0))
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "my.yaml").write_text("{data: {name: voc, root: nowhere}, runtime: {device: cpu}}\n")
    return str(tmp_path / "my.yaml")


def test_the_table_says_what_each_job_takes_and_the_sum(config: str):
    result = CliRunner().invoke(app, ["estimate", config, "--images", "10582", "--val", "1449", "--cores", "2"])
    assert result.exit_code == 0, result.output
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "10582 training and 1449 validation images of 375 x 500 px, 20 classes (as said)" in lines
    assert "cams 2 1 h 00 min 2 h 00 min 1 h 00 min 2.0 GB 6.0 MB measured" in lines
    assert "saliency 1 - - - - - not measured: it is missing" in lines
    assert "one after the other 4 3.1 days 25 h 00 min 2.0 GB 0.4 GB" in lines
    assert any("1 of 3 kinds of jobs are scaled" in line for line in lines)
    assert any("for 34% of their time. Several threads" in line and "--cores 1" in line for line in lines)
    alone = CliRunner().invoke(app, ["estimate", config, "--images", "10582", "--cores", "1"]).output
    assert "Alone, one thread takes 25 h 00 min." in alone
    assert any("state takes up to 1.0 GB more" in line for line in lines)
    # more time would not help
    assert "The sum lacks 1 jobs." in lines


def test_more_time_is_asked_for_where_the_time_was_up(config: str, monkeypatch: pytest.MonkeyPatch):
    rows = [*ROWS, replace(ROWS[-1], name="predict", how=TIME_IS_UP)]
    monkeypatch.setattr(printing, "estimate_run", lambda *_, **__: RunEstimate(rows, 12.0))
    output = CliRunner().invoke(app, ["estimate", config, "--images", "10"]).output
    assert "The sum lacks 2 jobs: give more time (--seconds 600)." in output


def test_a_preset_is_known_by_its_name(config: str):
    result = CliRunner().invoke(app, ["estimate", "coco14_auxsegnet", "--images", "82081", "--json"])
    assert json.loads(result.output)["data"]["classes"] == 80


def test_json_says_the_same(config: str):
    result = CliRunner().invoke(app, ["estimate", config, "--images", "10", "--size", "100x200", "--json"])
    found = json.loads(result.output)
    assert found["data"] | {"origin": ""} == {
        **{"train": 10, "val": 0, "classes": 20, "height": 100, "width": 200, "origin": ""}
    }
    assert [row["name"] for row in found["jobs"]] == ["cams", "train_classifier", "saliency"]
    assert found["total"]["seconds"] == 2 * 3600 + 3 * 86400
    assert found["total"]["processor"] == 2 * 1800 + 86400
    assert found["total"]["not_measured"] == ["saliency"]


def test_without_data_and_numbers_one_line_says_what_to_do(config: str):
    result = wsss("estimate", config)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "nowhere" in result.stderr and "--images N --val N" in result.stderr


@pytest.mark.parametrize("size", ["375", "x5", "0x9", "axb"])
def test_a_size_that_is_none_is_refused(config: str, size: str):
    assert CliRunner().invoke(app, ["estimate", config, "--images", "5", "--size", size]).exit_code == 2


@pytest.mark.parametrize("words", [("--val", "5"), ("--classes", "3")])
def test_what_belongs_to_images_is_refused_without_them(config: str, words: tuple[str, str]):
    result = CliRunner().invoke(app, ["estimate", config, *words])
    assert result.exit_code == 2
    assert "give --images too" in result.stderr


def test_times_are_written_for_people():
    assert [long_time(seconds) for seconds in (5, 7200, 86400 * 1.5, 86400 * 40)] == [
        *("5.0 s", "2 h 00 min", "36 h 00 min", "40.0 days")
    ]
