"""Entries of the table of stages: a stage, its inputs, and a method."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any, Literal

from wsss.pipeline.artifact import Artifact

Wildcards = Mapping[str, Any]
"""Values of the wildcards in a stage's path: they tell its artifacts apart."""


@dataclass(frozen=True)
class Input:
    """An artifact that a stage reads.

    Attributes:
        name: Its name, also that of the command's option.
        source: Where it comes from, in the same variant and seed. Either the name of a stage; or `{label_set}` or
            `{model}`, the label set or model that this wildcard of the reading artifact names; or a function of the
            reading artifact.
        help: Text for the command line; empty names the stage.
        when: Returns whether the reading artifact, by the settings of its stage, uses it; None: always.
        optional: Whether a stage can do without it although its settings do not say so.
    """

    name: str
    source: str | Callable[[Artifact], Artifact]
    help: str = ""
    when: Callable[[Any, Artifact], bool] | None = None
    optional: bool = False


@dataclass(frozen=True)
class Stage:
    """One stage: a rule, a command, and a module in `wsss.stages` with its function, all of the same name.

    Attributes:
        name: Its name.
        title: A word or two for people.
        summary: One sentence, verb first, for help and reference.
        makes: Kind of its artifact; `labels` are trained on and judged, `models` predict.
        path: Path of its artifact below `results/RUN/`; `{branch}` stands for the folders of variant and seed.
        settings: Class of its settings, as `module:name`.
        section: Section of a config that holds them; empty: named like the stage.
        section_settings: Class of that section, if it holds the settings of several artifacts; empty: `settings`.
        narrow: Picks the settings of one artifact from the section's; None: all of them.
        inputs: The artifacts that it reads.
        asked: Returns the artifacts that a config asks for by name, given the names of all models whose predictions it
            evaluates. All other artifacts are made because something reads them. An alias may stand for a label set.
        method: The method that it belongs to; empty if methods share it.
        per: `run`: it exists once. `settings`: branches with equal settings share it. `branch`: each has its own.
        product: Name of the label set or model, with the wildcards of its path.
        words: That name for people. For labels, leave out the word "labels"; for labels made from others, give an
            adjective.
        how: Function that says in words how its labels are made, of their settings, as `module:name`.
        how_saliency: The same of saliency labels beside them.
        constraints: Regular expressions of wildcards whose values are limited.
        alias: Short name of the last one of several label sets.
        last: Returns the wildcards of that last one.
        if_missing: Tells how to get a label set that a config does not lead to.
        predicted: Returns the models whose predictions a config evaluates; None: all that it trains.
        network: Class of the network that it trains, as `module:name`.
        report: Module with its own part of the report.
        masks: Kinds of further label maps in its artifact, beside `segmentation`, with their names for people.
        in_parts: Whether its artifact can be made in parts, by several jobs.
        code: Further modules that it runs; `{model}` stands for that of the network that predicts, `{parts}` for those
            with parts of the report.
    """

    name: str
    title: str
    summary: str
    makes: str
    path: str
    settings: str
    section: str = ""
    section_settings: str = ""
    narrow: Callable[[Any, Artifact], Any] | None = None
    inputs: tuple[Input, ...] = ()
    asked: Callable[[Any, Sequence[str]], Iterable[Wildcards]] | None = None
    method: str = ""
    per: Literal["run", "settings", "branch"] = "settings"
    product: str = ""
    words: str = ""
    how: str = ""
    how_saliency: str = ""
    constraints: Mapping[str, str] = field(default_factory=dict)
    alias: str = ""
    last: Callable[[Any], Wildcards] | None = None
    if_missing: str = ""
    predicted: Callable[[Any], Iterable[Wildcards]] | None = None
    network: str = ""
    report: str = ""
    masks: Mapping[str, str] = field(default_factory=dict)
    in_parts: bool = False
    code: tuple[str, ...] = ()

    @cached_property
    def wildcards(self) -> tuple[str, ...]:
        """Names of the wildcards in its path, without those of the branch."""
        return tuple(name for name in re.findall(r"{(\w+)}", self.path) if name != "branch")

    @property
    def asked_by_name(self) -> bool:
        """Whether a config chooses its artifacts by name; every variant can have artifacts of any other stage."""
        return bool(self.wildcards or self.method)


@dataclass(frozen=True)
class Method:
    """A method: an algorithm with stages of its own, beside the shared ones.

    Attributes:
        name: Its name in `methods` of a config.
        title: Its name in its paper.
        summary: One sentence, verb first.
        settings: Class of its settings as a whole, as `module:name`; the section of a config is named like it.
        problem: Function that finds errors in a config, as `module:name`.
        report: Module with its part of the report.
        study: Module with its part of a study's rows.
    """

    name: str
    title: str
    summary: str
    settings: str = ""
    problem: str = ""
    report: str = ""
    study: str = ""


def imported(reference: str) -> Any:
    """Import the object that an entry of the table names as `module:name`."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)
