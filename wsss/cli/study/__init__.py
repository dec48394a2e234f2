"""Rows of a study: one lasting JSON file per finished branch of a run, and tables made from these files."""

from __future__ import annotations

from wsss.cli.study.rows import collect_rows

__all__ = ["collect_rows"]
