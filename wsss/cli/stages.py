"""Make the commands of stages whose options follow from the table: one per input, and the output."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from wsss.cli.options import Output, StageCall, stage_command
from wsss.pipeline.stage import Input, Stage
from wsss.pipeline.stages import STAGES


def add_stages(app: typer.Typer, *, but: tuple[str, ...]) -> None:
    """Add the command of every stage but those named, in the order of the pipeline."""
    for stage in STAGES.values():
        if stage.name not in but:
            stage_command(app)(_command(stage))


def _command(stage: Stage) -> Callable[..., None]:
    """Make a function whose signature the command line reads."""

    def run(call: StageCall, **paths: Any) -> None:
        call.run(**paths)

    call = inspect.Parameter("call", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=StageCall)
    output = inspect.Parameter("output", inspect.Parameter.KEYWORD_ONLY, annotation=Output)
    run.__name__, run.__doc__ = stage.name, stage.summary
    run.__signature__ = inspect.Signature([call, *map(_parameter, stage.inputs), output])  # type: ignore[attr-defined]
    return run


def _parameter(item: Input) -> inspect.Parameter:
    optional = item.optional or item.when is not None
    option = typer.Option(metavar="FILE", help=item.help or _help(item))
    return inspect.Parameter(
        item.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if optional else inspect.Parameter.empty,
        annotation=Annotated[Path | None, option] if optional else Annotated[Path, option],
    )


def _help(item: Input) -> str:
    made_by = str(item.source)
    what = "Checkpoint" if STAGES[made_by].network else "Artifact"
    return f"{what} of {made_by}." + (" Needed where the settings use it." if item.when is not None else "")
