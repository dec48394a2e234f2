from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from wsss.config import load_config
from wsss.data.sources import SOURCES
from wsss.errors import InputError
from wsss.plan import checked_plan


def config(**sections: Any) -> dict[str, Any]:
    return {"data": {"name": "demo"}, **sections}


@pytest.mark.parametrize(
    ("values", "key", "hint"),
    [
        (config(train_clasifier={}), "train_clasifier", "did you mean `train_classifier`"),
        (config(train_classifier={"epocs": 1}), "train_classifier.epocs", "did you mean `epochs`"),
        (
            config(train_classifier={"optimizer": {"learning_rat": 1}}),
            "train_classifier.optimizer.learning_rat",
            "did you mean `learning_rate`",
        ),
        (config(predict={"protocols": {"a": {"scale": [1]}}}), "predict.protocols.a.scale", "did you mean `scales`"),
        (
            config(predict={"protocols": {"a": {"crf": {"iteration": 3}}}}),
            "predict.protocols.a.crf.iteration",
            "did you mean `iterations`",
        ),
        ({"data": {"name": "demo", "rot": 1}}, "data.rot", "did you mean `root`"),
        (config(train_segmenter={"labels": ["seeds"]}), "train_segmenter.labels", "did you mean `label_sets`"),
        (config(cams={"zzz": 1}), "cams.zzz", "valid here are scales, flip"),
    ],
)
def test_unknown_key_names_the_nearest(values: dict[str, Any], key: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        load_config(values)
    assert f"`{key}` is not a setting" in str(error.value)
    assert hint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "`data` is missing"),
        ({"data": {}}, "`data.name` is missing"),
        ({"data": {"name": "vok"}}, ", ".join(map(repr, SOURCES)) + ", got 'vok'"),
        ({"data": {"name": "voc"}}, "`data.root` is missing"),
        (config(seed_labels={"cam_threshold": "high"}), "`seed_labels.cam_threshold`"),
        (config(train_classifier={"epochs": 0}), "`train_classifier.epochs`"),
        (config(saliency={"source": "folder"}), "saliency.folder must name"),
        (config(cams={"scales": []}), "`cams.scales`"),
        (config(cams={"scales": [0]}), "cams.scales.0"),
        (config(seeds=[1, 1]), "seeds must be"),
        (config(variants={"a b": {}}), "variant name `a b`"),
        (config(variants={"a": {"data": {}}}), "overrides `data`"),
        (config(train_segmenter={"label_sets": ["truth"]}), "unknown label set `truth`"),
        (config(train_segmenter={"augmentation": {"scale": [2, 1]}}), "ascending"),
    ],
)
def test_wrong_value_says_what_and_where(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        load_config(values)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_file_gives_its_stem_as_run(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("data: {name: folder, root: photos}\n")
    loaded = load_config(path)
    assert loaded.run == "mine"
    assert loaded.data.name == "folder"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"seeds: [0]\ndata: {name: folder\nrun: x\n", " line 3: not valid YAML (expected ',' or '}', but got ':')"),
        (b"data:\n\tname: demo\n", " line 2: not valid YAML (found character"),
        (b"a: \x00\n", ": not valid YAML ("),
        (b"\xff\xfe", ": not UTF-8 text (byte 0); save it as UTF-8"),
        (b"[" * 3000 + b"]" * 3000, ": nested too deeply for a config"),
        (b"data: 2001-99-99\n", ": not valid YAML (month must be in 1..12); put such values into quotes"),
        (b"- 1\n", ": must hold settings as `key: value`, found list"),
        (b"", ": holds no settings; say which data"),
    ],
)
def test_damaged_file_is_named(tmp_path: Path, text: bytes, expected: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(text)
    with pytest.raises(InputError) as error:
        load_config(path)
    assert str(error.value).startswith(f"{path}{expected}")
    assert "\n" not in str(error.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such config file"):
        load_config(tmp_path / "none.yaml")


def test_a_file_whose_name_cannot_name_the_run_says_what_to_add(tmp_path: Path) -> None:
    path = tmp_path / "my größe.yaml"
    path.write_text("data: {name: demo}\n")
    said = r"results cannot lie in a folder called `my größe` \(.*\); add `run: my_gr_e`, or rename the file"
    with pytest.raises(InputError, match=rf"^{re.escape(str(path))}: {said}$"):
        load_config(path)
    with pytest.raises(InputError, match=said):
        checked_plan({"data": {"name": "demo"}}, path)
    path.write_text("run: mine\ndata: {name: demo}\n")
    assert load_config(path).run == "mine"


def test_later_files_lie_over_earlier_ones_and_name_the_run(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("data: {name: demo}\ncams: {flip: false, scales: [1.0]}\n")
    second.write_text("cams: {scales: [2.0]}\n")
    loaded = load_config(first, second)
    assert (loaded.run, loaded.cams.flip, loaded.cams.scales) == ("second", False, (2.0,))
    second.write_text("cams: {scale: [2.0]}\n")
    with pytest.raises(InputError, match=r"second\.yaml: .*cams\.scale.*did you mean `scales`"):
        load_config(first, second)
