"""The workflow as package data: Snakefile, rules, presets, profile, schema, and where they are."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
SNAKEFILE = FOLDER / "Snakefile"
PRESETS = FOLDER / "presets"


def presets() -> dict[str, Path]:
    """Return the configs that come with the program, by name."""
    return {path.stem: path for path in sorted(PRESETS.glob("*.yaml"))}


def config_path(name: str | Path) -> Path:
    """Return the path of a config that is named by its path, or as a preset: `demo`, `voc12`.

    A file of that name comes first.
    """
    path = Path(name)
    if path.exists() or len(path.parts) != 1:
        return path
    return presets().get(path.name, path)
