"""The strip of stages: what is done, running, stopped and missing, with the command that builds it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.viewer.tiny import PREDICTED, make_index, make_results
from wsss.viewer import pipeline
from wsss.viewer.pipeline import Pipeline
from wsss.viewer.run import Run


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "LOOK_AGAIN", -1.0)


def strip(run: Path, config: Path | None = None) -> dict[str, dict[str, Any]]:
    found = Pipeline(Run(run, "tiny"), config).stages()
    return {stage["stage"]: stage for stage in found["stages"]}


def write_config(root: Path, *, more: str = "") -> Path:
    path = root / "tiny.yaml"
    path.write_text(f"data: {{name: voc, root: photos, classes: classes.txt}}\n{more}")
    return path


def test_what_the_config_leads_to_and_is_not_there_is_missing_with_its_command(tmp_path, monkeypatch):
    run = make_index(tmp_path)
    write_config(tmp_path)
    monkeypatch.chdir(tmp_path)
    stages = strip(run)
    assert stages["index"]["state"] == "done"
    assert stages["cams"]["state"] == "missing"
    assert stages["cams"]["items"][0]["command"] == "wsss run tiny.yaml results/tiny/cams.h5"
    assert "train_auxsegnet" not in stages
    prediction = stages["predict"]["items"][0]
    assert prediction["path"] == PREDICTED
    assert prediction["name"] == "val, segmenter_seeds, single"


def test_variants_seeds_and_rounds_are_all_listed(tmp_path, monkeypatch):
    run = make_index(tmp_path)
    more = "seeds: [0, 1]\nmethods: [auxsegnet]\nauxsegnet: {rounds: 2}\n"
    config = write_config(tmp_path, more=more)
    stages = strip(run, config)
    paths = [item["path"] for item in stages["train_auxsegnet"]["items"]]
    assert paths == [f"base/seed{seed}/auxsegnet/round{number}/model.ckpt" for seed in (0, 1) for number in (0, 1)]
    assert stages["train_auxsegnet"]["items"][0]["name"] == "base/seed0 · round 0"


def test_time_and_size_are_those_of_the_job_and_the_file(tmp_path):
    run = make_results(tmp_path)
    for name, seconds in (("cams", 12.5), ("predict-val-segmenter_seeds-single", 7)):
        path = run / "benchmarks" / f"{name}.tsv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"s\th:m:s\n{seconds}\t0\n")
    stages = strip(run, write_config(tmp_path))
    assert stages["cams"]["items"][0]["seconds"] == 12.5
    assert stages["cams"]["items"][0]["size"] == (run / "cams.h5").stat().st_size
    assert stages["predict"]["items"][0]["seconds"] == 7
    assert stages["saliency"]["items"][0]["seconds"] is None


def test_without_a_config_what_lies_there_is_listed(tmp_path, monkeypatch):
    run = make_results(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = Pipeline(Run(run, "tiny")).stages()
    assert not found["known"]
    assert "--config FILE" in found["problem"]
    states = {stage["stage"]: stage["state"] for stage in found["stages"]}
    assert states["seed_labels"] == states["update_labels"] == "done"
    assert states["train_classifier"] == "missing"


def test_a_wrong_config_is_said(tmp_path):
    run = make_index(tmp_path)
    found = Pipeline(Run(run, "tiny"), write_config(tmp_path, more="cam: {}\n")).stages()
    assert "cams" in found["problem"]


def test_a_process_that_writes_an_output_runs_and_its_state_alone_has_stopped(tmp_path):
    run = make_index(tmp_path, train=64)
    config = write_config(tmp_path)
    state = run / ".cams.h5.state"
    state.mkdir()
    (state / "shard-000000.h5").write_bytes(b"")
    assert strip(run, config)["cams"]["state"] == "stopped"
    # a process whose command line is that of a stage
    code = "import sys, time; sys.stdout.write('up'); sys.stdout.flush(); time.sleep(1000)"
    command = [sys.executable, "-c", code, "wsss", "cams", "--output", os.path.relpath(run / "cams.h5", tmp_path)]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.read(2) == b"up"
        item = strip(run, config)["cams"]["items"][0]
        assert item["state"] == "running"
        assert item["progress"] == 0.5
    finally:
        process.kill()
        process.wait()
    assert strip(run, config)["cams"]["state"] == "stopped"


def test_work_of_another_node_is_shown_with_its_last_sign_of_life(tmp_path):
    run = make_index(tmp_path, train=64)
    config = write_config(tmp_path)
    state, log = run / ".cams.h5.state", run / "logs/cams.log"
    state.mkdir()
    log.parent.mkdir()
    (state / "lock").write_text("4711 on node7")
    (state / "shard-000000.h5").write_bytes(b"")
    log.write_text("cams: 32 of 64 images")
    os.utime(log, (4e9, 4e9))
    stage = strip(run, config)["cams"]
    item = stage["items"][0]
    assert (stage["state"], item["state"], item["host"], item["sign"]) == ("begun", "begun", "node7", 4e9)
    assert item["progress"] == 0.5


def test_parts_that_are_there_or_begun_count_as_progress(tmp_path):
    run = make_index(tmp_path, train=64)
    config = write_config(tmp_path)
    state = run / "cams.parts/.2-of-4.h5.state"
    state.mkdir(parents=True)
    (state.parent / "1-of-4.h5").write_bytes(b"")
    (state / "shard-000000.h5").write_bytes(b"")
    item = strip(run, config)["cams"]["items"][0]
    assert (item["state"], item["progress"]) == ("stopped", 0.75)
