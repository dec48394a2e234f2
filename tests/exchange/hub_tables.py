"""Data sets as Hugging Face's `datasets` 5.2 writes them, made by pyarrow alone: what is said of columns is its own."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.helpers import CLASSES, make_folder

IMAGE = {"_type": "Image"}
CLASS = {"names": list(CLASSES), "_type": "ClassLabel"}
TEXT = {"dtype": "string", "_type": "Value"}
NUMBER = {"dtype": "int64", "_type": "Value"}
FEATURES: dict[str, Any] = {"image": IMAGE, "labels": {"feature": CLASS, "_type": "List"}, "mask": IMAGE}
"""A photograph, its classes, its mask."""
Rows = list[dict[str, Any]]


def rows_of(folder: Path) -> dict[str, Rows]:
    """A tiny data set by split, of photographs with masks; `folder` gets it as a folder of files."""
    make_folder(folder, train=5, val=3)
    found: dict[str, Rows] = {"train": [], "validation": []}
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as table:
        for line in csv.DictReader(table):
            name = line["image"]
            mask = (folder / "masks" / name).with_suffix(".png").read_bytes()
            row = {
                "image": {"bytes": (folder / name).read_bytes(), "path": Path(name).name},
                "labels": [CLASSES.index(label) for label in line["label"].split(";")],
                "mask": {"bytes": mask, "path": None},
            }
            found["train" if line["split"] == "train" else "validation"].append(row)
    return found


def write_parquet(path: Path, rows: Rows, features: Mapping[str, Any] | None = FEATURES, schema: Any = None) -> Path:
    """A table as `push_to_hub` uploads it; without features, as other programs write it."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(_table(rows, features, schema), path, row_group_size=2)
    return path


def write_saved(folder: Path, rows: Rows, features: Mapping[str, Any] = FEATURES, files: int = 1) -> None:
    """A folder as `Dataset.save_to_disk` writes it."""
    import pyarrow as pa

    folder.mkdir(parents=True, exist_ok=True)
    table = _table(rows, features)
    names = [f"data-{number:05d}-of-{files:05d}.arrow" for number in range(files)]
    each = -(-len(rows) // files)
    for number, name in enumerate(names):
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table.slice(number * each, each), max_chunksize=2)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "f6ce216add38a152", "_split": None}
    (folder / "state.json").write_text(json.dumps(state, indent=2))
    (folder / "dataset_info.json").write_text(json.dumps({"features": dict(features)}, indent=2))


def make_hub(root: Path, splits: Mapping[str, Rows], features: Mapping[str, Any] = FEATURES) -> Path:
    """A folder of tables as it is cloned from the Hub; the first split lies in two."""
    for number, (split, rows) in enumerate(splits.items()):
        parts = [rows[:2], rows[2:]] if number == 0 else [rows]
        for part, own in enumerate(parts):
            write_parquet(root / f"data/{split}-{part:05d}-of-{len(parts):05d}.parquet", own, features)
    (root / "README.md").write_text("---\ntask_categories:\n- image-classification\n---\n")
    return root


def make_saved(root: Path, splits: Mapping[str, Rows], features: Mapping[str, Any] = FEATURES) -> Path:
    """A folder as `DatasetDict.save_to_disk` writes it; the first split lies in two tables."""
    for number, (split, rows) in enumerate(splits.items()):
        write_saved(root / split, rows, features, files=1 if number else 2)
    (root / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
    return root


LAYOUTS = {"hub": make_hub, "saved": make_saved}


def _table(rows: Sequence[Mapping[str, Any]], features: Mapping[str, Any] | None, schema: Any = None) -> Any:
    import pyarrow as pa

    if features is None:
        return pa.Table.from_pylist(list(rows), schema=schema)
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    fields = [pa.field(name, _type(feature)) for name, feature in features.items()]
    return pa.Table.from_pylist(list(rows), schema=pa.schema(fields, metadata=about))


def _type(feature: Any) -> Any:
    """The type of Arrow that `datasets` stores a feature as."""
    import pyarrow as pa

    kind = feature.get("_type")
    if kind == "Image":
        return pa.struct({"bytes": pa.binary(), "path": pa.string()})
    if kind in ("List", "Sequence"):
        return pa.list_(_type(feature["feature"]))
    if kind is None:
        return pa.struct({name: _type(below) for name, below in feature.items()})
    return {"string": pa.string(), "float32": pa.float32()}.get(feature.get("dtype"), pa.int64())
