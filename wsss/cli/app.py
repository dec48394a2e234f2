"""The commands. Run `wsss --help`, `wsss cams --help`, ..."""

from __future__ import annotations

from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from wsss import __version__
from wsss.cli.guard import guarded
from wsss.cli.logs import set_up_logging
from wsss.cli.options import StageCall, named_paths, stage_command
from wsss.config import Protocol

app = typer.Typer(
    help="Weakly supervised semantic segmentation: image-level labels in, pixel masks and a trained network out. "
    "The whole pipeline runs with `snakemake`; each stage is also a command of its own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Output = Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")]
Index = Annotated[Path, typer.Option(metavar="FILE", help="Artifact of stage index.")]
Saliency = Annotated[Path | None, typer.Option(metavar="FILE", help="Artifact of stage saliency.")]
Cams = Annotated[Path, typer.Option(metavar="FILE", help="Artifact of stage cams.")]
NamedLabels = Annotated[list[str], typer.Option(metavar="NAME=FILE", help="A label set; may be repeated.")]
NamedPredictions = Annotated[list[str], typer.Option(metavar="NAME=FILE", help="Predictions; may be repeated.")]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False) -> None:
    if version:
        typer.echo(f"wsss {__version__}")
        raise typer.Exit


@stage_command(app)
def index(call: StageCall, output: Output) -> None:
    """Reads lists, tables and annotations of a data set: ids, labels, sizes, splits."""
    call.run(output=output)


@stage_command(app)
def saliency(call: StageCall, index: Index, output: Output) -> None:
    """One class-agnostic saliency map per image."""
    call.run(index=index, output=output)


@stage_command(app)
def train_classifier(call: StageCall, index: Index, output: Output) -> None:
    """Trains the classification network on image-level labels."""
    call.run(index=index, output=output)


@stage_command(app)
def cams(
    call: StageCall,
    index: Index,
    classifier: Annotated[Path, typer.Option(metavar="FILE", help="Checkpoint of train_classifier.")],
    output: Output,
) -> None:
    """Class activation maps of the classifier over the training images."""
    call.run(index=index, classifier=classifier, output=output)


@stage_command(app)
def seed_labels(call: StageCall, index: Index, cams: Cams, output: Output, saliency: Saliency = None) -> None:
    """The first pseudo labels, from CAMs and saliency."""
    call.run(index=index, cams=cams, saliency=saliency, output=output)


@stage_command(app)
def train_auxsegnet(
    call: StageCall,
    index: Index,
    labels: Annotated[Path, typer.Option(metavar="FILE", help="Labels of this round.")],
    weights: Annotated[
        Path, typer.Option(metavar="FILE", help="Checkpoint to go on from: the classifier's, or the last round's.")
    ],
    output: Output,
) -> None:
    """Trains the multi-task network of one round of AuxSegNet."""
    call.run(index=index, labels=labels, weights=weights, output=output)


@stage_command(app)
def update_labels(
    call: StageCall,
    index: Index,
    model: Annotated[Path, typer.Option(metavar="FILE", help="Checkpoint of train_auxsegnet.")],
    saliency: Annotated[Path, typer.Option(metavar="FILE", help="Artifact of stage saliency.")],
    output: Output,
) -> None:
    """The labels of the next round: refined CAMs and refined saliency of this round's network."""
    call.run(index=index, model=model, saliency=saliency, output=output)


@stage_command(app)
def train_aalr(
    call: StageCall,
    index: Index,
    output: Output,
    classifier: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Checkpoint of train_classifier, where it starts from that.")
    ] = None,
) -> None:
    """Trains AA&LR: classification, then segmentation on masks that it makes on the way."""
    call.run(index=index, classifier=classifier, output=output)


@stage_command(app)
def aalr_labels(
    call: StageCall,
    index: Index,
    model: Annotated[Path, typer.Option(metavar="FILE", help="Checkpoint of train_aalr.")],
    output: Output,
) -> None:
    """Pseudo labels of the training images, by the network of AA&LR."""
    call.run(index=index, model=model, output=output)


@stage_command(app)
def train_segmenter(
    call: StageCall,
    index: Index,
    output: Output,
    labels: Annotated[Path | None, typer.Option(metavar="FILE", help="Pseudo labels; none: the true masks.")] = None,
) -> None:
    """Trains a segmentation network on pseudo labels, or on the true masks."""
    call.run(index=index, labels=labels, output=output)


@stage_command(app)
def segmenter_labels(
    call: StageCall,
    index: Index,
    segmenter: Annotated[Path, typer.Option(metavar="FILE", help="Checkpoint of train_segmenter.")],
    output: Output,
    saliency: Saliency = None,
) -> None:
    """A network's predictions over its training images, as labels for the next network."""
    call.run(index=index, segmenter=segmenter, saliency=saliency, output=output)


