"""`wsss picture`: a run as one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from tests.viewer.tiny import SEEDS, make_index, make_results
from wsss.cli.app import app


def picture(run: Path, output: Path, *options: str) -> Result:
    arguments = ["picture", str(run), "--output", str(output), *options]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})


@pytest.mark.parametrize("name", ["picture.jpg", "deep/picture.PNG"])
def test_a_small_picture_is_written(run: Path, tmp_path: Path, name: str):
    output = tmp_path / name
    result = picture(run, output)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.output == f"{output}: {output.stat().st_size / 1000:.0f} kB\n"
    assert output.stat().st_size < 300_000
    with Image.open(output) as image:
        assert image.format == ("JPEG" if name.endswith("jpg") else "PNG")
        # photograph, CAMs, two label sets and the truth beside each other
        assert image.width > 5 * 190
        assert np.asarray(image.convert("L")).std() > 10


def test_more_images_and_other_colours(run: Path, tmp_path: Path):
    for name, options in (("two", ()), ("one", ("--images", "1")), ("voc", ("--palette", "voc"))):
        assert picture(run, tmp_path / f"{name}.png", *options).exit_code == 0
    two, one, voc = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("two", "one", "voc"))
    assert one.shape[0] < two.shape[0]
    assert one.shape[1] == two.shape[1]
    assert voc.shape == two.shape
    assert (voc != two).any()


def test_a_run_of_several_seeds_shows_its_first(tmp_path: Path):
    make_results(tmp_path, name="tiny/low/seed1")
    assert picture(tmp_path / "results/tiny", tmp_path / "a.png").exit_code == 0
    assert picture(tmp_path / "results/tiny/low/seed1", tmp_path / "b.png").exit_code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.gif", (), "--output takes a file that ends in .jpg or .png, got 'a.gif'"),
        ("picture", (), "--output takes a file that ends in .jpg or .png, got 'picture'"),
        ("a.jpg", ("--palette", "grey"), "--palette takes voc or color_blind, got 'grey'"),
        ("a.jpg", ("--images", "0"), "--images"),
    ],
)
def test_an_option_that_cannot_be_is_named(
    run: Path, tmp_path: Path, name: str, options: tuple[str, ...], message: str
):
    result = picture(run, tmp_path / name, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / name).exists()


def test_what_is_missing_is_one_line(tmp_path: Path):
    def said(run: Path) -> str:
        result = picture(run, tmp_path / "a.jpg")
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        assert not (tmp_path / "a.jpg").exists()
        return result.stderr.removesuffix("\n")

    none = tmp_path / "none"
    assert said(none) == f"error: {none}: no such folder; give the folder of a run, results/RUN"
    run = make_index(tmp_path)
    assert said(run) == f"error: {run}: nothing is evaluated yet; run `wsss run CONFIG evaluations`"
    (run / "evaluation").mkdir()
    (run / "evaluation/metrics.json").write_text("{}")
    assert said(run).startswith(f"error: {run / 'evaluation/metrics.json'}: is no metrics.json")


def test_a_run_whose_artifacts_are_gone_is_one_line(tmp_path: Path):
    run = make_results(tmp_path)
    for path in (run / "cams.h5", *run.glob("auxsegnet/*/labels.h5"), *run.glob("predictions/*/*.h5")):
        path.unlink()
    assert not (run / SEEDS).exists()
    result = picture(run, tmp_path / "a.jpg")
    assert result.exit_code == 1
    assert "no labels or predictions with their files are there; run the pipeline" in result.stderr
    assert result.stderr.count("\n") == 1
