"""Settings for people to read: on the terminal, and as the page `docs/settings.md`."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator

import typer

from wsss.config.listing import REQUIRED, Section, Setting, sections
from wsss.config.parsing import nearest
from wsss.errors import InputError

HEADER = """\
# Settings

A config is a YAML file of the sections below; only `data` has no default, and a misspelt name is an error that names
the nearest. Of several files (`--configfile a.yaml b.yaml`) each is laid over those before it, key by key, and
`--config 'seeds=[0,1]'` over all of them. An entry of `variants` is laid over the config in the same way, and stages
that it does not change are shared.

`wsss settings SECTION` prints a section in the terminal. This page is made by `wsss settings --markdown >
docs/settings.md`.
"""


def print_settings(name: str) -> None:
    """Print the settings of a section, or with an empty name all sections.

    Raises:
        InputError: If there is no such section.
    """
    found = sections()
    if name and name not in found:
        raise InputError(f"`{name}` is not a section{nearest(name, list(found))}")
    width = shutil.get_terminal_size().columns
    typer.echo("\n".join(_section_lines(found[name], width) if name else _overview_lines(found, width)))


def settings_page() -> str:
    """Return the page of all settings, as it is stored in `docs/settings.md`."""
    found = sections()
    rows = [f"| [`{name}`](#{name}) | {_cell(section.summary)} |" for name, section in found.items()]
    overview = "\n".join(["| section | |", "|---|---|", *rows])
    return "\n".join([HEADER, overview, *("\n" + "\n".join(_page_lines(section)) for section in found.values())]) + "\n"


def _overview_lines(found: dict[str, Section], width: int) -> Iterator[str]:
    column = max(map(len, found)) + 2
    for name, section in found.items():
        yield textwrap.fill(f"{name:{column}}{section.summary}", width, subsequent_indent=" " * column)
    yield ""
    yield "wsss settings SECTION prints the settings in a section."


def _section_lines(section: Section, width: int) -> Iterator[str]:
    if section.is_value:
        yield from _setting_lines(section.name, section.settings[0], width)
        return
    for paragraph in section.description.split("\n"):
        yield textwrap.fill(paragraph, width)
    for setting in section.settings:
        yield ""
        yield from _setting_lines(f"{section.name}.{setting.name}", setting, width)


def _setting_lines(name: str, setting: Setting, width: int) -> Iterator[str]:
    default = setting.default if setting.default in ("", REQUIRED) else f"default {setting.default}"
    head = f"{name}: {', '.join(filter(None, (setting.kind, default)))}"
    yield textwrap.fill(head, width, subsequent_indent=" " * 8, break_on_hyphens=False)
    yield textwrap.fill(setting.description, width, initial_indent="    ", subsequent_indent="    ")


def _page_lines(section: Section) -> Iterator[str]:
    yield f"## {section.name}"
    for paragraph in [] if section.is_value else section.description.split("\n"):
        yield ""
        yield paragraph
    yield ""
    yield "| setting | values | default | |"
    yield "|---|---|---|---|"
    for setting in section.settings:
        is_value = setting.default not in ("", REQUIRED) and "`" not in setting.default
        default = f"`{setting.default}`" if is_value else setting.default
        yield f"| `{setting.name}` | {_cell(setting.kind)} | {_cell(default)} | {_cell(setting.description)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
