"""The options that every stage has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from tests.cli.program import CAMS, SAYING, wsss
from wsss.cli.app import app
from wsss.cli.options import named_paths
from wsss.pipeline.stages import STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_a_command_with_the_common_options(stage: str):
    text = CliRunner().invoke(app, [stage, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    for option in ("settings", "output", "run", "variant", "seed", "code", "device", "workers", "threads", "log"):
        assert f"--{option}" in text


def test_a_stage_gets_its_settings_inputs_and_context(tmp_path: Path):
    section = tmp_path / "cams.yaml"
    section.write_text(yaml.safe_dump({"scales": [2.0]}))
    options = ("--output", "o.h5", "--run", "r", "--variant", "v", "--seed", "3", "--code", "c", "--device", "cpu")
    machine = ("--workers", "1", "--threads", "2", "--batch-size", "4", "--devices", "2", "--checkpoint-minutes", "0.5")
    machine += ("--nodes", "1", "--loggers", "csv,wandb")
    for settings in ('{"scales": [2.0]}', str(section)):
        said = wsss(*CAMS, "--settings", settings, *options, *machine, before=SAYING).stdout
        assert '{"flip":true,"scales":[2.0],"tiles":null}' in said
        assert "run='r', variant='v', seed=3, code='c', device='cpu', workers=1, threads=2, batch_size=4" in said
        assert "devices=2, nodes=1, checkpoint_minutes=0.5, part=0, parts=1, loggers=('csv', 'wandb')" in said
        assert "'classifier': PosixPath('m.ckpt')" in said


def test_a_call_makes_a_part_or_joins_them():
    assert "part=2, parts=3" in wsss(*CAMS, "--output", "o.h5", "--shards", "2/3", before=SAYING).stdout
    assert "part=0, parts=3" in wsss(*CAMS, "--output", "o.h5", "--shards", "3", before=SAYING).stdout


@pytest.mark.parametrize("shards", ["0", "0/3", "3/0", "1/2/3", "a", "-1", "", "2 / 3", "99999"])
def test_what_is_no_part_is_refused(shards: str):
    result = wsss(*CAMS, "--output", "o.h5", f"--shards={shards}", before=SAYING)
    assert result.returncode == 2
    assert "--shards takes I/N or N" in " ".join(result.stderr.split())


def test_a_part_beyond_the_last_is_one_line():
    result = wsss(*CAMS, "--output", "o.h5", "--shards=4/3", before=SAYING)
    assert (result.returncode, result.stderr) == (
        1,
        "error: there is no part 4 of 3; parts are counted from 1\n",
    )


def test_a_stage_that_has_no_parts_says_so():
    result = wsss("index", "--output", "o.h5", "--settings", '{"name": "demo"}', "--shards=1/3", before=SAYING)
    assert result.returncode == 2
    assert "stage index makes its output in one" in " ".join(result.stderr.split())


def test_workers_start_with_the_stage_s_module():
    check = """
import multiprocessing
from pathlib import Path
from wsss.cli.options import StageCall
from wsss.context import RunContext
from wsss.stages import seed_labels

def ask_a_worker(settings, output, context):
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        print(pool.apply(eval, ("'wsss.stages.seed_labels' in __import__('sys').modules",)))

seed_labels.seed_labels = ask_a_worker
StageCall("seed_labels", None, RunContext()).run(output=Path("o.h5"))
"""
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "True"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('{"scale": [1.0]}', "error: `cams.scale` is not a setting: did you mean `scales`?\n"),
        ('{"scales": []}', "error: `cams.scales`: "),
        ("{", "error: settings are not JSON"),
        ("no.yaml", "error: no.yaml: no such settings file; --settings takes JSON text or a file\n"),
    ],
)
def test_a_wrong_setting_is_one_line(settings: str, message: str):
    result = CliRunner().invoke(app, [*CAMS, "--output", "o.h5", "--settings", settings])
    assert result.exit_code == 1
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_named_paths():
    assert named_paths(["a=x=1.h5", "b=y.h5"]) == {"a": Path("x=1.h5"), "b": Path("y.h5")}
