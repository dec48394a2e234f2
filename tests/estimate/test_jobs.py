"""Artifacts that cost the same are measured once."""

from __future__ import annotations

from typing import Any

from wsss.config import load_config
from wsss.estimate.jobs import jobs_of
from wsss.plan import Plan


def plan(**sections: Any) -> Plan:
    return Plan(load_config({"run": "x", "data": {"name": "demo"}, **sections}))


def counts(**sections: Any) -> dict[str, int]:
    return {job.name: job.count for job in jobs_of(plan(**sections))[0]}


def test_rounds_and_label_sets_cost_the_same():
    found = counts(
        methods=["auxsegnet"], auxsegnet={"rounds": 3}, train_segmenter={"label_sets": ["seeds", "auxsegnet"]}
    )
    assert (found["train_auxsegnet"], found["update_labels"], found["train_segmenter"]) == (3, 3, 2)
    predicted = {name: number for name, number in found.items() if name.startswith("predict")}
    assert sorted(predicted.values()) == [2, 3]


def test_protocols_splits_and_settings_cost_their_own():
    found = counts(
        predict={"splits": ["train", "val"], "protocols": {"single": {}, "flip": {"flip": True}}},
        variants={"a": {}, "b": {"train_segmenter": {"batch_size": 4}}},
        seeds=[0, 1],
    )
    assert sum(name.startswith("predict") for name in found) == 2 * 2 * 2
    assert [number for name, number in found.items() if name.startswith("train_segmenter")] == [2, 2]
    assert found["train_classifier a"] == 2


def test_every_artifact_of_a_run_has_one_that_stands_for_it():
    own = plan(methods=["auxsegnet", "aalr"])
    jobs, stands_for = jobs_of(own)
    assert sum(job.count for job in jobs) == len(stands_for)
    assert {job.artifact for job in jobs} == set(stands_for.values())
