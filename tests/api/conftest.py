"""A run that `wsss.train` made of tiny photographs; made once, no test changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import wsss
from tests.helpers import make_folder
from tests.workflow.tiny import TINY, make_maps

DEMO: dict[str, Any] = {
    **{key: value for key, value in TINY.items() if "auxsegnet" not in key},
    "methods": [],
    "predict": {"protocols": {"single": {}}},
}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos`, `demo.yaml` and the finished run `results/demo`."""
    folder = tmp_path_factory.mktemp("of a user")
    make_folder(folder / "photos")
    make_maps(folder / "photos", folder / "maps")
    (folder / "demo.yaml").write_text(yaml.safe_dump(DEMO))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run = wsss.train("demo.yaml")
    assert str(run.folder) == "results/demo"
    return folder
