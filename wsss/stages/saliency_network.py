"""Compute saliency with a pretrained network: the U2-Net, ISNet and BiRefNet families of the package rembg."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import logging
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from wsss.config import Saliency
from wsss.context import RunContext
from wsss.errors import InputError

NOT_SALIENCY = ("sam", "u2net_cloth_seg", "withoutbg", "atlascloud")
"""Further models of rembg, which are refused: they want a prompt, parse clothes, or send the images to a server."""
CUSTOM_MODELS = ("u2net_custom", "dis_custom", "ben_custom")
"""Models for the user's own networks, which rembg cannot download."""
SMALL_MODELS = ("u2net", "u2net_custom", "u2net_human_seg", "u2netp", "silueta")
"""Networks that see a photograph at 320 x 320, which takes 300 MB. The others see it at 1024 x 1024: GB."""
MOST_SIDE_BY_SIDE = 8

CPU = "CPUExecutionProvider"

logger = logging.getLogger(__name__)


class SaliencyNetwork:
    """A saliency network that maps a photograph to a grey map of its size. Any thread may call it.

    The files of these networks take one image at a time, so there are no batches. Small networks take several images
    side by side instead, with one thread each: none waits for others within a layer, and what Pillow and numpy do
    before and after the network goes on beside it.

    Args:
        settings: `model` names the network, `weights` its ONNX file. Without a file, rembg looks in its own cache and
            downloads a missing one.
        context: Device and number of threads.

    Attributes:
        weights: The ONNX file.
        side_by_side: In how many threads to call at a time.

    Raises:
        InputError: If rembg is missing, the model is unknown, or its weights are missing, damaged or of another model.
    """

    def __init__(self, settings: Saliency, context: RunContext) -> None:
        if settings.weights is not None and not Path(settings.weights).is_file():
            raise InputError(
                f"saliency.weights: no file {settings.weights}; give the path of the ONNX file of {settings.model}, "
                "or leave `weights` out to let rembg download it"
            )
        session_class = _session_class(settings.model)
        self.weights = Path(settings.weights or _own_weights(session_class, settings.model))
        threads = context.threads or _available_cpus()
        chosen = _providers(context.device)
        self.side_by_side, within = side_by_side(settings.model, threads, on_cpu=chosen == [CPU])
        self._session = _start(_with_weights(session_class, self.weights), settings.model, self.weights, chosen, within)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Compute the saliency of one photograph.

        Args:
            image: (H, W, 3) uint8 RGB.

        Returns:
            (H, W) uint8; rembg stretches every map to 0..255.
        """
        try:
            # rembg stretches each map; without contrast it divides by zero, and the map comes out black
            with np.errstate(invalid="ignore", divide="ignore"):
                mask = self._session.predict(Image.fromarray(image))[0]
        except Exception as error:
            if not from_onnxruntime(error):
                raise
            raise InputError(f"{self.weights}: does not fit saliency.model ({first_line(error)})") from None
        return np.asarray(mask.convert("L"))


def _start(session_class: type, model: str, weights: Path, chosen: list[Any], threads: int) -> Any:
    """Start a network on the chosen providers, with so many threads within a layer."""
    try:
        # rembg's classes for the user's own networks insist on a path, the others ignore it
        return session_class(model, session_options(threads), providers=chosen, model_path=str(weights))
    except Exception as error:
        if not from_onnxruntime(error):
            raise
        raise InputError(f"{weights}: no ONNX network ({first_line(error)})") from None


def onnx_runtime() -> ModuleType:
    """Import onnxruntime."""
    _report_nothing()
    import onnxruntime

    return onnxruntime


def _report_nothing() -> None:
    # from 1.29 on, onnxruntime reports file names of networks to its maker, and keeps an identifier in the home folder
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def session_options(threads: int) -> Any:
    """Return the options of a network in onnxruntime: so many threads within a layer, 0 for one per core."""
    options = onnx_runtime().SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # threads must not spin while they wait: that doubles the time if another job shares the processors
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _session_class(model: str) -> Any:
    """Return the class of rembg that prepares images for a network and reads its output."""
    found = {session.name(): session for session in _rembg_sessions().sessions_class}
    sessions = {name: session for name, session in found.items() if name not in NOT_SALIENCY}
    if model not in sessions:
        near = difflib.get_close_matches(model, sessions, n=1)
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise InputError(f"saliency.model: unknown network `{model}`; {hint}rembg has {', '.join(sorted(sessions))}")
    return sessions[model]


def _rembg_sessions() -> ModuleType:
    """Load the module `rembg.sessions` without running `rembg/__init__.py`.

    That file imports pymatting for alpha matting, which saliency does not need and which compiles for 40 s the first
    time on a machine. The modules leave `sys.modules` again, so that a later `import rembg` loads all of it.
    """
    _report_nothing()
    if "rembg" in sys.modules:
        return importlib.import_module("rembg.sessions")
    specification = importlib.util.find_spec("rembg")
    if specification is None or importlib.util.find_spec("onnxruntime") is None:
        raise InputError("saliency.source is `rembg`, which is not installed: pip install wsss[saliency]")
    sys.modules["rembg"] = importlib.util.module_from_spec(specification)
    try:
        return importlib.import_module("rembg.sessions")
    except ModuleNotFoundError as error:
        raise InputError(f"rembg does not load ({error}): pip install --upgrade wsss[saliency]") from None
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "rembg"]:
            del sys.modules[name]


def _own_weights(session_class: Any, model: str) -> str:
    """Return the file in rembg's cache; download it if it is not there yet."""
    if model in CUSTOM_MODELS:
        raise InputError(f"saliency.model `{model}` needs saliency.weights, the path of its ONNX file")
    try:
        return str(session_class.download_models())
    except (OSError, ValueError) as error:
        raise InputError(
            f"saliency.model `{model}`: rembg cannot get its weights ({first_line(error)}); "
            "set saliency.weights to the path of the ONNX file"
        ) from None


def _with_weights(session_class: Any, weights: Path) -> type:
    """Give the class a weights file of any name, so that it looks nowhere else."""

    def download_models(cls: type, *args: Any, **kwargs: Any) -> str:
        return str(weights)

    return type(session_class.__name__, (session_class,), {"download_models": classmethod(download_models)})


def side_by_side(model: str, threads: int, *, on_cpu: bool) -> tuple[int, int]:
    """Return how many images a network takes at a time, and how many threads each of them has."""
    if model in SMALL_MODELS:
        images = min(threads, MOST_SIDE_BY_SIDE)
        return images, threads // images
    # on a GPU, the second image is prepared while the first is in the network
    return (1, threads) if on_cpu else (2, threads)


def _providers(device: str) -> list[Any]:
    return providers(device, onnx_runtime().get_available_providers())


def providers(device: str, available: list[str]) -> list[Any]:
    """Return the providers that onnxruntime is to run on, in order of preference."""
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return [CPU]
    if "CUDAExecutionProvider" in available:
        # rembg expects plain names of providers, so options come only where they are needed
        gpu = ("CUDAExecutionProvider", {"device_id": int(number)}) if number else "CUDAExecutionProvider"
        return [gpu, CPU]
    if kind == "cuda":
        logger.warning(
            "onnxruntime has no GPU support here, the network runs on the CPU; "
            "pip install onnxruntime-gpu in place of onnxruntime"
        )
    return [CPU]


def _available_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def from_onnxruntime(error: Exception) -> bool:
    """Return whether an error is one of onnxruntime's own."""
    return type(error).__module__.startswith("onnxruntime")


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, its type where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]
