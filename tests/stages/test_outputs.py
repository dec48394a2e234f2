"""A stage replaces only what the same stage wrote."""

from __future__ import annotations

import shutil
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from tests.stages.networks import Networks
from wsss.config import Cams, Protocol, TrainClassifier
from wsss.errors import InputError
from wsss.pipeline.stage import imported
from wsss.pipeline.stages import STAGES
from wsss.protected import Inputs
from wsss.stages.cams import cams
from wsss.stages.outputs import TABLES, check_stage_output
from wsss.stages.train_classifier import train_classifier


def test_a_checkpoint_is_known_by_its_stage(networks: Networks, tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    shutil.copy(networks.segmenter, path)
    check_stage_output("train_segmenter", path)
    for stage in ("train_classifier", "cams"):
        with pytest.raises(InputError, match=rf"is no output of stage {stage} that can be read; move or delete it"):
            check_stage_output(stage, path)
    with pytest.raises(InputError, match="is an input of this run"):
        check_stage_output("train_segmenter", path, Inputs([path]))
    path.write_bytes(networks.segmenter.read_bytes()[:-100])
    with pytest.raises(InputError, match="is no output"):
        check_stage_output("train_segmenter", path)


def test_an_artifact_is_known_by_its_stage_and_not_through_a_link(networks: Networks, tmp_path: Path) -> None:
    check_stage_output("index", networks.index)
    with pytest.raises(InputError, match="is no output of stage cams"):
        check_stage_output("cams", networks.index)
    with pytest.raises(InputError, match="is no output of stage index"):
        check_stage_output("index", networks.index, attributes={"imported_from": "folder"})
    (tmp_path / "link.h5").symlink_to(networks.index)
    with pytest.raises(InputError, match="is a link to"):
        check_stage_output("index", tmp_path / "link.h5")
    with pytest.raises(InputError, match="has the name of a picture"):
        check_stage_output("cams", tmp_path / "cams.PNG")


def _inputs_of(stage: str) -> dict[str, str]:
    """The annotations of a stage's parameters that take paths, but for its output."""
    function = getattr(import_module(f"wsss.stages.{stage}"), stage)
    annotations = {name: str(item.annotation) for name, item in signature(function).parameters.items()}
    return {name: kind for name, kind in annotations.items() if "Path" in kind and name != "output"}


@pytest.mark.parametrize(("stage", "name"), [(stage, name) for stage in STAGES for name in _inputs_of(stage)])
def test_from_python_no_stage_replaces_one_of_its_inputs(tmp_path: Path, stage: str, name: str) -> None:
    function = getattr(import_module(f"wsss.stages.{stage}"), stage)
    settings = Protocol() if stage == "predict" else imported(STAGES[stage].settings)()
    given: dict[str, Any] = {"split": "train"} if stage == "predict" else {}
    for item, kind in _inputs_of(stage).items():
        path = tmp_path / item
        path.write_bytes(b"none that can be read")
        given[item] = {"a": path} if "Mapping" in kind else [path] if "Sequence" in kind else path
    (tmp_path / "deep").mkdir()
    (tmp_path / "folder").symlink_to(".")
    (tmp_path / "hard.h5").hardlink_to(tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    for output in (name, "deep/../" + name, "folder/" + name, "hard.h5", name.upper()):
        with pytest.raises(InputError, match="is an input of this run"):
            function(settings, **given, output=tmp_path / output)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / name).read_bytes() == b"none that can be read"


def test_from_python_weights_are_an_input_and_photographs_are_never_replaced(
    networks: Networks, tmp_path: Path
) -> None:
    own = Path(shutil.copy(networks.classifier, tmp_path / "model.ckpt"))
    settings = TrainClassifier(backbone={"weights": str(own)})
    with pytest.raises(InputError, match="is an input of this run"):
        train_classifier(settings, index=networks.index, output=own)
    image = networks.dataset.image_path(networks.dataset.ids("train")[0])
    (tmp_path / "photo.h5").hardlink_to(image)
    for path in (image, tmp_path / "photo.h5"):
        content = path.read_bytes()
        with pytest.raises(InputError, match=r"is no output of stage cams|has the name of a picture"):
            cams(Cams(), index=networks.index, classifier=networks.classifier, output=path)
        assert path.read_bytes() == content


@pytest.mark.parametrize("name", [*TABLES["train"], "metrics.json"])
def test_a_table_beside_a_checkpoint_is_known_by_its_beginning(tmp_path: Path, name: str) -> None:
    own = {**TABLES["train"], "metrics.json": '{"stage": "train_aalr"}'}
    (tmp_path / name).write_text(own[name])
    check_stage_output("train_aalr", tmp_path / "model.ckpt")
    (tmp_path / name).write_text("epoch,loss\n")
    with pytest.raises(InputError, match=rf"{name}: exists and is no output of stage train_aalr"):
        check_stage_output("train_aalr", tmp_path / "model.ckpt")
