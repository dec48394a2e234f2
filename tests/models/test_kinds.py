from __future__ import annotations

import pytest

from wsss.models.kinds import NETWORKS, network_class


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_kind_names_its_own_class(kind: str) -> None:
    assert network_class(kind).kind == kind
