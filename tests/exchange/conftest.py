from __future__ import annotations

import pytest

from tests.stages.networks import Networks


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return Networks(tmp_path_factory.mktemp("networks"))
