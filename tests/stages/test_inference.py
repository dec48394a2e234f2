"""Loading ahead of a network: its worker processes end with the stage, however that ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from tests.helpers import make_folder
from tests.waiting import lives, wait_until
from wsss.config import FolderData
from wsss.stages.index import index


def test_loaders_of_a_killed_stage_end_with_it(tmp_path: Path) -> None:
    make_folder(tmp_path / "photos")
    index(FolderData(root=str(tmp_path / "photos"), masks="masks"), output=tmp_path / "index.h5")
    script = f"""
import time, psutil, torch
from pathlib import Path
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.data import steps
from wsss.stages import inference
steps.IMAGES_PER_WORKER = 1
if __name__ == "__main__":
    dataset = load_dataset(Path({str(tmp_path / "index.h5")!r}))
    context = RunContext(workers=2, batch_size=1)
    for _ in inference.image_batches(dataset, dataset.ids("train"), context, torch.device("cpu")):
        print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
        time.sleep(600)
"""
    path = tmp_path / "stage.py"
    path.write_text(script)
    stage = subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True)
    assert stage.stdout is not None
    children = [psutil.Process(int(pid)) for pid in stage.stdout.readline().split()]
    assert len(children) >= 2
    stage.kill()
    stage.wait()
    stage.stdout.close()
    wait_until(lambda: not any(map(lives, children)))
