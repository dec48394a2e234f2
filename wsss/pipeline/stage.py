"""What the table of stages says of a stage, of its inputs, and of a method."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from wsss.pipeline.artifact import Artifact

Wildcards = Mapping[str, Any]
"""Values of the wildcards in a stage's path: they tell its artifacts apart."""


@dataclass(frozen=True)
class Input:
    """An artifact that a stage reads, by the name of the option that its command has for it.

    Attributes:
        name: Name of the option.
        source: Where it comes from, in the same variant and seed: the name of a stage; `{label_set}` or `{model}` for
            the label set or model that this wildcard of the reading artifact names; or a function of that artifact.
        help: Text for the command line; empty names the stage.
        when: Whether the settings of the reading stage use it; None: always.
    """

    name: str
    source: str | Callable[[Artifact], Artifact]
    help: str = ""
    when: Callable[[Any], bool] | None = None


@dataclass(frozen=True)
class Stage:
    """One stage: a rule, a command, a function and a module in `wsss.stages`, all of the same name.

    Attributes:
        name: Its name.
        title: A word or two for people.
        summary: What it does, verb first, for help and reference.
        makes: Kind of what it writes; `labels` are trained on and judged, `models` predict.
        path: Where it writes, below `results/RUN/`; `{branch}` stands for the folders of variant and seed.
        settings: Class of its settings, as `module:name`.
        section: Section of a config that holds them; empty: its own name.
        section_settings: Class of that section, where it holds more than one artifact's settings; empty: `settings`.
        narrow: The settings of one artifact out of the section's; None: all of them.
        inputs: What it reads.
        asked: The artifacts that a config asks for by name, given the names of all models whose predictions it
            evaluates; all others are made because something reads them. An alias may stand for a label set.
        method: The method that it belongs to; empty where methods share it.
        per: `run`: it exists once. `settings`: branches with equal settings share it. `branch`: each has its own.
        product: Name of the label set or model, with the wildcards of its path.
        words: That name for people; of labels without the word "labels", of labels made from others an adjective.
        rule: How its labels are made, in words, of the settings that they were made with.
        saliency_rule: The same of saliency labels beside them.
        constraints: Regular expressions of wildcards of which not every value has an artifact.
        alias: Short name of the last one of several label sets.
        last: Wildcards of that last one.
        if_missing: How to get a label set that a config does not lead to.
        predicted: The models whose predictions a config evaluates; None: all that it trains.
        network: Class of the network that it trains, as `module:name`.
        masks: Further label maps in its artifact, beside those of kind `segmentation`, in words.
        code: Further modules that it runs; `{model}` stands for that of the network that predicts.
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
    rule: Callable[[Mapping[str, Any]], str] | None = None
    saliency_rule: Callable[[Mapping[str, Any]], str] | None = None
    constraints: Mapping[str, str] = field(default_factory=dict)
    alias: str = ""
    last: Callable[[Any], Wildcards] | None = None
    if_missing: str = ""
    predicted: Callable[[Any], Iterable[Wildcards]] | None = None
    network: str = ""
    masks: Mapping[str, str] = field(default_factory=dict)
    code: tuple[str, ...] = ()

    @property
    def wildcards(self) -> tuple[str, ...]:
        """Names of the wildcards in its path, without those of the branch."""
        return tuple(name for name in re.findall(r"{(\w+)}", self.path) if name != "branch")

    @property
    def chosen(self) -> bool:
        """Whether a config chooses its artifacts by names; of any other stage, every variant could have one."""
        return bool(self.wildcards or self.method)


@dataclass(frozen=True)
class Method:
    """A method: an algorithm with stages of its own beside those that methods share.

    Attributes:
        name: Its name in `methods` of a config.
        title: Its name in its paper.
        summary: What it does, verb first.
        settings: Class of the settings of the method as a whole, as `module:name`; their section has its name.
        problem: Function that finds what is wrong with a config, as `module:name`.
        report: Module with its part of the report.
        study: Module with its part of the rows of a study.
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
