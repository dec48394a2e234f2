"""Options of every stage's command, and the decorator that adds them."""

from __future__ import annotations

import functools
import inspect
import multiprocessing
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from wsss.cli.guard import guarded
from wsss.cli.logs import limit_threads, set_up_logging
from wsss.cli.parent import end_with
from wsss.cli.targets import check_log
from wsss.config import parse_settings
from wsss.config.base import MAX_SEED
from wsss.config.files import load_yaml
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.inputs import check_regular
from wsss.nodes import writes_log
from wsss.pipeline.stage import imported
from wsss.pipeline.stages import STAGES
from wsss.protected import Inputs, given_paths
from wsss.system_errors import said_of

Output = Annotated[Path, typer.Option(metavar="FILE", help="The file to write; only an earlier one is replaced.")]
Index = Annotated[Path, typer.Option(metavar="FILE", help="Artifact of stage index.")]

START, RESULTS = "From photographs to a run", "What came out"
ONE_STAGE, EXCHANGE = "One stage by itself: each is also a rule of the pipeline", "Other programs"
"""Under which the commands stand in `wsss --help`, in this order."""

PROVENANCE, MACHINE, MESSAGES = "Recorded in the artifact", "Machine (changes no result)", "Messages"

SettingsOption = Annotated[
    str, typer.Option(metavar="JSON|FILE", help="The stage's section: JSON text, or a YAML or JSON file.")
]
RunOption = Annotated[str, typer.Option(help="Name of the run.", rich_help_panel=PROVENANCE)]
VariantOption = Annotated[str, typer.Option(help="Name of the variant.", rich_help_panel=PROVENANCE)]
SeedOption = Annotated[
    int, typer.Option(min=0, max=MAX_SEED, help="Seed of everything random.", rich_help_panel=PROVENANCE)
]
CodeOption = Annotated[str, typer.Option(help="Digest of the stage's code.", rich_help_panel=PROVENANCE)]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.", rich_help_panel=MACHINE)]
WorkersOption = Annotated[int, typer.Option(min=0, help="Processes beside this one.", rich_help_panel=MACHINE)]
ThreadsOption = Annotated[
    int, typer.Option(min=0, help="Threads of numerical libraries; 0: their default.", rich_help_panel=MACHINE)
]
BatchOption = Annotated[int, typer.Option(min=1, help="Images per batch at inference.", rich_help_panel=MACHINE)]
PrecisionOption = Annotated[str, typer.Option(help="At inference: auto, 32 or bf16-mixed.", rich_help_panel=MACHINE)]
PixelsOption = Annotated[
    int, typer.Option(min=0, help="Most pixels of a forward pass; 0: by device.", rich_help_panel=MACHINE)
]
DevicesOption = Annotated[int, typer.Option(min=1, help="GPUs of one training, per node.", rich_help_panel=MACHINE)]
NodesOption = Annotated[
    int,
    typer.Option(
        min=1, help="Nodes that share one training; start the command on each, e.g. by srun.", rich_help_panel=MACHINE
    ),
]
CheckpointOption = Annotated[
    float, typer.Option(min=0, help="Minutes between resumable states of a training.", rich_help_panel=MACHINE)
]
ShardsOption = Annotated[
    str,
    typer.Option(
        metavar="[I/]N",
        help="2/3: make only part 2 of 3, NAME.parts/2-of-3.h5; 3: put NAME.h5 together from its 3 parts.",
        rich_help_panel=MACHINE,
    ),
]
LoggersOption = Annotated[
    str,
    typer.Option(
        metavar="NAME,...",
        help="Loggers of trainings: auto, tensorboard, wandb, mlflow, csv; or none.",
        rich_help_panel=MACHINE,
    ),
]
LogOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Log file: all messages, tracebacks; replaces only a log.", rich_help_panel=MESSAGES
    ),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show details and tracebacks.", rich_help_panel=MESSAGES)]
ParentOption = Annotated[int, typer.Option(hidden=True, help="End when this process is gone (rules pass their own).")]

_DEFAULT = RunContext()


@dataclass(frozen=True)
class StageCall:
    """One call of a stage from the command line.

    Attributes:
        stage: Name of the stage and its command.
        settings: The stage's settings.
        context: Names of the run, and the machine's resources.
    """

    stage: str
    settings: Any
    context: RunContext

    def run(self, *, output: Path, **inputs: Any) -> None:
        """Check that the output may be written, import the stage's module and call its function."""
        from wsss.plan import source_files, source_folders
        from wsss.stages.outputs import check_stage_output

        sources = source_files(self.stage, self.settings).values()
        folders = source_folders(self.stage, self.settings).values()
        # the function checks again, but importing it may take seconds; and here folders of pictures are known
        check_stage_output(self.stage, output, Inputs([*given_paths(inputs), *sources], folders))
        if self.context.joins:
            # the module of the stage may import torch, which takes seconds
            from wsss.stages.parts import join_parts

            join_parts(self.stage, output, self.context.parts, inputs)
            return
        module = f"wsss.stages.{self.stage}"
        # workers of loaders start as copies of one process that has the module, instead of importing torch one by one
        multiprocessing.set_forkserver_preload([module])
        function = getattr(import_module(module), self.stage)
        function(self.settings, **inputs, output=output, context=self.context)


