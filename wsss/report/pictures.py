"""The pictures of the page: samples with their maps, how to read them, and a legend."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import median

import numpy as np

from wsss.label_values import has_background
from wsss.report.gallery import Gallery, Sample
from wsss.report.sheets import look_of_labels
from wsss.report.tables import color
from wsss.report.tiles import data_uri

MANY_COLUMNS = 8
"""A sample with more pictures than this wraps."""
SALIENCY = "Saliency"
GUIDE = (
    (SALIENCY, "White stands out, black does not. Saliency knows no classes."),
    (
        "CAMs",
        "The colour of a class shows where the classifier looks: the brighter, the surer. It looks at the most telling "
        "part of an object, seldom at the whole.",
    ),
    (
        "Labels, predictions, truth",
        "{look}. Stripes are 255, left out: in labels where the sources disagree, in truth along the borders of "
        "objects.",
    ),
    (
        "Numbers",
        "IoU is the mean over the classes in this one image{background}. A pixel left out is a miss. "
        "“Labelled” is the share of pixels that are not 255.",
    ),
)
"""How to read the pictures; what depends on whether there is background stands in braces."""


def gallery_section(
    gallery: Gallery, names: Sequence[str], palette: np.ndarray, *, guide: bool, heading: str = ""
) -> str:
    """Write the section that shows the samples of a split, with a legend.

    Args:
        names: Class names, background first.
        palette: (256, 3) uint8 colours of label values.
        guide: Say how to read the pictures.
        heading: A third-level heading; empty takes the name of the split, as a heading of the page.
    """
    split = gallery.split
    own = {"train": "Training images", "val": "Validation images"}.get(split, split)
    head = f"<h3>{escape(heading)}</h3>" if heading else f"<h2>{own}</h2>"
    lead = (
        f"{len(gallery.samples)} images of {split}, {gallery.order}. Coloured names are the image-level labels. "
        "Click a picture to enlarge it."
    )
    background = has_background(names)
    legend = '<span class="key"><i class="dimmed"></i>background</span>' if background else ""
    legend += '<span class="key"><i class="striped"></i>255, left out</span>'
    legend += "".join(color_key(color(palette, value), names[value]) for value in gallery.shown)
    ratios = [sample.tiles[0].image.width / sample.tiles[0].image.height for sample in gallery.samples]
    ratio = min(max(median(ratios), 0.75), 1.78)
    rows = "".join(_sample(sample, names, palette) for sample in gallery.samples)
    words = {"look": look_of_labels(names), "background": ", background included" if background else ""}
    texts = "".join(
        f"<div><h4>{escape(what)}</h4><p>{escape(text.format(**words))}</p></div>"
        for what, text in GUIDE
        if background or what != SALIENCY
    )
    how = f'<div class="guide">{texts}</div>' if guide else ""
    return (
        f'{head}<p>{escape(lead)}</p>{how}<div class="legend">{legend}</div>'
        f'<div style="--ratio:{ratio:.3f}">{rows}</div>'
    )


def _sample(sample: Sample, names: Sequence[str], palette: np.ndarray) -> str:
    keys = "".join(color_key(color(palette, value), names[value]) for value in sample.classes)
    many = " many" if len(sample.tiles) > MANY_COLUMNS else ""
    pictures = []
    for tile in sample.tiles:
        alt = escape(f"{sample.image_id}: {tile.title}" + (f", {tile.note}" if tile.note else ""), quote=True)
        caption = f"<span>{escape(tile.title)}</span><span>{escape(tile.note)}</span>"
        pictures.append(
            f'<figure><img src="{data_uri(tile.image)}" alt="{alt}" decoding="async" '
            f'width="{tile.image.width}" height="{tile.image.height}"><figcaption>{caption}</figcaption></figure>'
        )
    head = f'<h4><span class="id">{escape(sample.image_id)}</span>{keys}</h4>'
    strip = f'<div class="strip{many}" style="--columns:{len(sample.tiles)}">{"".join(pictures)}</div>'
    return f'<div class="sample">{head}{strip}</div>'


def color_key(tone: str, text: str, *, hollow: bool = False) -> str:
    """Write a square of a colour and what it stands for; `hollow` draws its outline only."""
    look = f"border:1.5px solid {tone}" if hollow else f"background:{tone}"
    return f'<span class="key"><i style="{look}"></i>{escape(text)}</span>'
