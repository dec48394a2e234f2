from __future__ import annotations

import pytest

from tests.report.tiny import write
from wsss.config import Report
from wsss.errors import InputError
from wsss.report.evaluations import method_of_record
from wsss.stages.report import report


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such evaluation; build it with"),
        ("{", "damaged"),
        ("[1]", "is no metrics.json"),
        ('{"stage": "evaluate", "format_version": 99}', "has format version 99, this package reads 2"),
    ],
)
def test_bad_evaluations_are_refused(run, tmp_path, content, message):
    path = tmp_path / "metrics.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        write(run, [path])
    with pytest.raises(InputError, match=r"no evaluation"):
        report(Report(), index=run.path("index"), evaluations=[], output=tmp_path / "report.html")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"name": "aalr"}, "aalr"),
        ({"name": "val/aalr--single", "model": "aalr"}, "aalr"),
        ({"name": "val/segmenter_aalr--single", "model": "segmenter_aalr"}, "aalr"),
        ({"name": "auxsegnet_round1"}, "auxsegnet"),
        (
            {"name": "val/segmenter_auxsegnet_round1_self--single", "model": "segmenter_auxsegnet_round1_self"},
            "auxsegnet",
        ),
        ({"name": "seeds_self"}, ""),
        ({"name": "val/segmenter_seeds--single", "model": "segmenter_seeds"}, ""),
        ({"name": "val/theirs--imported", "model": "theirs"}, ""),
    ],
)
def test_a_record_names_the_method_that_it_comes_of(record, expected):
    assert method_of_record(record) == expected
