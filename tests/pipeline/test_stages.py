"""The table of methods and stages: what it names is there, and fits."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from wsss.pipeline.stage import Stage, imported
from wsss.pipeline.stages import METHODS, STAGES

PROJECT = Path(__file__).parents[2]


def references() -> Iterator[str]:
    """Everything that the table names as `module:name`."""
    for stage in STAGES.values():
        yield from filter(None, (stage.settings, stage.section_settings, stage.network))
    for method in METHODS.values():
        yield from filter(None, (method.settings, method.problem))


def wildcards(template: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", template))


@pytest.mark.parametrize("reference", sorted(set(references())))
def test_what_the_table_names_can_be_imported(reference: str):
    assert imported(reference) is not None


@pytest.mark.parametrize("stage", [stage for stage in STAGES.values() if stage.network], ids=lambda stage: stage.name)
def test_the_network_of_a_stage_is_of_the_kind_that_the_stage_trains(stage: Stage):
    assert stage.name == f"train_{imported(stage.network).kind}"


def test_further_modules_are_there():
    modules = [module for stage in STAGES.values() for module in stage.code if not module.startswith("{")]
    modules += [module for method in METHODS.values() for module in (method.report, method.study)]
    modules += [stage.report for stage in STAGES.values() if stage.report]
    assert len(modules) >= 3 + 4 + 1
    assert [module for module in modules if find_spec(module) is None] == []


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_has_a_function_that_takes_its_inputs(name: str):
    function = getattr(import_module(f"wsss.stages.{name}"), name)
    parameters = inspect.signature(function).parameters
    assert next(iter(parameters)) == "settings"
    assert {"output", "context", *(item.name for item in STAGES[name].inputs)} <= set(parameters)


def test_every_stage_has_a_rule_and_every_rule_a_stage():
    rules = [
        name
        for path in (PROJECT / "wsss/workflow/rules").glob("*.smk")
        for name in re.findall(r"^rule (\w+):", path.read_text(encoding="utf-8"), flags=re.M)
    ]
    assert sorted(rules) == sorted(STAGES)


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_names_and_paths_have_the_same_wildcards(stage: Stage):
    if stage.product:
        # else two artifacts would have one name, or one artifact two
        assert wildcards(stage.product) == set(stage.wildcards)
    assert wildcards(stage.words) <= set(stage.wildcards)
    assert set(stage.constraints) <= set(stage.wildcards)
    assert stage.path.startswith("{branch}") == (stage.per != "run")


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_labels_and_models_have_names_and_no_others_do(stage: Stage):
    named = stage.makes in ("labels", "models")
    assert bool(stage.product) == bool(stage.words) == named
    assert bool(stage.alias) == (stage.last is not None)
    assert stage.method in ("", *METHODS)
    assert stage.summary.endswith(".")


def test_no_two_have_the_same_name_path_or_title():
    for attribute in ("name", "title", "path", "product"):
        kinds = Counter((getattr(stage, attribute), stage.makes) for stage in STAGES.values())
        assert [key for key, count in kinds.items() if key[0] and count > 1] == []
    assert all(name == stage.name for name, stage in STAGES.items())
    assert all(name == method.name for name, method in METHODS.items())
