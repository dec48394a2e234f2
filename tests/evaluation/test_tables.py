from __future__ import annotations

from tests.evaluation.judged import record, rows


def test_tables_hold_the_same_numbers(run, metrics):
    summary = rows(run, "summary.csv")
    assert len(summary) == len(metrics["evaluations"])
    eroded = next(row for row in summary if row["name"] == "eroded")
    assert float(eroded["coverage"]) == record(metrics, "labels", "eroded")["metrics"]["coverage"]
    per_class = [row for row in rows(run, "per_class.csv") if row["name"] == "eroded"]
    assert [row["class"] for row in per_class] == metrics["data"]["class_names"]
    assert float(per_class[1]["iou"]) == record(metrics, "labels", "eroded")["classes"]["iou"][1]
    assert len(rows(run, "sweeps.csv")) == 100 + metrics["fusion_scan"]["points"]
