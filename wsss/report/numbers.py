"""Put the tables of a run on a page of their own, to print."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from wsss.report.evaluations import Evaluation, by_variant, final_prediction, title
from wsss.report.parts import report_parts
from wsss.report.style import STYLE
from wsss.report.tables import class_table, comparison_table, confusion_table, number_tables


def numbers_page(evaluations: Sequence[Evaluation], palette: np.ndarray) -> str:
    """Write one HTML file that needs nothing beside it: variants, rounds, all numbers with protocols, classes.

    Args:
        evaluations: One per variant and seed.
        palette: (256, 3) uint8 colours of label values.
    """
    variants, first = by_variant(evaluations), evaluations[0]
    many = len(variants) > 1
    final = final_prediction(first)
    sections = [
        ("Variants", comparison_table(variants) if many else ""),
        *((part.table_title, part.table(variants)) for part in report_parts().values() if part.table_title),
    ]
    sections += [
        (f"{name}: all numbers" if many else "All numbers", number_tables(items)) for name, items in variants.items()
    ]
    sections += [
        ("IoU per class", class_table(first, palette)),
        (f"Confusions of the {title(final)}" if final else "", confusion_table(first)),
    ]
    body = "".join(f"<section><h2>{escape(name)}</h2>{table}</section>" for name, table in sections if table)
    run = escape(str(first.content.get("run") or "run"))
    lead = (
        "Numbers are in percent, except thresholds and MAE. The line below each row says how it was made and judged. "
        "Several seeds give their mean ± sample standard deviation."
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{run} · numbers</title><style>{STYLE}</style></head><body>"
        f'<main><header><h1>{run}: numbers</h1><p class="lead">{lead}</p></header>{body}</main></body></html>\n'
    )


__all__ = ["numbers_page"]
