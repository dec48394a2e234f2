"""What `wsss check` says that trainings will take for `auto`, held against what they take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import wsss
from tests.helpers import make_voc
from tests.plan.made import plan
from wsss.cli import choices
from wsss.cli.choices import training_lines
from wsss.config import Training, VocData
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.stages.index import index
from wsss.stages.settled import settled

DATA: dict[str, Any] = {"name": "voc", "root": "photos", "classes": "classes.txt"}


@pytest.fixture(autouse=True)
def _photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_voc("photos", train=9, val=3, size=(300, 400))


def lines(**sections: Any) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in training_lines(plan(data=DATA, **sections)))


def test_it_says_what_the_training_takes():
    index(VocData(**{key: value for key, value in DATA.items() if key != "name"}), output=Path("results/x/index.h5"))
    found, made = lines(), plan(data=DATA)
    assert found["images"] == "9 to train on, 3 to validate on (results/x/index.h5)"
    dataset = load_dataset(Path("results/x/index.h5"))
    for artifact in (*made.wanted("train_classifier"), *made.wanted("train_segmenter")):
        settings = made.settings(artifact)
        assert isinstance(settings, Training)
        taken = settled(settings, dataset, dataset.ids("train"), stage=artifact.stage)
        # 9 images make one step of 8, or of the 9 that there are
        expected = (
            f"{taken.epochs} epochs (`auto`), {taken.epochs} steps of {min(9, taken.batch_size)} images, "
            f"crops of {taken.augmentation.crop_size} pixels (`auto`)"
        )
        assert found[artifact.stage] == expected


def test_without_an_index_the_source_is_counted():
    found = lines(train_segmenter={"epochs": 2, "max_steps": 1, "augmentation": {"crop_size": 96}})
    assert found["images"].startswith("9 to train on, 3 to validate on (files in ")
    assert re.fullmatch(r"\d+ epochs \(`auto`\), \d+ steps .* crops of about \d+ pixels .*", found["train_classifier"])
    assert found["train_segmenter"] == "2 epochs, 1 steps of 8 images, crops of 96 pixels"


def test_what_would_take_long_to_count_is_left_to_the_index(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(choices, "CHEAP_BYTES", 10)
    found = lines(train_classifier={"batch_size": 4, "auto_epochs": 7, "auto_steps": 70})
    assert found["images"].startswith("counted when results/x/index.h5 is made")
    assert found["train_classifier"] == (
        "at least 7 epochs and 70 steps (`auto` follows the images) of 4 images a step, "
        "crops of a size that follows the images (`auto`)"
    )


def test_a_stale_index_counts_for_nothing(monkeypatch: pytest.MonkeyPatch):
    index(VocData(**{key: value for key, value in DATA.items() if key != "name"}), output=Path("results/x/index.h5"))
    changed = {**DATA, "limit": 2, "max_side": 64}
    found = dict(line.split(": ", 1) for line in training_lines(plan(data=changed)))
    assert found["images"].startswith("2 to train on, 2 to validate on (files in ")
    monkeypatch.setattr(choices, "CHEAP_BYTES", 10)
    assert lines()["images"].startswith("9 to train on")
    found = dict(line.split(": ", 1) for line in training_lines(plan(data=changed)))
    assert found["images"].startswith("counted when results/x/index.h5 is made")
    Path("results/x/index.h5").write_bytes(b"damaged")
    assert lines()["images"].startswith("counted when")


def test_trainings_of_equal_settings_share_a_line():
    found = lines(methods=["auxsegnet"], auxsegnet={"rounds": 3})
    assert "train_auxsegnet (3 of them)" in found


def test_data_that_the_index_would_refuse_are_refused_before():
    Path("photos/Annotations/2007_000000.xml").write_text("no XML")
    with pytest.raises(InputError, match=r"2007_000000\.xml") as refused:
        lines()
    with pytest.raises(InputError, match=re.escape(str(refused.value))):
        index(VocData(**{key: value for key, value in DATA.items() if key != "name"}), output=Path("index.h5"))


def test_the_command_prints_them(tmp_path: Path):
    Path("my.yaml").write_text("data: {name: voc, root: photos, classes: classes.txt}\n")
    done = wsss("check", "my.yaml")
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    assert any(line.startswith("saliency: ") for line in printed)
    assert any(line.startswith("train_segmenter: ") and "crops of about" in line for line in printed)
    assert printed[-1] == "my.yaml: nothing is wrong; its results will be in results/my"