def _common(
    settings: SettingsOption = "",
    run: RunOption = "",
    variant: VariantOption = "",
    seed: SeedOption = 0,
    code: CodeOption = "",
    device: DeviceOption = _DEFAULT.device,
    workers: WorkersOption = _DEFAULT.workers,
    threads: ThreadsOption = _DEFAULT.threads,
    batch_size: BatchOption = _DEFAULT.batch_size,
    precision: PrecisionOption = _DEFAULT.precision,
    pixels_per_forward: PixelsOption = _DEFAULT.pixels_per_forward,
    devices: DevicesOption = _DEFAULT.devices,
    nodes: NodesOption = _DEFAULT.nodes,
    checkpoint_minutes: CheckpointOption = _DEFAULT.checkpoint_minutes,
    shards: ShardsOption = "1",
    loggers: LoggersOption = "auto",
    log: LogOption = None,
    debug: DebugOption = False,
    parent: ParentOption = 0,
) -> None:
    """Declare the options of every stage; only the signature is used."""


def stage_command(app: typer.Typer, panel: str = ONE_STAGE) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command of its own name, with the options of every stage added.

    The function takes a `StageCall` first. Around it, logging is set up and signals and errors are handled.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        common = inspect.signature(_common, eval_str=True).parameters
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        @functools.wraps(function)
        def command(**values: Any) -> None:
            options = {name: values.pop(name) for name in common}
            log, debug = options.pop("log"), options.pop("debug")
            if not writes_log(options["nodes"]):
                log = None
            limit_threads(options["threads"])
            set_up_logging(None, debug=debug)
            with guarded(log, debug=debug, place=values.get("output")):
                check_log(log, [*given_paths(values), *given_paths(options["settings"])])
                set_up_logging(log, debug=debug)
                parent = options.pop("parent")
                # on several nodes, srun ends the command, and the number is that of a process of one of them
                end_with(parent if options["nodes"] == 1 else 0)
                options["loggers"] = tuple(name for name in options["loggers"].split(",") if name not in ("", "none"))
                settings = _settings(function.__name__, options.pop("settings"))
                options["part"], options["parts"] = _shards(function.__name__, options.pop("shards"))
                function(StageCall(function.__name__, settings, RunContext(**options)), **values)

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*own, *common.values()]]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del command.__wrapped__
        app.command(function.__name__, rich_help_panel=panel)(command)
        return function

    return register


def named_paths(values: list[str]) -> dict[str, Path]:
    """Read `NAME=FILE` options as a mapping.

    Raises:
        typer.BadParameter: If an option has no name, or two have the same.
    """
    found: dict[str, Path] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not name or not equals or not path:
            raise typer.BadParameter(f"expected NAME=FILE, got {value!r}")
        if name in found:
            raise typer.BadParameter(f"{name!r} is given twice")
        found[name] = Path(path)
    return found


def _shards(stage: str, text: str) -> tuple[int, int]:
    """Read which part of how many a call makes; part 0 is the artifact."""
    found = re.fullmatch(r"(?:([1-9]\d{0,3})/)?([1-9]\d{0,3})", text)
    if found is None:
        raise typer.BadParameter(f"--shards takes I/N or N, e.g. 2/3 or 3, got {text!r}")
    part, parts = int(found[1] or 0), int(found[2])
    if (part or parts > 1) and not STAGES[stage].in_parts:
        able = ", ".join(name for name, entry in STAGES.items() if entry.in_parts)
        raise typer.BadParameter(f"--shards: stage {stage} makes its output in one; those in parts are {able}")
    return part, parts


def _settings(stage: str, text: str) -> Any:
    """Read the settings of a stage from JSON text or from a file of its section; empty gives the defaults."""
    model = imported(STAGES[stage].settings)
    if not text.strip() or text.lstrip().startswith("{"):
        return parse_settings(model, text or None, where=stage)
    return parse_settings(model, _read_section(Path(text)), source=text)


def _read_section(path: Path) -> Any:
    check_regular(path)
    try:
        return load_yaml(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such settings file; --settings takes JSON text or a file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read as settings ({said_of(error)}); correct the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: cannot be read as settings: {' '.join(str(error).split())}") from None


__all__ = ["StageCall", "named_paths", "stage_command"]
