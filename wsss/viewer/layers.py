"""What can be drawn over a photograph: one layer per kind of array in an artifact of a run."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wsss.errors import InputError
from wsss.plan.artifacts import SEGMENTER_PREFIX, round_of
from wsss.report.evaluations import label_words, title
from wsss.report.gallery import ONLINE_MASKS
from wsss.viewer.shelf import Shelf

PHOTOGRAPH, TRUTH, ERROR = "photograph", "truth", "error:"
"""Layers that no artifact holds; an error map is `error:` and the key of the labels that it judges."""

LABELS, SALIENCY, CAMS = "segmentation", "saliency", "cams"
"""Kinds of arrays."""

_BRANCH = r"(?P<branch>(?:(?!imported/)[^/]+/seed\d+/)?)"
_PATTERNS = (
    (r"saliency\.h5", "saliency", SALIENCY),
    (_BRANCH + r"cams\.h5", "cams", CAMS),
    (_BRANCH + r"auxsegnet/round(?P<round>\d+)/labels\.h5", "labels", LABELS),
    (_BRANCH + r"(?P<aalr>aalr)/labels\.h5", "labels", LABELS),
    (_BRANCH + r"segmenter/(?P<method>[^/]+)/labels\.h5", "labels", LABELS),
    (_BRANCH + r"predictions/(?P<split>[^/]+)/(?P<model>.+)--(?P<protocol>[^/]+)\.h5", "predictions", LABELS),
    (r"imported/(?P<imported>[^/]+)\.h5", "imported", LABELS),
)
"""Artifacts with arrays per image, below the folder of a run."""


@dataclass(frozen=True)
class Layer:
    """One kind of map that images have.

    Attributes:
        key: Its name in addresses: the branch and what it is.
        kind: How it is drawn: `segmentation`, `saliency` or `cams`.
        array: Name of the arrays in the artifact: the kind, or of AA&LR also the masks that it made on the way.
        title: For people.
        branch: Folder of variant and seed; empty for what is shared or in a plain run.
        evaluated: Kind and name under which `evaluate` knows it; of predictions the name without the split.
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
        """The artifact that holds the images of a split."""
        files = dict(self.files)
        return files.get(split) or files.get("*")

    def numbers(self, split: str) -> tuple[str, str, str]:
        """Kind, name and split under which its numbers stand in an evaluation."""
        kind, name = self.evaluated
        return kind, f"{split}/{name}" if kind == "predictions" else name, split


def find_layers(root: Path, shelf: Shelf) -> tuple[list[Layer], dict[str, str]]:
    """The layers of a run in the order of the pipeline, and what is wrong with files that cannot be read.

    Args:
        root: Folder of the run.
        shelf: Opens the artifacts.
    """
    found: dict[str, Layer] = {}
    problems: dict[str, str] = {}
    for path, match, what in sorted(_files(root), key=lambda item: _place(item[1], item[2])):
        try:
            kinds = shelf.kinds(path)
            attributes = shelf.attributes(path)
        except InputError as error:
            problems[path.relative_to(root).as_posix()] = str(error)
            continue
        for array in (LABELS, CAMS, SALIENCY, *ONLINE_MASKS):
            if array in kinds:
                layer = _layer(path, match, what, array, str(attributes.get("split") or "*"))
                before = found.get(layer.key)
                if before is not None:
                    layer = Layer(**{**layer.__dict__, "files": (*before.files, *layer.files)})
                found[layer.key] = layer
    return list(found.values()), problems


def _files(root: Path) -> Iterator[tuple[Path, re.Match[str], str]]:
    folders = [root, *sorted(root.glob("*/seed*"))]
    places = (
        "*.h5",
        "auxsegnet/round*/labels.h5",
        "aalr/labels.h5",
        "segmenter/*/labels.h5",
        "predictions/*/*.h5",
        "imported/*.h5",
    )
    for folder in folders:
        for place in places:
            for path in folder.glob(place):
                name = path.relative_to(root).as_posix()
                for pattern, what, _ in _PATTERNS:
                    match = re.fullmatch(pattern, name)
                    # a link that leads out of the run is none of its files
                    if match and path.resolve().is_relative_to(root.resolve()):
                        yield path, match, what
                        break


def _place(match: re.Match[str], what: str) -> tuple[object, ...]:
    """The order of the pipeline within a branch; what is shared comes first."""
    parts = match.groupdict()
    stages = ("saliency", "cams", "labels", "predictions", "imported")
    name = str(parts.get("model") or parts.get("method") or "")
    base = name.removeprefix(SEGMENTER_PREFIX).split("_self")[0]
    number = int(parts["round"]) if parts.get("round") else round_of(base)
    if parts.get("aalr") or base == "aalr":
        # what is AA&LR's comes after that of every round
        number = sys.maxsize
    trained_on_round = name.startswith(SEGMENTER_PREFIX) and number is not None
    return (
        parts.get("branch") or "",
        stages.index(what),
        (
            base == "masks",
            number == sys.maxsize,
            number is not None and number >= 0 and bool(name),
            trained_on_round,
            number or 0,
        ),
        name.count("_self"),
        match.string,
    )


def _layer(path: Path, match: re.Match[str], what: str, array: str, split: str) -> Layer:
    parts = {name: value or "" for name, value in match.groupdict().items()}
    branch = parts.get("branch", "").rstrip("/")
    prefix = f"{branch}/" if branch else ""
    kind = LABELS if array in ONLINE_MASKS else array
    files = ((split, path),)
    if what in ("saliency", "cams"):
        words = "saliency" if what == "saliency" else "CAMs"
        return Layer(f"{prefix}{what}", kind, array, words, branch, (what, what), files)
    if what == "imported":
        name, words = f"imported/{parts['imported']}", f"{parts['imported']} (imported)"
        return Layer(_keyed(name, array), kind, array, _words(words, array), "", ("imported", parts["imported"]), files)
    if what == "predictions":
        name = f"{parts['model']}--{parts['protocol']}"
        words = title(
            {"kind": what, "name": name, "split": split, "model": parts["model"], "protocol_name": parts["protocol"]}
        )
        return Layer(f"{prefix}predictions/{name}", kind, array, words, branch, (what, name), files)
    if parts.get("round"):
        name = f"auxsegnet_round{int(parts['round'])}" if int(parts["round"]) else "seeds"
    else:
        name = parts.get("aalr") or f"{parts['method']}_self"
    measured_as = {LABELS: "labels", SALIENCY: "label_saliency"}.get(array, array)
    words = _words(label_words(name), array)
    return Layer(_keyed(f"{prefix}labels/{name}", array), kind, array, words, branch, (measured_as, name), files)


def _keyed(name: str, array: str) -> str:
    return name if array == LABELS else f"{name}:{array}"


def _words(words: str, array: str) -> str:
    base = words.removesuffix(" labels")
    named = {LABELS: words, SALIENCY: f"{base} saliency", CAMS: f"{base} CAMs, refined"}
    return named.get(array) or f"{base} {ONLINE_MASKS[array]}"