@stage_command(app)
def predict(
    call: StageCall,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Checkpoint of a segmentation network.")],
    photos: Annotated[list[Path] | None, typer.Argument(metavar="PHOTOS", help="Files or folders.")] = None,
    output: Annotated[Path, typer.Option(metavar="PATH", help="Folder; the artifact's file with --index.")] = Path(
        "predictions"
    ),
    index: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Predict a split of this data set, not photographs.")
    ] = None,
    split: Annotated[str, typer.Option(help="With --index: train or val.")] = "val",
    protocol_name: Annotated[str, typer.Option(help="With --index: the protocol's name, recorded.")] = "single",
    scales: Annotated[str, typer.Option(metavar="S,S,...", help="Input scales, e.g. 0.5,1,1.5.")] = "",
    flip: Annotated[bool, typer.Option("--flip", help="Add the mirrored image.")] = False,
    crf: Annotated[bool, typer.Option("--crf", help="Refine by the dense CRF.")] = False,
) -> None:
    """Segments photographs: PNG masks and overlays; or a whole split of a data set (what the rule does)."""
    protocol = _protocol(call.settings, scales, flip=flip, crf=crf)
    if (index is None) == (not photos):
        raise typer.BadParameter("give photographs, or --index FILE for a split of a data set")
    if index is not None:
        settings = StageCall(call.stage, protocol, call.context)
        settings.run(index=index, model=model, split=split, protocol_name=protocol_name, output=output)
        return
    from wsss.stages.predict_photos import predict_photos

    predict_photos(model, photos or [], output=output, protocol=protocol, context=call.context)
    typer.echo(f"masks and overlays are in {output}")


@stage_command(app)
def evaluate(
    call: StageCall,
    index: Index,
    output: Output,
    saliency: Saliency = None,
    cams: Annotated[Path | None, typer.Option(metavar="FILE", help="Artifact of stage cams.")] = None,
    labels: NamedLabels = [],  # noqa: B006 - typer never changes it
    predictions: NamedPredictions = [],  # noqa: B006
) -> None:
    """Compares labels and predictions with the true masks."""
    sets = {"labels": named_paths(labels), "predictions": named_paths(predictions)}
    call.run(index=index, saliency=saliency, cams=cams, output=output, **sets)


@stage_command(app)
def report(
    call: StageCall,
    index: Index,
    evaluation: Annotated[list[Path], typer.Option(metavar="FILE", help="A metrics.json; may be repeated.")],
    output: Output,
    saliency: Saliency = None,
) -> None:
    """The page and the pictures that show what came out, of one or several branches."""
    call.run(index=index, evaluations=evaluation, saliency=saliency, output=output)


@app.command()
def schema(
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there; none: to stdout.")] = None,
) -> None:
    """Prints the JSON schema of a config file, for editors that complete and check it."""
    from wsss.cli.schema import schema_text

    if output is None:
        typer.echo(schema_text(), nl=False)
    else:
        output.write_text(schema_text(), encoding="utf-8")


@app.command()
def check(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="Files; a later one is laid over others.")],
) -> None:
    """Says what is wrong with a config and where, also with YAML that Snakemake refuses without naming file or line."""
    from wsss.config.loading import deep_merge, read_yaml
    from wsss.plan import checked_plan

    set_up_logging(None)
    with guarded():
        values: dict[str, Any] = {}
        for path in configs:
            values = deep_merge(values, read_yaml(path))
        plan = checked_plan(values, configs[-1])
    typer.echo(f"{configs[-1]}: nothing is wrong; its results will be in {plan.root}")


@app.command("convert_weights")
def convert_weights(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Published weights of resnet38d: .params or .pth.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The state dict to write, for backbone.weights.")],
) -> None:
    """Makes a state dict of resnet38d from its published weights; backbone.weights takes either file.

    Understood are MXNet's file of the authors (ilsvrc-cls_rna-a1_cls1000_ep-0001.params; MXNet is not needed), and
    files of PyTorch with the names of AffinityNet, whole classifiers and released checkpoints of AuxSegNet among them.
    """
    set_up_logging(None)
    with guarded():
        from wsss.models.resnet38d_weights import convert

        tensors, parameters = convert(source, output)
        typer.echo(f"{output}: {tensors} tensors, {parameters:,} parameters of resnet38d")


@app.command()
def summary(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of a run: results/RUN.")],
) -> None:
    """Prints what a run measured and how long its stages took."""
    from wsss.cli.summary import print_summary

    set_up_logging(None)
    with guarded():
        print_summary(results)


@app.command("inspect")
def inspect_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.h5", help="An artifact.")],
    image: Annotated[str, typer.Option(metavar="ID", help="Write the layers of this image as PNG files.")] = "",
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="With --image: where they go.")] = Path(),
    sample: Annotated[int, typer.Option(min=0, help="Read only so many images; 0: all.")] = 0,
) -> None:
    """Prints what is in an artifact: attributes, class frequencies, coverage, sizes."""
    set_up_logging(None)
    with guarded():
        from wsss.cli.inspect import inspect_artifact, write_layers

        if not image:
            inspect_artifact(file, sample=sample)
            return
        for path in write_layers(file, image, output):
            typer.echo(str(path))


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of a run, or of a variant and seed in it.")],
    second: Annotated[Path, typer.Argument(metavar="RESULTS", help="Another one.")],
) -> None:
    """Prints the settings in which two runs differ, and what they measured side by side."""
    set_up_logging(None)
    with guarded():
        from wsss.cli.compare import print_comparison

        print_comparison(first, second)


