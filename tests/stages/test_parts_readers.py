"""Who reads an artifact of parts does not notice: evaluation, export, inspection, verification, the page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import wsss
from tests.stages.split import split
from tests.viewer.tiny import PREDICTED, ROUND1, SEEDS, evaluate_run, make_results
from wsss.cli.inspect import count
from wsss.cli.verify import verify_run
from wsss.data import load_dataset
from wsss.exchange.export import export_maps
from wsss.store import ArtifactReader

SPLIT = ("saliency.h5", "cams.h5", SEEDS, ROUND1, PREDICTED)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def parted(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the run whose artifacts have three parts, evaluated anew."""
    run = Path(shutil.copytree(whole, tmp_path_factory.mktemp("parted") / "results/tiny"))
    for name in SPLIT:
        split(run / name, 3)
    evaluate_run(run)
    return run


def exported(run: Path, folder: Path) -> dict[str, bytes]:
    for form in ("voc", "coco"):
        export_maps([run / SEEDS, run / PREDICTED], index=run / "index.h5", output=folder / form, form=form)  # type: ignore[arg-type]
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def metrics(run: Path) -> dict[str, Any]:
    content = json.loads((run / "evaluation/metrics.json").read_text())
    return {name: content[name] for name in ("evaluations", "inputs") if name in content}


def test_evaluation(whole: Path, parted: Path) -> None:
    assert metrics(parted) == metrics(whole)


def test_export(whole: Path, parted: Path, tmp_path: Path) -> None:
    expected = exported(whole, tmp_path / "whole")
    assert exported(parted, tmp_path / "parted") == expected
    assert len(expected) > 10


@pytest.mark.parametrize("name", SPLIT)
def test_inspection(whole: Path, parted: Path, name: str) -> None:
    for kind in ArtifactReader(whole / name).kinds():
        found, expected = (count(ArtifactReader(run / name), kind) for run in (parted, whole))
        for field, value in vars(expected).items():
            assert (vars(found)[field] == value) is True or (vars(found)[field] == value).all()
    result = wsss("inspect", str(parted / name))
    assert result.returncode == 0
    assert "1-of-3.h5" in result.stdout


def test_verification(parted: Path) -> None:
    found = verify_run(parted)
    names = {item.path.relative_to(parted).as_posix() for item in found}
    assert {"cams.h5", "cams.parts/1-of-3.h5", "cams.parts/3-of-3.h5"} <= names
    assert [item.damage for item in found if item.damage] == []
    assert [item.path for item in found if item.changed] == []


def test_verification_names_a_missing_part(parted: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(parted, tmp_path / "results/tiny"))
    (run / "cams.parts/2-of-3.h5").unlink()
    (line,) = [item.damage for item in verify_run(run) if item.damage]
    assert line.startswith(f"{run / 'cams.parts/2-of-3.h5'}: no such file, but cams.h5 is made of it")


def test_the_page(whole: Path, parted: Path) -> None:
    pytest.importorskip("fastapi", reason="the viewer's packages are not installed: pip install 'wsss[view]'")
    from tests.viewer.answers import raw
    from tests.viewer.conftest import open_page

    image = load_dataset(whole / "index.h5").ids("train")[0]
    with open_page(whole) as one, open_page(parted) as other:
        for layer in ("saliency", "cams", "labels/seeds", "labels/auxsegnet_round1"):
            assert (raw(one, layer, image) == raw(other, layer, image)).all()
        stages = [item for item in other.get("/api/tiny/stages").json()["stages"] if item["stage"] == "cams"]
        assert stages[0]["state"] == "done"
