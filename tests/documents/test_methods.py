"""The page of methods names settings that there are."""

from __future__ import annotations

import re

from tests.documents.commands import PROJECT
from wsss.config.listing import sections
from wsss.workflow import presets

NO_SETTINGS = {"auto", "null"}


def test_every_setting_of_the_page_exists():
    found = sections()
    whole = {f"{section}.{setting.name}" for section, content in found.items() for setting in content.settings}
    whole |= {name.rpartition(".")[0] for name in whole}
    # within the chapter of a section, settings stand without it, and those of one group without the group
    names = {*found, *whole} | {".".join(name.split(".")[start:]) for name in whole for start in (1, 2, 3)}
    text = (PROJECT / "docs/methods.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "wsss" not in line]
    quoted = [re.split(r"[:{ ]", word)[0] for row in rows for word in re.findall(r"`([^`]+)`", row)]
    assert len(quoted) > 80
    assert [word for word in quoted if word not in names | set(presets()) | NO_SETTINGS] == []
