from __future__ import annotations

import pytest

from wsss.config.rounds import TrainAuxsegnet
from wsss.errors import InputError


@pytest.mark.parametrize("source", ["crf", "cam"])
def test_confidence_of_online_masks_is_refused_in_one_line(source: str) -> None:
    line = (
        r"`adaptive_affinity\.confidence`: needs online masks, which AuxSegNet's rounds do not have; "
        rf"set it to `seg` or `none`, got '{source}'$"
    )
    with pytest.raises(InputError, match=line):
        TrainAuxsegnet.parse({"adaptive_affinity": {"weight": 1, "confidence": source}})
    with pytest.raises(InputError, match="input should be 'seg' or 'none'"):
        TrainAuxsegnet.parse({"adaptive_affinity": {"confidence": "seq"}})
