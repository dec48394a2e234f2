"""What a stage's process loads before it begins, which every job waits for."""

from __future__ import annotations

import subprocess
import sys

UNUSED = ("lightning", "torchmetrics", "torchvision", "timm", "scipy", "skimage", "matplotlib", "pandas", "onnxruntime")
"""Packages of trainings, reports and of some networks only."""


def test_stages_that_only_ask_networks_load_no_package_of_others() -> None:
    check = f"""
import sys
from wsss.models.kinds import NETWORKS, network_class
from wsss.stages import aalr_labels, cams, predict, segmenter_labels, update_labels
print(len([network_class(kind) for kind in NETWORKS]), [name for name in {UNUSED} if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "4 []"
