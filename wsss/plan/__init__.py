"""Which artifacts a config leads to, where they lie, what they are made of, and who shares them."""

from __future__ import annotations

from wsss.plan.artifacts import SHARED_BY_ALL, Artifact
from wsss.plan.checking import checked_plan
from wsss.plan.plan import Plan
from wsss.plan.sources import folder_fingerprint, missing_source, source_files, source_folders

__all__ = [
    "SHARED_BY_ALL",
    "Artifact",
    "Plan",
    "checked_plan",
    "folder_fingerprint",
    "missing_source",
    "source_files",
    "source_folders",
]
