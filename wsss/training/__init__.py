"""Training: Lightning's trainer, the losses of every network, checkpoints, and going on after a kill."""

from __future__ import annotations
