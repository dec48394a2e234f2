from __future__ import annotations

from tests.viewer.answers import RUN
from tests.viewer.conftest import open_page
from tests.viewer.tiny import SEEDS, make_index, make_results


def test_provenance_finds_the_inputs_and_marks_what_changed(tmp_path):
    run = make_results(tmp_path)
    with open_page(run) as client:
        entries = {entry["path"]: entry for entry in client.get(f"{RUN}/provenance").json()}
        assert entries[SEEDS]["inputs"][0]["matches"] == "index.h5"
        assert entries[SEEDS]["settings"]["rule"] == "saliency"
        assert entries["evaluation/metrics.json"]["inputs"][1]["matches"] == "saliency.h5"
        make_index(tmp_path, train=4)
        entries = {entry["path"]: entry for entry in client.get(f"{RUN}/provenance").json()}
    assert entries[SEEDS]["inputs"][0]["matches"] is None
