"""The files that a stage writes: refused where they are inputs of the run, or where something else lies there."""

from __future__ import annotations

import inspect
import json
import zipfile
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from wsss.errors import InputError
from wsss.inputs import begins_with
from wsss.outputs import NOTHING, check_target
from wsss.pipeline.artifact import CHOICE
from wsss.pipeline.paths import whole_path
from wsss.pipeline.stages import STAGES
from wsss.protected import PICTURES, Inputs, given_paths
from wsss.store import ArtifactReader

TABLES = {
    "train": {"curves.csv": "step,epoch,learning_rate", "epochs.csv": "epoch,step,"},
    "evaluate": {
        "summary.csv": "kind,name,split,images,images_with_masks,stage,model,protocol_name,",
        "per_class.csv": "kind,name,split,value,class,iou,",
        "per_image.csv": "image,split,kind,name,iou,coverage,",
        "sweeps.csv": "rule,saliency_threshold,cam_threshold,",
    },
}
"""Tables beside the artifact of a stage, and the beginning of their first line."""


Stage = ParamSpec("Stage")
Result = TypeVar("Result")


def checks_output(function: Callable[Stage, Result]) -> Callable[Stage, Result]:
    """Let the function of a stage refuse an output that is one of its inputs, or where something else lies.

    Every path that the call or the settings name is an input. Photographs and masks behind the index are not looked up,
    which would take a look at each: what is replaced is an artifact, a checkpoint or a table, and they are none.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def stage(*args: Stage.args, **kwargs: Stage.kwargs) -> Result:
        given = signature.bind(*args, **kwargs).arguments
        settings, output = given["settings"].model_dump(mode="json"), given["output"]
        inputs = [value for name, value in given.items() if name != "output"]
        check_stage_output(function.__name__, Path(output), Inputs(given_paths([settings, *inputs])))
        return function(*args, **kwargs)

    return stage


def check_stage_output(
    stage: str, output: Path, inputs: Inputs = NOTHING, *, attributes: dict[str, Any] | None = None
) -> None:
    """Refuse the output of a stage, or a table beside it, before anything is written.

    An artifact or a checkpoint is known by its stage, a table by its first line. The report refuses for itself: it
    keeps a record of its files.

    Args:
        stage: Name of the stage.
        output: Its artifact, checkpoint or file.
        inputs: The inputs of the run.
        attributes: Root attributes that an artifact must have to be replaced.

    Raises:
        InputError: In one line that says what lies there and what to do.
    """
    if output.suffix.lower() in PICTURES:
        raise InputError(f"{output}: has the name of a picture, and would be taken for one; choose another output")
    about = f"is no output of stage {stage} that can be read"
    suffix = Path(STAGES[stage].path).suffix
    known = {output: partial(_KNOWN[suffix], stage, attributes or {})}
    if STAGES[stage].network:
        known[output.with_name("metrics.json")] = partial(_is_json, stage, {})
    if stage == "saliency":
        known[whole_path(output).with_suffix(CHOICE)] = partial(_is_json, stage, {})
    for name, beginning in TABLES.get("train" if STAGES[stage].network else stage, {}).items():
        known[output.with_name(name)] = partial(begins_with, signature=beginning.encode())
    for target, recognise in known.items():
        check_target(target, inputs, partial(_is_own, recognise), foreign=about)


def _is_own(recognise: Callable[[Path], bool], path: Path) -> bool:
    """Recognise a file, but no link to one: this program makes no such links."""
    return not path.is_symlink() and recognise(path)


def _is_artifact(stage: str, attributes: dict[str, Any], path: Path) -> bool:
    try:
        with ArtifactReader(path, stage) as reader:
            found = reader.attributes
    except InputError:
        return False
    return all(found.get(name) == value for name, value in attributes.items())


def _is_checkpoint(stage: str, attributes: dict[str, Any], path: Path) -> bool:
    """Look for the names in a checkpoint's description, without loading it: that takes torch, and seconds."""
    try:
        with zipfile.ZipFile(path) as archive:
            name = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "")
            content = archive.read(name) if name else b""
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, EOFError):
        return False
    return all(word in content for word in (b"format_version", b"package_version", b"model_settings", stage.encode()))


def _is_json(stage: str, attributes: dict[str, Any], path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("stage") == stage


def _is_anything(stage: str, attributes: dict[str, Any], path: Path) -> bool:
    return True


_KNOWN: dict[str, Callable[[str, dict[str, Any], Path], bool]] = {
    ".h5": _is_artifact,
    ".ckpt": _is_checkpoint,
    ".json": _is_json,
    ".html": _is_anything,
}
"""How a file of a stage is known, by the suffix that its path has in the table of stages."""
