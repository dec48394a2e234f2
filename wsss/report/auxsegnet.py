"""AuxSegNet's part of the report: its rounds as a chart, a table, and a contact sheet of growing labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsss.data import Dataset
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.names import label_set, model
from wsss.report.charts import TRAIN, VAL, WIDE, Line, line_chart, picture
from wsss.report.evaluations import Evaluation, Record, identity, spread, title
from wsss.report.gallery import Gallery, PictureColumn, artifacts_of, draw_gallery
from wsss.report.layout import both_widths, split
from wsss.report.parts import Look, ReportPart, Sheet, Variants
from wsss.report.pictures import gallery_section
from wsss.report.tables import number_cell, numbers_table, variant_row
from wsss.store import ArtifactReader

NETWORK, UPDATED, SEEDS = "train_auxsegnet", "update_labels", "seed_labels"
"""The stages whose products belong to a round. The seeds are the labels of round 0."""

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
    """The records of one round; None for a record that it lacks.

    Attributes:
        number: The round. Its labels train its network; in round 0 these are the seeds.
        labels: Record of the segmentation labels.
        saliency: Record of the saliency labels.
        network: Record of its network's prediction, by the first protocol.
        segmenter: Record of the prediction of a segmenter trained on these labels alone, by the first protocol.
    """

    number: int
    labels: Record | None
    saliency: Record | None
    network: Record | None
    segmenter: Record | None


def round_of(labels: str) -> int | None:
    """Return the round whose network is trained on a label set; None if it belongs to no round."""
    return _round(label_set(labels))


def _round(artifact: Artifact | None) -> int | None:
    return artifact.round if artifact is not None and artifact.stage in (NETWORK, UPDATED, SEEDS) else None


def rounds_of(evaluation: Evaluation) -> list[Round]:
    """Return the rounds of a branch in order; empty if it has no network of AuxSegNet."""
    networks, segmenters = dict[int, Record](), dict[int, Record]()
    for item in sorted(evaluation.of_kind("predictions"), key=lambda item: item["split"] != "val"):
        checkpoint = model(str(item.get("model") or ""))
        trained_on = round_of(checkpoint.label_set) if checkpoint is not None else None
        for number, found in ((_round(checkpoint), networks), (trained_on, segmenters)):
            if number is not None:
                found.setdefault(number, item)
    if not networks:
        return []
    labels, saliency = (
        {round_of(item["name"]): item for item in evaluation.of_kind(kind)} for kind in ("labels", "label_saliency")
    )
    numbers = sorted({*networks, *(number for number in labels if number is not None)})
    return [Round(n, labels.get(n), saliency.get(n), networks.get(n), segmenters.get(n)) for n in numbers]


def rounds_chart(variants: Mapping[str, Sequence[Evaluation]], width: int) -> str | None:
    """Draw the scores over the rounds; None without rounds.

    One variant shows labels and network; several show mIoU alone.
    """
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
    """Write one row per variant and round: labels, saliency labels, networks on them; empty without rounds."""
    rows = []
    for variant, evaluations in variants.items():
        for item in rounds_of(evaluations[0]):
            cells = [number_cell(evaluations, item.labels, metric, label) for metric, label in LABELS]
            cells += [number_cell(evaluations, item.saliency, metric, label) for metric, label in SALIENCY]
            cells += [number_cell(evaluations, getattr(item, part), "miou", label) for part, label in NETWORKS]
            rows.append(variant_row(variants, variant, f"round {item.number}", cells))
    return numbers_table([label for _, label in (*LABELS, *SALIENCY, *NETWORKS)], rows)


def rounds_gallery(dataset: Dataset, variants: Variants, saliency: Path | None, look: Look) -> Gallery | None:
    """Draw training images with saliency and labels of every round, from the first variant that updated any."""
    for evaluations in variants.values():
        sets = [
            (item, path)
            for item, path in artifacts_of(evaluations[0], "train")
            if item["kind"] == "labels" and round_of(item["name"]) is not None
        ]
        if any(item["stage"] == UPDATED for item, _ in sets):
            return _gallery(dataset, evaluations[0], sets, saliency or evaluations[0].artifact("saliency"), look)
    return None


def _gallery(
    dataset: Dataset, evaluation: Evaluation, sets: Sequence[tuple[Record, Path]], saliency: Path | None, look: Look
) -> Gallery:
    columns = [PictureColumn("photograph", "photograph")]
    if saliency is not None:
        columns.append(PictureColumn("saliency", "saliency", ArtifactReader(saliency, "saliency")))
    for item, path in sets:
        reader = ArtifactReader(path)
        if item["stage"] == UPDATED:
            columns.append(PictureColumn("saliency", f"round {round_of(item['name'])} saliency", reader))
        columns.append(PictureColumn("segmentation", title(item), reader, evaluation.numbers_of(item)))
    if dataset.has_masks("train"):
        columns.append(PictureColumn("truth", "truth"))
    last = sets[-1][0]
    ranking = (title(last), evaluation.numbers_of(last))
    return draw_gallery(
        dataset, columns, ranking, "train", count=look.count, palette=look.palette, longest=look.longest
    )


def _section(variants: Variants, gallery: Gallery | None, look: Look) -> str:
    table = rounds_table(variants)
    if not table:
        return ""
    lead = (
        "Each round trains the network of AuxSegNet on its labels, starting from the weights of the round before. "
        "The network then makes the next labels: its affinity spreads the class activation maps, and its saliency is "
        "averaged with the original map. Labels are judged on train, the network on val, in percent."
    )
    text = f'<h3>From round to round</h3><p class="lead">{lead}</p>'
    grown = ""
    if gallery is not None:
        grown = gallery_section(gallery, look.class_names, look.palette, guide=False, heading="How the labels grow")
    chart = both_widths(lambda width: rounds_chart(variants, width) or "")
    return f"<h2>Rounds</h2>{split(text, chart)}{table}{grown}"


def _picture(variants: Variants) -> str:
    chart = rounds_chart(variants, WIDE)
    if chart is None:
        return picture("Rounds", [], note=NOTHING)
    return picture(
        "The rounds of AuxSegNet, in percent", [chart], note="labels on train, 255 a miss in mIoU; networks on val"
    )


def _overview(evaluation: Evaluation) -> dict[str, Any]:
    rounds = [
        {
            "number": item.number,
            "labels": item.labels["metrics"] if item.labels else None,
            "saliency": item.saliency["metrics"] if item.saliency else None,
            "network": item.network["metrics"] if item.network else None,
            "network_split": item.network["split"] if item.network else None,
        }
        for item in rounds_of(evaluation)
    ]
    return {"rounds": rounds}


NOTHING = "This run has no rounds of AuxSegNet."

PART = ReportPart(
    anchor="rounds",
    title="Rounds",
    section=_section,
    file="rounds.svg",
    picture=_picture,
    table=rounds_table,
    table_title="Rounds of AuxSegNet",
    overview=_overview,
    sheet=Sheet(
        file="rounds.jpg",
        heading="Labels, round by round",
        caption="Photograph, saliency, seed labels, saliency and labels after each round of AuxSegNet, truth. "
        "Background is the photograph in dim grey, objects have the colour of their class, stripes are 255: "
        "pixels that no network learns from.",
        gallery=rounds_gallery,
        nothing=NOTHING,
    ),
)
