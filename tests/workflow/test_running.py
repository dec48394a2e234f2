"""Running, being refused, being killed, taking turns."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.hearing import HEAR, NOHUP, started
from tests.waiting import PATIENCE_SECONDS, lives, wait_until
from tests.workflow.conftest import DATA, Project, copy_project
from tests.workflow.stopping import wait_for_stage
from wsss.config import Cams, FolderData, TrainClassifier, TrainSegmenter, load_config


def test_a_misspelt_setting_is_one_line(project: Project):
    option = project.config(data=DATA, seed_labels={"cam_treshold": 0.3})
    line = project.error_line("-n", option)
    assert line == "error: my.yaml: `seed_labels.cam_treshold` is not a setting: did you mean `cam_threshold`?"


def test_a_missing_folder_is_one_line(project: Project):
    option = project.config(data={**DATA, "masks": "gone"})
    assert project.error_line("-n", option) == "error: my.yaml: photos/gone: no such folder; correct `data.masks`"


def test_two_lines_of_one_s_own_hold_no_demo_value(project: Project):
    text = project.snakemake("-n", "--printshellcmds", project.config(data={"name": "folder", "root": "photos"})).stdout
    demo = load_config(project.folder / "config.yaml")
    expected = {
        "index": FolderData(root="photos"),
        "train_classifier": TrainClassifier(),
        "cams": Cams(),
        "train_segmenter": TrainSegmenter(),
    }
    for stage, settings in expected.items():
        words = shlex.split(re.search(rf"wsss {stage} .*$", text, flags=re.MULTILINE)[0])  # type: ignore[index]
        assert words[words.index("--settings") + 1] == settings.canonical_json()
        assert settings != demo.stage(stage)
    assert "demo" not in text
    assert re.findall(r"^saliency: .*u2netp.*$", text, flags=re.MULTILINE) != []


def test_every_job_leaves_its_log_and_its_time(plain: Project):
    results = plain.folder / "results/my"
    jobs = {path.stem for path in (results / "logs").iterdir()}
    assert jobs == {
        *("index", "saliency", "train_classifier", "cams", "seed_labels", "evaluate", "report"),
        *("train_segmenter-seeds", "predict-val-segmenter_seeds-single"),
    }
    assert jobs == {path.stem for path in (results / "benchmarks").iterdir()}


def test_jobs_on_a_gpu_take_turns(project: Project):
    # with a GPU in the machine a job does not take all cores; this makes it look as if there were one
    fake = project.folder / "bin" / "nvidia-smi"
    fake.parent.mkdir()
    fake.touch(mode=0o755)
    path = f"{fake.parent}:{project.environment()['PATH']}"
    option = project.config(data=DATA, seeds=[0, 1, 2], runtime={"workers": 0})
    assert project.would_write("classifiers", option)
    in_turn = project.snakemake("classifiers", "--cores=8", option, PATH=path).stdout
    assert "Execute 1 jobs" in in_turn
    assert "Execute 3 jobs" not in in_turn
    together = project.snakemake("classifiers", "--cores=8", "--resources", "gpu=3", "--forceall", option, PATH=path)
    assert "Execute 3 jobs" in together.stdout


@pytest.mark.parametrize(("seeds", "training"), [([0], 2), ([0, 1], 1)])
def test_on_a_processor_a_training_takes_all_cores_and_two_beside_each_other_share_them(
    project: Project, seeds: list[int], training: int
):
    option = project.config(data=DATA, seeds=seeds, runtime={"device": "cpu"})
    text = project.snakemake("-n", "predictions", "--cores=2", option).stdout
    # beside a classifier, saliency is made
    for rule, threads in (("train_classifier", 1), ("train_segmenter", training), ("predict", 1)):
        # Snakemake does not print that it is one
        blocks = re.findall(rf"rule {rule}:.*?resources: [^\n]*", text, flags=re.DOTALL)
        assert len(blocks) == len(seeds)
        assert all("gpu=0" in block for block in blocks)
        assert [int(found) for block in blocks for found in re.findall(r"threads: (\d+)", block)] == [
            threads for _ in blocks if threads > 1
        ]


def test_rounds_follow_each_other_so_that_each_takes_all_cores(project: Project):
    option = project.config(
        data=DATA, methods=["auxsegnet"], train_segmenter={"label_sets": ["auxsegnet"]}, runtime={"device": "cpu"}
    )
    text = project.snakemake("-n", "predictions", "--cores=2", option).stdout
    for rule in ("train_auxsegnet", "train_segmenter"):
        blocks = re.findall(rf"rule {rule}:.*?resources: [^\n]*", text, flags=re.DOTALL)
        assert blocks
        assert all("threads: 2" in block for block in blocks)


@pytest.mark.parametrize(("start", "first"), [("classifier", "/classifier/model.ckpt"), ("backbone", "")])
def test_later_rounds_go_on_from_the_round_before(project: Project, start: str, first: str):
    option = project.config(data=DATA, methods=["auxsegnet"], train_auxsegnet={"start": start})
    text = project.snakemake("-n", "-p", "models", "--cores=1", option).stdout
    trainings = sorted(line for line in text.splitlines() if "wsss train_auxsegnet" in line)
    given = {re.search(r"round\d", line.partition("--output")[2])[0]: line for line in trainings}
    weights = {name: re.findall(r"--weights (\S+)", line) for name, line in given.items()}
    assert weights == {
        "round0": [f"results/my{first}"] if first else [],
        "round1": ["results/my/auxsegnet/round0/model.ckpt"],
    }


def test_what_a_stage_says_is_wrong_is_one_line(tmp_path: Path):
    project = copy_project(tmp_path / "project", made_up=False)
    with (project.folder / "photos" / "labels.csv").open("a") as handle:
        handle.write("nowhere.jpg,bird,train\n")
    result = project.snakemake("index", project.config(data=DATA), check=False)
    said = [line for line in result.stdout.splitlines() if line.startswith("error: ")]
    assert result.returncode == 1
    assert len(said) == 1
    assert "nowhere.jpg" in said[0]
    assert "Traceback" not in result.stdout
    assert "Traceback" in (project.folder / "results/my/logs/index.log").read_text()
    assert [path.name for path in (project.folder / "results/my").iterdir() if "h5" in path.name] == []


def test_a_stage_ends_with_a_killed_snakemake_and_the_same_command_goes_on(project: Project):
    option = project.config(data=DATA)
    with project.start("labels", option, WSSS_TEST_SLEEP_cams="1000") as snakemake:
        stage = wait_for_stage(project, snakemake.pid, "cams")
        snakemake.send_signal(signal.SIGKILL)
        # the stage itself would go on for longer
        wait_until(lambda: not lives(stage))
    log = (project.folder / "results/my/logs/cams.log").read_text()
    assert "the process that started this stage is gone" in log
    refused = project.snakemake("labels", option, check=False)
    assert "--unlock" in refused.stdout
    project.snakemake("--unlock", option)
    finished = project.snakemake("labels", option).stdout
    assert set(re.findall(r"rule (\w+):", finished)) <= {"cams", "saliency", "seed_labels", "labels"}
    assert (project.folder / "results/my/auxsegnet/round0/labels.h5").is_file()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_snakemake_that_is_stopped_stops_its_stage_and_unlocks(project: Project, number: int):
    option = project.config(data=DATA)
    snakemake = _start(project, "labels", option, WSSS_TEST_SLEEP_cams="1000")
    with snakemake:
        stage = wait_for_stage(project, snakemake.pid, "cams")
        # to Snakemake alone, as `kill` does; the stage itself would go on for longer
        snakemake.send_signal(number)
        wait_until(lambda: not lives(stage))
        wait_until(lambda: snakemake.poll() is not None)
    assert snakemake.returncode == 1
    assert "stopped: the same command goes on from here" in (project.folder / "results/my/logs/cams.log").read_text()
    project.snakemake("labels", option)
    assert (project.folder / "results/my/auxsegnet/round0/labels.h5").is_file()


def test_a_run_under_nohup_outlives_its_terminal(project: Project):
    option = project.config(data=DATA)
    with _start(project, "all_cams", option, first=NOHUP, WSSS_TEST_SLEEP_cams="5") as snakemake:
        stage = wait_for_stage(project, snakemake.pid, "cams")
        for process in (snakemake, stage):
            process.send_signal(signal.SIGHUP)
        snakemake.wait(timeout=PATIENCE_SECONDS)
    assert snakemake.returncode == 0
    assert (project.folder / "results/my/cams.h5").is_file()


def _start(project: Project, *arguments: str, first: str = HEAR, **environment: str) -> subprocess.Popen[bytes]:
    """Starts Snakemake after a line of Python, which sets signals."""
    return project.popen(started(project.command(*arguments), first), **environment)
