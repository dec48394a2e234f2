"""The page of all messages is that of the source, and what troubleshooting quotes is said by the program."""

from __future__ import annotations

import re
import runpy
from typing import Any

import pytest

from tests.documents.commands import PROJECT

DOCS = PROJECT / "docs"
FOREIGN = ("operator torchvision::nms does not exist", "LockException", "Directory cannot be locked")
"""What other programs say."""


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "messages.py"))


def test_the_page_of_messages_is_up_to_date(script: dict[str, Any]):
    stored = (DOCS / "messages.md").read_text(encoding="utf-8")
    assert stored == script["page"](), "run: make pages"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (
            'raise InputError(f"{path}: no such {kind}; build " f"it with `{command}`")',
            ["no such …; build it with `…`"],
        ),
        ('raise InputError("a" + ("bcd" if x else f"efg {y}"))', ["abcd", "aefg …"]),
        ("raise InputError(text)", []),
        ('raise ValueError("a defect of this package")', []),
        ('raise typer.BadParameter("--x takes y")', ["--x takes y"]),
    ],
)
def test_messages_are_found_in_code(script: dict[str, Any], code: str, found: list[str], tmp_path: Any):
    package = script["messages"].__globals__
    package["PACKAGE"], before = tmp_path, package["PACKAGE"]
    try:
        (tmp_path / "module.py").write_text(code)
        assert list(script["messages"](tmp_path / "module.py")) == found
    finally:
        package["PACKAGE"] = before


def test_troubleshooting_quotes_what_the_program_says():
    # texts that go over several lines of code are joined
    said = "\n".join(path.read_text(encoding="utf-8") for path in sorted((PROJECT / "wsss").rglob("*.py")))
    said = re.sub(r'"\s*\n\s*f?"', "", said)
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    titles = re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE)
    quotes = [quote for title in titles for quote in re.findall("`(.+?)`", title) if quote not in FOREIGN]
    parts = [part.strip(" `()?:") for quote in quotes if " " in quote for part in quote.split("...")]
    assert len(quotes) > 25
    assert [part for part in parts if len(part) > 3 and part not in said] == []
