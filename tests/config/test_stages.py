from __future__ import annotations

from typing import Any

import pytest

from wsss.config import load_config
from wsss.errors import InputError


def config(**sections: Any) -> dict[str, Any]:
    return {"data": {"name": "demo"}, **sections}


def test_background_limit_above_the_cam_threshold_is_refused_without_saliency() -> None:
    rule = {"rule": "background_threshold", "cam_threshold": 0.3, "background_cam_threshold": 0.6}
    with pytest.raises(InputError, match=r"must not be above cam_threshold, got 0\.6 and 0\.3"):
        load_config(config(seed_labels=rule))
