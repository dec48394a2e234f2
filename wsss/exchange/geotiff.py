"""Label maps as GeoTIFFs that lie where their photographs do, for programs that draw maps."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence

from wsss.data.georeference import NOWHERE, georeferences, geotiff, is_placed
from wsss.errors import InputError
from wsss.exchange.sources import LabelMaps
from wsss.ops.palette import voc_palette
from wsss.outputs import OutputFolder
from wsss.progress import Progress

logger = logging.getLogger(__name__)


def export_geotiff(maps: Sequence[LabelMaps], output: OutputFolder) -> int:
    """Write `SPLIT/ID.tif`, label maps with VOC's palette and 255 as nodata, and `classes.txt`.

    Each lies where its photograph does; a photograph that says nothing of it gives a TIFF that says nothing either.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If rasterio is not installed, a file must not be written, or a photograph is missing or has changed
            since the index was written, before any is. Also if a label map has another size than its photograph.
    """
    if importlib.util.find_spec("rasterio") is None:
        raise InputError("GeoTIFFs need rasterio, which is not installed: pip install 'wsss[geo]'")
    root, classes = output.folder, output.folder / "classes.txt"
    output.check([classes, *(root / part.split / f"{image_id}.tif" for part in maps for image_id in part.ids)])
    found = [georeferences({name: part.dataset.unchanged_path(name) for name in part.ids}) for part in maps]
    for part, places in zip(maps, found, strict=True):
        with Progress(f"export {part.split}", len(part.ids)) as progress:
            for image_id, labels in part:
                content = geotiff(labels, places.get(image_id, NOWHERE), voc_palette())
                output.write_bytes(root / part.split / f"{image_id}.tif", content)
                progress.advance()
    output.write_text(classes, "".join(f"{name}\n" for name in maps[0].dataset.class_names))
    return sum(len(part.ids) for part in maps)


def say_what_is_lost(maps: Sequence[LabelMaps]) -> None:
    """Warn, of any other form, that label maps lose where their photographs lie."""
    paths = (part.dataset.image_path(image_id) for part in maps for image_id in part.ids)
    path = next(filter(is_placed, paths), None)
    if path is not None:
        logger.warning("%s: has a georeference, which this form does not keep; `--format geotiff` does", path)
