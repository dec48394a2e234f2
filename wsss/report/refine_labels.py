"""The part of `refine_labels` in the report: each refined label set beside the one that it was made from."""

from __future__ import annotations

from collections.abc import Iterator

from wsss.pipeline.names import label_set
from wsss.report.evaluations import Evaluation, Record, title
from wsss.report.gallery import Gallery
from wsss.report.parts import Look, ReportPart, Variants
from wsss.report.tables import number_cell, numbers_table, variant_row

STAGE = "refine_labels"
METRICS = (("precision", "precision"), ("coverage", "coverage"), ("miou", "mIoU, 255 a miss"))


def refined_pairs(evaluation: Evaluation) -> Iterator[tuple[Record, Record]]:
    """Yield every refined label set of a branch after the one that it was made from."""
    records = {item["name"]: item for item in evaluation.of_kind("labels")}
    for name, item in records.items():
        made = label_set(name)
        if made is not None and made.stage == STAGE and made.label_set in records:
            yield records[made.label_set], item


def refined_table(variants: Variants) -> str:
    """Write one row per label set before, and one after the refinement; empty if none is refined."""
    rows = []
    for variant, evaluations in variants.items():
        for pair in refined_pairs(evaluations[0]):
            for item in pair:
                cells = [number_cell(evaluations, item, metric, label) for metric, label in METRICS]
                rows.append(variant_row(variants, variant, title(item), cells))
    return numbers_table([label for _, label in METRICS], rows)


def _section(variants: Variants, gallery: Gallery | None, look: Look) -> str:
    table = refined_table(variants)
    if not table:
        return ""
    lead = (
        "Each label set before and after its refinement by the colours of the photographs, in percent on train. The "
        "refinement fills the pixels that were left at 255, so read precision together with coverage."
    )
    return f'<h2>Refined labels</h2><p class="lead">{lead}</p>{table}'


PART = ReportPart(
    anchor="refined",
    title="Refined labels",
    section=_section,
    table=refined_table,
    table_title="Refined labels",
)
