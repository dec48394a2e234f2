"""What a run has come to, on the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli.program import wsss
from wsss.cli.app import app
from wsss.evaluation import FORMAT_VERSION


def record(kind: str, miou: float, protocol: str) -> dict[str, object]:
    metrics = {"miou": miou, "precision": 0.9, "coverage": 0.8, "iou_at_0.5": 0.5, "precision_at_0.5": 0.6}
    more = {"model": "segmenter_seeds", "protocol_name": "single"} if kind == "predictions" else {}
    return {"kind": kind, "name": "seeds", "split": "train", "metrics": metrics, "protocol": protocol, **more}


def test_summary_shows_every_number_with_its_protocol_and_the_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "100")
    results = tmp_path / "results" / "x"
    for seed, miou in enumerate((0.4, 0.5)):
        folder = results / "base" / f"seed{seed}" / "evaluation"
        folder.mkdir(parents=True)
        records = [record("labels", miou, "labels; 255 a miss"), record("predictions", miou, "val; scale 1; no flip")]
        content = {"format_version": FORMAT_VERSION, "stage": "evaluate", "run": "x", "variant": "base", "seed": seed}
        content |= {"evaluations": records, "warnings": ["look at it"], "inputs": {}, "data": {"class_names": []}}
        (folder / "metrics.json").write_text(json.dumps(content))
    (results / "benchmarks" / "base" / "seed0").mkdir(parents=True)
    (results / "benchmarks" / "index.tsv").write_text("s\tmax_rss\n3.5\tNA\n")
    (results / "benchmarks" / "base" / "seed0" / "cams.tsv").write_text("s\tmax_rss\n61.0\t2048\n")
    result = wsss("summary", results)
    assert result.returncode == 0, result.stderr
    for text in ("x: variant base, seeds 0, 1", "45.0 ± 7.1", "90.0 ± 0.0", "1: labels; 255 a miss", "2: val; scale 1"):
        assert text in result.stdout
    assert "warning: look at it" in result.stdout
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "index 3.5 s -" in lines
    assert "base/seed0/cams 1 min 01 s 2.0 GB" in lines
    assert "all, one after the other 1 min 04 s" in lines


def test_summary_says_what_is_missing(tmp_path: Path):
    for folder, text in ((tmp_path / "no", "no such folder"), (tmp_path, "nothing is evaluated yet")):
        result = CliRunner().invoke(app, ["summary", str(folder)])
        assert result.exit_code == 1
        assert result.stderr.startswith(f"error: {folder}: {text}")
        assert result.stderr.count("\n") == 1
