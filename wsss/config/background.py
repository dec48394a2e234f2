"""Settings of data without a background class (`data.background: false`): what follows, and what contradicts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsss.config.networks import Training


def without_background(values: Mapping[str, Any], sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a config with what follows from data without background.

    Sections whose model has `without_background` (setting -> value) get these values. Other data change nothing.

    Args:
        values: What the config says, unchecked. What is wrong in it stays where it is.
        sections: Sections, with their models.

    Raises:
        ValueError: If a section is given another value.
    """
    data = values.get("data")
    if not isinstance(data, Mapping) or data.get("background", True) is not False:
        return dict(values)
    changed = dict(values)
    for section, model in sections.items():
        fixed: Mapping[str, Any] = getattr(model, "without_background", {})
        given = values.get(section, {})
        if not fixed or not isinstance(given, Mapping):
            continue
        for key, value in fixed.items():
            if given.get(key, value) != value:
                raise ValueError(
                    f"{section}.{key} is `{given[key]}`, but data.background is false, and saliency and background "
                    f"take no part then: leave it out, or set it to `{'null' if value is None else value}`"
                )
        changed[section] = {**given, **fixed}
    return changed


def problem_of_padding(stage: str, settings: Training) -> str:
    """Say that a training teaches padding as background, which data without one have not; empty if it does not.

    Args:
        stage: The stage that trains.
        settings: Its settings.
    """
    if settings.augmentation.padding == "ignored":
        return ""
    return f"{stage}.augmentation.padding is `background`, but data.background is false: leave it out"
