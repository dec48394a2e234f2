"""The rounds of AuxSegNet: their numbers side by side, as a chart and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from wsss.plan.artifacts import SEGMENTER_PREFIX
from wsss.report.charts import TRAIN, VAL, Line, line_chart
from wsss.report.evaluations import Evaluation, Record, identity, round_of, spread
from wsss.report.tables import number_cell

LABELS = (
    ("precision", "precision"),
    ("class_recall", "recall, mean over classes"),
    ("coverage", "coverage"),
    ("miou", "mIoU, 255 a miss"),
)
SALIENCY = (("mae", "saliency MAE"), ("f_measure_at_0.5", "saliency F at 0.5"), ("best_f_measure", "saliency best F"))
NETWORKS = (("network", "network mIoU"), ("segmenter", "segmenter on these labels, mIoU"))
COVERAGE = "#4f6f52"
TONES = ("#2b62a3", "#c07012", "#4f6f52", "#8d3b72", "#5b6472", "#a8480f", "#1f7a8c", "#7a6a00")


@dataclass(frozen=True)
class Round:
    """What was evaluated of one round; None for what it has not.

    Attributes:
        number: The round; its labels are those that its network is trained on, the seeds in round 0.
        labels: Record of the segmentation labels.
        saliency: Record of the saliency labels.
        network: Record of the prediction of its network, the first protocol.
        segmenter: Record of the prediction of a segmenter that is trained on these labels alone, the first protocol.
    """

    number: int
    labels: Record | None
    saliency: Record | None
    network: Record | None
    segmenter: Record | None


def rounds_of(evaluation: Evaluation) -> list[Round]:
    """The rounds of a branch in order; none where it has no network of AuxSegNet."""
    networks, segmenters = dict[int, Record](), dict[int, Record]()
    for item in sorted(evaluation.of_kind("predictions"), key=lambda item: item["split"] != "val"):
        model = str(item.get("model") or "")
        labels_of_segmenter = model.removeprefix(SEGMENTER_PREFIX)
        number = round_of(labels_of_segmenter)
        if number is not None:
            (networks if model == labels_of_segmenter else segmenters).setdefault(number, item)
    if not networks:
        return []
    labels, saliency = (
        {round_of(item["name"]): item for item in evaluation.of_kind(kind)} for kind in ("labels", "label_saliency")
    )
    numbers = sorted({*networks, *(number for number in labels if number is not None)})
    return [Round(n, labels.get(n), saliency.get(n), networks.get(n), segmenters.get(n)) for n in numbers]


def rounds_chart(variants: Mapping[str, Sequence[Evaluation]], width: int) -> str | None:
    """Scores over the rounds: of labels and network in a single variant, mIoU alone of several; None without rounds."""
    found = {variant: rounds_of(evaluations[0]) for variant, evaluations in variants.items()}
    found = {variant: rounds for variant, rounds in found.items() if rounds}
    if not found:
        return None
    last = max(rounds[-1].number for rounds in found.values())
    lines: list[Line] = []
    if len(found) == 1:
        variant, rounds = next(iter(found.items()))
        for label, part, metric, color, dashed in (
            ("labels: mIoU", "labels", "miou", TRAIN, False),
            ("labels: precision", "labels", "precision", TRAIN, True),
            ("labels: coverage", "labels", "coverage", COVERAGE, True),
            ("network: mIoU", "network", "miou", VAL, False),
        ):
            lines.append(Line(label, _points(variants[variant], rounds, part, metric, last), color, dashed))
    else:
        for place, (variant, rounds) in enumerate(found.items()):
            tone = TONES[place % len(TONES)]
            if len(rounds) > 1:
                lines.append(
                    Line(f"{variant}: labels", _points(variants[variant], rounds, "labels", "miou", last), tone, True)
                )
            lines.append(Line(variant, _points(variants[variant], rounds, "network", "miou", last), tone))
    ticks = [(_place(number, last), "seeds, 0" if number == 0 else str(number)) for number in range(last + 1)]
    return line_chart(lines, width=width, title="The rounds of AuxSegNet", x_label="round", ticks=ticks)


def _points(
    evaluations: Sequence[Evaluation], rounds: Sequence[Round], part: str, metric: str, last: int
) -> list[tuple[float, float | None]]:
    points: list[tuple[float, float | None]] = []
    for item in rounds:
        record = getattr(item, part)
        found = spread(evaluations, identity(record), metric) if record is not None else None
        points.append((_place(item.number, last), found.mean if found is not None else None))
    return points


def _place(number: int, last: int) -> float:
    return 0.06 + 0.88 * number / max(last, 1)


def rounds_table(variants: Mapping[str, Sequence[Evaluation]]) -> str:
    """One row per variant and round: its labels, its saliency labels, the networks on them; empty without rounds."""
    heads = [label for _, label in (*LABELS, *SALIENCY, *NETWORKS)]
    rows = []
    for variant, evaluations in variants.items():
        for item in rounds_of(evaluations[0]):
            cells = [number_cell(evaluations, item.labels, metric, label) for metric, label in LABELS]
            cells += [number_cell(evaluations, item.saliency, metric, label) for metric, label in SALIENCY]
            cells += [number_cell(evaluations, getattr(item, part), "miou", label) for part, label in NETWORKS]
            name = f"{variant}, round {item.number}" if variant and len(variants) > 1 else f"round {item.number}"
            rows.append(f"<tr><td>{escape(name)}</td>{''.join(cells)}</tr>")
    if not rows:
        return ""
    head = "".join(f"<th>{escape(label)}</th>" for label in heads)
    return f'<table class="numbers"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
