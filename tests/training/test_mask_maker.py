from __future__ import annotations

import pickle
import threading
from typing import Any

import pytest
import torch
from torch import Tensor

from wsss.config import OnlineLabels
from wsss.grid import PIXELS
from wsss.ops.online_masks import OnlinePseudoLabels
from wsss.training.mask_maker import MaskMaker

SETTINGS = OnlineLabels(refinement="none")


def _batch(value: int = 0) -> dict[str, Tensor]:
    return {
        "images": torch.full((1, 3, 8, 8), value, dtype=torch.uint8),
        "targets": torch.ones(1, 2),
        "inside": torch.ones(1, 8, 8, dtype=torch.bool),
    }


def test_masks_are_made_beside_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def wait(cams: Tensor, *_: Any, **__: Any) -> OnlinePseudoLabels:
        assert go_on.wait(60)
        return OnlinePseudoLabels(cams, cams, cams)

    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", wait)
    maker = MaskMaker(SETTINGS, PIXELS)
    assert maker.take() is None
    maker.begin(torch.ones(1, 2, 4, 4), _batch(7))
    # beginning has not waited for the end
    go_on.set()
    taken = maker.take()
    assert taken is not None
    assert taken[0]["images"][0, 0, 0, 0] == 7
    assert taken[1].labels.sum() == 32
    assert maker.take() is None


def test_what_goes_wrong_beside_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    # a pool whose results nobody reads loses its errors
    def fail(*_: Any, **__: Any) -> OnlinePseudoLabels:
        raise RuntimeError("no masks today")

    monkeypatch.setattr("wsss.training.mask_maker.online_pseudo_labels", fail)
    maker = MaskMaker(SETTINGS, PIXELS)
    maker.begin(torch.ones(1, 2, 4, 4), _batch())
    with pytest.raises(RuntimeError, match="no masks today"):
        maker.take()


def test_its_state_comes_back_and_stays() -> None:
    maker, other = MaskMaker(SETTINGS, PIXELS), MaskMaker(SETTINGS, PIXELS)
    assert maker.state() == {}
    other.load({}, torch.device("cpu"))
    assert other.take() is None
    cams = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    maker.begin(cams, _batch(9))
    other.load(maker.state(), torch.device("cpu"))
    for found in (maker.take(), other.take()):
        assert found is not None
        assert found[0]["images"].unique().tolist() == [9]
        assert torch.equal(found[1].labels, MaskMaker(SETTINGS, PIXELS).make(cams, _batch()).labels)


def test_a_copy_for_another_process_has_no_thread() -> None:
    maker = MaskMaker(SETTINGS, PIXELS)
    maker.begin(torch.ones(1, 2, 4, 4), _batch())
    assert pickle.loads(pickle.dumps(maker)).take() is None
