"""The commands. Run `wsss --help`, `wsss cams --help`, ..."""

from __future__ import annotations

from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Annotated

import typer

from wsss import __version__
from wsss.cli.exchange import add_exchange
from wsss.cli.options import RESULTS, Index, Output, StageCall, named_paths, stage_command
from wsss.cli.stages import add_stages
from wsss.cli.tools import add_tools
from wsss.config import Protocol

app = typer.Typer(
    help="Train segmentation networks from image-level labels (weakly supervised semantic segmentation). "
    "`wsss init PHOTOS` writes a config, `wsss run CONFIG` runs the whole pipeline. "
    "No command replaces a file that this program did not write, or an input.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

SaliencyFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Artifact of stage saliency.")]
NamedLabels = Annotated[list[str], typer.Option(metavar="NAME=FILE", help="A label set; repeat for more.")]
NamedPredictions = Annotated[list[str], typer.Option(metavar="NAME=FILE", help="Predictions; repeat for more.")]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"wsss {__version__}")
        raise typer.Exit


add_tools(app)
add_stages(app, but=("predict", "evaluate", "report"))


@stage_command(app, RESULTS)
def predict(
    call: StageCall,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Checkpoint of a segmentation network.")],
    photos: Annotated[list[Path] | None, typer.Argument(metavar="PHOTOS", help="Files or folders.")] = None,
    output: Annotated[
        Path, typer.Option(metavar="PATH", help="Folder to write (only own files are replaced); with --index: file.")
    ] = Path("predictions"),
    index: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Predict a split of this data set, not photographs.")
    ] = None,
    split: Annotated[str, typer.Option(help="With --index: train or val.")] = "val",
    protocol_name: Annotated[str, typer.Option(help="With --index: name of the protocol to record.")] = "single",
    scales: Annotated[str, typer.Option(metavar="S,S,...", help="Input scales, e.g. 0.5,1,1.5.")] = "",
    flip: Annotated[bool, typer.Option("--flip", help="Add the mirrored image.")] = False,
    crf: Annotated[bool, typer.Option("--crf", help="Refine with the dense CRF.")] = False,
    tile: Annotated[
        int, typer.Option(min=0, metavar="SIDE", help="See larger images in tiles of so many pixels; 0: whole.")
    ] = 0,
    max_side: Annotated[
        int, typer.Option(min=0, help="Of photographs: longest side that is seen; 0: 1024, with tiles their own.")
    ] = 0,
    masks: Annotated[
        str, typer.Option(metavar="auto|png", help="Of photographs: auto makes masks of GeoTIFFs GeoTIFFs.")
    ] = "auto",
) -> None:
    """Segment photographs into PNG masks and overlays, or predict a whole split of a data set."""
    if masks not in ("auto", "png"):
        raise typer.BadParameter(f"--masks takes auto or png, got {masks!r}")
    protocol = _protocol(call.settings, scales, flip=flip, crf=crf, tile=tile)
    if (index is None) == (not photos):
        raise typer.BadParameter("give photographs, or --index FILE for a split of a data set")
    if index is None and call.context.parts > 1:
        raise typer.BadParameter("--shards is for a split of a data set: give --index FILE")
    if index is not None and max_side:
        raise typer.BadParameter("--max-side is for photographs; of a data set, data.max_side says it")
    if index is not None and masks != "auto":
        raise typer.BadParameter("--masks is for photographs; a data set's predictions are one artifact")
    if index is not None:
        settings = StageCall(call.stage, protocol, call.context)
        settings.run(index=index, model=model, split=split, protocol_name=protocol_name, output=output)
        return
    from wsss.stages.predict_photos import predict_photos

    predict_photos(
        model,
        photos or [],
        output=output,
        protocol=protocol,
        max_side=max_side or None,
        georeference=masks == "auto",
        context=call.context,
    )
    typer.echo(f"masks and overlays are in {output}")


@stage_command(app)
def evaluate(
    call: StageCall,
    index: Index,
    output: Output,
    saliency: SaliencyFile = None,
    cams: Annotated[Path | None, typer.Option(metavar="FILE", help="Artifact of stage cams.")] = None,
    labels: NamedLabels = [],  # noqa: B006 - typer never changes it
    predictions: NamedPredictions = [],  # noqa: B006
) -> None:
    """Compare saliency, CAMs, labels and predictions with the true masks."""
    sets = {"labels": named_paths(labels), "predictions": named_paths(predictions)}
    call.run(index=index, saliency=saliency, cams=cams, output=output, **sets)


@stage_command(app)
def report(
    call: StageCall,
    index: Index,
    evaluation: Annotated[list[Path], typer.Option(metavar="FILE", help="A metrics.json; repeat for more.")],
    output: Output,
    saliency: SaliencyFile = None,
) -> None:
    """Write the report of a run: a page and its pictures, over one or several branches."""
    call.run(index=index, evaluations=evaluation, saliency=saliency, output=output)


def _protocol(settings: Protocol, scales: str, *, flip: bool, crf: bool, tile: int) -> Protocol:
    """Return the protocol of the settings, with the options laid over it."""
    values = settings.model_dump(mode="json")
    if scales:
        values["scales"] = [_number(part) for part in scales.split(",")]
    if flip:
        values["flip"] = True
    if crf and values["crf"] is None:
        values["crf"] = {}
    if tile:
        values["tiles"] = {**(values["tiles"] or {}), "side": tile}
    return Protocol.parse(values)


def _number(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < inf:
            return float(text)
    raise typer.BadParameter(f"--scales takes numbers above 0, separated by commas, got {text!r}")


add_exchange(app)
