"""Export a trained network, with all that stands around it, and check the export against PyTorch before it is written.

- `onnx`: the whole predictor (`models.whole`), for onnxruntime and everything that reads ONNX.
- `pt2`: the same as an exported program of torch, without this package: `torch.export.load(PATH).module()`.
- `safetensors`: the checkpoint without a pickle, for this package and for hubs of networks.
"""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wsss.context import RunContext
from wsss.data.demo import draw_scene
from wsss.data.reading import Reading
from wsss.errors import InputError
from wsss.files import write_bytes
from wsss.models.kinds import network_class
from wsss.models.network import Network, SegmentationNetwork
from wsss.models.whole import INPUT, MOST_CELLS, WholePredictor
from wsss.outputs import check_target
from wsss.protected import Inputs
from wsss.stages.exported import FORMAT, FORMAT_VERSION, open_session
from wsss.stages.photographs import MAX_SIDE
from wsss.training.checkpoint import Checkpoint, load_weights, payload_of, restore_model
from wsss.training.safetensors_file import description_in, parse_safetensors, safetensors_bytes

FORMS = ("onnx", "pt2", "safetensors")
"""Forms of an export, each also the suffix of its file."""
LEAST_AGREEMENT = 0.9999
"""Share of pixels whose strongest class must be that of PyTorch."""
SIDES = (72, 160, 208)
"""Typical sides of the photographs that an export is checked on, in pixels; no side is a multiple of the grid."""
CAM_BACKGROUND = 0.2
"""Where no CAM is as high, a pixel is background when classifiers are compared."""
_DESCRIPTION = "wsss.json"
_TAIL = 2**16
"""Bytes at the end of an ONNX file that hold its metadata."""

logger = logging.getLogger(__name__)
Run = Callable[[np.ndarray], list[np.ndarray]]
"""Photographs (N, H, W, 3) uint8 -> the network's two outputs."""


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes:
        kind: Kind of the network.
        agreement: Share of pixels, 0 to 1, on which its classes are those of PyTorch.
        difference: Largest difference of a probability, or of a CAM.
        size: Bytes of the file.
    """

    kind: str
    agreement: float
    difference: float
    size: int


def export_model(model: Path, *, form: str, output: Path) -> Exported:
    """Export the network of a checkpoint, if the export computes what PyTorch does on three photographs.

    Each is taken with its mirror image in a batch of two. Nothing is written otherwise.

    Args:
        model: Checkpoint of any network.
        form: One of `FORMS`.
        output: The file, ending in the form; only an earlier export is replaced.

    Raises:
        InputError: If the checkpoint cannot be read, a package is missing, the file must not be written, or the export
            computes something else.
    """
    _require(form)
    check_target(output, Inputs([model]), is_export, foreign="was not written by `wsss export_model`")
    if output.suffix != f".{form}":
        raise InputError(f"{output}: an export as {form} ends in .{form}; choose another name")
    weights, info = load_weights(model)
    if Reading.of(info.attributes).asks:
        raise InputError(
            f"{model}: was trained on bands or values that `data.bands` or `data.range` chooses, which exports cannot "
            "say yet; use the checkpoint"
        )
    network = restore_model(model, network_class(info.kind), weights, info)
    logger.info("%s: exporting the network `%s` as %s", model, info.kind, form)
    content, run = _MAKERS[form](network, info)
    agreement, difference = _compare(network, run)
    if agreement < LEAST_AGREEMENT:
        raise InputError(
            f"{model}: exported as {form}, the network differs from PyTorch's: only {agreement:.2%} of pixels have the "
            f"same class, {LEAST_AGREEMENT:.2%} must; nothing is written"
        )
    write_bytes(output, content)
    return Exported(info.kind, agreement, difference, len(content))


def is_export(path: Path) -> bool:
    """Return whether a file is an export of ours, by what it says of itself; nothing is loaded."""
    try:
        if path.suffix == ".safetensors":
            return description_in(path) is not None
        if path.suffix == ".pt2":
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith(_DESCRIPTION) for name in archive.namelist())
        with path.open("rb") as handle:
            handle.seek(max(handle.seek(0, 2) - _TAIL, 0))
            return FORMAT.encode() in handle.read()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, EOFError):
        return False


def shareable(info: Checkpoint) -> Checkpoint:
    """Return a description without paths of the machine: of pretrained weights only the file's name stays."""
    attributes = dict(info.attributes)
    try:
        settings = json.loads(attributes.get("settings") or "{}")
    except ValueError:
        settings = {}
    attributes["settings"] = json.dumps(_without_folders(settings), sort_keys=True)
    return replace(info, model_settings=_without_folders(info.model_settings), attributes=attributes)


