"""What `metrics.json` and the tables beside it must hold, and the one line where they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wsss.errors import InputError
from wsss.report.form import check_metrics, read_rows, whole_table

RECORD = {"kind": "labels", "name": "seeds", "split": "train", "protocol": "p", "metrics": {"miou": 0.5, "mae": None}}
GOOD: dict[str, Any] = {"run": "x", "inputs": {}, "data": {"class_names": ["background", "a"]}, "evaluations": [RECORD]}


def test_further_fields_may_be_there():
    check_metrics(Path("m.json"), {**GOOD, "new": 1, "evaluations": [{**RECORD, "classes": {"iou": [0.1, None]}}]})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"evaluations": 3}, "`evaluations`: Input should be a valid list"),
        ({"evaluations": [{**RECORD, "metrics": None}]}, "`evaluations.0.metrics`: Input should be a valid dict"),
        ({"evaluations": [{**RECORD, "kind": "other"}]}, "`evaluations.0.kind`: Input should be "),
        ({"evaluations": [{**RECORD, "classes": {"iou": [1.0]}}]}, "1 numbers of `iou` for 2 classes"),
        ({"evaluations": [{**RECORD, "confusion": [[1.0]]}]}, "a confusion matrix that is not 3 x 3"),
        ({"data": {}}, "`data.class_names`: Field required"),
        ({"inputs": []}, "`inputs`: "),
        ({"seed": "x"}, "`seed`: "),
        ({"run": None}, "`run`: Input should be a valid string"),
    ],
)
def test_a_wrong_field_is_one_line(change: dict[str, Any], words: str):
    with pytest.raises(InputError) as error:
        check_metrics(Path("results/x/metrics.json"), {**GOOD, **change})
    message = str(error.value)
    assert message.startswith("results/x/metrics.json: damaged (")
    assert words in message
    assert message.endswith("; delete metrics.json and build it again with `wsss run CONFIG results/x/metrics.json`")
    assert "\n" not in message


def test_tables_say_which_file_is_damaged(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    assert read_rows(path) == [{"a": "1", "b": "2"}]
    path.write_bytes(b"a\n\xff\n")
    with pytest.raises(InputError, match=r"t\.csv: a damaged table \('utf-8'"):
        read_rows(path)
    with pytest.raises(InputError, match=r"t\.csv: a damaged table \(no column 'c'\)"), whole_table(path):
        json.loads('{"a": 1}')["c"]
    with pytest.raises(InputError, match=r"none\.csv: cannot be read \(no such file or folder\)"):
        read_rows(tmp_path / "none.csv")
