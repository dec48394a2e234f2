"""Which artifacts a config leads to, where they lie, what they are made of, and who shares them."""

from __future__ import annotations

from wsss.plan.checking import checked_plan
from wsss.plan.plan import Plan
from wsss.plan.sources import folder_fingerprint, missing_source, source_files, source_folders

__all__ = [
    "Plan",
    "checked_plan",
    "folder_fingerprint",
    "missing_source",
    "source_files",
    "source_folders",
]
