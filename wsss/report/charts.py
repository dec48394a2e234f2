"""Draw charts as SVG text, for the page and, as files, for Snakemake's report.

Every chart is drawn for a width in CSS pixels, so its text has the same size on a phone and on a desk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, MUTED, LINE, PAPER = "#1c2126", "#626b75", "#dfe3e8", "#ffffff"
TRAIN, VAL, REFERENCE = "#c07012", "#2b62a3", "#9aa4af"
WIDE, NARROW = 860, 358
FEW = 10
"""Lines with at most so many points have them marked: a single point would not be seen."""
_MARGIN = 28


@dataclass(frozen=True)
class Bar:
    """One bar of `bar_chart`.

    Attributes:
        label: Text before it.
        value: In [0, 1], or None if there is no number.
        color: Its colour.
        note: Smaller text below the label.
        values: The values of single runs behind a mean, drawn as dots.
        hollow: Draw an outline only, for a reference.
    """

    label: str
    value: float | None
    color: str
    note: str = ""
    values: tuple[float, ...] = ()
    hollow: bool = False


def bar_chart(groups: Sequence[tuple[str, Sequence[Bar]]], *, width: int, title: str) -> str:
    """Draw horizontal bars in groups, with the number behind each; all bars start at 0."""
    narrow = width < 500
    bars = [bar for _, members in groups for bar in members]
    longest = max((max(7.3 * len(bar.label), 5.9 * len(bar.note)) for bar in bars), default=0)
    left = 0 if narrow else int(min(longest + 22, width / 2))
    row = 46 if narrow else 40
    top = _nice_limit(max((bar.value or 0 for bar in bars), default=0))
    room = width - left - 52
    parts: list[str] = []
    y = 4
    for name, members in groups:
        if name:
            y += 20
            parts.append(_text(0, y, name, size=12, weight=600, color=MUTED))
            y += 10
        for bar in members:
            parts.append(_bar(bar, y, left, room, top, row, narrow))
            y += row
    grid = "" if narrow else _grid(left, room, top, y)
    return _svg(width, y + (4 if narrow else 24), grid + "".join(parts), title)


def _bar(bar: Bar, y: float, left: float, room: float, top: float, row: int, narrow: bool) -> str:
    value = bar.value or 0
    length = max(room * value / top, 1.5)
    if narrow:
        label = _text(0, y + 14, bar.label, size=13) + _text(
            room + 52, y + 14, bar.note, size=11.5, color=MUTED, anchor="end"
        )
        bar_y, height = y + 20, 12.0
    else:
        middle = y + row / 2
        label = _text(left - 14, middle + (-1 if bar.note else 4.5), bar.label, size=13.5, anchor="end")
        label += _text(left - 14, middle + 13, bar.note, size=11, color=MUTED, anchor="end") if bar.note else ""
        bar_y, height = y + row / 2 - 9, 18.0
    style = f'fill="{PAPER}" stroke="{bar.color}" stroke-width="1.4"' if bar.hollow else f'fill="{bar.color}"'
    shape = f'<rect x="{left:.1f}" y="{bar_y:.1f}" width="{length:.1f}" height="{height:.1f}" rx="2" {style}/>'
    dots = "".join(
        f'<circle cx="{left + room * one / top:.1f}" cy="{bar_y + height / 2:.1f}" r="3.2" fill="{PAPER}" '
        f'stroke="{INK}" stroke-width="1.2"/>'
        for one in (bar.values if len(bar.values) > 1 else ())
    )
    end = left + max([length, *(room * one / top for one in bar.values)])
    number = "no masks" if bar.value is None else percent(bar.value)
    return label + shape + dots + _text(end + 8, bar_y + height / 2 + 4.8, number, size=13.5, weight=600)


def _grid(left: float, room: float, top: float, height: float) -> str:
    parts = []
    steps = 4
    for step in range(steps + 1):
        x = left + room * step / steps
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{height:.1f}" stroke="{LINE}" stroke-width="1"/>')
        parts.append(_text(x, height + 16, f"{100 * top * step / steps:g}", size=11, color=MUTED, anchor="middle"))
    return "".join(parts)


def grouped_bars(
    rows: Sequence[tuple[str, Sequence[float | None]]], series: Sequence[tuple[str, str]], *, width: int, title: str
) -> str:
    """Draw one row of thin bars per name, with a legend above.

    Args:
        rows: Name, and a value in [0, 1] or None per series.
        series: Label and colour of each.
    """
    left, thick, y = 26 + max(7.3 * len(name) for name, _ in rows), 11, 34
    room = width - left - 52
    lines = [Line(label, (), color) for label, color in series]
    parts = [_legend(lines, width)]
    for name, values in rows:
        middle = y + thick * len(values) / 2
        parts.append(_text(left - 12, middle + 4.5, name, size=13, anchor="end"))
        for value, (_, color) in zip(values, series, strict=True):
            length = max(room * (value or 0), 1.5)
            parts.append(f'<rect x="{left:.1f}" y="{y}" width="{length:.1f}" height="{thick - 2}" fill="{color}"/>')
            parts.append(_text(left + length + 7, y + thick - 2, percent(value), size=10.5, color=MUTED))
            y += thick
        y += 9
    return _svg(width, y, "".join(parts), title)


@dataclass(frozen=True)
class Line:
    """One line of `line_chart`: points (x, y) in [0, 1]."""

    label: str
    points: Sequence[tuple[float, float | None]]
    color: str
    dashed: bool = False


def line_chart(
    lines: Sequence[Line],
    *,
    width: int,
    title: str,
    x_label: str,
    marks: Sequence[tuple[float, str]] = (),
    ticks: Sequence[tuple[float, str]] = (),
    y_ticks: Sequence[tuple[float, str]] = (),
    dots: bool | None = None,
) -> str:
    """Draw lines over the unit square, with a legend above and marked places on the horizontal axis.

    Args:
        lines: The lines.
        width: Width of the chart, in CSS pixels.
        title: Text for those who cannot see the chart.
        x_label: Below the horizontal axis.
        marks: Places with a vertical line and a text.
        ticks: Places with the text below them; none takes 0, 0.2, ... 1.
        y_ticks: The same for the vertical axis; none takes 0, 20, ... 100 percent.
        dots: Mark the points; None marks them if `ticks` are given, as there are few then.
    """
    dots = bool(ticks) if dots is None else dots
    left, right, below = 34, 10, 44
    above = 14 + 20 * _legend_rows(lines, width)
    height = above + below + (190 if width < 500 else 240)
    room, tall = width - left - right, height - above - below

    def place(x: float, y: float) -> tuple[float, float]:
        return left + room * x, above + tall * (1 - y)

    parts = []
    for y_value, text in y_ticks or [(step / 5, f"{20 * step}") for step in range(6)]:
        _, y = place(0, y_value)
        parts.append(f'<line x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{LINE}"/>')
        parts.append(_text(left - 7, y + 4, text, size=11, color=MUTED, anchor="end"))
    for x_value, text in ticks or [(step / 5, f"{step / 5:g}") for step in range(6)]:
        x, _ = place(x_value, 0)
        parts.append(_text(x, height - below + 17, text, size=11, color=MUTED, anchor="middle"))
    for x_value, text in marks:
        x, _ = place(x_value, 0)
        anchor = "start" if x_value < 0.7 else "end"
        shift = 5 if anchor == "start" else -5
        ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{above}" y2="{height - below}"'
        parts.append(f'<line {ends} stroke="{MUTED}" stroke-dasharray="3 3"/>')
        parts.append(_text(x + shift, above + 10, text, size=11, color=MUTED, anchor=anchor))
    for line in lines:
        known = [place(x, y) for x, y in line.points if y is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in known)
        dash = ' stroke-dasharray="6 4"' if line.dashed else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{line.color}" stroke-width="2.2"{dash}/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{line.color}"/>'
            for x, y in known
            if dots or len(known) <= FEW
        ]
    parts.append(_legend(lines, width))
    parts.append(_text(left + room / 2, height - 8, x_label, size=12, color=MUTED, anchor="middle"))
    return _svg(width, height, "".join(parts), title)


def _legend_places(lines: Sequence[Line], width: int) -> list[tuple[float, int]]:
    """Place each entry of the legend: x, and the row counted from 0."""
    places, x, row = [], 0.0, 0
    for line in lines:
        needed = 46 + 7.4 * len(line.label)
        if x + needed > width and x:
            x, row = 0.0, row + 1
        places.append((x, row))
        x += needed
    return places


def _legend_rows(lines: Sequence[Line], width: int) -> int:
    return max((row for _, row in _legend_places(lines, width)), default=0) + 1


def _legend(lines: Sequence[Line], width: int) -> str:
    parts = []
    for line, (x, row) in zip(lines, _legend_places(lines, width), strict=True):
        y = 12 + 20 * row
        dash = ' stroke-dasharray="6 4"' if line.dashed else ""
        parts.append(
            f'<line x1="{x}" x2="{x + 20}" y1="{y - 4}" y2="{y - 4}" stroke="{line.color}" stroke-width="2.5"{dash}/>'
        )
        parts.append(_text(x + 26, y, line.label, size=12))
    return "".join(parts)


@dataclass(frozen=True)
class Cell:
    """One cell of `heat_map`: column, row, value in [0, 1], and `mark`, a sign drawn into it."""

    x: float
    y: float
    value: float | None
    mark: str = ""


def heat_map(
    cells: Sequence[Cell], *, width: int, title: str, x_label: str, y_label: str, color: str, note: str = ""
) -> str:
    """Draw a grid of cells, darker where higher. The lowest and highest number stand above it, with a note."""
    columns, rows = sorted({cell.x for cell in cells}), sorted({cell.y for cell in cells}, reverse=True)
    known = [cell.value for cell in cells if cell.value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    left, above, below = 44, 46, 42
    step = (width - left - 4) / max(len(columns), 1)
    tall = 17
    height = above + tall * len(rows) + below
    parts = [
        _text(0, 14, title, size=13.5, weight=600),
        _text(0, 31, f"{percent(low)} to {percent(high)}{note}", size=11.5, color=MUTED),
    ]
    marked = []
    for cell in cells:
        x, y = left + step * columns.index(cell.x), above + tall * rows.index(cell.y)
        share = 0.0 if cell.value is None or high == low else (cell.value - low) / (high - low)
        box = f'x="{x:.1f}" y="{y:.1f}" width="{step:.1f}" height="{tall}"'
        parts.append(f'<rect {box} fill="{blend(color, share)}" stroke="{PAPER}" stroke-width="0.6"/>')
        if cell.mark:
            marked.append(f'<rect {box} fill="none" stroke="{INK}" stroke-width="1.8"/>')
            tone = PAPER if share > 0.55 else INK
            marked.append(_text(x + step / 2, y + 12.5, cell.mark, size=11, weight=700, color=tone, anchor="middle"))
    for place, value in enumerate(columns):
        if place % max(1, len(columns) // 6) == 0:
            parts.append(
                _text(
                    left + step * (place + 0.5),
                    height - below + 15,
                    f"{value:g}",
                    size=10.5,
                    color=MUTED,
                    anchor="middle",
                )
            )
    for place, value in enumerate(rows):
        parts.append(_text(left - 6, above + tall * place + 12.5, f"{value:g}", size=10.5, color=MUTED, anchor="end"))
    parts.append(_text(left + (width - left) / 2, height - 8, x_label, size=11.5, color=MUTED, anchor="middle"))
    parts.append(
        f'<text transform="translate(13 {above + tall * len(rows) / 2:.0f}) rotate(-90)" font-size="11.5" '
        f'fill="{MUTED}" text-anchor="middle">{escape(y_label)}</text>'
    )
    return _svg(width, height, "".join(parts + marked), title)


def picture(heading: str, charts: Sequence[str], *, note: str = "", headings: Sequence[str] = ()) -> str:
    """Put charts below one another in one picture with heading, note and margin.

    Each chart may have a heading of its own.
    """
    sizes = [_size(chart) for chart in charts]
    width = max((width for width, _ in sizes), default=WIDE) + 2 * _MARGIN
    y = 62.0 + (22 if note else 0)
    parts = [f'<rect width="100%" height="100%" fill="{PAPER}"/>', _text(_MARGIN, 42, heading, size=20, weight=600)]
    parts.append(_text(_MARGIN, 64, note, size=13, color=MUTED) if note else "")
    for place, (chart, (_, height)) in enumerate(zip(charts, sizes, strict=True)):
        if headings:
            parts.append(_text(_MARGIN, y + 16, headings[place], size=15, weight=600))
            y += 28
        parts.append(chart.replace("<svg ", f'<svg x="{_MARGIN}" y="{y:g}" ', 1))
        y += height + 24
    return _svg(width, y + 4, "".join(parts), heading)


def _size(svg: str) -> tuple[float, float]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found is not None, "every chart has a viewBox"
    return float(found[1]), float(found[2])


def percent(value: float | None) -> str:
    """Write a share in percent, without the sign: `48.3`."""
    return "–" if value is None else f"{100 * value:.1f}"


def blend(color: str, share: float) -> str:
    """Lay the colour over paper, from almost nothing (0) to full (1)."""
    strength = 0.06 + 0.94 * min(max(share, 0.0), 1.0)
    channels = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (channel - 255) * strength):02x}" for channel in channels)


def _nice_limit(value: float) -> float:
    return next((limit for limit in (0.2, 0.4, 0.6, 0.8) if value <= limit * 0.98), 1.0)


def _text(
    x: float, y: float, text: str, *, size: float, color: str = INK, weight: int = 400, anchor: str = "start"
) -> str:
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    side = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}"{bold}{side}>{escape(text)}</text>'


def _svg(width: float, height: float, content: str, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-label="{escape(title, quote=True)}" font-family="{FONT}">'
        f"<title>{escape(title)}</title>{content}</svg>"
    )
