"""Wrong artifacts: copies of good ones, each with one thing that no stage may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wsss.store import ArtifactReader, ArtifactWriter

Item = tuple[np.ndarray, dict[str, Any]]


@dataclass
class Content:
    """An artifact in memory, to be spoiled: arrays with their attributes by kind and image, and tables."""

    attributes: dict[str, Any]
    arrays: dict[tuple[str, str], Item] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)

    def each(self, kind: str, change: Callable[[np.ndarray], np.ndarray], **attributes: Any) -> None:
        """Changes every array of a kind, and sets attributes of it; None removes one."""
        for key, (array, own) in list(self.arrays.items()):
            if key[0] == kind:
                kept = {name: value for name, value in {**own, **attributes}.items() if value is not None}
                self.arrays[key] = (change(array), kept)


def read(path: Path) -> Content:
    with ArtifactReader(path) as reader:
        content = Content(reader.attributes)
        for kind in reader.kinds():
            for image_id in reader.ids(kind):
                content.arrays[kind, image_id] = reader.read_with_attributes(kind, image_id)
        for name in (*reader.tables(), *reader.attributes.get("notes", [])):
            table = reader.table(name)
            content.tables[name] = table.tolist() if table.dtype == object else table
    return content


def write(content: Content, path: Path) -> None:
    stage, notes = content.attributes.pop("stage"), content.attributes.pop("notes", [])
    with ArtifactWriter(path, stage=stage, attributes=content.attributes) as artifact:
        for (kind, image_id), (array, attributes) in content.arrays.items():
            artifact.write(kind, image_id, array, **attributes)
        for name, table in content.tables.items():
            artifact.write_table(name, table, note=name in notes)


def _rename_class(content: Content) -> None:
    content.attributes["class_names"] = ["background", "aeroplane", "bicycle", "cat"]


def _another_class(content: Content) -> None:
    content.attributes["class_names"] = ["background", "aeroplane", "bicycle", "bird", "cat"]


def _no_classes(content: Content) -> None:
    del content.attributes["class_names"]


def _another_index(content: Content) -> None:
    content.attributes["inputs"] = {"index": "0123456789abcdef" * 2}


def _lose_image(content: Content) -> None:
    first = min(image_id for _, image_id in content.arrays)
    for key in [key for key in content.arrays if key[1] == first]:
        del content.arrays[key]


def _foreign_image(content: Content) -> None:
    content.attributes.pop("inputs", None)
    content.arrays |= {(kind, "nowhere"): item for (kind, _), item in content.arrays.items()}


def _rename_kind(content: Content) -> None:
    content.arrays = {(f"{kind}s", image_id): item for (kind, image_id), item in content.arrays.items()}


Damage = Callable[[Content], None]
HEADER: dict[str, Damage] = {
    "a class renamed": _rename_class,
    "a class more": _another_class,
    "another index": _another_index,
    "an image less": _lose_image,
    "an image of elsewhere": _foreign_image,
    "another kind": _rename_kind,
}


def _arrays(kind: str, change: Callable[[np.ndarray], np.ndarray], **attributes: Any) -> Damage:
    return lambda content: content.each(kind, change, **attributes)


def _maps(kind: str) -> dict[str, Damage]:
    """Damage to maps (H, W) uint8."""
    return {
        "1-D": _arrays(kind, np.ravel),
        "4-D": _arrays(kind, lambda array: array[None, None]),
        "colours": _arrays(kind, lambda array: np.stack([array] * 3, axis=-1)),
        "no pixel": _arrays(kind, lambda array: array[:0]),
        "negative": _arrays(kind, lambda array: -array.astype(np.int16) - 1),
        "floats": _arrays(kind, lambda array: array.astype(np.float32) / 255),
        "32 bits": _arrays(kind, lambda array: array.astype(np.int32)),
        "on its side": _arrays(kind, lambda array: np.ascontiguousarray(array.T)),
        "a row less": _arrays(kind, lambda array: array[1:]),
    }


def _same(array: np.ndarray) -> np.ndarray:
    return array


def _filled(value: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: np.full_like(array, value)


def _doubled(array: np.ndarray) -> np.ndarray:
    return np.concatenate([array[:1], array[:1]])


CAMS: dict[str, Damage] = {
    "2-D": _arrays("cams", lambda array: array[0]),
    "4-D": _arrays("cams", lambda array: array[None]),
    "no pixel": _arrays("cams", lambda array: array[:, :0]),
    "bytes": _arrays("cams", lambda array: (array * 255).astype(np.uint8)),
    "nan": _arrays("cams", _filled(np.nan)),
    "infinite": _arrays("cams", _filled(np.inf)),
    "negative": _arrays("cams", _filled(-0.5)),
    "above 1": _arrays("cams", _filled(2)),
    "64 bits above 1": _arrays("cams", lambda array: np.full(array.shape, 1e300)),
    "larger than the photograph": _arrays("cams", lambda array: np.zeros((len(array), 300, 300), np.float16)),
    "no class": _arrays("cams", _same, classes=None),
    "class 0": _arrays("cams", lambda array: array[:1], classes=np.array([0], np.uint8)),
    "class 250": _arrays("cams", lambda array: array[:1], classes=np.array([250], np.uint8)),
    "a class twice": _arrays("cams", _doubled, classes=np.array([1, 1], np.uint8)),
    "classes as text": _arrays("cams", lambda array: array[:1], classes=np.array([b"bird"])),
    "a plane more": _arrays("cams", lambda array: np.concatenate([array, array])),
    "absent classes": _arrays("cams", lambda array: np.zeros((3, 4, 4), np.float16), classes=np.array([1, 2, 3])),
}


def _table(name: str, change: Callable[[Any], Any]) -> Damage:
    return lambda content: content.tables.update({name: change(content.tables[name])})


def _attribute(name: str, value: Any) -> Damage:
    return lambda content: content.attributes.update({name: value})


INDEX: dict[str, Damage] = {
    "no root": lambda content: content.attributes.pop("root"),
    "no classes": _attribute("class_names", ["background"]),
    "a class more": _another_class,
    "classes as a number": _attribute("class_names", 3),
    "an id twice": _table("ids", lambda ids: [ids[1], *ids[1:]]),
    "a path less": _table("paths", lambda paths: paths[1:]),
    "another split": _table("split", lambda split: ["test", *split[1:]]),
    "sizes of 0": _table("sizes", np.zeros_like),
    "sizes as floats": _table("sizes", lambda sizes: sizes.astype(np.float32)),
    "1-D labels": _table("labels", np.ravel),
    "labels of 7": _table("labels", lambda labels: labels + 7),
    "no table": lambda content: content.tables.pop("labels"),
    "stamps of another length": _table("stamps", lambda stamps: stamps[1:]),
}
LABELS = _maps("segmentation") | {"class 250": _arrays("segmentation", _filled(250))}
DAMAGE: dict[str, dict[str, Damage]] = {
    "index": INDEX,
    "saliency": {**HEADER, **_maps("saliency")},
    "cams": {**HEADER, "classes unsaid": _no_classes, **CAMS},
    "labels": {**HEADER, "classes unsaid": _no_classes, **LABELS},
    "predictions": {**HEADER, "classes unsaid": _no_classes, **LABELS},
}
"""Damage by what the artifact's stage makes."""
