"""The JSON schema of a config file."""

from __future__ import annotations

import json

from wsss.config import Config


def schema_text() -> str:
    """Return the schema as it is stored in `workflow/schemas/config.schema.json`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    schema["title"] = "Config of a wsss run"
    return json.dumps(schema, indent=2) + "\n"
