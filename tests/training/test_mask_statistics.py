"""What an epoch tells of masks and of reassigned labels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.small_aalr import NAMES, batch, module, random_masks, train
from tests.training.tiny import NoiseImages
from wsss.losses import label_reassign_loss
from wsss.training.mask_statistics import MaskStatistics


def test_what_an_epoch_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", random_masks)
    _, result = train(tmp_path, measure_masks=True)
    row = result.epochs[-1]
    assert row["step"] == 6
    assert 0 < row["mask_coverage"] <= 1
    assert 0 <= row["mask_miou"] <= 1
    assert 0 <= row["reassigned_mask_miou"] <= 1
    assert max(epoch["reassigned"] for epoch in result.epochs) > 0
    assert set(row) >= {f"reassigned {name}" for name in NAMES}
    timings = result.machine["parts"]
    assert timings["classification_steps"] == 2
    assert timings["joint_steps"] == 4
    assert 0 < timings["mask_wait_seconds"] < timings["joint_seconds"]
    assert 0 < timings["extra_cam_seconds"] < timings["joint_seconds"]
    words = module().describe_timings(
        {"joint_steps": 4, "joint_seconds": 8.0, "extra_cam_seconds": 2.0, "mask_wait_seconds": 1.0}
    )
    assert words == (
        "a joint step took 2.000 s: 0.500 s for passes that make CAMs alone (25%), 0.250 s waiting for masks (12%)"
    )
    assert module().describe_timings({"classification_steps": 2}) == ""


def test_true_masks_are_not_read_unless_asked_for_and_teach_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured, _ = train(tmp_path / "measured", measure_masks=True)
    monkeypatch.setattr(NoiseImages, "mask", lambda *_: pytest.fail("read a mask"))
    blind, result = train(tmp_path / "blind")
    assert "mask_miou" not in result.epochs[-1]
    for name, value in measured.items():
        assert torch.equal(blind[name], value), name


def test_a_class_that_loses_much_is_named(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", random_masks)
    made = module(label_reassign={"warn_above": 0.0}).eval()
    made.losses(batch())
    row = made.epoch_row()
    lost = [name for name in NAMES if (row[f"reassigned {name}"] or 0) > 0]
    assert lost
    assert f"of {lost[0]} (" in caplog.text
    assert made.epoch_row() == {}


def test_without_background_it_has_no_column() -> None:
    labels = torch.tensor([[[1, 1, 2, 255]]])
    result = label_reassign_loss(torch.randn(1, 4, 1, 4), labels, torch.tensor([[1, 1]]), min_points=1)
    rows = []
    for first in ("background", "no background"):
        statistics = MaskStatistics((first, "cat", "dog"), 0.3)
        statistics.add_reassigned(result)
        rows.append(statistics.row())
    assert set(rows[1]) == {"reassigned", "reassigned cat", "reassigned dog"}
    assert rows[0] == {**rows[1], "reassigned background": None}
