from __future__ import annotations

from typing import Any

import pytest

from wsss.config import load_config
from wsss.errors import InputError


def config(**sections: Any) -> dict[str, Any]:
    return {"data": {"name": "demo"}, **sections}


@pytest.mark.parametrize("stage", ["train_aalr", "train_auxsegnet"])
def test_labels_that_would_never_reach_the_other_losses_are_refused(stage: str) -> None:
    wrong = {"label_reassign": {"weight": 1, "apply_to": "drop", "ramp": 1}}
    with pytest.raises(InputError, match=r"apply_to `drop` acts from the end of the ramp on, and ramp is 1"):
        load_config(config(**{stage: wrong}))
    wrong["label_reassign"]["weight"] = 0
    load_config(config(**{stage: wrong}))
