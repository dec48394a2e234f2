from __future__ import annotations

import re

import pytest

from wsss.report.charts import Bar, bar_chart


def test_bars_are_as_long_as_their_numbers():
    svg = bar_chart([("", [Bar("half", 0.3, "#123456"), Bar("full", 0.6, "#123456")])], width=800, title="t")
    half, full = (float(width) for width in re.findall(r'<rect [^>]*?width="([\d.]+)"', svg))
    assert full == pytest.approx(2 * half, abs=0.2)
    assert ">30.0<" in svg
