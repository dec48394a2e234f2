"""Numbers that the processes of one training share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, multiprocessing

from wsss.config import AdaptiveAffinity, LabelReassign
from wsss.training.label_losses import LabelLosses
from wsss.training.mask_statistics import MaskStatistics
from wsss.training.processes import is_first, several_processes, summed

NAMES = ("background", "odd")


def test_a_single_process_has_the_numbers_to_itself() -> None:
    values = torch.tensor([1, 2])
    assert summed(values) is values
    assert is_first()
    assert not several_processes()


def _of_one_process(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    statistics = MaskStatistics(NAMES, 0.3)
    # counts of an epoch that was stopped, from the file that all processes read
    statistics.load({"inside": torch.tensor([8]), "covered": torch.tensor([2])}, torch.device("cpu"))
    labels = torch.full((1, 2, 2), 255, dtype=torch.uint8)
    if rank == 0:
        labels[:] = 0
    statistics.add_coverage(labels, torch.ones(1, 2, 2, dtype=torch.bool))
    losses = LabelLosses(AdaptiveAffinity(weight=0), LabelReassign.parse({"scope": "ema", "min_points": 1}), NAMES)
    embeddings = torch.eye(2)[rank].view(1, 2, 1, 1).expand(1, 2, 2, 2)
    losses.reassigned(embeddings, torch.ones(1, 2, 2, dtype=torch.uint8), torch.ones(1, 1), 1.0)
    torch.save({"row": statistics.row(), "memory": losses.state()["memory"]}, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_masks_are_counted_and_centroids_kept_over_all_processes(tmp_path: Path) -> None:
    multiprocessing.spawn(_of_one_process, (str(tmp_path),), nprocs=2)  # type: ignore[no-untyped-call]
    found: list[dict[str, Any]] = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    # 8 pixels of before and 4 of each process; 2 and 4 of them have a label
    assert [item["row"] for item in found] == [{"mask_coverage": 6 / 16}] * 2
    assert torch.equal(found[0]["memory"], found[1]["memory"])
    assert found[0]["memory"][1].tolist() == pytest.approx([0.5**0.5] * 2)
