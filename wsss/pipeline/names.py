"""Names of label sets and of models: the artifact that each stands for, and its name for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any

from wsss.pipeline.artifact import Artifact, typed
from wsss.pipeline.stage import Stage
from wsss.pipeline.stages import METHODS, STAGES

TRUE_MASKS = "masks"
"""Name of the label set that no stage makes: the true masks of the data set."""
_STEM = "{label_set}"
"""In the name of a label set, stands for the label set that it is made from."""


def stages_making(kind: str) -> tuple[str, ...]:
    """List the stages that write this kind, in the order of the pipeline."""
    return tuple(name for name, stage in STAGES.items() if stage.makes == kind)


LABEL_STAGES = stages_making("labels")
"""Stages whose artifacts hold label maps (kind `segmentation`) of the training images."""
MODEL_STAGES = stages_making("models")
"""Stages whose checkpoints predict a segmentation."""
_SUFFIX_STAGES = tuple(name for name in LABEL_STAGES if STAGES[name].product.startswith(_STEM))
_BASE_STAGES = tuple(name for name in LABEL_STAGES if name not in _SUFFIX_STAGES)
_SUFFIXES = "|".join(re.escape(STAGES[name].product.removeprefix(_STEM)) for name in _SUFFIX_STAGES)


MASKS = {kind: words for stage in STAGES.values() for kind, words in stage.masks.items()}
"""Kinds of further label maps that stages keep beside their labels, in words."""


# -- from a name to its artifact, and back -----------------------------------------------------------------------------


def label_set(name: str) -> Artifact | None:
    """Return the artifact of a label set, without its branch; None for the true masks and for an unknown name.

    `auxsegnet_round1_self` gives `Artifact("segmenter_labels", label_set="auxsegnet_round1")`.
    """
    found = _parsed(name, LABEL_STAGES)
    return None if found is not None and found.label_set and label_set(found.label_set) is None else found


def model(name: str) -> Artifact | None:
    """Return the checkpoint of a model, without its branch; None for an unknown name."""
    return _parsed(name, MODEL_STAGES)


def product_of(artifact: Artifact) -> str:
    """Return the name of the label set or model that an artifact holds; empty for others."""
    return STAGES[artifact.stage].product.format(label_set=artifact.label_set, round=artifact.round)


@cache
def _parsed(name: str, stages: tuple[str, ...]) -> Artifact | None:
    for stage in stages:
        match = re.fullmatch(_pattern(STAGES[stage]), name)
        if match:
            return Artifact(stage, **typed(match.groupdict()))
    return None


def _pattern(stage: Stage) -> str:
    """Return the regular expression of the names of the label sets or models that a stage makes."""
    known = {"round": r"\d+"} | dict(stage.constraints)
    return re.sub(r"\\{(\w+)\\}", lambda name: f"(?P<{name[1]}>{known.get(name[1], '.+')})", re.escape(stage.product))


# -- where a name comes from -------------------------------------------------------------------------------------------


def chain_of(name: str) -> Iterator[Artifact]:
    """Yield a label set, the one that it was made from, and so on; nothing for the true masks."""
    found = label_set(name)
    if found is not None:
        yield found
        yield from chain_of(found.label_set)


def base_of(name: str) -> str:
    """Return the label set that a chain of labels starts with: `seeds` for `seeds_self_self`."""
    *_, last = ["", *(product_of(artifact) for artifact in chain_of(name))]
    return last or name


def method_of(name: str) -> str:
    """Return the method that a label set or a model comes from; empty for none."""
    found = model(name) or label_set(base_of(name))
    if found is None:
        return ""
    return method_of(found.label_set) if found.label_set else STAGES[found.stage].method


def method_order(name: str) -> int:
    """Return the place of that method in the table, counted from 1; 0 for none."""
    return ("", *METHODS).index(method_of(name))


# -- what a config may name --------------------------------------------------------------------------------------------


def label_set_pattern() -> str:
    """Return the regular expression of every name that a config may use for a label set."""
    bases = [re.sub(r"\(\?P<\w+>", "(?:", _pattern(STAGES[stage])) for stage in _BASE_STAGES]
    return f"{TRUE_MASKS}|({'|'.join((*bases, *_aliases()))})({_SUFFIXES})*"


def label_set_names() -> list[str]:
    """List the names that label sets begin with; of several the first and the alias."""
    return [TRUE_MASKS, *(STAGES[stage].product.format(round=1) for stage in _BASE_STAGES), *_aliases()]


def known_label_sets() -> str:
    """List all of these names for people, with the suffixes that they take."""
    listed = ", ".join(f"`{name}`" for name in label_set_names())
    return f"{listed}; to all but `{TRUE_MASKS}`, {' or '.join(f'`{s}`' for s in _SUFFIXES.split('|'))} may be appended"


def resolved(name: str, config: Any) -> str:
    """Replace the alias of the last label set by its own name, e.g. in `auxsegnet_self` of a run of rounds."""
    for stage, alias in ((STAGES[found], STAGES[found].alias) for found in _BASE_STAGES):
        if alias and stage.last is not None and re.fullmatch(f"{re.escape(alias)}({_SUFFIXES})*", name):
            return stage.product.format(**stage.last(config)) + name.removeprefix(alias)
    return name


def _aliases() -> list[str]:
    return [STAGES[stage].alias for stage in _BASE_STAGES if STAGES[stage].alias]


# -- for people --------------------------------------------------------------------------------------------------------


def label_words(name: str) -> str:
    """Name a label set for people: `seeds` is "seed labels", `seeds_self` "self-trained labels", and so on."""
    if name == TRUE_MASKS:
        return "true masks"
    chain = list(chain_of(name))
    if not chain:
        return f"{name.replace('_', ' ')} labels"
    words = [STAGES[artifact.stage].words.format(round=artifact.round) for artifact in chain]
    parts = [(word, len(list(same))) for word, same in groupby(words[:-1])]
    if not parts:
        return f"{words[-1]} labels"
    # self-trained labels of the first stage's labels need no origin in their name
    origins = [] if chain[-1].stage == LABEL_STAGES[0] else words[-1:]
    first, *others = [(word, f" ({times} times)" if times > 1 else "") for word, times in parts]
    origins = [*(f"{word}{times}" for word, times in others), *origins]
    return f"{first[0]} labels{first[1]}" + "".join(f", from {origin}" for origin in origins)


def model_words(name: str) -> str:
    """Name a model for people: "network on seed labels", "AuxSegNet, round 1"."""
    found = model(name)
    if found is None:
        return name.replace("_", " ")
    return STAGES[found.stage].words.format(round=found.round, label_set=label_words(found.label_set))
