"""A stage replaces only what the same stage wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.stages.networks import Networks
from wsss.errors import InputError
from wsss.protected import Inputs
from wsss.stages.outputs import TABLES, check_stage_output


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


@pytest.mark.parametrize("name", [*TABLES["train"], "metrics.json"])
def test_a_table_beside_a_checkpoint_is_known_by_its_beginning(tmp_path: Path, name: str) -> None:
    own = {**TABLES["train"], "metrics.json": '{"stage": "train_aalr"}'}
    (tmp_path / name).write_text(own[name])
    check_stage_output("train_aalr", tmp_path / "model.ckpt")
    (tmp_path / name).write_text("epoch,loss\n")
    with pytest.raises(InputError, match=rf"{name}: exists and is no output of stage train_aalr"):
        check_stage_output("train_aalr", tmp_path / "model.ckpt")
