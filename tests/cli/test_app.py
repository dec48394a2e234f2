"""The commands as a whole, and those whose options do not follow from the table of stages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli.program import wsss
from wsss.cli.app import app
from wsss.cli.options import EXCHANGE, ONE_STAGE, RESULTS, START
from wsss.pipeline.stages import STAGES


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


def test_help_begins_with_what_a_person_types_first():
    """Every command stands under a heading; stages come after the commands that lead to a run and look at it."""
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).stdout
    headings = [text.index(heading) for heading in (START, RESULTS, ONE_STAGE, EXCHANGE)]
    assert headings == sorted(headings)
    assert "Commands \N{BOX DRAWINGS LIGHT HORIZONTAL}" not in text
    init, run, predict = (text.index(f"\N{BOX DRAWINGS LIGHT VERTICAL} {name} ") for name in ("init", "run", "predict"))
    assert headings[0] < init < run < headings[1] < predict < headings[2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["cams"],
        ["predict", "m.ckpt"],
        ["predict", "m.ckpt", "photo.jpg", "--index", "i.h5"],
        ["predict", "m.ckpt", "photo.jpg", "--scales", "1,x"],
        ["predict", "m.ckpt", "photo.jpg", "--masks", "jpg"],
        ["predict", "m.ckpt", "--index", "i.h5", "--masks", "png"],
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


def test_photographs_are_predicted_by_the_protocol_of_the_options(tmp_path: Path):
    before = """
import sys, types
def predict_photos(model, photos, *, output, protocol, max_side, georeference, context):
    print(model, photos, output, georeference, protocol.canonical_json())
module = types.ModuleType("wsss.stages.predict_photos")
module.predict_photos = predict_photos
sys.modules["wsss.stages.predict_photos"] = module
"""
    options = (
        "--scales",
        "0.5,1",
        "--flip",
        "--settings",
        '{"crf": {"iterations": 3}}',
        "--output",
        "out",
        "--masks",
        "png",
    )
    said = wsss("predict", "m.ckpt", "a.jpg", "folder", *options, before=before).stdout
    assert said.startswith("m.ckpt [PosixPath('a.jpg'), PosixPath('folder')] out False ")
    protocol = json.loads(said[said.index("{") : said.rindex("}") + 1])
    assert (protocol["scales"], protocol["flip"], protocol["crf"]["iterations"]) == ([0.5, 1.0], True, 3)


def test_version():
    from wsss import __version__

    assert CliRunner().invoke(app, ["--version"]).output == f"wsss {__version__}\n"
