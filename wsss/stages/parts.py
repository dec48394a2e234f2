"""Make an artifact in parts: one call per part, anywhere, and one that puts them together without copying an array.

Which images a part has follows from the index alone, never from the machine: calls on several machines agree.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import numpy as np

from wsss.context import RunContext
from wsss.data.dataset import Dataset
from wsss.data.image_ids import ImageIds
from wsss.errors import InputError
from wsss.pipeline.paths import part_path, parts_beside, parts_folder
from wsss.stages.artifact import fingerprint
from wsss.state import StageState
from wsss.store import ArtifactReader, ArtifactWriter, rebuild_hint

BLOCK = 16
"""Images of one size that stay together: batches of 1, 2, 4, 8 or 16 images are the same in any number of parts."""
OF_A_PART = {"part", "checksum", "created", "fingerprint", "format_version", "images_fingerprint", "package_version"}
"""Root attributes that the artifact does not take over from its parts."""
MAY_DIFFER = {*OF_A_PART, "git_commit"}

Stage = ParamSpec("Stage")


def own_images(dataset: Dataset, image_ids: ImageIds, context: RunContext) -> ImageIds:
    """Return the images that this call makes, in the order given: all of them, or those of its part.

    Images of one size stay together in blocks, which are dealt out so that parts have about as many pixels.

    Args:
        dataset: Knows the sizes.
        image_ids: All images of the artifact.
        context: Says which part this call makes.
    """
    if not context.part:
        return image_ids
    of_size: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, image_id in enumerate(image_ids):
        of_size[dataset.network_size(image_id)].append(place)
    pixels, own = [0] * context.parts, np.zeros(len(image_ids), bool)
    for (height, width), members in of_size.items():
        for start in range(0, len(members), BLOCK):
            block = members[start : start + BLOCK]
            part = pixels.index(min(pixels))
            pixels[part] += len(block) * height * width
            if part == context.part - 1:
                own[block] = True
    return image_ids.where(own)


def in_parts(function: Callable[Stage, None]) -> Callable[Stage, None]:
    """Let the function of a stage make a part of its artifact, or put the parts together, as the context says.

    Raises:
        InputError: If the output of a part is not named as parts are; see also `join_parts`.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def stage(*args: Stage.args, **kwargs: Stage.kwargs) -> None:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        values = given.arguments
        context, output = values["context"], Path(values["output"])
        if context.joins:
            join_parts(function.__name__, output, context.parts, values)
            return
        if context.part:
            _check_name(output, context)
        function(*args, **kwargs)
        if not context.part:
            _remove_parts(function.__name__, output, keep=())

    return stage


def join_parts(stage: str, output: Path, parts: int, inputs: Mapping[str, Any]) -> None:
    """Write an artifact of its parts, which lie in the folder of parts beside it.

    Args:
        stage: The stage.
        output: The artifact.
        parts: Their number. Parts of another number, of before, are removed.
        inputs: Inputs of the stage by name; values that are no paths are left out.

    Raises:
        InputError: If a part is missing, damaged, or was made of other inputs or settings than the others.
    """
    paths = [part_path(output, number, parts) for number in range(1, parts + 1)]
    attributes = _common_attributes(stage, paths, parts)
    _check_inputs(paths[0], attributes.get("inputs"), inputs)
    with StageState(output, {"stage": stage, "parts": parts}) as state:
        with ArtifactWriter(output, stage=stage, attributes=attributes) as artifact:
            for path in paths:
                artifact.link_from(path)
        state.finish()
    _remove_parts(stage, output, keep=paths)


def _check_name(output: Path, context: RunContext) -> None:
    folder = parts_folder(Path("NAME.h5")).name
    expected = part_path(Path("NAME.h5"), context.part, context.parts).name
    if output.name != expected or output.parent.suffix != Path(folder).suffix:
        raise InputError(
            f"{output}: part {context.part} of {context.parts} of an artifact NAME.h5 is {folder}/{expected}; "
            "choose this output"
        )


def _common_attributes(stage: str, paths: Sequence[Path], parts: int) -> dict[str, Any]:
    """Return the root attributes that all parts share; refuse parts of different artifacts."""
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise InputError(
            f"{missing[0]}: this part is missing ({len(missing)} of {parts} are); make it with `wsss run CONFIG "
            f"{missing[0]}`, or by the command of {stage} with --shards {paths.index(missing[0]) + 1}/{parts}"
        )
    common: dict[str, Any] = {}
    for number, path in enumerate(paths, start=1):
        with ArtifactReader(path, stage) as reader:
            found = reader.attributes
        if found.get("part") != f"{number}/{parts}":
            raise InputError(f"{path}: is not part {number} of {parts} of an artifact; {rebuild_hint(path)}")
        common = common or found
        other = [name for name in sorted({*common, *found} - MAY_DIFFER) if common.get(name) != found.get(name)]
        if other:
            raise InputError(
                f"{path}: belongs to another artifact than {paths[0].name} ({', '.join(other)} differ); make all parts "
                f"of the same: {rebuild_hint(path)}"
            )
    return {name: value for name, value in common.items() if name not in OF_A_PART}


def _check_inputs(part: Path, recorded: Any, inputs: Mapping[str, Any]) -> None:
    """Refuse parts that were made of other files than the call names."""
    for name, path in inputs.items():
        made_from = recorded.get(name) if isinstance(recorded, Mapping) else None
        if isinstance(path, Path) and made_from is not None and made_from != fingerprint(path):
            raise InputError(f"{part}: was made from another {name} than {path}; {rebuild_hint(part)}")


def _remove_parts(stage: str, output: Path, *, keep: Collection[Path]) -> None:
    """Remove the parts of this artifact, and their states, that no artifact is made of any more."""
    for path in parts_beside(output):
        if path not in keep and _is_part(stage, path):
            path.unlink(missing_ok=True)
        if path not in keep and not path.exists():
            # its state goes, unless a process is making this part just now
            with suppress(InputError), StageState(path, {"stage": stage}):
                pass
    with suppress(OSError):
        parts_folder(output).rmdir()


def _is_part(stage: str, path: Path) -> bool:
    try:
        with ArtifactReader(path, stage) as reader:
            return not path.is_symlink() and "part" in reader.attributes
    except InputError:
        return False
