"""Lay what a training says of its backbone over what the config says of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from wsss.config.networks import BackboneSettings, Training
from wsss.pipeline.names import stages_making

(CLASSIFIER,) = stages_making("classifiers")
"""Section of the training whose weights others go on from."""
SAME = ("name", "freeze_batch_norm", "fold_batch_norm")
"""What must be alike for weights to fit: folded batch normalisation leaves other tensors."""


def inherit_backbones(values: Mapping[str, Any], trainings: Mapping[str, type[Training]]) -> dict[str, Any]:
    """Return the values of a config with all that is given of a backbone in the section of each training.

    A training that goes on from the classifier has the classifier's network, and no weights of its own.

    Args:
        values: What the config says, unchecked. What is wrong in it stays where it is.
        trainings: Sections that have a backbone, with their models.

    Raises:
        ValueError: If a training that goes on from the classifier has another network.
    """
    inherited = dict(values)
    shared = values.get("backbone", {})
    if not _is_valid(shared):
        return inherited
    classifier = BackboneSettings().model_dump() | {**shared, **_own(values.get(CLASSIFIER, {}))}
    for section, model in trainings.items():
        given = values.get(section, {})
        if not isinstance(given, Mapping) or not isinstance(given.get("backbone", {}), Mapping):
            continue
        own = _own(given)
        backbone = {**shared, **own}
        if model.starts_from_classifier(given):
            _check_same(section, own, classifier)
            backbone |= {key: classifier[key] for key in SAME} | {"weights": own.get("weights", "auto")}
        inherited[section] = {**given, "backbone": backbone}
    return inherited


def _is_valid(shared: Any) -> bool:
    """Tell whether the shared backbone can be handed on; a wrong one is an error once, where it stands."""
    try:
        BackboneSettings.model_validate(shared)
    except ValidationError:
        return False
    return True


def _own(section: Any) -> Mapping[str, Any]:
    """Return what a section says of its backbone."""
    backbone = section.get("backbone", {}) if isinstance(section, Mapping) else {}
    return backbone if isinstance(backbone, Mapping) else {}


def _check_same(section: str, own: Mapping[str, Any], classifier: Mapping[str, Any]) -> None:
    for key in SAME:
        if own.get(key, classifier[key]) != classifier[key]:
            raise ValueError(
                f"{section}.backbone.{key} is `{own[key]}`, but {section} goes on from the classifier, which has "
                f"`{classifier[key]}`: leave it out here, or set `backbone.{key}` or `{CLASSIFIER}.backbone.{key}`"
            )
