from __future__ import annotations

from wsss.config import TrainSegmenter


def test_one_label_set_may_be_written_as_a_word() -> None:
    assert TrainSegmenter.parse({"label_sets": "masks"}).label_sets == ("masks",)
    assert TrainSegmenter.parse({"label_sets": ["seeds", "seeds_self"]}).label_sets == ("seeds", "seeds_self")
