"""Commands beside the stages: check a config, and look at results."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from wsss.cli.guard import guarded
from wsss.cli.logs import set_up_logging
from wsss.cli.options import RESULTS, START


def schema(
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write, or an earlier schema; none: stdout.")
    ] = None,
) -> None:
    """Print the JSON schema of a config file, for editors that complete and check it."""
    set_up_logging(None)
    with guarded(place=output):
        from wsss.cli.schema import schema_text, write_schema

        if output is None:
            typer.echo(schema_text(), nl=False)
        else:
            write_schema(output)


def settings(
    section: Annotated[str, typer.Argument(metavar="SECTION", help="One section; none: the list of them.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/settings.md.")] = False,
) -> None:
    """Print the settings of a section: names, values, defaults, and what they do."""
    set_up_logging(None)
    with guarded():
        from wsss.cli.settings import print_settings, settings_page

        if markdown:
            typer.echo(settings_page(), nl=False)
        else:
            print_settings(section)


def init(
    folder: Annotated[Path, typer.Argument(metavar="PHOTOS", help="Folder of photographs with image-level labels.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Config to write; none: the folder's name, here.")
    ] = None,
) -> None:
    """Look at a folder of photographs and write a commented config to start from."""
    if output is not None and output.suffix.lower() not in (".yaml", ".yml"):
        raise typer.BadParameter(f"--output takes a file that ends in .yaml, got {output.name!r}")
    set_up_logging(None)
    target = output or Path(f"{folder.resolve().name or 'photos'}.yaml")
    with guarded(place=target):
        from wsss.cli.starter import write_starter

        write_starter(folder, target)
        typer.echo(f"{target}: look at it, then type `wsss run {shlex.quote(str(target))}`")


def run(
    context: typer.Context,
) -> None:
    """Run the whole pipeline, or up to a stage: `wsss run my.yaml`.

    A config is a file, or the name of a preset (demo, voc12, ...); later ones override earlier.

    All that follows is Snakemake's: `wsss run my.yaml -n` lists the jobs, `wsss run my.yaml all_cams` ends at the CAMs.
    """
    set_up_logging(None)
    with guarded():
        from wsss.cli.run import run_workflow

        run_workflow(context.args)


def check(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG...", help="Files, or presets; later ones override earlier.")
    ],
) -> None:
    """Check a config, and say where it is wrong, and what each training takes for `auto`.

    Also finds errors in YAML that Snakemake refuses without naming file or line.
    """
    set_up_logging(None)
    with guarded():
        from wsss.cli.check import check_networks
        from wsss.cli.choices import training_lines
        from wsss.cli.run import config_file
        from wsss.config.files import read_configs
        from wsss.plan import checked_plan, choices

        configs = [config_file(config) for config in configs]
        plan = checked_plan(read_configs(configs), configs[-1])
        check_networks(plan, configs[-1])
        for line in (*choices(plan), *training_lines(plan)):
            typer.echo(line)
        typer.echo(f"{configs[-1]}: nothing is wrong; its results will be in {plan.root}")


def estimate(
    configs: Annotated[
        list[Path], typer.Argument(metavar="CONFIG...", help="Files, or presets; later ones override earlier.")
    ],
    images: Annotated[int, typer.Option(min=0, help="Training images, of data that is not there; 0: look.")] = 0,
    val: Annotated[int, typer.Option(min=0, help="With --images: validation images.")] = 0,
    classes: Annotated[int, typer.Option(min=0, help="With --images: classes; 0: by the source of the data.")] = 0,
    size: Annotated[str, typer.Option(metavar="HxW", help="Most photographs' height and width, e.g. 375x500.")] = "",
    cores: Annotated[int, typer.Option(min=0, help="Threads to measure with; 0: all.")] = 0,
    seconds: Annotated[float, typer.Option(min=10, max=3600, help="Most seconds to measure.")] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how long a run will take here, and what memory and disk it needs.

    Runs each kind of job on a few images, in a temporary folder. Nothing of the run is touched.
    """
    if (val or classes) and not images:
        raise typer.BadParameter("--val and --classes say more of data that is not there: give --images too")
    shape = _shape(size)
    set_up_logging(None)
    with guarded(end="nothing was estimated"):
        from wsss.cli.estimate import print_estimate
        from wsss.cli.run import config_file
        from wsss.estimate.counts import Said

        configs = [config_file(config) for config in configs]
        said = Said(images or None, val, classes or None, shape)
        print_estimate(configs, said, cores=cores, limit=seconds, as_json=as_json)


def _shape(text: str) -> tuple[int, int] | None:
    """Read `HxW`; empty gives None."""
    if not text:
        return None
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and 0 < int(height) <= 8000 and 0 < int(width) <= 8000):
        raise typer.BadParameter(f"--size takes height x width in pixels, e.g. 375x500, got {text!r}")
    return int(height), int(width)


def summary(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of a run: results/RUN.")],
) -> None:
    """Print a run's scores and times."""
    from wsss.cli.summary import print_summary

    set_up_logging(None)
    with guarded():
        print_summary(results)


def verify(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of a run: results/RUN.")],
) -> None:
    """Read every file of a run and check that it is as it was written, and made from the files that lie there."""
    from wsss.cli.verify import print_verification

    set_up_logging(None)
    with guarded():
        print_verification(results)


