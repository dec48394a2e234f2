"""The shape of the pipeline: its methods, its stages, and the inputs and outputs of each. All others ask here."""

from __future__ import annotations
