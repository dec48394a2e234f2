"""What every part is told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Folder of the repository."""


@dataclass(frozen=True)
class Setup:
    """What a part is told.

    Attributes:
        device: `cuda` or `cpu`.
        small: Whether tiny sizes will do.
        photos: Folder of JPEG photographs; None makes some up.
        folder: Where the part may write.
    """

    device: str
    small: bool
    photos: str | None
    folder: str

    @property
    def workers(self) -> int:
        """Processes that load images; on a GPU as many as keep up with it, but for some cores."""
        return 0 if self.small else max(2, min(12, len(os.sched_getaffinity(0)) - 4))
