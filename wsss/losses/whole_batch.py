"""Means over a batch of which several processes hold a part each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


def _unchanged(values: Tensor) -> Tensor:
    return values


@dataclass(frozen=True)
class WholeBatch:
    """How a loss looks beyond the part of the batch that it is given; by default that part is the whole.

    A process divides its own sum by the count over all processes, and by nothing else. The mean of these quotients,
    times the number of processes, is the mean over the whole batch; the mean of each process's own mean is not, for
    their counts differ.

    Attributes:
        summed: Adds tensors of one shape over all processes, differentiably.
        processes: How many there are. Gradients are averaged over them.
    """

    summed: Callable[[Tensor], Tensor] = _unchanged
    processes: int = 1

    def divisor(self, count: Tensor) -> Tensor:
        """Return what this process divides its sums by to get its share of the means over the whole batch.

        Args:
            count: How many values each of its sums has, any shape.

        Returns:
            The count over all processes, at least 1, divided by their number, in the shape of `count`.
        """
        total = self.summed(count).clamp(min=1)
        return total if self.processes == 1 else total / self.processes


ALONE = WholeBatch()
"""One process that has the whole batch."""
