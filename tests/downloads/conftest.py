"""A server with one file, and no pauses between tries."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.downloads.server import Site, serving
from wsss.downloads import fetch

CONTENT = np.random.default_rng(0).bytes(300_000)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(Site({"a/data.bin": CONTENT})) as site:
        yield site
