"""Layers to draw over a photograph: one per kind of array in an artifact of a run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from wsss.errors import InputError
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.names import (
    MASKS,
    TRUE_MASKS,
    base_of,
    chain_of,
    label_words,
    method_order,
    model,
    product_of,
)
from wsss.pipeline.paths import IMPORTED, artifact_at, glob_of
from wsss.pipeline.stages import STAGES
from wsss.report.evaluations import title
from wsss.viewer.shelf import Shelf

PHOTOGRAPH, TRUTH, ERROR = "photograph", "truth", "error:"
"""Layers that no artifact holds; the key of an error map is `error:` and the key of the judged labels."""

LABELS, SALIENCY, CAMS = "segmentation", "saliency", "cams"
"""Kinds of arrays."""

SHOWN = (SALIENCY, CAMS, "labels", "predictions")
"""Kinds of artifacts that hold maps of images, in the order they are shown in."""


@dataclass(frozen=True)
class Layer:
    """One kind of map that images have.

    Attributes:
        key: Its name in addresses: branch and kind.
        kind: How it is drawn: `segmentation`, `saliency` or `cams`.
        array: Name of the arrays in the artifact: the kind, or the name of further label maps.
        title: Its name for people.
        branch: Folder of variant and seed; empty for shared artifacts and in a plain run.
        evaluated: Kind and name that `evaluate` gives it; for predictions the name without the split.
        files: The artifact of each split; `*` stands for all.
    """

    key: str
    kind: str
    array: str
    title: str
    branch: str
    evaluated: tuple[str, str]
    files: tuple[tuple[str, Path], ...]

    def file(self, split: str) -> Path | None:
        """Return the artifact that holds the images of a split."""
        files = dict(self.files)
        return files.get(split) or files.get("*")

    def numbers(self, split: str) -> tuple[str, str, str]:
        """Return the kind, name and split that the layer has in an evaluation."""
        kind, name = self.evaluated
        return kind, f"{split}/{name}" if kind == "predictions" else name, split


def find_layers(root: Path, shelf: Shelf) -> tuple[list[Layer], dict[str, str]]:
    """Find the layers of a run in the order of the pipeline, and the files that cannot be read, with the reason.

    Args:
        root: Folder of the run.
        shelf: Opens the artifacts.
    """
    found: dict[str, Layer] = {}
    problems: dict[str, str] = {}
    for path, artifact in sorted(_files(root), key=lambda item: _place(*item)):
        try:
            kinds, attributes = shelf.kinds(path), shelf.attributes(path)
        except InputError as error:
            problems[path.relative_to(root).as_posix()] = str(error)
            continue
        split = str(attributes.get("split") or "*")
        for array in (LABELS, CAMS, SALIENCY, *MASKS):
            if array in kinds:
                layer = _imported(path, array, split) if artifact is None else _layer(path, artifact, array, split)
                before = found.get(layer.key)
                if before is not None:
                    layer = replace(layer, files=(*before.files, *layer.files))
                found[layer.key] = layer
    return list(found.values()), problems


def _files(root: Path) -> Iterator[tuple[Path, Artifact | None]]:
    """Find the files with maps of images, each with its artifact; None for imported files."""
    places = [glob_of(name) for name, stage in STAGES.items() if stage.makes in SHOWN]
    for folder in [root, *sorted(root.glob("*/seed*"))]:
        for path in dict.fromkeys(path for place in places for path in folder.glob(place)):
            artifact = artifact_at(path.relative_to(root).as_posix())
            if artifact is not None and _inside(path, root):
                yield path, artifact
    for path in root.glob(f"{IMPORTED}/*.h5"):
        if _inside(path, root):
            yield path, None


def _inside(path: Path, root: Path) -> bool:
    """Return whether a path leads to a file of the run; a link may lead out of it."""
    return path.resolve().is_relative_to(root.resolve())


def _place(path: Path, artifact: Artifact | None) -> tuple[object, ...]:
    """Return the sort key: the order of the pipeline in each branch, shared layers first, imported last of these."""
    if artifact is None:
        return "", len(SHOWN), (), path.name
    labels = artifact.label_set if not artifact.model else getattr(model(artifact.model), "label_set", "")
    name = artifact.model or product_of(artifact)
    order = (
        base_of(labels) == TRUE_MASKS,
        method_order(name),
        # a method's own network comes before those that are trained on its labels
        bool(artifact.model and labels),
        _round(artifact),
        len(list(chain_of(labels))),
    )
    return artifact.branch, SHOWN.index(STAGES[artifact.stage].makes), order, path.as_posix()


def _round(artifact: Artifact) -> int:
    """Return the round that labels or a prediction come from, also through labels of labels; 0 for none."""
    if artifact.model:
        checkpoint = model(artifact.model)
        return 0 if checkpoint is None else _round(checkpoint)
    numbers = [item.round for item in chain_of(artifact.label_set)]
    return max([artifact.round, *numbers])


def _imported(path: Path, array: str, split: str) -> Layer:
    key, words = f"{IMPORTED}/{path.stem}", f"{path.stem} (imported)"
    evaluated = (IMPORTED, path.stem)
    return Layer(_keyed(key, array), _drawn(array), array, _words(words, array), "", evaluated, ((split, path),))


def _layer(path: Path, artifact: Artifact, array: str, split: str) -> Layer:
    makes, branch, files = STAGES[artifact.stage].makes, artifact.branch, ((split, path),)
    prefix = f"{branch}/" if branch else ""
    if makes in (SALIENCY, CAMS):
        words = title({"kind": makes, "name": makes})
        return Layer(f"{prefix}{makes}", _drawn(array), array, words, branch, (makes, makes), files)
    if makes == "predictions":
        name = f"{artifact.model}--{artifact.protocol}"
        about = {"kind": makes, "name": name, "model": artifact.model, "protocol_name": artifact.protocol}
        return Layer(f"{prefix}{makes}/{name}", _drawn(array), array, title(about), branch, (makes, name), files)
    name = product_of(artifact)
    measured_as = {LABELS: "labels", SALIENCY: "label_saliency"}.get(array, array)
    key, words = _keyed(f"{prefix}{makes}/{name}", array), _words(label_words(name), array)
    return Layer(key, _drawn(array), array, words, branch, (measured_as, name), files)


def _drawn(array: str) -> str:
    return LABELS if array in MASKS else array


def _keyed(name: str, array: str) -> str:
    return name if array == LABELS else f"{name}:{array}"


def _words(words: str, array: str) -> str:
    base = words.removesuffix(" labels")
    named = {LABELS: words, SALIENCY: f"{base} saliency", CAMS: f"{base} CAMs, refined"}
    return named.get(array) or f"{base} {MASKS[array]}"