def picture(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of a run, or of a seed in it.")],
    output: Annotated[
        Path, typer.Option(metavar="FILE.jpg", help="The picture to write, .jpg or .png; replaces only its own.")
    ],
    images: Annotated[int, typer.Option(min=1, help="Images of each split.")] = 2,
    palette: Annotated[str, typer.Option(metavar="voc|color_blind", help="Colours of the classes.")] = "color_blind",
) -> None:
    """Draw one picture of what a run makes: photographs, CAMs, labels by round, predictions, truth."""
    if palette not in ("voc", "color_blind"):
        raise typer.BadParameter(f"--palette takes voc or color_blind, got {palette!r}")
    if output.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise typer.BadParameter(f"--output takes a file that ends in .jpg or .png, got {output.name!r}")
    set_up_logging(None)
    with guarded(place=output):
        from wsss.cli.picture import write_picture

        write_picture(results, output, images=images, palette=palette)
        typer.echo(f"{output}: {output.stat().st_size / 1000:.0f} kB")


def inspect_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.h5", help="An artifact.")],
    image: Annotated[
        str, typer.Option(metavar="ID", help="Write the layers of this image as PNG files; of an index, tell about it.")
    ] = "",
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="With --image: folder for the files; only own ones are replaced.")
    ] = Path(),
    sample: Annotated[int, typer.Option(min=0, help="Read only so many images; 0: all.")] = 0,
) -> None:
    """Print the contents of an artifact: attributes, class frequencies, coverage, sizes."""
    set_up_logging(None)
    with guarded(place=output):
        from wsss.cli.inspect import inspect_artifact, write_layers

        if not image:
            inspect_artifact(file, sample=sample)
            return
        from wsss.cli.indexed_image import about_image

        known = about_image(file, image)
        for line in (*known, *write_layers(file, image, output, optional=bool(known))):
            typer.echo(str(line))


def compare(
    first: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of a run, or of one variant and seed.")],
    second: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder to compare it with.")],
) -> None:
    """Print the settings in which two runs differ, and their scores side by side."""
    set_up_logging(None)
    with guarded():
        from wsss.cli.compare import print_comparison

        print_comparison(first, second)


def view(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Folders of runs: results/RUN.")],
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Config file of the first run; none: search for it.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0: all of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; if taken, the next free one.")] = 8000,
    allow_host: Annotated[list[str], typer.Option(metavar="NAME", help="Allow another name of this machine.")] = [],  # noqa: B006
    browser: Annotated[bool, typer.Option("--browser", help="Open the page in the browser.")] = False,
) -> None:
    """Show runs as a web page: stages, numbers, and every layer of every image.

    Works while a run is going on.
    """
    set_up_logging(None)
    with guarded(end="the page is closed"):
        from wsss.viewer.serve import serve

        serve(results, config=config, host=host, port=port, hosts=allow_host, open_browser=browser)


def study(
    configs: Annotated[
        list[Path],
        typer.Argument(metavar="CONFIG...", help="Config files of the study; later ones override earlier."),
    ],
    output: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Folder for rows and page, docs/studies/NAME; replaces only the page."),
    ],
) -> None:
    """Save every finished variant and seed as a JSON file, and write each method's table of them."""
    from wsss.cli.study import collect_rows

    set_up_logging(None)
    with guarded(place=output):
        written, missing = collect_rows(configs, output)
        for path in written:
            typer.echo(f"new: {path}")
        typer.echo(f"{output / 'README.md'}: {missing} rows are not finished yet")


def download(
    what: Annotated[
        str, typer.Argument(metavar="voc2012|sbd|coco2014|coco2017|weights", help="What to download; sbd adds to VOC.")
    ],
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="After weights: a network, as `backbone.name`.")] = "",
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder for archives and data sets; nothing in it is replaced.")
    ] = Path("data"),
) -> None:
    """Download a public data set or pretrained weights, checked; what was cut goes on."""
    if (what == "weights") != bool(name):
        raise typer.BadParameter("NAME is the name of a network, after `weights` alone: wsss download weights resnet50")
    set_up_logging(None)
    with guarded(place=folder):
        if what == "weights":
            from wsss.downloads.weights import download_weights

            typer.echo(download_weights(name))
        else:
            from wsss.downloads.datasets import download_dataset

            typer.echo(download_dataset(what, folder))


def add_tools(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("init", rich_help_panel=START)(init)
    app.command("check", rich_help_panel=START)(check)
    app.command("estimate", rich_help_panel=START)(estimate)
    # behind the config all is Snakemake's, `--` and --help too
    app.command(
        "run",
        rich_help_panel=START,
        options_metavar="CONFIG... [SNAKEMAKE OPTIONS AND TARGETS]",
        context_settings={
            "allow_extra_args": True,
            "ignore_unknown_options": True,
            "allow_interspersed_args": False,
        },
    )(run)
    app.command("download", rich_help_panel=START)(download)
    app.command("settings", rich_help_panel=START)(settings)
    app.command("schema", rich_help_panel=START)(schema)
    app.command("view", rich_help_panel=RESULTS)(view)
    app.command("summary", rich_help_panel=RESULTS)(summary)
    app.command("picture", rich_help_panel=RESULTS)(picture)
    app.command("inspect", rich_help_panel=RESULTS)(inspect_file)
    app.command("compare", rich_help_panel=RESULTS)(compare)
    app.command("verify", rich_help_panel=RESULTS)(verify)
    app.command("study", rich_help_panel=RESULTS)(study)
