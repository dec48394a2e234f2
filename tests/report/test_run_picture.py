"""A run as one picture: its columns, its rows, and the form of its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.stages.evaluated import Run
from wsss.errors import InputError
from wsss.report.evaluations import Evaluation, load_evaluation
from wsss.report.run_picture import CELL, GAP, HEADING, MARGIN, WORDS, draw_run, picture_bytes


@pytest.fixture(scope="module")
def evaluation(run: Run) -> Evaluation:
    return load_evaluation(run.folder / "evaluation/metrics.json")


def drawn(run: Run, evaluation: Evaluation, images: int = 1) -> Image.Image:
    return draw_run(run.dataset, evaluation, images=images, palette="voc")


def only(evaluation: Evaluation, *kinds: str) -> Evaluation:
    return replace(evaluation, content={**evaluation.content, "evaluations": evaluation.of_kind(*kinds)})


def test_there_is_a_column_for_all_that_the_pipeline_makes_itself(run: Run, evaluation: Evaluation):
    # photograph, CAMs, seed labels and truth; `eroded` is no label set that a stage makes
    assert drawn(run, evaluation).width == 2 * MARGIN + 4 * (CELL + GAP) - GAP
    # photograph, the best network on labels of no method, and truth
    assert drawn(run, only(evaluation, "predictions")).width == 2 * MARGIN + 3 * (CELL + GAP) - GAP


def test_there_is_a_block_for_each_split_that_has_something_and_a_row_per_image(run: Run, evaluation: Evaluation):
    blocks = [only(evaluation, "labels", "cams"), only(evaluation, "predictions")]
    first, second = (drawn(run, block).height for block in blocks)
    assert drawn(run, evaluation).height == first + second - 2 * MARGIN
    # photographs fill the width of a cell or its height, and none is three times as wide as high
    assert HEADING + WORDS + CELL / 3 < first - 2 * MARGIN <= HEADING + WORDS + CELL + GAP
    assert first + CELL / 3 < drawn(run, blocks[0], images=2).height <= first + CELL + GAP


def test_a_run_with_nothing_to_show_is_refused(run: Run, evaluation: Evaluation):
    with pytest.raises(InputError, match="no labels or predictions with their files are there"):
        drawn(run, only(evaluation, "saliency"))


@pytest.mark.parametrize(("suffix", "form"), [(".jpg", "JPEG"), (".JPEG", "JPEG"), (".png", "PNG")])
def test_the_suffix_names_the_form(tmp_path: Path, suffix: str, form: str):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(picture_bytes(Image.new("RGB", (60, 40), (200, 30, 30)), suffix))
    with Image.open(path) as image:
        assert (image.format, image.size) == (form, (60, 40))
        assert max(abs(a - b) for a, b in zip(image.getpixel((30, 20)), (200, 30, 30), strict=True)) <= 3
