"""The command line: what it costs, what it says of errors, how it stops."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from typer.testing import CliRunner

from tests.waiting import PATIENCE_SECONDS, lives, wait_until
from wsss.cli.app import app
from wsss.cli.options import named_paths
from wsss.pipeline.stages import STAGES

PROGRAM = "from wsss.cli import main; main()"
SLEEPING = """
import logging, signal, time
# who starts the tests in the background makes them, and their children, deaf to Ctrl-C
signal.signal(signal.SIGINT, signal.default_int_handler)
from wsss.cli import options
def run(self, **inputs):
    logging.getLogger("wsss").info("running")
    for _ in range(3000):
        time.sleep(0.1)
options.StageCall.run = run
"""
BREAKING = """
from wsss.cli import options
def run(self, **inputs):
    raise RuntimeError("two\\nlines")
options.StageCall.run = run
"""
SAYING = """
from wsss.cli import options
def run(self, **inputs):
    print(self.settings.canonical_json(), self.context, inputs)
options.StageCall.run = run
"""


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Commands that are called in this process leave its logging and signals as they were."""
    root, package = logging.getLogger(), logging.getLogger("wsss")
    handlers, level, package_level = list(root.handlers), root.level, package.level
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    package.setLevel(package_level)
    logging.captureWarnings(False)
    for number, handler in signals.items():
        signal.signal(number, handler)


