"""CAMs of present classes, as artifacts hold them."""

from __future__ import annotations

import numpy as np
import torch

from wsss.ops.cams import normalize_cams
from wsss.stages.cam_batches import CamBatch, cam_size, present_cams


def test_only_present_classes_are_kept_each_divided_by_its_maximum():
    maps = torch.rand(3, 5, 4, 6)
    present = [np.array([1, 4]), np.array([], np.int64), np.array([0])]
    found = present_cams(CamBatch(["a", "b", "c"], maps, present))
    assert [image_id for image_id, _, _ in found] == ["a", "b", "c"]
    expected = normalize_cams(maps).half().numpy()
    for row, (_, planes, classes) in enumerate(found):
        assert planes.dtype == np.float16
        assert planes.shape == (len(present[row]), 4, 6)
        assert np.array_equal(planes, expected[row][present[row]])
        assert classes.tolist() == [number + 1 for number in present[row]]


def test_stored_cams_are_a_quarter_as_wide_as_the_image_that_the_network_sees():
    assert cam_size(torch.zeros(1, 3, 96, 128)) == (24, 32)
