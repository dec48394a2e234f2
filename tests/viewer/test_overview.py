from __future__ import annotations

import numpy as np

from tests.viewer.answers import RUN


def test_overview_and_confusion_are_those_of_the_evaluation(client):
    about = client.get(f"{RUN}/overview").json()
    assert about["data"]["splits"] == {"train": 6, "val": 3}
    (branch,) = about["branches"]
    assert [item["title"] for item in branch["records"] if item["kind"] == "labels"] == [
        "seed labels",
        "round 1 labels",
    ]
    record = next(item for item in branch["records"] if item["name"] == "auxsegnet_round1" and item["kind"] == "labels")
    matrix = client.get(f"{RUN}/confusion", params={"kind": "labels", "name": record["name"], "split": "train"}).json()
    counts = np.array(matrix["confusion"])
    assert counts.shape == (5, 5)
    assert np.diagonal(counts)[1:4].sum() > 0
    assert matrix["classes"][-1] == "255"
