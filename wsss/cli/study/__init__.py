"""Rows of a study: each finished branch of a run as a JSON file that stays, and the tables that are made of them."""

from __future__ import annotations

from wsss.cli.study.rows import collect_rows

__all__ = ["collect_rows"]
