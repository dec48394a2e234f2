"""Every stage refuses every wrong artifact in one line, and leaves nothing under a final name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.cli.stage_files import WITH_MAPS, Files, inputs_of
from tests.cli.wrong import DAMAGE, Content, write
from wsss.cli.app import app
from wsss.pipeline.stages import STAGES

CASES = [
    (stage, name, damage)
    for stage in STAGES
    for name, makes in inputs_of(stage).items()
    if makes in WITH_MAPS
    for damage in DAMAGE[makes]
]
SAMPLE = 5
"""Of so many cases one is in every run of the tests, some of each input; the others are slow."""
MARKED = [
    pytest.param(*case, marks=() if place % SAMPLE == 0 else pytest.mark.slow) for place, case in enumerate(CASES)
]


def call(files: Files, stage: str, output: Path, **given: Path) -> Result:
    return CliRunner().invoke(app, files.arguments(stage, output, **given))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    yield Files(tmp_path_factory.mktemp("wrong"))


def test_every_stage_and_every_input_with_maps_is_tried():
    assert {stage for stage, _, _ in CASES} == {stage for stage in STAGES if stage != "index"}
    assert {name for stage, name, _ in CASES if stage == "seed_labels"} == {"index", "cams", "saliency"}
    assert len(CASES) > 300
    assert {case[:2] for case in CASES[::SAMPLE]} == {case[:2] for case in CASES}


@pytest.mark.parametrize("stage", [stage for stage in STAGES if inputs_of(stage)])
def test_good_inputs_pass(files: Files, tmp_path: Path, stage: str) -> None:
    output = tmp_path / ("report.html" if stage == "report" else "out.h5")
    result = call(files, stage, output)
    assert result.exit_code == 0, result.output
    assert output.is_file()


@pytest.mark.parametrize(("stage", "name", "damage"), MARKED)
def test_wrong_inputs_are_refused(files: Files, tmp_path: Path, stage: str, name: str, damage: str) -> None:
    makes = inputs_of(stage)[name]
    content = files.read[makes]
    spoiled = Content(dict(content.attributes), dict(content.arrays), dict(content.tables))
    DAMAGE[makes][damage](spoiled)
    wrong = tmp_path / "wrong.h5"
    write(spoiled, wrong)
    before = wrong.read_bytes()
    output = tmp_path / "out" / ("report.html" if stage == "report" else "out.h5")
    result = call(files, stage, output, **{name: wrong})
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.exit_code == 1, result.output
    assert len(lines) == 1, result.output
    assert str(wrong) in lines[0], lines[0]
    assert "defect" not in lines[0], lines[0]
    assert "Traceback" not in result.output
    made = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and ".state" not in str(path)]
    assert made == [], "something was left"
    assert wrong.read_bytes() == before
