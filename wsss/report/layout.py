"""Place parts of the page beside and below one another."""

from __future__ import annotations

from collections.abc import Callable

from wsss.report.charts import NARROW, WIDE


def both_widths(draw: Callable[[int], str]) -> str:
    """Draw a chart for desks and for phones; the stylesheet shows one of them."""
    return for_both_widths(draw(WIDE), draw(NARROW))


def for_both_widths(wide: str, narrow: str) -> str:
    """Hold a chart that is drawn for both widths."""
    return f'<div class="chart wide">{wide}</div><div class="chart narrow">{narrow}</div>'


def split(text: str, chart: str) -> str:
    """Put a chart beside a text, or below it where there is no room."""
    return f'<div class="split"><div>{text}</div><div>{chart}</div></div>'
