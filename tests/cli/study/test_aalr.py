"""Rows of a study that has AA&LR in it, alone or beside AuxSegNet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.study.aalr_run import EPOCHS, judge, make_aalr_run, write_config, write_training
from tests.stages.evaluated import Run
from wsss.cli.study import collect_rows
from wsss.errors import InputError
from wsss.files import read_json

VARIANTS: dict[str, Any] = {
    "both": {},
    "multi_scale": {"aalr_labels": {"scales": [1.0, 1.5]}},
    "cross_entropy": {"train_aalr": {"adaptive_affinity": {"weight": 0}, "label_reassign": {"weight": 0}}},
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return make_aalr_run(tmp_path / "made")


def table_of(page: str, title: str) -> list[list[str]]:
    """The cells of a method's table, heading first, without the line below it."""
    lines = page.split(f"## {title}\n")[1].split("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines if line.startswith("| ")]
    return [row for row in rows if not row[0].startswith("---")]


def test_a_row_has_quality_cost_and_all_that_made_it(run: Run) -> None:
    write_config(Path("ladder.yaml"), VARIANTS, ["aalr"])
    write_training(run, Path("results/ladder/both/seed0/aalr/model.ckpt"))
    judge(run, "both")
    # its network is the one above; only the labels are made otherwise
    judge(run, "multi_scale")
    written, missing = collect_rows([Path("ladder.yaml")], Path("docs"))
    assert [path.name.rsplit("-", 1)[0] for path in written] == ["both-seed0", "multi_scale-seed0"]
    assert missing == 1
    row = json.loads(written[0].read_text())
    assert "rounds" not in row and "auxsegnet" not in row
    assert row["machine"]["cores"] >= 1
    part = row["aalr"]
    assert part["network"]["miou"] < 0.5
    assert len(part["iou_per_class"]) == len(run.dataset.class_names)
    assert part["labels"]["precision"] == 1
    assert part["label_settings"]["source"] == "segmentation"
    assert part["training"]["git_commit"] == "c0ffee"
    assert part["training"]["minutes"] == 1.5
    assert part["training_settings"]["label_reassign"]["weight"] == 0.1
    assert part["masks"] == {**EPOCHS[-1], "reassigned cat": None}
    assert part["seconds"] == {"joint_step": 2.0, "extra_cams": 0.5, "mask_wait": 0.25}
    other = json.loads(written[1].read_text())
    assert other["differs_by"] == {"aalr_labels": {"scales": [1.0, 1.5]}}
    assert other["aalr"]["training"] == part["training"]
    assert collect_rows([Path("ladder.yaml")], Path("docs")) == ([], 1)


def test_the_table_has_a_line_per_variant_with_means_over_seeds(run: Run) -> None:
    write_config(Path("ladder.yaml"), VARIANTS, ["aalr"])
    write_training(run, Path("results/ladder/both/seed0/aalr/model.ckpt"))
    higher = [{**EPOCHS[-1], "mask_miou": 0.4125}]
    write_training(run, Path("results/ladder/both/seed1/aalr/model.ckpt"), epochs=higher)
    off = VARIANTS["cross_entropy"]["train_aalr"]
    silent = [{"epoch": 4.0, "step": 8, "mask_coverage": 0.5}]
    write_training(run, Path("results/ladder/cross_entropy/seed0/aalr/model.ckpt"), epochs=silent, **off)
    for variant, seed in (("both", 0), ("both", 1), ("cross_entropy", 0)):
        judge(run, variant, seed)
    collect_rows([Path("ladder.yaml")], Path("docs"))
    page = Path("docs/README.md").read_text()
    assert "## AuxSegNet" not in page
    head, both, plain = table_of(page, "AA&LR")
    assert both[:2] == ["both", "0, 1"]
    found = dict(zip(head[2:], both[2:], strict=True))
    assert found["labels: precision"] == "100.0 ± 0.0"
    assert found["reassigned"] == "7.0 ± 0.0"
    assert found["joint step, s"] == "2.000 ± 0.000"
    assert found["waiting for masks, s"] == "0.250 ± 0.000"
    assert both[head.index("masks: precision") + 2] == "36.2 ± 7.1"  # mIoU
    # nothing was reassigned, and the masks were not compared with true ones
    assert plain[head.index("masks: precision") :][:4] == ["–", "50.0", "–", "–"]


def test_both_methods_share_a_row_and_have_a_table_each(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"training": {"minutes": 2.0}, "training_settings": {"epochs": 3}}
    monkeypatch.setattr("wsss.cli.study.auxsegnet.training_part", lambda *_: made)
    variants = {"alone": {"methods": ["aalr"]}, "together": {}}
    write_config(Path("ladder.yaml"), variants, ["auxsegnet", "aalr"])
    write_training(run, Path("results/ladder/alone/seed0/aalr/model.ckpt"))
    judge(run, "alone")
    judge(run, "together", rounds=True)
    written, _ = collect_rows([Path("ladder.yaml")], Path("docs"))
    alone, together = (json.loads(path.read_text()) for path in written)
    assert "rounds" not in alone
    assert together["aalr"]["training"] == alone["aalr"]["training"]
    assert together["rounds"][0]["training_settings"] == {"epochs": 3}
    page = Path("docs/README.md").read_text()
    assert [line[0] for line in table_of(page, "AuxSegNet")] == ["variant", "together"]
    assert [line[0] for line in table_of(page, "AA&LR")] == ["variant", "alone", "together"]


def test_what_is_wrong_is_said_in_one_line(run: Run) -> None:
    write_config(Path("ladder.yaml"), {"both": {}}, ["aalr"])
    checkpoint = Path("results/ladder/both/seed0/aalr/model.ckpt")
    write_training(run, checkpoint)
    judge(run, "both")
    checkpoint.with_name("epochs.csv").write_text("epoch,step\n")
    with pytest.raises(InputError, match=r"aalr/epochs\.csv: holds no numbers of epochs \(.*\); train the network"):
        collect_rows([Path("ladder.yaml")], Path("docs"))
    evaluation = Path("results/ladder/both/seed0/evaluation/metrics.json")
    content = read_json(evaluation)
    content["evaluations"] = [item for item in content["evaluations"] if item["kind"] != "predictions"]
    evaluation.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"metrics\.json: holds no network of AuxSegNet or AA&LR"):
        collect_rows([Path("ladder.yaml")], Path("docs"))


def test_a_branch_without_either_method_is_no_row_and_stops_no_other(run: Run) -> None:
    write_config(Path("ladder.yaml"), {"none": {"methods": []}, "both": {}}, ["aalr"])
    write_training(run, Path("results/ladder/both/seed0/aalr/model.ckpt"))
    judge(run, "both")
    judge(run, "none")
    evaluation = Path("results/ladder/none/seed0/evaluation/metrics.json")
    content = read_json(evaluation)
    content["evaluations"] = [item for item in content["evaluations"] if item["kind"] != "predictions"]
    evaluation.write_text(json.dumps(content))
    written, missing = collect_rows([Path("ladder.yaml")], Path("docs"))
    assert [path.name.split("-")[0] for path in written] == ["both"]
    assert missing == 0
