"""Training: Lightning's trainer, what is optimised, and checkpoints that go on after a kill."""

from __future__ import annotations