def _without_folders(settings: dict[str, Any]) -> dict[str, Any]:
    backbone = settings.get("backbone")
    if not isinstance(backbone, dict) or "weights" not in backbone:
        return settings
    return {**settings, "backbone": {**backbone, "weights": Path(str(backbone["weights"])).name}}


def _require(form: str) -> None:
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
    if form == "onnx" and missing:
        raise InputError(f"an export as ONNX needs {missing[0]}, which is not installed: pip install 'wsss[onnx]'")


def _describe(info: Checkpoint, outputs: tuple[str, ...]) -> dict[str, str]:
    """Return the metadata of an export."""
    return {
        FORMAT: FORMAT_VERSION,
        "kind": info.kind,
        # without background, the first is `no background`, whose probability is 0
        "class_names": json.dumps(list(info.class_names), ensure_ascii=False),
        "max_side": str(MAX_SIDE),
        "input": f"{INPUT}: (N, H, W, 3) uint8 RGB; scale photographs down to max_side first",
        "outputs": ", ".join(outputs),
    }


# -- the forms ---------------------------------------------------------------------------------------------------------


def _program(network: Network) -> torch.export.ExportedProgram:
    """Trace the whole predictor, with every size free."""
    most = MOST_CELLS * 32
    dimensions = {
        0: torch.export.Dim("photographs", min=1, max=4096),
        1: torch.export.Dim("height", min=1, max=most),
        2: torch.export.Dim("width", min=1, max=most),
    }
    example = torch.zeros(2, 75, 110, 3, dtype=torch.uint8)
    with torch.no_grad():
        return torch.export.export(WholePredictor(network), (example,), dynamic_shapes=(dimensions,), strict=False)


def _as_onnx(network: Network, info: Checkpoint) -> tuple[bytes, Run]:
    outputs = WholePredictor(network).outputs
    with _quietly(), torch.no_grad():
        program = torch.onnx.export(
            _program(network), dynamo=True, input_names=[INPUT], output_names=list(outputs), verbose=False
        )
    assert program is not None
    proto = program.model_proto
    for key, value in _describe(info, outputs).items():
        proto.metadata_props.add(key=key, value=value)
    content = proto.SerializeToString()
    session = open_session(content, RunContext(device="cpu"))
    return content, lambda images: session.run(list(outputs), {INPUT: images})


def _as_program(network: Network, info: Checkpoint) -> tuple[bytes, Run]:
    description = json.dumps(_describe(info, WholePredictor(network).outputs))
    buffer = io.BytesIO()
    with _quietly():
        torch.export.save(_program(network), buffer, extra_files={_DESCRIPTION: description})
        loaded = torch.export.load(io.BytesIO(buffer.getvalue())).module()
    return buffer.getvalue(), lambda images: [value.detach().numpy() for value in loaded(torch.from_numpy(images))]


def _as_safetensors(network: Network, info: Checkpoint) -> tuple[bytes, Run]:
    content = safetensors_bytes(payload_of(shareable(info), dict(network.state_dict())))
    again = restore_model("the export", type(network), parse_safetensors(content)["weights"], info)
    return content, _whole(again)


_MAKERS = {"onnx": _as_onnx, "pt2": _as_program, "safetensors": _as_safetensors}


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep from the person what torch's exporters warn of: what counts is compared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -- the check ---------------------------------------------------------------------------------------------------------


def _compare(network: Network, run: Run) -> tuple[float, float]:
    """Return the share of pixels with equal classes, and the largest difference of a probability."""
    expect = _whole(network)
    same = total = 0
    largest = 0.0
    for number, side in enumerate(SIDES):
        photograph = draw_scene(0, "val", number, side).image
        batch = np.stack([photograph, photograph[:, ::-1]])
        found, expected = (_scores(network, outputs) for outputs in (run(batch), expect(batch)))
        same += int((found.argmax(1) == expected.argmax(1)).sum())
        total += found[:, 0].size
        largest = max(largest, float(np.abs(found - expected).max()))
    return same / total, largest


def _whole(network: Network) -> Run:
    """Return the whole predictor as it computes in PyTorch."""
    predictor = WholePredictor(network)

    def run(images: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            return [value.numpy() for value in predictor(torch.from_numpy(images))]

    return run


def _scores(network: Network, outputs: list[np.ndarray]) -> np.ndarray:
    """Return scores (N, K, H, W) whose strongest is the class of a pixel."""
    if isinstance(network, SegmentationNetwork):
        return outputs[0]
    return np.concatenate([np.full_like(outputs[1][:, :1], CAM_BACKGROUND), outputs[1]], axis=1)
