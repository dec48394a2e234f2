"""Import label maps and CAMs of other programs as artifacts, for stages, evaluation and viewer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.images import read_mask
from wsss.data.inputs import dataset_inputs
from wsss.errors import InputError
from wsss.pipeline.names import LABEL_STAGES
from wsss.progress import track
from wsss.stages.artifact import provenance
from wsss.stages.outputs import check_stage_output
from wsss.store import ArtifactWriter
from wsss.system_errors import said_of

PROTOCOL = "imported"


def import_labels(folder: Path, *, index: Path, output: Path, split: str = "train") -> int:
    """Make an artifact of label maps from PNG files named `ID.png`.

    Maps of `train` become labels to train on. Maps of other splits become predictions.

    Args:
        folder: Holds the files: indexed or grey PNGs. Values are the classes of the index; 255 is ignored.
        index: Artifact of stage `index`.
        output: The artifact; the viewer finds it in `results/RUN/imported/`.
        split: Split of the images.

    Returns:
        How many images it holds.

    Raises:
        InputError: If files are missing, damaged, of another size than the photograph, or hold other values.
    """
    dataset = load_dataset(index)
    files = _files(folder, dataset, split, ".png")
    # imported labels come from no stage; the first stage that makes labels stands in for one
    stage = LABEL_STAGES[0] if split == "train" else "predict"
    _check_output(stage, output, dataset, folder, files)
    attributes = _attributes(stage, folder, index, dataset, split, output)
    with ArtifactWriter(output, stage=stage, attributes=attributes) as artifact:
        for image_id, path in track(files.items(), "import", len(files)):
            labels = read_mask(path)
            if labels.shape != dataset.size(image_id):
                raise InputError(f"{path}: is {_size(labels.shape)}, the photograph is {_size(dataset.size(image_id))}")
            wrong = labels[(labels > dataset.num_classes) & (labels != dataset.ignore_index)]
            if wrong.size:
                raise InputError(
                    f"{path}: holds the value {wrong[0]}, the index has classes 0 to {dataset.num_classes} and "
                    f"{dataset.ignore_index}"
                )
            if not dataset.background and not labels.all():
                raise InputError(f"{path}: holds the value 0, but the index has no background; write 255 or a class")
            artifact.write("segmentation", image_id, labels)
    return len(files)


def import_cams(folder: Path, *, index: Path, output: Path, trust: bool, split: str = "train") -> int:
    """Make an artifact of CAMs from the `ID.npy` files of AffinityNet (PSA) or IRN.

    A file holds a dictionary: class (from 0, without background) -> (h, w); or `keys`, with `cam` or `high_res`
    (K, h, w). Each plane is divided by its maximum; classes that the image-level labels do not name are left out.

    Args:
        folder: Holds the files.
        index: Artifact of stage `index`.
        output: The artifact.
        trust: Open the files although they are pickles.
        split: Split of the images.

    Returns:
        How many images it holds.

    Raises:
        InputError: If files are not trusted, missing, or not understood.
    """
    if not trust:
        raise InputError(
            f"{folder}: dictionaries in .npy files are pickles, and opening a pickle can run any program hidden in it; "
            "pass --trust-pickles for files whose origin you know"
        )
    dataset = load_dataset(index)
    files = _files(folder, dataset, split, ".npy")
    _check_output("cams", output, dataset, folder, files)
    attributes = _attributes("cams", folder, index, dataset, split, output)
    with ArtifactWriter(output, stage="cams", attributes=attributes) as artifact:
        for image_id, path in track(files.items(), "import", len(files)):
            planes = _planes(path, dataset)
            present = [int(value) + 1 for value in np.flatnonzero(dataset.image_labels(image_id))]
            classes = [value for value in present if value in planes]
            if len(classes) < len(present):
                lacking = dataset.class_names[next(value for value in present if value not in planes)]
                raise InputError(f"{path}: has no CAM of `{lacking}`, which the image-level labels name")
            cams = np.stack([_normalised(planes[value]) for value in classes]) if classes else np.zeros((0, 1, 1))
            artifact.write("cams", image_id, cams.astype(np.float16), classes=np.array(classes, np.uint8))
    return len(files)


def _check_output(stage: str, output: Path, dataset: Dataset, folder: Path, files: Mapping[str, Path]) -> None:
    """Let nothing be replaced but what was imported from a folder of this name: not the run's own artifacts."""
    inputs = dataset_inputs(dataset, [folder, *files.values()])
    check_stage_output(stage, output, inputs, attributes={"imported_from": folder.name})


def _files(folder: Path, dataset: Dataset, split: str, suffix: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds ID{suffix} files")
    files = {image_id: folder / f"{image_id}{suffix}" for image_id in dataset.ids(split)}
    missing = [path for path in files.values() if not path.is_file()]
    if missing:
        raise InputError(
            f"{folder}: {len(missing)} of {len(files)} images of split {split} have no file there, the first is "
            f"{missing[0].name}"
        )
    return files


def _attributes(stage: str, folder: Path, index: Path, dataset: Dataset, split: str, output: Path) -> dict[str, Any]:
    attributes = provenance(stage, None, {"index": index}, RunContext())
    attributes |= {"class_names": list(dataset.class_names), "split": split, "imported_from": folder.name}
    if stage == "predict":
        attributes |= {"model": output.stem, "protocol": PROTOCOL}
    return attributes


def _planes(path: Path, dataset: Dataset) -> dict[int, np.ndarray]:
    """Read a file: label value -> (h, w) float32."""
    try:
        content = np.load(path, allow_pickle=True)
        content = content.item() if isinstance(content, np.ndarray) and content.shape == () else content
        found = _by_value(path, content)
    except InputError:
        raise
    except ModuleNotFoundError as error:
        raise InputError(f"{path}: was written with the package {error.name}, which is not installed here") from None
    except (Exception, SystemExit) as error:  # a pickle runs what it likes, and raises it
        reason = said_of(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: cannot be read ({' '.join(reason.split())[:120]}); replace the file") from None
    wrong = [value for value in found if not 1 <= value <= dataset.num_classes]
    if wrong:
        raise InputError(f"{path}: names class {wrong[0] - 1}, the index has {dataset.num_classes} classes, from 0 on")
    if any(plane.ndim != 2 or not plane.size for plane in found.values()):
        raise InputError(f"{path}: its maps are not all (h, w)")
    if len({plane.shape for plane in found.values()}) > 1:
        raise InputError(f"{path}: its maps are not all of one size")
    return found


def _by_value(path: Path, content: Any) -> dict[int, np.ndarray]:
    """Bring either form of a dictionary to label value -> map (float32)."""
    if isinstance(content, Mapping) and "keys" in content and ("high_res" in content or "cam" in content):
        name = "high_res" if "high_res" in content else "cam"
        keys, stack = np.asarray(content["keys"]).ravel(), np.asarray(content[name], np.float32)
        if stack.ndim != 3 or len(keys) != len(stack):
            raise InputError(
                f"{path}: `{name}` is {_size(stack.shape)}, expected one plane for each of {len(keys)} keys"
            )
        return {int(key) + 1: plane for key, plane in zip(keys, stack, strict=True)}
    if isinstance(content, Mapping) and all(isinstance(key, int | np.integer) for key in content):
        return {int(key) + 1: np.asarray(plane, np.float32) for key, plane in content.items()}
    raise InputError(f"{path}: holds neither class -> map nor `keys` with `cam` or `high_res`; see --help")


def _normalised(plane: np.ndarray) -> np.ndarray:
    plane = np.nan_to_num(plane).clip(min=0)
    return plane / max(float(plane.max()), 1e-5)


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
