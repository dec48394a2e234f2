"""Every command that a document names can be typed: it exists, and so do its options and the sections it asks for."""

from __future__ import annotations

import re

import pytest
from snakemake.cli import get_argument_parser
from typer.main import get_command

from tests.documents.commands import PROJECT, Command, block_commands, inline_commands
from wsss.cli.app import app
from wsss.cli.options import _settings
from wsss.config.listing import sections
from wsss.pipeline.stages import STAGES
from wsss.workflow import presets

PROGRAM = get_command(app)
SHORTENED = re.compile(r"[A-Z]{2,}|…|\.\.\.|\[")
"""What stands for something else: NAME, SECTION."""
TARGETS = {"classifiers", "labels", "models", "predictions", "evaluations", *(f"all_{stage}" for stage in STAGES)}


def parse(command: Command) -> None:
    """Read a whole command as the command line does; nothing is run."""
    program, *words = command.words
    if program == "snakemake":
        parse_snakemake(words)
    elif words[0] == "run":
        configs = [word for word in words[1:] if word in presets() or word.endswith(".yaml")]
        assert configs, f"{command} names no config"
        parse_snakemake([word for word in words[1:] if word not in configs])
    else:
        assert words[0] in PROGRAM.commands, f"{command}: no such command"
        context = PROGRAM.commands[words[0]].make_context(words[0], words[1:])
        settings = context.params.get("settings")
        if words[0] in STAGES and settings and not SHORTENED.match(settings):
            _settings(words[0], settings)
        if section := context.params.get("section"):
            assert SHORTENED.match(section) or section in sections()


def parse_snakemake(words: list[str]) -> None:
    # options of the plugin for SLURM are known where it is installed; each has one value
    plugin = [place for place, word in enumerate(words) if word.startswith("--slurm-")]
    words = [word for place, word in enumerate(words) if place not in plugin and place - 1 not in plugin]
    parsed = get_argument_parser().parse_args(words)
    for target in parsed.targets:
        assert target in TARGETS or "/" in target, f"there is no target {target}"
    for config in parsed.configfile or ():
        assert config.parent.name != "presets" or (PROJECT / config).is_file(), config


def test_there_are_commands_in_the_documents():
    pages = {command.page for command in block_commands()}
    assert {"README.md", "docs/index.md", "docs/viewer.md", "docs/your_own_data.md", "docs/datasets.md"} <= pages


@pytest.mark.parametrize("command", block_commands(), ids=str)
def test_a_command_in_a_block_can_be_typed(command: Command):
    parse(command)


@pytest.mark.parametrize("command", inline_commands(), ids=str)
def test_a_command_in_a_line_has_only_options_that_there_are(command: Command):
    program, *words = command.words
    options = [word.split("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)]
    if program == "snakemake":
        known = get_argument_parser()._option_string_actions
        assert all(option in known for option in options), command
        return
    if SHORTENED.match(words[0]):
        return
    if words[0].startswith("-"):
        known, options = {"--version", "--help"}, words
    elif words[0] == "run":
        known = set(get_argument_parser()._option_string_actions)
    else:
        assert words[0] in PROGRAM.commands, command
        parameters = PROGRAM.commands[words[0]].params
        known = {"--help", *(option for parameter in parameters for option in parameter.opts)}
    assert set(options) <= set(known), command
