"""The base of all settings: frozen, complete, and unforgiving about unknown keys."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from wsss.config.parsing import parse_settings

MAX_SEED = 2**63 - 1
"""The largest seed that numpy, torch and HDF5 take alike."""
MAX_NAME = 100
"""Bytes of a name of your own. Names stand in names of files, of which file systems take 255 bytes."""

Distance = Annotated[int, Field(ge=1, le=4096)]
"""A distance between pixels or features."""


class Settings(BaseModel):
    """A frozen group of settings; unknown keys and wrong types are errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        # no number of a run is infinite, and JSON cannot say it
        allow_inf_nan=False,
    )

    def canonical_json(self) -> str:
        """Write the settings with every default in one order, so that equal text means equal settings."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, value: Any) -> Any:
        """Return settings from JSON text, a mapping or None (all defaults).

        Raises:
            InputError: In one line, naming the key, its value and the nearest valid key.
        """
        return parse_settings(cls, value)
