"""Artifacts as earlier versions of the package wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from wsss.checksums import content_sum, table_bytes
from wsss.store import ArtifactReader
from wsss.store.layout import CHECKSUM, attributes_of, root_sum, set_attribute
from wsss.store.sums import CHECKSUMS


def as_version_2(path: Path, *, any_length: bool = False) -> None:
    """Gives a file the checksums of format version 2: JSON, those of texts over their JSON too.

    With `any_length`, texts have no fixed length, as in the first files of that version.
    """
    with ArtifactReader(path) as reader:
        sums = reader.sums()
        assert sums is not None
        rows: dict[str, Any] = {
            name.decode(): sums[name.decode()] for run in sums.runs() for name in run["name"].tolist()
        }
        texts = {name: reader.table(name) for name in reader.tables() if reader.table(name).dtype == object}
    rows = {name: [item.content, item.attributes, int(item.packed)] for name, item in rows.items()}
    for name, table in texts.items():
        rows[f"tables/{name}"][0] = content_sum(f"tables/{name}", table.shape, "", table_bytes(table.tolist()))
    packed = np.frombuffer(json.dumps(rows, separators=(",", ":")).encode(), np.uint8)
    with h5py.File(path, "a") as file:
        for name, table in texts.items() if any_length else ():
            del file[f"tables/{name}"]
            file.create_dataset(f"tables/{name}", data=table, dtype=h5py.string_dtype())
        del file[CHECKSUMS], file.attrs[CHECKSUM]
        file[CHECKSUMS] = packed
        file.attrs["format_version"] = 2
        content = content_sum(CHECKSUMS, packed.shape, str(packed.dtype), packed.tobytes())
        set_attribute(file, CHECKSUM, root_sum(content, attributes_of(file)))
