"""Artifacts in parts: which jobs there are, and that another number of parts makes nothing again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import DATA, ROUNDS, Project
from tests.workflow.test_reruns import EVERYTHING, LABELS, REPORT

ALWAYS_ONE = {"index.h5", "classifier/model.ckpt", "segmenter/seeds/model.ckpt"} | REPORT


def in_parts(whole: set[str], parts: int) -> set[str]:
    """All of these, and the parts of those that are made in parts."""
    return whole | {
        f"{path.removesuffix('.h5')}.parts/{part}-of-{parts}.h5"
        for path in whole - ALWAYS_ONE
        for part in range(1, parts + 1)
    }


def shards(number: int, **sections: Any) -> dict[str, Any]:
    return {"data": DATA, "runtime": {"shards": number}, **sections}


@pytest.fixture(scope="module")
def _three(tmp_path_factory: pytest.TempPathFactory, _finished_plain: Path) -> Path:
    folder = tmp_path_factory.mktemp("three") / "project"
    shutil.copytree(_finished_plain, folder)
    shutil.rmtree(folder / "results")
    project = Project(folder)
    project.snakemake(project.config(**shards(3)))
    return folder


@pytest.fixture
def three(_three: Path, tmp_path: Path) -> Project:
    """A copy in which a run in three parts, `my.yaml`, is finished."""
    return Project(shutil.copytree(_three, tmp_path / "project"))


def test_every_part_is_a_job_and_one_more_joins_them(project: Project):
    assert project.would_write(project.config(**shards(3))) == in_parts(EVERYTHING, 3)
    text = project.snakemake("-n", "-p", project.config(**shards(3))).stdout
    assert "cams.parts/2-of-3.h5 --device auto" in text
    assert " --shards 2/3 --threads" in text
    assert " --shards 3 --threads" in text


def test_one_part_is_the_pipeline_without_parts(project: Project):
    assert project.would_write(project.config(**shards(1))) == EVERYTHING
    text = project.snakemake("-n", "-p", project.config(**shards(1))).stdout
    assert "cams_part" not in text
    assert "--shards" not in text


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_another_number_of_parts_makes_nothing_again(three: Project, number: int):
    assert three.would_write(three.config(**shards(number))) == set()


def test_parts_make_nothing_again_that_is_one_file(plain: Project):
    assert plain.would_write(plain.config(**shards(3))) == set()
    assert plain.would_write(plain.config(**shards(1))) == set()


@pytest.mark.parametrize("number", [1, 2])
def test_what_runs_again_has_the_new_number_of_parts(three: Project, number: int):
    changed = shards(number, seed_labels={"cam_threshold": 0.3})
    expected = in_parts(LABELS, number) if number > 1 else LABELS
    assert three.would_write(three.config(**changed)) == expected
    three.snakemake(three.config(**changed))
    assert three.would_write(three.config(**changed)) == set()


def test_a_forced_stage_has_the_new_number_of_parts(three: Project):
    made = three.would_write("-R", "cams_part", "cams", three.config(**shards(2)))
    assert {"cams.parts/1-of-2.h5", "cams.parts/2-of-2.h5", "cams.h5"} <= made
    assert "cams.parts/1-of-3.h5" not in made


def test_a_missing_part_alone_is_made_again(three: Project):
    option = three.config(**shards(3))
    part = three.folder / "results/my/cams.parts/2-of-3.h5"
    part.unlink()
    assert three.would_write(str(part.relative_to(three.folder)), option) == {"cams.parts/2-of-3.h5"}
    (three.folder / "results/my/cams.h5").unlink()
    made = three.would_write("results/my/cams.h5", option)
    assert made == {"cams.h5", "cams.parts/2-of-3.h5"}


def test_rounds_protocols_and_label_sets_have_parts_of_their_own(project: Project):
    made = project.would_write(project.config(**shards(2, **ROUNDS)))
    assert {
        "auxsegnet/round1/labels.parts/1-of-2.h5",
        "auxsegnet/round2/labels.parts/2-of-2.h5",
        "predictions/val/segmenter_auxsegnet_round2--single.parts/1-of-2.h5",
    } <= made


def test_variants_and_seeds_have_parts_of_their_own(project: Project):
    varied = {"variants": {"a": {}, "b": {"cams": {"flip": False}}}, "seeds": [0, 1]}
    made = project.would_write(project.config(**shards(2, **varied)))
    assert {"b/seed1/cams.parts/1-of-2.h5", "a/seed0/predictions/val/segmenter_seeds--single.parts/2-of-2.h5"} <= made


def test_changed_code_runs_parts_again(three: Project):
    three.edit("wsss/stages/cams.py", "import annotations\n", "import annotations\n\nCHANGED = 1\n")
    made = three.would_write(three.config(**shards(3)))
    assert {"cams.h5", "cams.parts/1-of-3.h5", "cams.parts/3-of-3.h5"} <= made
    assert "saliency.parts/1-of-3.h5" not in made
