"""Commands that hand results to other programs, and take theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsss.cli.guard import guarded
from wsss.cli.logs import set_up_logging
from wsss.cli.options import EXCHANGE, START, Index

FORMS = ("voc", "coco", "mmseg", "fiftyone", "cvat", "label_studio", "datasets", "yolo", "geotiff")
"""Forms of `export`; a test compares them with what `wsss.exchange` writes, which takes long to import."""


def convert_weights(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Published weights of resnet38d: .params or .pth.")],
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="The state dict to write; only an earlier one is replaced.")
    ],
) -> None:
    """Convert published weights of resnet38d to a state dict.

    You need not: `backbone.weights` takes either file.

    Reads the authors' MXNet file (ilsvrc-cls_rna-a1_cls1000_ep-0001.params) without MXNet. Reads PyTorch files with
    AffinityNet's names of layers, also whole classifiers and released checkpoints of AuxSegNet.
    """
    set_up_logging(None)
    with guarded(place=output):
        from wsss.models.resnet38d_weights import convert

        tensors, parameters = convert(source, output)
        typer.echo(f"{output}: {tensors} tensors, {parameters:,} parameters of resnet38d")


def export(
    artifacts: Annotated[list[Path], typer.Argument(metavar="FILE.h5...", help="Labels or predictions.")],
    index: Index,
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the files; only those of an earlier export are replaced.")
    ],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="|".join(FORMS),
            help="VOC PNGs, COCO JSON, MMSegmentation, FiftyOne, CVAT, Label Studio, Hugging Face datasets, YOLO, "
            "GeoTIFFs.",
        ),
    ] = "voc",
    truth: Annotated[str, typer.Option(metavar="SPLIT", help="Add the true masks of this split, to validate on.")] = "",
    photographs: Annotated[
        str,
        typer.Option(metavar="link|copy|none", help="Link, copy or skip the photographs; coco and geotiff have none."),
    ] = "link",
) -> None:
    """Export labels and predictions for other programs: to train on them, to look at them, to correct them."""
    if form not in FORMS:
        raise typer.BadParameter(f"--format takes {', '.join(FORMS)}, got {form!r}")
    if photographs not in ("link", "copy", "none"):
        raise typer.BadParameter(f"--photographs takes link, copy or none, got {photographs!r}")
    set_up_logging(None)
    with guarded(place=output):
        from wsss.exchange.export import export_maps

        count = export_maps(artifacts, index=index, output=output, form=form, truth=truth, photographs=photographs)
        typer.echo(f"{output}: {count} label maps")


def export_model(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Checkpoint of any network.")],
    form: Annotated[str, typer.Option("--to", metavar="onnx|pt2|safetensors", help="What to write.")],
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="The file, named like its form; only an earlier export is replaced.")
    ],
) -> None:
    """Export a network with all that stands around it: normalisation, sizes, upsampling, softmax.

    It is compared with PyTorch on three photographs first, and not written if it computes something else. `wsss
    predict` takes the ONNX file in place of a checkpoint, and then needs no PyTorch.
    """
    if form not in ("onnx", "pt2", "safetensors"):
        raise typer.BadParameter(f"--to takes onnx, pt2 or safetensors, got {form!r}")
    set_up_logging(None)
    with guarded(place=output):
        from wsss.exchange.networks import export_model as export_network

        made = export_network(model, form=form, output=output)
        typer.echo(
            f"{output}: network {made.kind}, {made.size / 1e6:.1f} MB; {made.agreement:.2%} of pixels have the class "
            f"that PyTorch gives them, probabilities differ by {made.difference:.1e} at most"
        )


def push_model(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Checkpoint of any network.")],
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Repository; made where it is not there.")],
    private: Annotated[bool, typer.Option("--private", help="Make it a private one.")] = False,
) -> None:
    """Share a network on the Hugging Face Hub, with a card that says how it was trained.

    Log in first: `hf auth login`. `wsss.load("hf://OWNER/NAME")` takes it from there.
    """
    set_up_logging(None)
    with guarded():
        from wsss.exchange.hub import push_to_hub

        typer.echo(push_to_hub(model, repository, private=private))


def import_labels(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Holds ID.png: indexed or grey; values are classes.")
    ],
    index: Index,
    output: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Artifact to write, results/RUN/imported/NAME.h5; replaces only an import."),
    ],
    split: Annotated[str, typer.Option(help="train makes labels to train on, val predictions.")] = "train",
) -> None:
    """Import label maps of another program, to view, evaluate and train on."""
    set_up_logging(None)
    with guarded(place=output):
        from wsss.exchange.imports import import_labels as run_import

        typer.echo(f"{output}: {run_import(folder, index=index, output=output, split=split)} images")


def import_cams(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds ID.npy as PSA and IRN write them.")],
    index: Index,
    output: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Artifact to write, results/RUN/imported/NAME.h5; replaces only an import."),
    ],
    split: Annotated[str, typer.Option(help="Split of the images: train or val.")] = "train",
    trust_pickles: Annotated[
        bool, typer.Option("--trust-pickles", help="Open the files: pickles can run programs hidden in them.")
    ] = False,
) -> None:
    """Import CAMs of PSA or IRN (.npy dictionaries), to view, refine and evaluate.

    A dictionary holds class -> map (classes from 0, without background), or `keys` with `cam` or `high_res`.
    """
    set_up_logging(None)
    with guarded(place=output):
        from wsss.exchange.imports import import_cams as run_import

        count = run_import(folder, index=index, output=output, trust=trust_pickles, split=split)
        typer.echo(f"{output}: {count} images")


def unpack(
    source: Annotated[
        Path, typer.Argument(metavar="DATASET", help="A .parquet or .arrow file, or a folder that holds them.")
    ],
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for the photographs; only own files are replaced.")
    ],
    image: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the photographs.")] = "",
    labels: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the classes; a.b: a field.")] = "",
    masks: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the masks.")] = "",
    split: Annotated[
        list[str], typer.Option(metavar="NAME=train|val|none", help="What a split is for; repeat for more.")
    ] = [],  # noqa: B006
) -> None:
    """Unpack a data set of Hugging Face whose photographs lie inside tables: write them as files, with labels.csv.

    Takes what `save_to_disk` of `datasets` wrote, or a folder of .parquet files. Columns and splits need a word only
    where it is not clear which are meant.
    """
    set_up_logging(None)
    with guarded(place=output):
        from wsss.exchange.unpack import unpack as run_unpack

        splits = ((name, role) for name, _, role in (said.partition("=") for said in split))
        typer.echo(run_unpack(source, output, image=image, labels=labels, masks=masks, splits=dict(splits)))


def add_exchange(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("unpack", rich_help_panel=START)(unpack)
    app.command("convert_weights", rich_help_panel=EXCHANGE)(convert_weights)
    app.command("export", rich_help_panel=EXCHANGE)(export)
    app.command("export_model", rich_help_panel=EXCHANGE)(export_model)
    app.command("push_model", rich_help_panel=EXCHANGE)(push_model)
    app.command("import_labels", rich_help_panel=EXCHANGE)(import_labels)
    app.command("import_cams", rich_help_panel=EXCHANGE)(import_cams)
