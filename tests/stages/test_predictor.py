from __future__ import annotations

from pathlib import Path

import pytest

from tests.stages.networks import Networks
from wsss.config import Cams, Protocol, VocData
from wsss.errors import InputError
from wsss.stages.cams import cams
from wsss.stages.index import index
from wsss.stages.predict import predict


def test_a_network_of_another_stage_or_other_classes_is_refused(networks: Networks, tmp_path: Path) -> None:
    output = tmp_path / "cams.h5"
    with pytest.raises(InputError, match="train_segmenter"):
        cams(Cams(), index=networks.index, classifier=networks.segmenter, output=output)
    with pytest.raises(InputError, match=r"predicts no segmentation; .* auxsegnet or aalr or segmenter$"):
        predict(Protocol(), index=networks.index, model=networks.classifier, split="val", output=output)
    other = tmp_path / "other.h5"
    index(VocData(root=str(networks.photos)), output=other)
    with pytest.raises(InputError, match=r"classifier.model\.ckpt.*3 classes"):
        cams(Cams(), index=other, classifier=networks.classifier, output=output)
    assert not output.exists()
