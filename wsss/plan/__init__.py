"""The plan of a config: its artifacts, their paths, their inputs, and which variants share them."""

from __future__ import annotations

from wsss.plan.checking import checked_plan, problem_of_nodes
from wsss.plan.plan import Plan
from wsss.plan.sources import (
    FolderContents,
    choices,
    folder_contents,
    missing_source,
    source_files,
    source_folders,
)

__all__ = [
    "FolderContents",
    "Plan",
    "checked_plan",
    "choices",
    "folder_contents",
    "missing_source",
    "problem_of_nodes",
    "source_files",
    "source_folders",
]