@app.command()
def export(
    artifacts: Annotated[list[Path], typer.Argument(metavar="FILE.h5...", help="Labels or predictions.")],
    index: Index,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the files go.")],
    form: Annotated[
        str, typer.Option("--format", metavar="voc|coco|mmseg", help="VOC PNGs, COCO JSON, MMSegmentation.")
    ] = "voc",
    truth: Annotated[str, typer.Option(metavar="SPLIT", help="Add the true masks of a split, to validate on.")] = "",
    photographs: Annotated[
        str, typer.Option(metavar="link|copy|none", help="Of VOC and MMSegmentation: how photographs come along.")
    ] = "link",
) -> None:
    """Takes labels and predictions out: indexed PNGs as VOC has them, COCO JSON, or a layout of MMSegmentation."""
    if form not in ("voc", "coco", "mmseg"):
        raise typer.BadParameter(f"--format takes voc, coco or mmseg, got {form!r}")
    if photographs not in ("link", "copy", "none"):
        raise typer.BadParameter(f"--photographs takes link, copy or none, got {photographs!r}")
    set_up_logging(None)
    with guarded():
        from wsss.exchange.export import export_maps

        count = export_maps(artifacts, index=index, output=output, form=form, truth=truth, photographs=photographs)
        typer.echo(f"{output}: {count} label maps")


@app.command("import_labels")
def import_labels(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Holds ID.png: indexed or grey, values are classes.")
    ],
    index: Index,
    output: Annotated[Path, typer.Option(metavar="FILE", help="The artifact: results/RUN/imported/NAME.h5.")],
    split: Annotated[str, typer.Option(help="train: labels to train on; val: predictions.")] = "train",
) -> None:
    """Makes an artifact of label maps that another program wrote, to view, evaluate and train on."""
    set_up_logging(None)
    with guarded():
        from wsss.exchange.imports import import_labels as run_import

        typer.echo(f"{output}: {run_import(folder, index=index, output=output, split=split)} images")


@app.command("import_cams")
def import_cams(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds ID.npy as PSA and IRN write them.")],
    index: Index,
    output: Annotated[Path, typer.Option(metavar="FILE", help="The artifact: results/RUN/imported/NAME.h5.")],
    split: Annotated[str, typer.Option(help="The images.")] = "train",
    trust_pickles: Annotated[
        bool, typer.Option("--trust-pickles", help="Open the files: pickles can run programs hidden in them.")
    ] = False,
) -> None:
    """Makes an artifact of CAMs that PSA or IRN wrote (.npy dictionaries), to view, refine and evaluate.

    A dictionary holds class -> map (classes from 0, without background), or `keys` with `cam` or `high_res`.
    """
    set_up_logging(None)
    with guarded():
        from wsss.exchange.imports import import_cams as run_import

        count = run_import(folder, index=index, output=output, trust=trust_pickles, split=split)
        typer.echo(f"{output}: {count} images")


@app.command()
def view(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Folders of runs: results/RUN.")],
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Config file of the first run; none: it is looked for.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: every one of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it is taken, the next free one.")] = 8000,
    allow_host: Annotated[list[str], typer.Option(metavar="NAME", help="A further name of this machine.")] = [],  # noqa: B006
    browser: Annotated[bool, typer.Option("--browser", help="Open the page in the browser.")] = False,
) -> None:
    """Shows runs as a web page: stages, numbers, and every layer of every image; works while a run is going on."""
    set_up_logging(None)
    with guarded(end="the page is closed"):
        from wsss.viewer.serve import serve

        serve(results, config=config, host=host, port=port, hosts=allow_host, open_browser=browser)


@app.command()
def study(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Config file of the study.")],
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Holds the rows and the table: docs/studies/NAME.")],
) -> None:
    """Keeps every finished variant and seed of AuxSegNet as a JSON file, and writes the table of all of them."""
    from wsss.cli.study import collect_rows

    set_up_logging(None)
    with guarded():
        written, missing = collect_rows(config, output)
        for path in written:
            typer.echo(f"new: {path}")
        typer.echo(f"{output / 'README.md'}: {missing} rows are not finished yet")


def _protocol(settings: Protocol, scales: str, *, flip: bool, crf: bool) -> Protocol:
    """The protocol of the settings with the options laid over it."""
    values = settings.model_dump(mode="json")
    if scales:
        values["scales"] = [_number(part) for part in scales.split(",")]
    if flip:
        values["flip"] = True
    if crf and values["crf"] is None:
        values["crf"] = {}
    return Protocol.parse(values)


def _number(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) < inf:
            return float(text)
    raise typer.BadParameter(f"--scales takes numbers above 0, separated by commas, got {text!r}")
