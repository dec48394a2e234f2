"""Read what a run made: its data set, artifacts, networks and numbers, as arrays and tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from wsss.api.model import Model, load
from wsss.data import Dataset, load_dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.errors import InputError
from wsss.label_values import class_values
from wsss.pipeline.paths import IMPORTED, files_of
from wsss.pipeline.stages import STAGES
from wsss.report.evaluations import Evaluation, load_evaluation
from wsss.report.form import read_rows
from wsss.store import ArtifactReader

Table = list[dict[str, Any]]
"""Rows by column; `pandas.DataFrame(table)` takes it as it is."""


class Run:
    """A run, finished or going on.

    Examples:
        >>> run = wsss.Run("results/demo")
        >>> run.dataset.class_names
        ('background', 'aeroplane', 'bicycle', 'bird')
        >>> image_id = run.dataset.ids("train")[0]
        >>> run.artifacts["cams"]["cams"][image_id].ndim, run.dataset.image(image_id).ndim
        (3, 3)
        >>> sorted(run.models)
        ['classifier', 'segmenter/seeds']
        >>> [row["name"] for row in run.metrics if row["kind"] == "labels"]
        ['seeds']

    Args:
        folder: `results/RUN`.

    Attributes:
        folder: As given.

    Raises:
        InputError: If there is no such folder, or it holds no run.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: no such folder; give the folder of a run, results/RUN")
        if not (self.folder / STAGES["index"].path).is_file():
            raise InputError(f"{self.folder}: holds no {STAGES['index'].path}, so it is no run; give results/RUN")

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @cached_property
    def dataset(self) -> Dataset:
        """The data set: photographs, labels and masks by image id, splits, names of classes."""
        return load_dataset(self.folder / STAGES["index"].path)

    @property
    def artifacts(self) -> Mapping[str, ArtifactReader]:
        """Every finished artifact of images, by its path below the folder without `.h5`.

        `run.artifacts["cams"]["cams"][image_id]` is an array; `.kinds()`, `.ids(kind)` and `.attributes` say what there
        is. What is read is checked against the data set.
        """
        found = [path for stage in STAGES if stage != "index" for path in files_of(self.folder, stage)]
        found += sorted((self.folder / IMPORTED).glob("*.h5"))
        return {self._name(path): IndexedArtifact(path, None, self.dataset) for path in found if path.suffix == ".h5"}

    @property
    def models(self) -> dict[str, Path]:
        """The checkpoint of every trained network, by its folder below the run's."""
        found = [path for name, stage in STAGES.items() if stage.network for path in files_of(self.folder, name)]
        return {path.parent.relative_to(self.folder).as_posix(): path for path in found}

    def load(self, name: str, **options: Any) -> Model:
        """Load a network that segments.

        Examples:
            >>> run.load("segmenter/seeds").predict(run.dataset.image(image_id)).mask.dtype
            dtype('uint8')

        Args:
            name: One of `models`.
            options: As `wsss.load` takes them.

        Raises:
            InputError: If there is no such network, or it predicts no segmentation.
        """
        models = self.models
        if name not in models:
            raise InputError(f"{self.folder}: has no network `{name}`, only {', '.join(models) or 'none yet'}")
        return load(models[name], **options)

    @property
    def metrics(self) -> Table:
        """One row per evaluated thing of every variant and seed.

        Columns: `variant`, `seed`, `kind` (saliency, cams, labels, predictions), `name`, `split`, `protocol`, and the
        numbers, such as `miou`, 0 to 1; None where one is not known.
        """
        return [
            {
                **_branch(item),
                **{key: record[key] for key in ("kind", "name", "split", "protocol")},
                **record["metrics"],
            }
            for item in self._evaluations
            for record in item.records
        ]

    @property
    def class_metrics(self) -> Table:
        """One row per class of every evaluated thing: the columns of `metrics` up to `split`, `class`, numbers.

        Examples:
            >>> [row["class"] for row in run.class_metrics if row["kind"] == "labels"]
            ['background', 'aeroplane', 'bicycle', 'bird']
        """
        rows: Table = []
        for item in self._evaluations:
            names = item.content["data"]["class_names"]
            for record in item.records:
                about = {**_branch(item), **{key: record[key] for key in ("kind", "name", "split")}}
                numbers = record.get("classes") or {}
                for place in class_values(names if numbers else ()):
                    of_class = {key: values[place] for key, values in numbers.items()}
                    rows.append({**about, "class": names[place], **of_class})
        return rows

    @property
    def image_metrics(self) -> Table:
        """One row per image of every evaluated thing: `variant`, `seed`, `kind`, `name`, `split`, `image`, numbers."""
        return [
            {**_branch(item), "kind": kind, "name": name, "split": split, "image": image, **numbers}
            for item in self._evaluations
            for (kind, name, split), images in item.per_image.items()
            for image, numbers in images.items()
        ]

    def curves(self, name: str) -> dict[str, np.ndarray]:
        """Read the curves of a training: one array per column, `step` and `loss` among them; nan where one is empty.

        Examples:
            >>> run.curves("classifier")["loss"].dtype
            dtype('float64')

        Args:
            name: One of `models`.

        Raises:
            InputError: If there is no such network, or its table is damaged.
        """
        models = self.models
        if name not in models:
            raise InputError(f"{self.folder}: has no network `{name}`, only {', '.join(models) or 'none yet'}")
        rows = read_rows(models[name].with_name("curves.csv"))
        columns = list(rows[0]) if rows else []
        return {column: np.array([float(row[column] or "nan") for row in rows]) for column in columns}

    @property
    def _evaluations(self) -> list[Evaluation]:
        return [load_evaluation(path) for path in files_of(self.folder, "evaluate")]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).with_suffix("").as_posix()


def _branch(item: Evaluation) -> dict[str, Any]:
    return {"variant": item.variant, "seed": item.seed}
