"""A network that `wsss export_model` wrote as ONNX, run by onnxruntime on photographs. Torch is not needed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wsss.config import Crf, Protocol
from wsss.context import RunContext
from wsss.data.reading import PLAIN
from wsss.data.windows import Photograph
from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.stages.photographs import as_network_sees, strongest
from wsss.stages.saliency_network import first_line, from_onnxruntime, onnx_runtime, providers, session_options

FORMAT_VERSION = "1"
FORMAT = "wsss_format"
"""Entry of the metadata that tells our files from others."""
SEGMENTS = "probabilities"
"""The output of a network that segments."""


class ExportedPredictor:
    """Segments photographs with an exported network.

    Args:
        model: The ONNX file.
        context: Device, threads.

    Attributes:
        class_names: Background first.
        reading: Plain grey and RGB: no other networks are exported.

    Raises:
        InputError: If onnxruntime is not installed, or the file is missing, damaged or another network.
    """

    def __init__(self, model: Path, context: RunContext = RunContext()) -> None:
        self.reading = PLAIN
        self._model, self._session = model, open_session(model, context)
        described = self._session.get_modelmeta().custom_metadata_map
        if described.get(FORMAT) != FORMAT_VERSION:
            raise InputError(f"{model}: was not written by `wsss export_model`, or by another version; export it again")
        if SEGMENTS not in [output.name for output in self._session.get_outputs()]:
            raise InputError(
                f"{model}: holds a network `{described.get('kind', '')}`, which does not segment; export another"
            )
        self.class_names = _class_names(model, described.get("class_names", ""))

    def probabilities(self, image: np.ndarray, protocol: Protocol, max_side: int) -> np.ndarray:
        """See `wsss.stages.predictors.Predictor`."""
        if tuple(protocol.scales) != (1.0,):
            raise InputError(
                f"{self._model}: an exported network sees photographs at one scale; leave out --scales, or pass the "
                "checkpoint"
            )
        pixels = as_network_sees(image, max_side)
        scores = self._run(pixels)
        if protocol.flip:
            scores = (scores + self._run(pixels[:, ::-1])[:, :, ::-1]) / 2
        return scores if protocol.crf is None else self._refined(scores, pixels, protocol.crf)

    def labels(
        self, photographs: Iterable[tuple[str, np.ndarray]], protocol: Protocol, max_side: int
    ) -> Iterator[tuple[str, np.ndarray]]:
        """See `wsss.stages.predictors.Predictor`."""
        for name, image in photographs:
            yield name, strongest(self.probabilities(image, protocol, max_side), image.shape[:2])

    def tiled_labels(self, photograph: Photograph, protocol: Protocol, max_side: int) -> np.ndarray:
        """See `wsss.stages.predictors.Predictor`."""
        raise InputError(
            f"{self._model}: an exported network sees photographs whole; leave out --tile, or pass the checkpoint"
        )

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        """Compute probabilities (K, h, w) of pixels (h, w, 3) uint8 of a size on the grid."""
        images = np.ascontiguousarray(pixels[None])
        try:
            found: np.ndarray = self._session.run([SEGMENTS], {self._session.get_inputs()[0].name: images})[0][0]
        except Exception as error:
            if not from_onnxruntime(error):
                raise
            raise InputError(f"{self._model}: cannot be run ({first_line(error)}); export it again") from None
        if found.shape != (len(self.class_names), *pixels.shape[:2]) or not np.isfinite(found).all():
            raise InputError(f"{self._model}: gives no probabilities of its classes; export it again")
        return found

    def _refined(self, scores: np.ndarray, pixels: np.ndarray, crf: Crf) -> np.ndarray:
        if importlib.util.find_spec("torch") is None:
            raise InputError("the dense CRF needs torch, which is not installed; leave out --crf")
        from wsss.ops.crf import dense_crf

        return np.asarray(dense_crf(scores, pixels, crf, crf.backend))


def _class_names(model: Path, text: str) -> tuple[str, ...]:
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(name, str) for name in names):
        raise InputError(f"{model}: damaged: its classes have no names; export it again")
    return tuple(names)


def open_session(model: Path | bytes, context: RunContext) -> Any:
    """Start onnxruntime on a network, a file or its bytes.

    Raises:
        InputError: If onnxruntime is not installed, or the file is missing or no network that it can run.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        raise InputError("an ONNX network needs onnxruntime, which is not installed: pip install 'wsss[onnx]'")
    if isinstance(model, Path):
        check_regular(model)
        if not model.is_file():
            raise InputError(f"{model}: no such network; make it by `wsss export_model MODEL --to onnx`")
    onnxruntime = onnx_runtime()
    chosen = providers(context.device, onnxruntime.get_available_providers())
    try:
        content = model if isinstance(model, bytes) else str(model)
        return onnxruntime.InferenceSession(content, session_options(context.threads), providers=chosen)
    except Exception as error:
        if not from_onnxruntime(error):
            raise
        name = model if isinstance(model, Path) else "the export"
        raise InputError(f"{name}: no ONNX network that can be run ({first_line(error)})") from None
