"""The source of saliency that `auto` takes: what is at hand, what a run took before, and how to say so.

The stage makes the choice once and records it beside its artifact (`wsss.stages.saliency_choice`). What is here also
tells before anything runs, so it imports no network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wsss.config import Saliency
from wsss.errors import InputError
from wsss.files import read_json
from wsss.pipeline.artifact import CHOICE

COST = (
    "superpixels see contrast, not objects: with them 52 % of the object pixels of labels are right, with U2-Net-p 75 "
    "% (photographs of VOC, docs/results.md)"
)
"""What superpixels cost, as it was measured."""
REMEDY = (
    "install rembg by `pip install wsss[saliency]`, and set `saliency.weights` to the ONNX file of a network where it "
    "cannot be downloaded"
)


@dataclass(frozen=True)
class Choice:
    """What `auto` took.

    Attributes:
        source: `rembg` or `superpixels`.
        why: The reason, without a full stop.
    """

    source: str
    why: str


def record_of(artifact: Path) -> Path:
    """Return the file that records the choice, beside the artifact of stage `saliency`."""
    return artifact.with_suffix(CHOICE)


def asked(settings: Saliency) -> dict[str, Any]:
    """Return the settings that a choice belongs to; with others, it is made anew."""
    return {"model": settings.model, "weights": settings.weights}


def recorded_choice(settings: Saliency, artifact: Path) -> Choice | None:
    """Return what a run took before by the same settings; None if it took nothing yet.

    Raises:
        InputError: If the record is damaged.
    """
    path = record_of(artifact)
    try:
        content = read_json(path)
        if content["asked"] != asked(settings):
            return None
        choice = Choice(content["source"], content["why"])
    except FileNotFoundError:
        return None
    except (InputError, KeyError, TypeError, OSError):
        raise InputError(f"{path}: damaged; delete it, and saliency.source `auto` chooses again") from None
    return choice


def weights_at_hand(model: str) -> Path | None:
    """Return the file of a network's weights where rembg looks for it, None if there is none.

    These are rembg's folders: of its versions from 2.0.80 on, and of those before.
    """
    home, data = os.environ.get("U2NET_HOME"), os.environ.get("XDG_DATA_HOME")
    own = home or os.environ.get("REMBG_HOME") or (f"{data}/rembg" if data else "~/.rembg")
    earlier = home or f"{data or '~'}/.u2net"
    found = (Path(own, "models", model, f"{model}.onnx"), Path(earlier, f"{model}.onnx"))
    return next((path for path in map(Path.expanduser, found) if path.is_file()), None)


def outlook(settings: Saliency, artifact: Path) -> str:
    """Say in one line which source `saliency.source: auto` takes, and why; empty for any other source.

    Args:
        settings: Of stage `saliency`.
        artifact: Its artifact, made or not.

    Raises:
        InputError: If the record of an earlier choice is damaged.
    """
    if settings.source != "auto":
        return ""
    made = recorded_choice(settings, artifact)
    if made is not None:
        return f"saliency: {_named(made.source, settings)}, as before ({made.why}; {record_of(artifact)} records it)"
    if settings.weights is not None:
        return f"saliency: {settings.model}, for saliency.weights names its file"
    if find_spec("rembg") is None or find_spec("onnxruntime") is None:
        return f"saliency: superpixels, for rembg is not installed; {COST}: {REMEDY}"
    path = weights_at_hand(settings.model)
    if path is not None:
        return f"saliency: {settings.model}, for its weights are at hand ({path})"
    return (
        f"saliency: {settings.model}, whose weights are downloaded when the stage runs; superpixels if that fails, but "
        f"{COST}"
    )


def _named(source: str, settings: Saliency) -> str:
    return settings.model if source == "rembg" else source
