"""Draw contact sheets: the samples of a gallery in one picture, for Snakemake's report and for talks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from wsss.files import encoded
from wsss.label_values import BACKGROUND, IGNORE_INDEX, has_background
from wsss.ops.palette import stripes
from wsss.report.gallery import Gallery, Sample

INK, MUTED, PAPER, LINE = (28, 33, 38), (98, 107, 117), (255, 255, 255), (223, 227, 232)
MARGIN, GAP = 36, 10
CAPTION, FOOT = 34, 44
PAPER_INCHES = (7.5, 10.9)
"""The part of an upright A4 page that printers can print on."""

FONTS = Path(__file__).parent / "fonts"


@cache
def font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Load a font with most of the world's letters (DejaVu, which comes with the package)."""
    return ImageFont.truetype(str(FONTS / f"DejaVuSans{'-Bold' if bold else ''}.ttf"), size)


def contact_sheet(
    gallery: Gallery, class_names: Sequence[str], palette: np.ndarray, *, heading: str, caption: str, cell: int = 250
) -> Image.Image:
    """Draw all samples of a gallery, one row each, with heading, caption and legend.

    Args:
        heading: First line.
        caption: Says what the pictures are and how to read them.
        cell: Width of a picture.
    """
    columns = max((len(sample.tiles) for sample in gallery.samples), default=1)
    width = max(2 * MARGIN + columns * (cell + GAP) - GAP, 900)
    tall = _cell_height(gallery, cell)
    head = _wrapped(caption, font(15), width - 2 * MARGIN)
    legend = _legend_rows(gallery.shown, class_names, width - 2 * MARGIN)
    top = MARGIN + 40 + 22 * len(head) + 16
    row = CAPTION + tall + FOOT
    height = top + row * len(gallery.samples) + 26 * len(legend) + 24 + MARGIN
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 6), heading, INK, font(24, bold=True))
    for place, line in enumerate(head):
        draw.text((MARGIN, MARGIN + 36 + 22 * place), line, MUTED, font(15))
    for place, sample in enumerate(gallery.samples):
        _draw_sample(sheet, draw, sample, class_names, top + row * place, cell, tall)
    _draw_legend(sheet, draw, legend, class_names, palette, top + row * len(gallery.samples) + 16)
    return sheet


def one_page(gallery: Gallery, *, cell: int = 250) -> Gallery:
    """Keep as many samples as an upright A4 sheet holds, spread evenly from the first to the last."""
    columns = max((len(sample.tiles) for sample in gallery.samples), default=1)
    width = max(2 * MARGIN + columns * (cell + GAP) - GAP, 900)
    # 220 pixels for heading, caption and legend
    room = width * PAPER_INCHES[1] / PAPER_INCHES[0] - 2 * MARGIN - 220
    most = max(1, int(room // (CAPTION + _cell_height(gallery, cell) + FOOT)))
    count = len(gallery.samples)
    if not count:
        return gallery
    places = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    return replace(gallery, samples=tuple(gallery.samples[place] for place in places))


def empty_sheet(heading: str, caption: str) -> Image.Image:
    """Draw a sheet that says why there is nothing to show."""
    sheet = Image.new("RGB", (900, 160), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 6), heading, INK, font(24, bold=True))
    draw.text((MARGIN, MARGIN + 40), caption, MUTED, font(15))
    return sheet


def sheet_bytes(sheet: Image.Image) -> bytes:
    """Encode a sheet as JPEG, at a resolution that fits it on paper."""
    dots = max(side / inches for side, inches in zip(sheet.size, PAPER_INCHES, strict=True))
    return encoded(sheet, "JPEG", quality=88, subsampling=0, dpi=(round(dots), round(dots)))


def _cell_height(gallery: Gallery, cell: int) -> int:
    """Return a height that most photographs fit at full width; taller ones are scaled into it."""
    ratios = [sample.tiles[0].image.height / sample.tiles[0].image.width for sample in gallery.samples if sample.tiles]
    return round(cell * min(max(float(np.median(ratios)), 0.6), 1.34)) if ratios else cell


def _draw_sample(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    sample: Sample,
    class_names: Sequence[str],
    y: int,
    cell: int,
    tall: int,
) -> None:
    draw.line((MARGIN, y, sheet.width - MARGIN, y), LINE)
    names = ", ".join(class_names[value] for value in sample.classes) or "no class"
    draw.text((MARGIN, y + 10), sample.image_id, INK, font(15, bold=True))
    x = MARGIN + draw.textlength(sample.image_id, font(15, bold=True)) + 14
    draw.text((x, y + 10), names, MUTED, font(15))
    for place, tile in enumerate(sample.tiles):
        left = MARGIN + place * (cell + GAP)
        factor = min(cell / tile.image.width, tall / tile.image.height)
        size = (max(1, round(tile.image.width * factor)), max(1, round(tile.image.height * factor)))
        picture = tile.image.resize(size, Image.Resampling.LANCZOS)
        sheet.paste(picture, (left + (cell - size[0]) // 2, y + CAPTION + (tall - size[1]) // 2))
        label = _shortened(draw, tile.title, font(13), cell)
        draw.text((left, y + CAPTION + tall + 4), label, INK, font(13))
        draw.text((left, y + CAPTION + tall + 20), tile.note, MUTED, font(12))


def _shortened(draw: ImageDraw.ImageDraw, text: str, of: ImageFont.FreeTypeFont, room: float) -> str:
    while len(text) > 4 and draw.textlength(text, of) > room:
        text = text[:-2] + "…"
    return text


def _wrapped(text: str, of: ImageFont.FreeTypeFont, room: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if of.getlength(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def look_of_labels(class_names: Sequence[str]) -> str:
    """Say in words how label maps are drawn, for the middle of a caption."""
    if has_background(class_names):
        return "Background is the photograph in dim grey, objects have the colour of their class"
    return "Pixels have the colour of their class"


def _legend_rows(values: Sequence[int], class_names: Sequence[str], room: int) -> list[list[int]]:
    """Arrange label values in rows that fit. Every legend has 255 (ignored), and 0 where there is background."""
    rows: list[list[int]] = [[]]
    used = 0.0
    for value in [*([BACKGROUND] if has_background(class_names) else []), *values, IGNORE_INDEX]:
        needed = 44 + font(14).getlength(_name(value, class_names))
        if used + needed > room and rows[-1]:
            rows.append([])
            used = 0
        rows[-1].append(value)
        used += needed
    return rows


def _name(value: int, class_names: Sequence[str]) -> str:
    return {BACKGROUND: f"{class_names[0]} (photograph, dimmed)", IGNORE_INDEX: "255: left out"}.get(
        value
    ) or class_names[value]


def _draw_legend(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    rows: Sequence[Sequence[int]],
    class_names: Sequence[str],
    palette: np.ndarray,
    y: int,
) -> None:
    for row in rows:
        x = float(MARGIN)
        for value in row:
            swatch = np.broadcast_to(palette[value], (16, 16, 3)).astype(np.uint8)
            if value in (BACKGROUND, IGNORE_INDEX):
                swatch = stripes(16, 16) if value else np.full((16, 16, 3), 70, np.uint8)
            sheet.paste(Image.fromarray(swatch), (round(x), y))
            draw.rectangle((round(x), y, round(x) + 15, y + 15), outline=LINE)
            name = _name(value, class_names)
            draw.text((x + 22, y - 1), name, INK, font(14))
            x += 44 + font(14).getlength(name)
        y += 26
