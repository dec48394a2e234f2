"""The curves of every training of a run: loss, its parts, and the validation score over the epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsss.pipeline.artifact import Artifact
from wsss.pipeline.inputs import inputs_of
from wsss.pipeline.names import label_set, model, model_words, product_of
from wsss.pipeline.paths import artifact_at, glob_of
from wsss.pipeline.stages import STAGES
from wsss.report.charts import REFERENCE, TRAIN, VAL, Line, line_chart
from wsss.report.evaluations import Evaluation
from wsss.report.form import read_rows, whole_table

CURVES = "curves.csv"
VALIDATED = {"map": "validation mAP", "miou": "validation mIoU"}
"""Columns that hold shares. All others are losses, except those of `_PLACES`."""
TONES = ("#4f6f52", "#8d3b72", "#1f7a8c", "#7a6a00", "#a8480f", "#5b6472")
_PLACES = ("step", "epoch", "learning_rate")
_MOST_POINTS = 60
"""Most points of a line. More are averaged, since single steps are noise."""


@dataclass(frozen=True)
class TrainingCurves:
    """One training.

    Attributes:
        title: Its name for people.
        rows: Lines of its `curves.csv`, without empty entries.
        epochs: Lines of its `epochs.csv`, which only trainings with AA&LR's losses have.
    """

    title: str
    rows: tuple[dict[str, float], ...]
    epochs: tuple[dict[str, float], ...] = ()


def trainings_of(evaluation: Evaluation) -> list[TrainingCurves]:
    """Read the trainings of one branch in the order of the pipeline, if their curves lie in its folder.

    A training shared with another variant has its curves in that variant's folder. Networks that the evaluation does
    not know come from earlier settings; they are left out.
    """
    folder, known = evaluation.path.parent.parent, _known(evaluation)
    found = []
    for stage in (name for name, entry in STAGES.items() if entry.network):
        checkpoint = Path(glob_of(stage))
        paths = {
            _training(path, folder, checkpoint.name): path for path in folder.glob(f"{checkpoint.parent}/{CURVES}")
        }
        there = [item for item in paths if item in known and item is not None]
        for artifact in sorted(there, key=lambda item: (item.round, item.label_set)):
            path = paths[artifact]
            found.append(TrainingCurves(_title(artifact), _read(path), _read(path.with_name("epochs.csv"))))
    return [training for training in found if training.rows]


def _training(curves: Path, folder: Path, checkpoint: str) -> Artifact | None:
    """Return the checkpoint beside the curves."""
    return artifact_at(curves.with_name(checkpoint).relative_to(folder).as_posix())


def _known(evaluation: Evaluation) -> set[Artifact]:
    """Return the checkpoints that made the evaluated predictions and label sets."""
    models = {model(str(item.get("model") or "")) for item in evaluation.of_kind("predictions")}
    labels = {label_set(item["name"]) for item in evaluation.of_kind("labels")}
    made_by = {source for item in labels if item is not None for source in inputs_of(item).values()}
    shared = {Artifact(name) for name, stage in STAGES.items() if stage.network and not stage.asked_by_name}
    return {item for item in (*models, *made_by, *shared) if item is not None}


def _title(artifact: Artifact) -> str:
    words = model_words(product_of(artifact)) if product_of(artifact) else STAGES[artifact.stage].title
    return words[0].upper() + words[1:]


def _read(path: Path) -> tuple[dict[str, float], ...]:
    if not path.is_file():
        return ()
    table = read_rows(path)
    with whole_table(path):
        rows = [{key: float(value) for key, value in row.items() if value} for row in table]
    return tuple(row for row in rows if "epoch" in row)


def titled_trainings(variants: Mapping[str, Sequence[Evaluation]]) -> Iterator[tuple[str, TrainingCurves]]:
    """Yield every training of the first seed of each variant; titles name the variant if there are several."""
    for variant, evaluations in variants.items():
        for training in trainings_of(evaluations[0]):
            yield f"{variant}: {training.title}" if variant and len(variants) > 1 else training.title, training


def curve_charts(variants: Mapping[str, Sequence[Evaluation]], width: int) -> list[tuple[str, str]]:
    """Draw the chart of every training, with its title; first seed of each variant."""
    return [(title, training_chart(training, width)) for title, training in titled_trainings(variants)]


def training_chart(training: TrainingCurves, width: int) -> str:
    """Draw loss, its parts, and the validation score of one training over its epochs.

    The axis shows losses. The score is a share: 1 is always at the top.
    """
    names = [name for name in columns_of(training.rows) if name not in _PLACES]
    losses = [name for name in names if name not in VALIDATED]
    last = max(row["epoch"] for row in training.rows)
    averaged = {name: _averaged(training.rows, name) for name in losses}
    top, step = axis_limit(max((value for points in averaged.values() for _, value in points), default=1.0))
    lines = []
    tones = iter(TONES * len(losses))
    for name in losses:
        color = TRAIN if name == "loss" else next(tones)
        label = "loss" if name == "loss" else f"part: {name.replace('_', ' ')}"
        # a training with a single loss has it in two columns: as the sum and as its only part
        if name == "loss" or len(losses) > 2:
            points = [(epoch / last, value / top) for epoch, value in averaged[name]]
            lines.append(Line(label, points, color, dashed=name != "loss"))
    for name in set(names) & set(VALIDATED):
        known = [(row["epoch"] / last, row[name]) for row in training.rows if name in row]
        end = f" (top is 100 %): {100 * known[-1][1]:.1f} at the end" if known else ""
        lines.append(Line(VALIDATED[name] + end, known, VAL))
    y_ticks = [(place * step / top, f"{place * step:g}") for place in range(round(top / step) + 1)]
    return line_chart(
        lines or [Line("nothing was logged", (), REFERENCE)],
        width=width,
        title=f"{training.title}: curves of the training",
        x_label="epoch",
        ticks=epoch_ticks(last),
        y_ticks=y_ticks,
        dots=False,
    )


def columns_of(rows: Sequence[Mapping[str, float]]) -> list[str]:
    """List the names of all columns that any line has, in order."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _averaged(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    """Return points (epoch, value); means over several rows keep their number small."""
    known = [(row["epoch"], row[name]) for row in rows if name in row]
    size = -(-len(known) // _MOST_POINTS) or 1
    parts = [known[start : start + size] for start in range(0, len(known), size)]
    return [(sum(e for e, _ in part) / len(part), sum(v for _, v in part) / len(part)) for part in parts]


def axis_limit(largest: float) -> tuple[float, float]:
    """Return a round number that is at least this large, and a fifth of it as the step."""
    steps = (factor * 10.0**power for power in range(-6, 9) for factor in (1, 2, 5))
    step = next(step for step in steps if 5 * step >= largest)
    return 5 * step, step


def epoch_ticks(last: float) -> list[tuple[float, str]]:
    """Place whole epochs on the axis, in at most ten steps; both ends if there is less than one epoch."""
    epochs = range(0, int(last) + 1, -(-int(last) // 10)) if last >= 1 else (0, last)
    return [(epoch / last, f"{epoch:g}") for epoch in epochs]
