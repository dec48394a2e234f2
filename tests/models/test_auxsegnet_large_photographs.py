from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["tf_efficientnet_lite0", "resnet38d"])
def test_a_photograph_of_1500_pixels_is_predicted_exactly_in_under_4_gb(backbone: str) -> None:
    root = Path(__file__).parents[2]
    # large blocks go back to the system at once: what glibc keeps of freed ones differs from run to run by gigabytes
    limits = {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": str(2**20)}
    result = subprocess.run(
        [sys.executable, "-m", "tests.models.large_photograph", backbone],
        cwd=root,
        env={**os.environ, **limits, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["positions"] == 124 * 188
    assert found["blocked"]
    assert found["peak_mib"] < 4 * 1000**3 / 2**20
    assert found["largest_relative_error"] < 1e-4
