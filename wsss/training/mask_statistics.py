"""Statistics of an epoch's online masks: the labels that were reassigned, and how good the masks are."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from wsss.label_values import IGNORE_INDEX, class_values
from wsss.losses import LabelReassignResult
from wsss.ops.metrics import label_scores
from wsss.training.processes import is_first, summed

logger = logging.getLogger(__name__)


class MaskStatistics:
    """Counts on the device; read once per epoch, then over all processes of the training.

    Args:
        class_names: Background first.
        warn_above: A class that loses more than this share of its pixels is named in the log.
    """

    def __init__(self, class_names: Sequence[str], warn_above: float) -> None:
        self._names, self._warn_above = tuple(class_names), warn_above
        self._counts: dict[str, Tensor] = {}

    def add_reassigned(self, result: LabelReassignResult) -> None:
        """Count by class the pixels that had a label, and those that lost it."""
        self._add("labelled", result.labelled)
        self._add("changed", result.changed)

    def add_coverage(self, labels: Tensor, inside: Tensor, ignore_index: int = IGNORE_INDEX) -> None:
        """Count the pixels of photographs, and those of them that the masks (N, H, W) label."""
        self._add("inside", inside.sum()[None])
        self._add("covered", (labels != ignore_index).sum()[None])

    def add_truth(self, name: str, truth: Tensor, labels: Tensor) -> None:
        """Count pixels by true and online mask, both (N, H, W) uint8 with 255 for ignored pixels."""
        side = len(self._names) + 1
        rows, columns = (tensor.long().clamp(max=side - 1).flatten() for tensor in (truth, labels))
        table = torch.zeros(side * side, dtype=torch.long, device=truth.device)
        self._add(f"confusion_{name}", table.scatter_add_(0, rows * side + columns, torch.ones_like(rows)))

    def row(self) -> dict[str, Any]:
        """Return the numbers since the last row, plain, and count anew; empty where nothing was counted.

        Every process of the training must call it.
        """
        counts = {name: summed(tensor).cpu().double() for name, tensor in sorted(self._counts.items())}
        self._counts = {}
        row: dict[str, Any] = {}
        if "inside" in counts:
            row["mask_coverage"] = float(counts["covered"] / counts["inside"].clamp(min=1))
        if "changed" in counts:
            labelled, changed = counts["labelled"], counts["changed"]
            row["reassigned"] = float(changed.sum() / labelled.sum().clamp(min=1))
            shares = {
                self._names[value]: float(changed[value] / labelled[value]) if labelled[value] else None
                for value in class_values(self._names)
            }
            row |= {f"reassigned {name}": share for name, share in shares.items()}
            self._warn({name: share for name, share in shares.items() if share is not None})
        side = len(self._names) + 1
        for name, table in counts.items():
            if name.startswith("confusion_"):
                scores = label_scores(table.long().view(side, side).numpy())
                kind = name.removeprefix("confusion_")
                found = {key: scores[key] for key in ("miou", "miou_labelled", "precision")}
                row |= {f"{kind}_{key}": None if math.isnan(value) else value for key, value in found.items()}
        return row

    def state(self) -> dict[str, Tensor]:
        """Return the counts of all processes, to go on with after a stop. Every process must call it."""
        return {name: summed(tensor).cpu() for name, tensor in sorted(self._counts.items())}

    def load(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Take over the result of `state`, in the first process alone: the counts are those of all."""
        self._counts = {name: tensor.to(device) * is_first() for name, tensor in state.items()}

    def _add(self, name: str, counts: Tensor) -> None:
        counts = counts.detach().long()
        self._counts[name] = self._counts[name] + counts if name in self._counts else counts

    def _warn(self, shares: Mapping[str, float]) -> None:
        many = [f"{name} ({share:.0%})" for name, share in shares.items() if share > self._warn_above]
        if many:
            logger.warning(
                "more than %.0f%% of the labels were reassigned of %s", 100 * self._warn_above, ", ".join(many)
            )
