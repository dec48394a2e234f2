"""What `evaluate` wrote, read back: records, artifacts, rows per image, and several branches side by side."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from wsss.errors import InputError
from wsss.evaluation import FORMAT_VERSION
from wsss.plan import artifacts
from wsss.plan.artifacts import SEGMENTER_PREFIX, base_labels

Record = dict[str, Any]
AALR = "AA&LR"
SUPERVISED = "segmenter_masks"
"""The network that is trained on true masks: a reference, not a result."""


@dataclass(frozen=True)
class Evaluation:
    """One `metrics.json` and the tables beside it.

    Attributes:
        path: The file.
        content: What it holds (see `wsss.stages.evaluate`).
    """

    path: Path
    content: dict[str, Any]

    @property
    def variant(self) -> str:
        """Name of the variant; empty in a plain run."""
        return str(self.content.get("variant") or "")

    @property
    def seed(self) -> int:
        """Seed of the branch."""
        return int(self.content.get("seed") or 0)

    @property
    def records(self) -> list[Record]:
        """One record per evaluated thing, in the order of the pipeline."""
        return list(self.content["evaluations"])

    def of_kind(self, *kinds: str) -> list[Record]:
        """The records of some kinds."""
        return [item for item in self.records if item["kind"] in kinds]

    def artifact(self, kind: str, name: str = "") -> Path | None:
        """The file that was evaluated, or None where there was none."""
        value = self.content["inputs"].get(kind)
        if isinstance(value, dict):
            value = value.get(name)
        return (self.path.parent / value).resolve() if value else None

    @cached_property
    def per_image(self) -> dict[tuple[str, str, str], dict[str, dict[str, float]]]:
        """(kind, name, split) -> image -> its numbers (`iou`, `coverage`, `foreground`, `change`, where known)."""
        table: dict[tuple[str, str, str], dict[str, dict[str, float]]] = {}
        path = self.path.with_name("per_image.csv")
        if not path.is_file():
            return table
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                numbers = {key: float(row[key]) for key in ("iou", "coverage", "foreground", "change") if row[key]}
                table.setdefault((row["kind"], row["name"], row["split"]), {})[row["image"]] = numbers
        return table


def load_evaluation(path: Path) -> Evaluation:
    """Reads one evaluation.

    Raises:
        InputError: If the file is missing, damaged, or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such evaluation; build it with `snakemake {path}`") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: damaged ({error}); delete it and build it again with `snakemake {path}`") from None
    if not isinstance(content, dict) or content.get("stage") != "evaluate":
        raise InputError(f"{path}: is no metrics.json of the stage evaluate; pass the right file")
    if content.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: has format version {content.get('format_version')}, this package reads {FORMAT_VERSION}; "
            f"delete it and build it again with `snakemake {path}`"
        )
    return Evaluation(path, content)


@dataclass(frozen=True)
class Spread:
    """A number over seeds: its mean, sample standard deviation (None for one seed), and the numbers themselves."""

    mean: float
    deviation: float | None
    values: tuple[float, ...]


def by_variant(evaluations: Sequence[Evaluation]) -> dict[str, list[Evaluation]]:
    """The evaluations of each variant, seeds in order."""
    groups: dict[str, list[Evaluation]] = {}
    for item in evaluations:
        groups.setdefault(item.variant, []).append(item)
    return {name: sorted(items, key=lambda item: item.seed) for name, items in groups.items()}


def identity(record: Record) -> tuple[str, str, str]:
    """What tells one evaluated thing from another of the same branch."""
    return record["kind"], record["name"], record["split"]


def spread(evaluations: Sequence[Evaluation], of: tuple[str, str, str], metric: str) -> Spread | None:
    """A metric of one evaluated thing over the seeds of a variant; None where no seed has it."""
    values = []
    for item in evaluations:
        for entry in item.records:
            value = entry["metrics"].get(metric)
            if identity(entry) == of and value is not None and math.isfinite(value):
                values.append(float(value))
    if not values:
        return None
    return Spread(mean(values), stdev(values) if len(values) > 1 else None, tuple(values))


def title(record: Record) -> str:
    """A short name of an evaluated thing, for people."""
    kind, name = record["kind"], str(record["name"])
    if kind == "saliency":
        return "saliency"
    if kind == "cams":
        return "CAMs"
    if kind in ("labels", "label_saliency"):
        return label_words(name) if kind == "labels" else f"saliency of {label_words(name)}"
    model, protocol = str(record.get("model") or name), str(record.get("protocol_name") or "")
    if model == SUPERVISED:
        words = "network on true masks"
    elif model.startswith(SEGMENTER_PREFIX):
        words = f"network on {label_words(model.removeprefix(SEGMENTER_PREFIX))}"
    elif round_of(model) is not None:
        words = f"AuxSegNet, round {round_of(model)}"
    elif model == artifacts.AALR:
        words = AALR
    else:
        words = model.replace("_", " ")
    return f"{words} ({protocol})" if protocol and protocol != "single" else words


def label_words(name: str) -> str:
    """A label set in words: `seeds` is "seed labels", `seeds_self` "self-trained labels", and so on."""
    base = base_labels(name)
    times = (len(name) - len(base)) // len("_self")
    number = round_of(base)
    words = {"seeds": "seed", artifacts.AALR: AALR}.get(base) or (
        base.replace("_", " ") if number is None else f"round {number}"
    )
    if times:
        origin = "" if base == "seeds" else f", from {words}"
        return "self-trained labels" + (f" ({times} times)" if times > 1 else "") + origin
    return f"{words} labels"


def round_of(name: str) -> int | None:
    """The round of AuxSegNet that a label set or a model belongs to; the seeds are the labels of round 0."""
    return 0 if name == "seeds" else artifacts.round_of(name)


def is_reference(record: Record) -> bool:
    """Whether it is the fully supervised reference."""
    return record.get("model") == SUPERVISED


def of_aalr(record: Record) -> bool:
    """Whether labels or a prediction come of AA&LR, which has no part in the rounds of AuxSegNet."""
    return str(record.get("model") or record["name"]).removeprefix(SEGMENTER_PREFIX).startswith("aalr")


def final_prediction(evaluation: Evaluation, *, aalr: bool | None = None) -> Record | None:
    """The last weakly supervised prediction in the order of the pipeline, on `val` where there is one.

    Not the best one: choosing by the score on `val` would flatter it. Single-scale protocols come first.

    Args:
        evaluation: Of one branch.
        aalr: Whether it is to come of AA&LR, or not to; None takes either.
    """
    found = [item for item in evaluation.of_kind("predictions") if not is_reference(item)]
    found = [item for item in found if aalr is None or of_aalr(item) == aalr]
    found = [item for item in found if item["split"] == "val"] or found
    plain = [item for item in found if item.get("protocol_name") == "single"] or found
    return plain[-1] if plain else None
