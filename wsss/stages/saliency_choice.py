"""Choose the source of saliency for `auto`: a pretrained network if its weights can be had, else superpixels."""

from __future__ import annotations

import logging
from pathlib import Path

from wsss.config import Saliency
from wsss.context import RunContext
from wsss.data.saliency_choice import COST, REMEDY, Choice, asked, record_of, recorded_choice
from wsss.errors import InputError
from wsss.files import write_json
from wsss.pipeline.paths import whole_path
from wsss.stages.saliency_network import SaliencyNetwork

logger = logging.getLogger(__name__)


def chosen_source(
    settings: Saliency, output: Path, context: RunContext
) -> tuple[Saliency, SaliencyNetwork | None, Choice | None]:
    """Return the settings with a source in place of `auto`, the network if it is one, and the choice if one was made.

    A choice is kept: what a run took once it takes again, also if more or less is at hand by then.

    Raises:
        InputError: If a network that is asked for, or that the run took before, is missing or does not load.
    """
    if settings.source != "auto":
        return settings, SaliencyNetwork(settings, context) if settings.source == "rembg" else None, None
    by_network = settings.model_copy(update={"source": "rembg"})
    superpixels = settings.model_copy(update={"source": "superpixels"})
    output = whole_path(output)
    made = recorded_choice(settings, output)
    if made is not None and made.source == "superpixels":
        logger.warning(warning_of(made))
        return superpixels, None, made
    try:
        network = SaliencyNetwork(by_network, context)
    except InputError as error:
        if made is not None:
            raise InputError(
                f"{error}. This run took {settings.model} before; delete {record_of(output)} to choose again"
            ) from None
        if settings.weights is not None:
            raise
        choice = Choice("superpixels", str(error))
        logger.warning(warning_of(choice))
        return superpixels, None, choice
    choice = made or Choice("rembg", f"its weights are {network.weights}")
    logger.info("saliency: %s, for %s", settings.model, choice.why)
    return by_network, network, choice


def warning_of(choice: Choice) -> str:
    """Return what is to be said of a choice; empty if it is the better one."""
    if choice.source != "superpixels":
        return ""
    return f"saliency by superpixels, for no network could be had ({choice.why}). {COST[0].upper()}{COST[1:]}: {REMEDY}"


def record_choice(choice: Choice, settings: Saliency, output: Path) -> None:
    """Write the choice beside the artifact, for later calls to take the same.

    Args:
        choice: What was taken.
        settings: What was asked for.
        output: The artifact of stage `saliency`.
    """
    content = {"stage": "saliency", "asked": asked(settings), "source": choice.source, "why": choice.why}
    # all parts make the same choice, and keep it in one place
    write_json(record_of(whole_path(output)), content)