def wsss(*arguments: str | Path, before: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", before + PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SLEEPING + PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until_running(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert process.stderr.readline() == "running\n"


CAMS = ("cams", "--index", "i.h5", "--classifier", "m.ckpt")


def test_help_loads_nothing_heavy_and_little_in_all():
    code = """
import sys
sys.argv = ["wsss", "--help"]
from wsss.cli import main
try:
    main()
except SystemExit:
    pass
print([name for name in ("torch", "lightning", "numpy", "h5py", "skimage") if name in sys.modules], len(sys.modules))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, modules = result.stdout.splitlines()[-1].rsplit(" ", 1)
    assert heavy == "[]"
    # 480 of Python, typer, pydantic and our own; half a second goes into loading them. One numpy more has 120
    assert int(modules) < 580
    for command in (*STAGES, "check", "schema", "settings", "convert_weights", "summary", "study"):
        assert f" {command} " in result.stdout


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
    for settings in ('{"scales": [2.0]}', str(section)):
        said = wsss(*CAMS, "--settings", settings, *options, *machine, before=SAYING).stdout
        assert '{"flip":true,"scales":[2.0]}' in said
        assert "run='r', variant='v', seed=3, code='c', device='cpu', workers=1, threads=2, batch_size=4" in said
        assert "devices=2, checkpoint_minutes=0.5" in said
        assert "'classifier': PosixPath('m.ckpt')" in said


def test_what_is_wrong_with_an_input_is_one_line(tmp_path: Path):
    log, output = tmp_path / "logs" / "seed_labels.log", tmp_path / "o.h5"
    options = ("--index", tmp_path / "no.h5", "--cams", "c.h5", "--saliency", "s.h5", "--output", output)
    result = wsss("seed_labels", *options, "--log", log)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: {tmp_path / 'no.h5'}: no such")
    assert result.stderr.count("\n") == 1
    assert "Traceback" in log.read_text()
    assert not output.exists()


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


def test_a_defect_is_one_line_and_debug_shows_where(tmp_path: Path):
    result = wsss(*CAMS, "--output", "o.h5", "--log", tmp_path / "x.log", before=BREAKING)
    assert result.returncode == 1
    assert result.stderr == (
        f"error: RuntimeError: two lines (a defect of wsss; the traceback is in {tmp_path / 'x.log'})\n"
    )
    assert "Traceback" in (tmp_path / "x.log").read_text()
    assert "Traceback" in wsss(*CAMS, "--output", "o.h5", "--debug", before=BREAKING).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["cams"],
        ["predict", "m.ckpt"],
        ["predict", "m.ckpt", "photo.jpg", "--index", "i.h5"],
        ["predict", "m.ckpt", "photo.jpg", "--scales", "1,x"],
        ["evaluate", "--index", "i.h5", "--output", "o.json", "--labels", "seeds.h5"],
        ["unknown"],
    ],
)
def test_a_call_that_makes_no_sense_is_refused(arguments: list[str]):
    assert CliRunner().invoke(app, arguments).exit_code == 2


@pytest.mark.parametrize("scales", ["0", "1,-0.5", "nan", "inf", "1,,2"])
def test_scales_that_are_none_are_refused_by_the_name_of_the_option(scales: str):
    result = CliRunner().invoke(app, ["predict", "m.ckpt", "photo.jpg", "--scales", scales], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "--scales takes numbers above 0, separated by commas, got" in result.stderr


def test_check_says_what_is_wrong_with_a_config_and_where(tmp_path: Path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "labels.csv").touch()
    config, over = tmp_path / "mine.yaml", tmp_path / "over.yaml"

    def check(text: str) -> str:
        over.write_text(text)
        result = CliRunner().invoke(app, ["check", str(config), str(over)])
        assert result.exit_code == (1 if result.stderr else 0)
        return result.output

    config.write_text(f"data: {{name: folder, root: {tmp_path / 'photos'}}}\n")
    assert check("cams: {flip: false}\n") == f"{over}: nothing is wrong; its results will be in results/over\n"
    assert check("cams: [\n").startswith(f"error: {over} line 2: not valid YAML (")
    assert check("cams: {flop: true}\n") == f"error: {over}: `cams.flop` is not a setting: did you mean `flip`?\n"
    assert check("data: {labels: no.csv}\n").endswith("no.csv: no such file; correct `data.labels`\n")


def test_named_paths():
    assert named_paths(["a=x=1.h5", "b=y.h5"]) == {"a": Path("x=1.h5"), "b": Path("y.h5")}


def test_photographs_are_predicted_by_the_protocol_of_the_options(tmp_path: Path):
    before = """
import sys, types
def predict_photos(model, photos, *, output, protocol, context):
    print(model, photos, output, protocol.canonical_json())
module = types.ModuleType("wsss.stages.predict_photos")
module.predict_photos = predict_photos
sys.modules["wsss.stages.predict_photos"] = module
"""
    options = ("--scales", "0.5,1", "--flip", "--settings", '{"crf": {"iterations": 3}}', "--output", "out")
    said = wsss("predict", "m.ckpt", "a.jpg", "folder", *options, before=before).stdout
    assert said.startswith("m.ckpt [PosixPath('a.jpg'), PosixPath('folder')] out ")
    protocol = json.loads(said[said.index("{") : said.rindex("}") + 1])
    assert (protocol["scales"], protocol["flip"], protocol["crf"]["iterations"]) == ([0.5, 1.0], True, 3)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 143)])
def test_a_signal_stops_cleanly(number: int, code: int):
    with start(*CAMS, "--output", "o.h5") as process:
        wait_until_running(process)
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == code
    assert said == "stopped: the same command goes on from here\n"


def test_a_stage_ends_with_the_process_that_it_was_told_to_watch(tmp_path: Path):
    with subprocess.Popen(["sleep", "1000"]) as workflow:
        with start(*CAMS, "--output", "o.h5", "--parent", str(workflow.pid)) as process:
            wait_until_running(process)
            assert process.poll() is None
            workflow.kill()
            workflow.wait()
            # the stage itself would go on for longer
            process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 143


def test_a_stage_that_does_not_listen_is_ended(tmp_path: Path):
    deaf = """
import signal, subprocess, sys, time
from wsss.cli import options, parent
parent.GRACE_SECONDS = 0.5
def run(self, **inputs):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(["sleep", "1000"])
    print(child.pid, flush=True)
    time.sleep(1000)
options.StageCall.run = run
"""
    workflow = subprocess.Popen(["sleep", "1000"])
    command = [sys.executable, "-c", deaf + PROGRAM, *CAMS, "--output", "o.h5", "--parent", str(workflow.pid)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        workflow.kill()
        workflow.wait()
        process.wait(timeout=PATIENCE_SECONDS)
    assert process.returncode == 143
    wait_until(lambda: not lives(child))


def test_a_parent_outside_a_container_is_not_watched():
    result = wsss(*CAMS, "--output", "o.h5", "--parent", "0", before=SAYING)
    assert result.returncode == 0


def test_version():
    from wsss import __version__

    assert CliRunner().invoke(app, ["--version"]).output == f"wsss {__version__}\n"


def test_schema_is_printed_or_written(tmp_path: Path):
    printed = CliRunner().invoke(app, ["schema"]).output
    assert json.loads(printed)["properties"]["data"]
    assert CliRunner().invoke(app, ["schema", "--output", str(tmp_path / "s.json")]).exit_code == 0
    assert (tmp_path / "s.json").read_text() == printed


def test_settings_are_printed():
    runner = CliRunner(env={"COLUMNS": "80"})
    assert "train_aalr            AA&LR's single-stage training" in runner.invoke(app, ["settings"]).output
    printed = runner.invoke(app, ["settings", "train_aalr"]).output
    assert "\ntrain_aalr.network.dilation: integer from 1, or null, default null\n    Dilation of" in printed
    assert max(map(len, printed.splitlines())) <= 80
    value = runner.invoke(app, ["settings", "seeds"]).output
    assert value.startswith("seeds: list (integer), default [0]\n    Seeds of everything random")
    assert runner.invoke(app, ["settings", "--markdown"]).output.startswith("# Settings\n")
    refused = wsss("settings", "train_alr")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "error: `train_alr` is not a section: did you mean `train_aalr`?\n"


def test_weights_that_cannot_be_converted_are_one_line(tmp_path: Path):
    path = tmp_path / "weights.params"
    path.write_bytes(b"no weights")
    result = wsss("convert_weights", path, "--output", tmp_path / "out.pth")
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {path}: not a .params file of MXNet, or cut short")
    assert not (tmp_path / "out.pth").exists()


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
        content = {"format_version": 1, "stage": "evaluate", "run": "x", "variant": "base", "seed": seed}
        content |= {"evaluations": records, "warnings": ["look at it"]}
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
