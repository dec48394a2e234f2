"""The numbers of a run for the overview, from its evaluations, branch by branch."""

from __future__ import annotations

from typing import Any

from wsss.errors import InputError
from wsss.label_values import class_values, has_background
from wsss.pipeline.paths import glob_of
from wsss.report.evaluations import Evaluation, Record, final_prediction, is_reference, title
from wsss.report.parts import report_parts
from wsss.viewer.run import Run, as_json

_LEFT_OUT = ("confusion", "sweep", "settings")
"""Long parts of a record, left out; the page asks for the confusion matrix separately."""


def overview(run: Run) -> dict[str, Any]:
    """Return the data set, the evaluated branches, and the errors found in them."""
    found: dict[str, Any] = {"name": run.name, "data": None, "branches": [], "problems": run.problems()}
    try:
        dataset = run.dataset()
        splits = {name: len(dataset.ids(name)) for name in dataset.splits}
        masks = {name: dataset.has_masks(name) for name in dataset.splits}
        found["data"] = {
            "name": dataset.name,
            "label_source": dataset.label_source,
            "class_names": dataset.class_names,
            "splits": splits,
            "masks": masks,
        }
    except InputError as error:
        found["problems"] = {**found["problems"], run.index.name: str(error)}
    try:
        evaluations = run.evaluations()
    except InputError as error:
        found["problems"] = {**found["problems"], glob_of("evaluate"): str(error)}
        evaluations = {}
    found["branches"] = [_branch(branch, evaluation) for branch, evaluation in evaluations.items()]
    return as_json(found)


def confusion(run: Run, branch: str, kind: str, name: str, split: str) -> dict[str, Any]:
    """Return the confusion matrix of one evaluated thing, and the names of its classes.

    Rows are the truth, columns the labels; 255 comes last.

    Raises:
        InputError: If it was not evaluated.
    """
    evaluation = run.evaluations().get(branch)
    for record in evaluation.records if evaluation is not None else []:
        if (record["kind"], record["name"], record["split"]) == (kind, name, split) and evaluation is not None:
            names = evaluation.content["data"]["class_names"]
            values = [*class_values(names), len(names)]
            matrix = record.get("confusion")
            return {
                "title": title(record),
                "classes": [[*names, "255"][value] for value in values],
                "confusion": None if matrix is None else [[matrix[row][value] for value in values] for row in values],
            }
    raise InputError(f"{run.root}: nothing of the name {kind}, {name}, {split} is evaluated in `{branch or run.name}`")


def _branch(branch: str, evaluation: Evaluation) -> dict[str, Any]:
    content = evaluation.content
    final = final_prediction(evaluation)
    of_methods: dict[str, Any] = {}
    for part in report_parts().values():
        of_methods |= part.overview(evaluation)
    return {
        "branch": branch,
        "variant": evaluation.variant,
        "seed": evaluation.seed,
        "created": content.get("created"),
        "git_commit": content.get("git_commit"),
        "class_names": content["data"]["class_names"],
        "background": has_background(content["data"]["class_names"]),
        "warnings": content.get("warnings", []),
        "definitions": content.get("definitions", {}),
        "final": title(final) if final else None,
        **of_methods,
        "records": [_record(record) for record in evaluation.records],
    }


def _record(record: Record) -> dict[str, Any]:
    kept = {key: value for key, value in record.items() if key not in _LEFT_OUT}
    return {
        **kept,
        "title": title(record),
        "reference": is_reference(record),
        "has_confusion": record.get("confusion") is not None,
    }
