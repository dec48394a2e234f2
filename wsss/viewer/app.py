"""The server behind the page: it reads every answer from the run's folder when asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from PIL import Image

from wsss import __version__
from wsss.data.images import bounded_size, read_image
from wsss.errors import InputError
from wsss.ops.palette import PALETTES
from wsss.viewer.affinity import Networks, checkpoints
from wsss.viewer.layers import ERROR, LABELS, PHOTOGRAPH, TRUTH
from wsss.viewer.overview import confusion, overview
from wsss.viewer.pictures import ERRORS, LARGEST, encode, raw_map
from wsss.viewer.pipeline import Pipeline
from wsss.viewer.provenance import provenance
from wsss.viewer.run import Query as Images
from wsss.viewer.run import Run, Selection, Sort, as_json
from wsss.viewer.security import Guard, allowed_hosts

STATIC = Path(__file__).parent / "static"
PAGES = ("/", "/gallery", "/image", "/provenance")
FOREVER = "private, max-age=31536000, immutable"
"""Cache header of addresses that hold the version of their file."""
THUMBNAIL_SIDES = (160, 240, 320, 480)
Share = Annotated[float, Query(ge=0, lt=1)]


def make_app(
    folders: Sequence[Path], *, config: Path | None = None, listen: str = "127.0.0.1", hosts: Collection[str] = ()
) -> FastAPI:
    """Make the application.

    Args:
        folders: Folders of runs; the first one opens.
        config: Config file of the first run; None searches for it.
        listen: Address that the server listens on.
        hosts: Further host names that requests may use.

    Raises:
        InputError: If a folder is not there.
    """
    runs = _open(folders)
    pipelines = {key: Pipeline(run, config if place == 0 else None) for place, (key, run) in enumerate(runs.items())}
    networks = Networks()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for run in runs.values():
            run.close()

    app = FastAPI(title="wsss view", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_exception_handler(InputError, _said)
    app.include_router(_about_runs(runs, pipelines))
    app.include_router(_about_images(runs))
    app.include_router(_about_networks(runs, networks))
    for page in PAGES:
        app.add_api_route(page, _page, methods=["GET"], include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, hosts=allowed_hosts(listen, hosts))
    return app


def _open(folders: Sequence[Path]) -> dict[str, Run]:
    runs: dict[str, Run] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; give the folder of a run, results/RUN")
        name = key = folder.resolve().name
        number = 2
        while key in runs:
            key, number = f"{name}-{number}", number + 1
        runs[key] = Run(folder, key)
    return runs


def _page() -> Response:
    return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})


def _said(_: Request, error: Exception) -> Response:
    """Answer with an error that the user can mend, as one line."""
    return JSONResponse({"detail": str(error)}, status_code=404)


def _finder(runs: dict[str, Run]) -> Any:
    # `async`, so that it runs without a thread: a thread costs more than the look-up, and a page asks sixty times
    async def find(run: str) -> Run:
        if run not in runs:
            raise HTTPException(404, f"no run `{run}`, only {', '.join(runs)}")
        return runs[run]

    return Depends(find)


def _about_runs(runs: dict[str, Run], pipelines: dict[str, Pipeline]) -> APIRouter:
    router, found = APIRouter(prefix="/api"), _finder(runs)

    @router.get("/start")
    def start() -> dict[str, Any]:
        palettes = {name: palette().tolist() for name, palette in PALETTES.items()}
        errors = [{"name": name, "color": color} for name, color in ERRORS]
        names = [{"key": run.key, "name": run.name, "folder": str(run.root)} for run in runs.values()]
        return {"version": __version__, "runs": names, "palettes": palettes, "errors": errors}

    @router.get("/{run}/stages")
    def stages(run: Run = found) -> dict[str, Any]:
        return as_json(pipelines[run.key].stages())

    @router.get("/{run}/overview")
    def numbers(run: Run = found) -> dict[str, Any]:
        return overview(run)

    @router.get("/{run}/confusion")
    def matrix(kind: str, name: str, split: str, branch: str = "", run: Run = found) -> dict[str, Any]:
        return as_json(confusion(run, branch, kind, name, split))

    @router.get("/{run}/provenance")
    def sources(run: Run = found) -> list[dict[str, Any]]:
        return provenance(run)

    @router.get("/{run}/layers")
    def layers(run: Run = found) -> dict[str, Any]:
        dataset = run.dataset()
        listed = [
            {
                "key": layer.key,
                "kind": layer.kind,
                "title": layer.title,
                "branch": layer.branch,
                "splits": [split for split in dataset.splits if layer.file(split) is not None],
            }
            for layer in run.layers()
        ]
        return {
            "classes": list(dataset.class_names),
            "splits": {split: len(dataset.ids(split)) for split in dataset.splits},
            "masks": [split for split in dataset.splits if dataset.has_masks(split)],
            "layers": listed,
            "networks": checkpoints(run),
        }

    return router


async def _query(
    layer: str = PHOTOGRAPH,
    versus: str = "",
    split: str = "",
    label: Annotated[int, Query(ge=0, le=254)] = 0,
    text: str = "",
    sort: Sort = "list",
    down: bool = False,
) -> Images:
    return Images(layer, versus, split, label, text, sort, down)


IMAGES: Any = Depends(_query)


def _about_images(runs: dict[str, Run]) -> APIRouter:
    router, found = APIRouter(prefix="/api"), _finder(runs)

    @router.get("/{run}/gallery")
    def gallery(
        page: Annotated[int, Query(ge=1)] = 1,
        size: Annotated[int, Query(ge=1, le=240)] = 60,
        query: Images = IMAGES,
        run: Run = found,
    ) -> dict[str, Any]:
        selection = _selected(run, query)
        pages = max(1, -(-len(selection.ids) // size))
        page = min(page, pages)
        items = [_item(run, query, selection, i) for i in selection.ids[(page - 1) * size : page * size]]
        about = {"page": page, "pages": pages, "total": len(selection.ids)}
        return as_json({**about, "share": selection.share, "note": selection.note, "items": items})

    @router.get("/{run}/thumbnail")
    def thumbnail(
        layer: str, image: str, side: int = 240, palette: str = "voc", v: str = "", run: Run = found
    ) -> Response:
        side = min(THUMBNAIL_SIDES, key=lambda known: abs(known - side))
        picture = run.thumbnail(layer, image, side=side, palette=palette if palette in PALETTES else "voc")
        if picture is None:
            raise HTTPException(404, f"layer `{layer}` has no image `{image}`")
        return Response(picture, media_type="image/jpeg", headers={"cache-control": FOREVER if v else "no-cache"})

    @router.get("/{run}/image")
    def image(image: str, query: Images = IMAGES, run: Run = found) -> dict[str, Any]:
        return as_json(_about_image(run, query, image))

    @router.get("/{run}/photograph")
    def photograph(image: str, run: Run = found) -> Response:
        dataset = run.dataset()
        pixels = read_image(dataset.image_path(image), max_side=LARGEST, reading=dataset.reading)
        picture = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
        return Response(encode(picture), media_type="image/jpeg", headers={"cache-control": "no-cache"})

    @router.get("/{run}/map")
    def values(layer: str, image: str, v: str = "", run: Run = found) -> Response:
        array, kind, classes = run.array(layer, image)
        if array is None:
            raise HTTPException(404, f"layer `{layer}` has no image `{image}`")
        made = raw_map(array, kind, classes)
        headers = {
            "content-encoding": "gzip",
            "cache-control": FOREVER if v else "no-cache",
            "x-shape": f"{made.planes},{made.height},{made.width}",
            "x-classes": ",".join(map(str, made.classes)),
            "x-kind": kind,
        }
        return Response(made.content, media_type="application/octet-stream", headers=headers)

    return router


def _selected(run: Run, query: Images) -> Selection:
    if query.label > run.dataset().num_classes:
        raise InputError(f"class {query.label} is not among the {run.dataset().num_classes} of this run")
    return run.select(query)


def _item(run: Run, query: Images, selection: Selection, image_id: str) -> dict[str, Any]:
    dataset, split = run.dataset(), run.split_of(image_id)
    height, width = dataset.size(image_id)
    versions = {key: run.version(key, split) for key in (query.layer, query.versus) if key}
    return {
        "id": image_id,
        "split": split,
        "width": width,
        "height": height,
        "classes": (np.flatnonzero(dataset.image_labels(image_id)) + 1).tolist(),
        "values": selection.values.get(image_id, {}),
        "versions": versions,
    }


def _about_image(run: Run, query: Images, image_id: str) -> dict[str, Any]:
    """Describe an image: its layers with their numbers, and its neighbours in the gallery. Sends no maps."""
    dataset, split = run.dataset(), run.split_of(image_id)
    height, width = dataset.size(image_id)
    truth = dataset.has_mask(image_id)
    layers = []
    for layer in run.layers():
        path = layer.file(split)
        if path is None or not run.shelf.has(path, layer.array, image_id):
            continue
        values = run.measured(layer, split, wait=False)[0].get(image_id, {})
        described = {"key": layer.key, "kind": layer.kind, "title": layer.title, "branch": layer.branch}
        version = run.version(layer.key, split)
        layers.append({**described, "values": values, "version": version})
        if truth and layer.kind == LABELS:
            errors = {"key": ERROR + layer.key, "kind": "error", "title": f"errors: {layer.title}"}
            layers.append({**described, **errors, "values": {}, "version": version})
    if truth:
        version = run.version(TRUTH, split)
        layers.append({"key": TRUTH, "kind": LABELS, "title": "truth", "branch": "", "values": {}, "version": version})
    ids = _selected(run, query).ids
    place = ids.index(image_id) if image_id in ids else -1
    return {
        "id": image_id,
        "split": split,
        "size": [height, width],
        "shown_size": bounded_size((height, width), LARGEST),
        "file": dataset.image_path(image_id).name,
        "classes": (np.flatnonzero(dataset.image_labels(image_id)) + 1).tolist(),
        "layers": layers,
        "networks": checkpoints(run),
        "place": place + 1,
        "total": len(ids),
        "previous": ids[place - 1] if place > 0 else None,
        "next": ids[place + 1] if 0 <= place < len(ids) - 1 else None,
    }


def _about_networks(runs: dict[str, Run], networks: Networks) -> APIRouter:
    router, found = APIRouter(prefix="/api"), _finder(runs)

    @router.get("/{run}/affinity")
    def affinity(image: str, network: str, x: Share, y: Share, run: Run = found) -> dict[str, Any]:
        run.split_of(image)
        kin = networks.kin(run, network, image, (y, x))
        maps = {"row": kin.row, "unary": kin.unary}
        return as_json({"position": kin.position, **{name: _scaled(array) for name, array in maps.items()}})

    return router


def _scaled(array: np.ndarray | None) -> dict[str, Any] | None:
    """Scale a map to 256 steps of its largest value, and add that value."""
    if array is None:
        return None
    top = float(array.max())
    steps = (array.clip(min=0) / max(top, 1e-12) * 255).round().astype(np.uint8)
    return {"shape": array.shape, "largest": top, "values": steps.ravel().tolist()}


__all__ = ["make_app"]
