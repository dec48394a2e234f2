from __future__ import annotations

from wsss.config import SeedLabels
from wsss.evaluation.protocols import label_rule


def rule(**settings: object) -> str:
    return label_rule("seed_labels", SeedLabels.parse(settings).model_dump(mode="json"))


def test_rules_are_told_as_they_are() -> None:
    alone = {"rule": "background_threshold", "cam_threshold": 0.3}
    assert rule(**alone) == "class where CAM > 0.3, background elsewhere"
    assert rule(**alone, background_cam_threshold=0.0).endswith("background where CAM ≤ 0.0, 255 between")
    assert rule(background_cam_threshold=0.6).endswith("saliency ≤ 0.06 and CAM ≤ 0.6, 255 elsewhere")
    assert rule().endswith("CAM ≤ 0.2, 255 elsewhere")
