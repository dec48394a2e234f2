"""Read what `evaluate` wrote: records, artifacts, rows per image, and several branches side by side."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean, stdev
from types import SimpleNamespace
from typing import Any

from wsss.errors import InputError
from wsss.evaluation import FORMAT_VERSION
from wsss.evaluation.summary import Record
from wsss.files import read_json
from wsss.inputs import check_regular
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.names import TRUE_MASKS, label_words, method_of, model, model_words
from wsss.pipeline.stages import STAGES
from wsss.report.form import check_metrics, rows_of, whole_table
from wsss.report.image_numbers import ImageNumbers
from wsss.system_errors import said_of


@dataclass(frozen=True)
class Evaluation:
    """One `metrics.json` and the tables beside it.

    Attributes:
        path: The file.
        content: Its content (see `wsss.stages.evaluate`).
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
        """Return the records of some kinds."""
        return [item for item in self.records if item["kind"] in kinds]

    def artifact(self, kind: str, name: str = "") -> Path | None:
        """Return the file that was evaluated, or None if there was none."""
        value = self.content["inputs"].get(kind)
        if isinstance(value, dict):
            value = value.get(name)
        # of links in a circle, `resolve` raises an error
        return Path(os.path.realpath(self.path.parent / value)) if value else None

    def artifacts(self) -> list[Path]:
        """List every file that was evaluated, and the index."""
        inputs = self.content["inputs"]
        named = [(kind, name) for kind in ("labels", "predictions") for name in inputs.get(kind, {})]
        found = [self.artifact(*of) for of in [("index", ""), ("saliency", ""), ("cams", ""), *named]]
        return [path for path in found if path is not None]

    @cached_property
    def per_image(self) -> Mapping[tuple[str, str, str], ImageNumbers]:
        """(kind, name, split) -> image -> its numbers: `iou`, `coverage`, `foreground`, `change`, if known."""
        table: dict[tuple[str, str, str], ImageNumbers] = {}
        path = self.path.with_name("per_image.csv")
        if not path.is_file():
            return table
        with whole_table(path):
            for row in rows_of(path):
                of = row["kind"], row["name"], row["split"]
                if of not in table:
                    table[of] = ImageNumbers()
                table[of].add(row)
        return table

    def numbers_of(self, record: Record) -> ImageNumbers:
        """Return image -> its numbers of one evaluated thing; empty where the table has none."""
        return self.per_image.get(identity(record)) or ImageNumbers()


def load_evaluation(path: Path) -> Evaluation:
    """Read one evaluation.

    Raises:
        InputError: If the file is missing, damaged, or of another version.
    """
    check_regular(path)
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such evaluation; build it with `wsss run CONFIG {path}`") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({said_of(error)}); correct the path") from None
    if not isinstance(content, dict) or content.get("stage") != "evaluate":
        raise InputError(f"{path}: is no metrics.json of the stage evaluate; pass the right file")
    if content.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: has format version {content.get('format_version')}, this package reads {FORMAT_VERSION}; "
            f"delete it and build it again with `wsss run CONFIG {path}`"
        )
    check_metrics(path, content)
    return Evaluation(path, content)


@dataclass(frozen=True)
class Spread:
    """A number over seeds: its mean, sample standard deviation (None for one seed), and the numbers themselves."""

    mean: float
    deviation: float | None
    values: tuple[float, ...]


def by_variant(evaluations: Sequence[Evaluation]) -> dict[str, list[Evaluation]]:
    """Group the evaluations by variant, seeds in order."""
    groups: dict[str, list[Evaluation]] = {}
    for item in evaluations:
        groups.setdefault(item.variant, []).append(item)
    return {name: sorted(items, key=lambda item: item.seed) for name, items in groups.items()}


def identity(record: Record) -> tuple[str, str, str]:
    """Return kind, name and split, which tell an evaluated thing from the others of its branch."""
    return record["kind"], record["name"], record["split"]


def spread(evaluations: Sequence[Evaluation], of: tuple[str, str, str], metric: str) -> Spread | None:
    """Return a metric of one evaluated thing over the seeds of a variant; None if no seed has it."""
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
    """Name an evaluated thing shortly, for people."""
    kind, name = record["kind"], str(record["name"])
    if kind == "saliency":
        return "saliency"
    if kind == "cams":
        return "CAMs"
    if kind in ("labels", "label_saliency"):
        return label_words(name) if kind == "labels" else f"saliency of {label_words(name)}"
    words, protocol = model_words(str(record.get("model") or name)), str(record.get("protocol_name") or "")
    return f"{words} ({protocol})" if protocol and protocol != "single" else words


def is_reference(record: Record) -> bool:
    """Return whether a prediction is the fully supervised reference: its network saw the true masks."""
    found = model(str(record.get("model") or ""))
    return found is not None and found.label_set == TRUE_MASKS


def uses(record: Record, name: str) -> bool:
    """Return whether labels were made from an input of this name.

    The table of stages and the settings of the labels' stage tell.
    """
    stage = STAGES.get(str(record.get("stage")))
    found = [item for item in stage.inputs if item.name == name] if stage is not None else []
    if stage is None or not found or not record.get("settings"):
        return False
    when = found[0].when
    return when is None or when(SimpleNamespace(**record["settings"]), Artifact(stage.name))


def method_of_record(record: Record) -> str:
    """Return the method that labels or a prediction come from; empty for none."""
    return method_of(str(record.get("model") or record["name"]))


def final_prediction(evaluation: Evaluation, *, method: str | None = None) -> Record | None:
    """Return the last weakly supervised prediction in the order of the pipeline, on `val` if there is one.

    The last, not the best: choosing by the score on `val` would flatter it. Single-scale protocols come first.

    Args:
        evaluation: The evaluation of one branch.
        method: The method that it must come from, `""` for no method; None takes any.
    """
    found = [item for item in evaluation.of_kind("predictions") if not is_reference(item)]
    found = [item for item in found if method is None or method_of_record(item) == method]
    found = [item for item in found if item["split"] == "val"] or found
    plain = [item for item in found if item.get("protocol_name") == "single"] or found
    return plain[-1] if plain else None
