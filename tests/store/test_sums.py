from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from wsss.checksums import Sums
from wsss.store.sums import SumList, SumTable

SUMS = {"cams/a b": Sums(2**32 - 1, 0, True), "tables/x": Sums(1, 2, False), "cams/ü": Sums(5, 2**31, True)}


def test_checksums_come_back_in_the_order_of_names() -> None:
    written = SumList()
    for name, sums in SUMS.items():
        written.add(name, sums)
    table = SumTable.unpacked(written.taken())
    assert table.names.strings() == sorted(SUMS)
    assert {name: table[name] for name in SUMS} == SUMS
    with pytest.raises(KeyError):
        _ = table["cams/a"]
    joined = SumList()
    joined.add("cams/0", Sums(7, 8, False))
    joined.add_all(table)
    both = SumTable.unpacked(joined.taken())
    assert both.names.strings() == sorted({"cams/0", *SUMS})
    assert both["cams/0"] == Sums(7, 8, False)
    assert {name: both[name] for name in SUMS} == SUMS


def test_an_artifact_without_arrays_has_an_empty_table() -> None:
    table = SumTable.unpacked(SumList().taken())
    assert len(table.names) == 0
    assert table.names.folders() == []
    with pytest.raises(KeyError):
        _ = table["cams/a"]


def test_what_is_no_table_is_refused() -> None:
    for damaged in (b"{", b"[1, 2]", b'{"a": 3}'):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            SumTable.unpacked(np.frombuffer(damaged, np.uint8))


def test_the_list_of_many_arrays_takes_few_bytes_for_each() -> None:
    written = SumList()
    tracemalloc.start()
    try:
        for number in range(20_000):
            written.add(f"segmentation/{number:06d}", Sums(number, number, True))
        held = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*store/sums.py")])
    finally:
        tracemalloc.stop()
    size = sum(trace.size for trace in held.traces)
    # name, its end, two sums and a byte; lists that grow have an eighth in reserve
    assert 20_000 * 36 <= size < 20_000 * 60
    table = SumTable.unpacked(written.taken())
    assert len(table.names) == 20_000
    assert table["segmentation/012345"] == Sums(12_345, 12_345, True)
