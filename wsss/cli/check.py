"""Check the networks of a config before anything runs: build each without its numbers, and see whether weights fit.

That needs torch, which takes seconds to import. So networks that are known by name alone are left out; `wsss check`
builds the others itself, and Snakemake, which starts often, lets another process build each one once, and remembers.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from wsss import __version__
from wsss.config import BackboneSettings, Training
from wsss.config.backbone_names import KNOWN
from wsss.errors import InputError
from wsss.files import write_text
from wsss.pipeline.stages import STAGES
from wsss.plan import Plan

REMEMBERED = 200
"""Networks that Snakemake remembers to be right."""


def check_networks(plan: Plan, source: Path) -> None:
    """Refuse a network that cannot be built or cut as the config says, and weights that do not fit it.

    Args:
        plan: The plan of the config.
        source: The config, for the message.

    Raises:
        InputError: In one line, for the first such network.
    """
    if problem := _problem_of(networks_to_try(plan)):
        raise InputError(f"{source}: {problem}")


def check_networks_apart(plan: Plan, source: Path, memory: Path) -> None:
    """Do the same without importing torch here: another process builds what is not remembered.

    Args:
        plan: The plan of the config.
        source: The config, for the message.
        memory: File of what was right before. Where it cannot be written, networks are built again each time.

    Raises:
        InputError: In one line, for the first such network.
    """
    known, asked = _remembered(memory), networks_to_try(plan)
    keys = {settings: _key(settings) for settings in asked}
    trials = {settings: stage for settings, stage in asked.items() if keys[settings] not in known}
    if not trials:
        return
    command = [sys.executable, "-m", "wsss.cli.check"]
    done = subprocess.run(command, input=json.dumps(trials), capture_output=True, text=True, check=False)
    if done.returncode:
        return  # that process has a problem of its own, which the stage will name
    if done.stdout.strip():
        raise InputError(f"{source}: {done.stdout.strip()}")
    try:
        write_text(memory, json.dumps([*known, *(keys[settings] for settings in trials)][-REMEMBERED:]))
    except (OSError, InputError):
        return


def networks_to_try(plan: Plan) -> dict[str, str]:
    """List the backbones of all trainings of which the name does not tell everything.

    Returns:
        The first training of each, by the settings of the backbone as JSON.
    """
    found: dict[str, str] = {}
    for artifact in (artifact for stage in STAGES for artifact in plan.wanted(stage)):
        settings = plan.settings(artifact)
        if not isinstance(settings, Training):
            continue
        backbone = settings.backbone
        if backbone.name not in KNOWN or backbone.weights not in ("auto", "none"):
            found.setdefault(backbone.canonical_json(), artifact.stage)
    return found


def _problem_of(trials: Mapping[str, str]) -> str:
    """Say in one line which network cannot be had, the first one; empty if all can."""
    for text, stage in trials.items():
        settings = BackboneSettings.model_validate_json(text)
        if settings.weights == "auto":
            # those of the library fit, and are downloaded when they are needed
            settings = settings.model_copy(update={"weights": "none"})
        if problem := problem_of_backbone(settings):
            return f"{stage}: {problem}"
    return ""


def problem_of_backbone(settings: BackboneSettings) -> str:
    """Say in one line why a backbone cannot be built; empty if it can."""
    import torch

    from wsss.models.backbones import Backbone

    try:
        with torch.device("meta"), warnings.catch_warnings():
            # torch says that weights are not copied to where there is no memory
            warnings.filterwarnings("ignore", category=UserWarning)
            Backbone(settings)
    except InputError as error:
        return str(error)
    return ""


def _key(settings: str) -> str:
    """Digest what the answer depends on: the settings, the file of weights, and the packages."""
    weights = BackboneSettings.model_validate_json(settings).weights
    try:
        status = Path(weights).stat()
        stamp = [status.st_size, status.st_mtime_ns]
    except OSError:
        stamp = []
    parts = [settings, stamp, __version__, *map(_version, ("timm", "torch", "torchvision"))]
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _remembered(memory: Path) -> list[str]:
    try:
        found = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(key) for key in found] if isinstance(found, list) else []


if __name__ == "__main__":
    sys.stdout.write(_problem_of(json.loads(sys.stdin.read())))
