"""Commands that hand results to other programs, and take theirs: what their options say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands_with_outputs import call
from tests.exchange.hub_tables import CLASS, FEATURES, IMAGE, make_hub, rows_of

pytest.importorskip("pyarrow")


def test_unpack_takes_columns_and_splits_by_name(tmp_path: Path) -> None:
    splits = rows_of(tmp_path / "files")
    for rows in splits.values():
        for row in rows:
            row |= {"other": row["image"], "first": row["labels"][0]}
    named = {"image": IMAGE, "mask": IMAGE, "other": IMAGE, "labels": FEATURES["labels"], "first": CLASS}
    source = make_hub(tmp_path / "tables", {"a": splits["train"], "b": splits["validation"]}, named)
    words = ["unpack", source, "--output", tmp_path / "photos"]
    options = ["--split", "a=train", "--split", "b=none", "--labels", "first", "--image", "other", "--masks", "mask"]
    for missing, expected in ((0, "its splits are `a`, `b`"), (4, "2 columns may be meant by `--labels`")):
        result = call(*words, *options[:missing])
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert expected in result.stderr
    result = call(*words, *options)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == (
        f"{tmp_path / 'photos'}: 5 photographs to train on and 0 to validate by, of column `other`; 3 classes of "
        f"`first`; 5 masks of `mask`; left out: b; now type `wsss init {tmp_path / 'photos'}`\n"
    )
