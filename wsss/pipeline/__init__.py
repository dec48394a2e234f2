"""The shape of the pipeline: its methods, its stages, what each reads and makes. Everything else asks here."""

from __future__ import annotations
