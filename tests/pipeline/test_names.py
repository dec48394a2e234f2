"""Names of label sets and models, to their artifacts and back, and for people."""

from __future__ import annotations

from wsss.pipeline.names import label_words


def test_names_of_label_sets():
    assert label_words("seeds") == "seed labels"
    assert label_words("seeds_self") == "self-trained labels"
    assert label_words("seeds_self_self") == "self-trained labels (2 times)"
    assert label_words("round1") == "round1 labels"
    assert label_words("auxsegnet_round2") == "round 2 labels"
    assert label_words("auxsegnet_round2_self") == "self-trained labels, from round 2"
