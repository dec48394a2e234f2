"""The JSON schema of a config file."""

from __future__ import annotations

import json
from pathlib import Path

from wsss.config import Config
from wsss.files import write_text
from wsss.outputs import check_target
from wsss.protected import Inputs

TITLE = "Config of a wsss run"


def schema_text() -> str:
    """Return the schema as it is stored in `wsss/workflow/schemas/config.schema.json`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    schema["title"] = TITLE
    return json.dumps(schema, indent=2) + "\n"


def write_schema(path: Path) -> None:
    """Write the schema to a file.

    Raises:
        InputError: If something else than a schema of this program lies there.
    """
    check_target(path, Inputs(), _is_schema, foreign="is no schema of this program")
    write_text(path, schema_text())


def _is_schema(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return not path.is_symlink() and isinstance(content, dict) and content.get("title") == TITLE
