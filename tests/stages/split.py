"""Turns artifacts that are one file into artifacts of parts."""

from __future__ import annotations

from pathlib import Path

from wsss.pipeline.paths import part_path
from wsss.stages.parts import OF_A_PART, join_parts
from wsss.store import ArtifactReader, ArtifactWriter


def split(path: Path, parts: int) -> None:
    """Replaces an artifact by one of so many parts; image number n is in part n modulo `parts`."""
    with ArtifactReader(path) as whole:
        found = whole.attributes
        kept = {name: value for name, value in found.items() if name not in OF_A_PART | {"stage"}}
        for part in range(1, parts + 1):
            attributes = {**kept, "part": f"{part}/{parts}"}
            with ArtifactWriter(part_path(path, part, parts), stage=found["stage"], attributes=attributes) as artifact:
                for kind in whole.kinds():
                    for image_id in whole.ids(kind)[part - 1 :: parts]:
                        array, own = whole.read_with_attributes(kind, image_id)
                        artifact.write(kind, image_id, array, **own)
    path.unlink()
    join_parts(found["stage"], path, parts, {})
