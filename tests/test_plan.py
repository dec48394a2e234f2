"""Which artifacts a config leads to, and who owns what variants share."""

from __future__ import annotations

import builtins
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from wsss.config import load_config
from wsss.errors import InputError
from wsss.pipeline.artifact import Artifact
from wsss.plan import Plan, folder_fingerprint, missing_source, source_files, source_folders


def plan(**sections: Any) -> Plan:
    return Plan(load_config({"run": "x", "data": {"name": "demo"}, **sections}))


def paths(found: Plan, stage: str, **branch: Any) -> list[str]:
    return [found.path(artifact).removeprefix("results/x/") for artifact in found.wanted(stage, **branch)]


STAGES_OF_A_PLAIN_RUN = {
    "index": "index.h5",
    "saliency": "saliency.h5",
    "train_classifier": "classifier/model.ckpt",
    "cams": "cams.h5",
    "seed_labels": "auxsegnet/round0/labels.h5",
    "train_segmenter": "segmenter/seeds/model.ckpt",
    "predict": "predictions/val/segmenter_seeds--single.h5",
    "evaluate": "evaluation/metrics.json",
    "report": "report.html",
}


def test_a_plain_run_has_no_branches():
    found = plan()
    assert found.plain
    assert {stage: paths(found, stage) for stage in STAGES_OF_A_PLAIN_RUN} == {
        stage: [path] for stage, path in STAGES_OF_A_PLAIN_RUN.items()
    }
    assert paths(found, "segmenter_labels") == []
    assert "{" not in found.pattern("train_classifier")
    assert found.pattern("predict") == "results/x/predictions/{split}/{model}--{protocol}.h5"
    assert found.record("logs", "predict", "log") == "results/x/logs/predict-{split}-{model}-{protocol}.log"


def test_several_seeds_make_branches_of_an_unnamed_variant():
    found = plan(seeds=[0, 3])
    assert paths(found, "cams") == ["base/seed0/cams.h5", "base/seed3/cams.h5"]
    assert paths(found, "saliency") == ["saliency.h5"]
    assert found.pattern("cams") == "results/x/{variant}/seed{seed}/cams.h5"
    assert found.record("logs", "cams", "log") == "results/x/logs/{variant}/seed{seed}/cams.log"
    assert found.record("logs", "index", "log") == "results/x/logs/index.log"
    classifier = found.inputs(Artifact("cams", "base", 3))["classifier"]
    assert found.path(classifier) == "results/x/base/seed3/classifier/model.ckpt"


def test_a_variant_shares_what_lies_above_its_first_difference():
    found = plan(variants={"a": {}, "b": {"seed_labels": {"cam_threshold": 0.3}}, "c": None})
    assert paths(found, "cams") == ["a/seed0/cams.h5"]
    assert paths(found, "seed_labels") == ["a/seed0/auxsegnet/round0/labels.h5", "b/seed0/auxsegnet/round0/labels.h5"]
    assert paths(found, "train_segmenter", variant="b") == ["b/seed0/segmenter/seeds/model.ckpt"]
    assert paths(found, "train_segmenter", variant="c") == ["a/seed0/segmenter/seeds/model.ckpt"]
    assert found.path(found.inputs(Artifact("seed_labels", "b", 0))["cams"]) == "results/x/a/seed0/cams.h5"


def test_every_branch_is_evaluated_over_what_it_uses():
    found = plan(variants={"a": {}, "b": {"predict": {"protocols": {"flip": {"flip": True}}}}}, seeds=[0, 1])
    assert len(paths(found, "evaluate")) == 4
    used = found.used("predictions", "b", 1)
    assert list(used) == ["val/segmenter_seeds--single", "val/segmenter_seeds--flip"]
    assert [artifact.variant for artifact in used.values()] == ["a", "b"]
    assert found.path(found.used("labels", "b", 1)["seeds"]) == "results/x/a/seed1/auxsegnet/round0/labels.h5"


def test_equal_stages_on_different_inputs_are_not_shared():
    found = plan(variants={"a": {}, "b": {"train_classifier": {"epochs": 3}}})
    for stage in ("train_classifier", "cams", "seed_labels", "train_segmenter", "predict"):
        assert len(paths(found, stage)) == 2, stage


def test_networks_are_shared_by_label_set():
    found = plan(
        variants={
            "seeds": {"train_segmenter": {"label_sets": ["seeds"]}},
            "both": {"train_segmenter": {"label_sets": ["seeds", "masks"]}},
            "masks": {"train_segmenter": {"label_sets": ["masks"]}, "seed_labels": {"cam_threshold": 0.4}},
        }
    )
    assert paths(found, "train_segmenter") == [
        "seeds/seed0/segmenter/seeds/model.ckpt",
        "both/seed0/segmenter/masks/model.ckpt",
    ]
    # masks do not come from CAMs: neither other labels nor a network without them need any
    assert paths(found, "seed_labels") == ["seeds/seed0/auxsegnet/round0/labels.h5"]
    assert found.used("cams", "masks", 0) == {}
    assert list(found.inputs(Artifact("train_segmenter", "masks", 0, "masks"))) == ["index"]


def test_self_training_brings_the_networks_that_it_is_made_from():
    found = plan(train_segmenter={"label_sets": ["seeds_self_self"]})
    assert paths(found, "train_segmenter") == [
        f"segmenter/{name}/model.ckpt" for name in ("seeds", "seeds_self", "seeds_self_self")
    ]
    assert paths(found, "segmenter_labels") == ["segmenter/seeds/labels.h5", "segmenter/seeds_self/labels.h5"]
    assert paths(found, "predict") == ["predictions/val/segmenter_seeds_self_self--single.h5"]
    assert list(found.used("labels", "", 0)) == ["seeds", "seeds_self", "seeds_self_self"]
    labels = found.inputs(Artifact("train_segmenter", "", 0, "seeds_self"))["labels"]
    assert found.path(labels) == "results/x/segmenter/seeds/labels.h5"


ROUNDS: dict[str, Any] = {"methods": ["auxsegnet"], "auxsegnet": {"rounds": 2}}
LABELS_OF_ROUNDS = ["auxsegnet/round1/labels.h5", "auxsegnet/round2/labels.h5"]


def test_rounds_are_unrolled():
    found = plan(**ROUNDS, train_segmenter={"label_sets": ["seeds", "auxsegnet"]})
    assert paths(found, "seed_labels") == ["auxsegnet/round0/labels.h5"]
    assert paths(found, "train_auxsegnet") == ["auxsegnet/round0/model.ckpt", "auxsegnet/round1/model.ckpt"]
    assert paths(found, "update_labels") == LABELS_OF_ROUNDS
    assert paths(found, "train_segmenter") == [
        "segmenter/seeds/model.ckpt",
        "segmenter/auxsegnet_round2/model.ckpt",
    ]
    models = ("segmenter_seeds", "auxsegnet_round0", "auxsegnet_round1", "segmenter_auxsegnet_round2")
    assert paths(found, "predict") == [f"predictions/val/{model}--single.h5" for model in models]
    assert list(found.used("labels", "", 0)) == ["seeds", "auxsegnet_round1", "auxsegnet_round2"]
    assert found.record("logs", "update_labels", "log") == "results/x/logs/update_labels-{round}.log"


def test_aalr_alone_needs_nothing_of_the_seeds():
    found = plan(methods=["aalr"], train_segmenter={"label_sets": ["aalr"]})
    for stage in ("train_classifier", "cams", "saliency", "seed_labels", "train_auxsegnet"):
        assert paths(found, stage) == []
    assert paths(found, "train_aalr") == ["aalr/model.ckpt"]
    assert paths(found, "aalr_labels") == ["aalr/labels.h5"]
    assert paths(found, "predict") == [f"predictions/val/{model}--single.h5" for model in ("aalr", "segmenter_aalr")]
    assert list(found.used("labels", "", 0)) == ["aalr"]
    assert list(found.inputs(Artifact("train_aalr"))) == ["index"]
    labels = found.inputs(Artifact("train_segmenter", label_set="aalr"))["labels"]
    assert found.path(labels) == "results/x/aalr/labels.h5"
    predicted = Artifact("predict", model="aalr", split="val", protocol="single")
    assert found.path(found.inputs(predicted)["model"]) == "results/x/aalr/model.ckpt"
    assert paths(plan(methods=["aalr"], train_segmenter={"label_sets": []}), "train_classifier") == []


def test_aalr_on_the_classifier_needs_no_seeds():
    found = plan(methods=["aalr"], train_aalr={"start": "classifier"}, train_segmenter={"label_sets": ["aalr"]})
    assert paths(found, "train_classifier") == ["classifier/model.ckpt"]
    assert paths(found, "cams") == []
    assert found.path(found.inputs(Artifact("train_aalr"))["classifier"]) == "results/x/classifier/model.ckpt"


def test_both_methods_share_their_stages():
    methods = {"methods": ["auxsegnet", "aalr"], "auxsegnet": {"rounds": 1}, "train_aalr": {"start": "classifier"}}
    found = plan(**methods, train_segmenter={"label_sets": ["seeds", "auxsegnet", "aalr", "aalr_self"]})
    assert paths(found, "train_classifier") == ["classifier/model.ckpt"]
    assert list(found.used("labels", "", 0)) == ["seeds", "auxsegnet_round1", "aalr", "aalr_self"]
    models = ("segmenter_seeds", "auxsegnet_round0", "segmenter_auxsegnet_round1")
    models += ("aalr", "segmenter_aalr", "segmenter_aalr_self")
    assert paths(found, "predict") == [f"predictions/val/{model}--single.h5" for model in models]


def test_variants_of_aalr_share_the_classifier():
    off = {"train_aalr": {"adaptive_affinity": {"weight": 0}}}
    found = plan(methods=["aalr"], train_aalr={"start": "classifier"}, variants={"on": {}, "off": off})
    assert paths(found, "train_classifier") == ["on/seed0/classifier/model.ckpt"]
    assert paths(found, "train_aalr") == ["on/seed0/aalr/model.ckpt", "off/seed0/aalr/model.ckpt"]
    assert found.inputs(Artifact("train_aalr", "off", 0))["classifier"].variant == "on"


def test_a_round_is_made_of_the_round_before():
    found = plan(**ROUNDS)

    def inputs(stage: str, number: int) -> dict[str, str]:
        made_of = found.inputs(Artifact(stage, round=number))
        return {name: found.path(item).removeprefix("results/x/") for name, item in made_of.items()}

    assert inputs("train_auxsegnet", 0) == {
        "index": "index.h5",
        "labels": "auxsegnet/round0/labels.h5",
        "weights": "classifier/model.ckpt",
    }
    assert inputs("update_labels", 1) == {
        "index": "index.h5",
        "model": "auxsegnet/round0/model.ckpt",
        "saliency": "saliency.h5",
    }
    assert inputs("train_auxsegnet", 1) == {
        "index": "index.h5",
        "labels": "auxsegnet/round1/labels.h5",
        "weights": "auxsegnet/round0/model.ckpt",
    }
    predicted = Artifact("predict", model="auxsegnet_round1", split="val", protocol="single")
    assert found.path(found.inputs(predicted)["model"]) == "results/x/auxsegnet/round1/model.ckpt"


def test_how_many_rounds_there_are_changes_no_round():
    two, three = plan(**ROUNDS), plan(**{**ROUNDS, "auxsegnet": {"rounds": 3, "predict": "last"}})
    for stage in ("train_auxsegnet", "update_labels"):
        shared = Artifact(stage, round=1)
        assert two.settings(shared) == three.settings(shared)
        assert "rounds" not in json.loads(two.settings(shared).canonical_json())
    assert paths(three, "predict") == [
        "predictions/val/segmenter_seeds--single.h5",
        "predictions/val/auxsegnet_round2--single.h5",
    ]


def test_without_the_last_labels_the_names_count_from_those_before():
    rounds = {"rounds": 2, "last_labels": False}
    found = plan(methods=["auxsegnet"], auxsegnet=rounds, train_segmenter={"label_sets": ["auxsegnet_self"]})
    assert paths(found, "update_labels") == LABELS_OF_ROUNDS[:1]
    assert paths(found, "segmenter_labels") == ["segmenter/auxsegnet_round1/labels.h5"]
    assert list(found.used("labels", "", 0)) == ["seeds", "auxsegnet_round1", "auxsegnet_round1_self"]


def test_the_last_round_s_labels_are_one_label_set_under_both_names():
    found = plan(**ROUNDS, train_segmenter={"label_sets": ["auxsegnet", "auxsegnet_round2"]})
    assert paths(found, "train_segmenter") == ["segmenter/auxsegnet_round2/model.ckpt"]


def test_variants_share_the_rounds_that_they_have_in_common():
    variants = {
        "plain": {"methods": []},
        "two": {},
        "three": {"auxsegnet": {"rounds": 3}},
        "other": {"update_labels": {"cam_threshold": 0.4}, "auxsegnet": {"rounds": 1}},
    }
    found = plan(**ROUNDS, variants=variants)
    assert paths(found, "train_auxsegnet") == [
        *(f"two/seed0/auxsegnet/round{number}/model.ckpt" for number in (0, 1)),
        "three/seed0/auxsegnet/round2/model.ckpt",
    ]
    assert paths(found, "update_labels") == [
        *(f"two/seed0/{path}" for path in LABELS_OF_ROUNDS),
        "three/seed0/auxsegnet/round3/labels.h5",
        "other/seed0/auxsegnet/round1/labels.h5",
    ]
    # the classifier and the seeds are the first variant's, though it has no rounds
    weights = found.inputs(Artifact("train_auxsegnet", "two", 0))
    assert {name: item.variant for name, item in weights.items() if name != "index"} == {
        "labels": "plain",
        "weights": "plain",
    }


def test_rounds_bring_their_seeds_and_saliency_though_no_segmenter_asks():
    found = plan(**ROUNDS, train_segmenter={"label_sets": []}, seed_labels={"rule": "background_threshold"})
    assert paths(found, "seed_labels") == ["auxsegnet/round0/labels.h5"]
    assert paths(found, "saliency") == ["saliency.h5"]
    assert paths(found, "predict") == [f"predictions/val/auxsegnet_round{n}--single.h5" for n in (0, 1)]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"train_segmenter": {"label_sets": ["auxsegnet"]}}, "add `auxsegnet` to `methods`"),
        ({"train_segmenter": {"label_sets": ["aalr_self"]}}, "add `aalr` to `methods`"),
        (
            {**ROUNDS, "train_segmenter": {"label_sets": ["auxsegnet_round3"]}},
            "last of these labels are `auxsegnet_round2`",
        ),
        ({"train_segmenter": {"label_sets": ["auxsegnet_round0"]}}, "unknown label set `auxsegnet_round0`"),
        ({"train_segmenter": {"label_sets": ["masks_self"]}}, "unknown label set `masks_self`"),
        ({**ROUNDS, "train_auxsegnet": {"network": {"classification": False}}}, "updated from CAMs"),
        ({**ROUNDS, "train_auxsegnet": {"backbone": {"weights": "none"}}}, "goes on from the classifier's weights"),
        ({"variants": {"a": {"report": {"samples": 1}}}}, "a variant may override backbone, methods, auxsegnet"),
    ],
)
def test_rounds_that_cannot_be_are_refused(sections: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        plan(**sections)


def test_without_label_sets_the_seeds_are_still_made():
    found = plan(train_segmenter={"label_sets": []})
    assert paths(found, "seed_labels") == ["auxsegnet/round0/labels.h5"]
    assert paths(found, "train_segmenter") == paths(found, "predict") == []


def test_saliency_is_left_out_where_nothing_uses_it():
    rule = {"rule": "background_threshold"}
    assert paths(plan(seed_labels=rule), "saliency") == []
    assert "saliency" not in plan(seed_labels=rule).inputs(Artifact("seed_labels"))
    labels = {"label_sets": ["seeds_self"]}
    assert paths(plan(seed_labels=rule, train_segmenter=labels), "saliency") == ["saliency.h5"]
    unmasked = {"saliency_threshold": None}
    assert paths(plan(seed_labels=rule, train_segmenter=labels, segmenter_labels=unmasked), "saliency") == []


def test_settings_are_narrowed_to_the_artifact():
    one = plan(train_segmenter={"label_sets": ["seeds"]})
    two = plan(train_segmenter={"label_sets": ["seeds", "masks"]}, predict={"protocols": {"flip": {"flip": True}}})
    network = Artifact("train_segmenter", label_set="seeds")
    assert one.settings(network) == two.settings(network)
    assert json.loads(one.settings(network).canonical_json())["label_sets"] == ["seeds"]
    asked = two.settings(Artifact("predict", model="segmenter_seeds", split="val", protocol="flip"))
    assert json.loads(asked.canonical_json()) == {"scales": [1.0], "flip": True, "crf": None}


def test_wildcards_know_every_name():
    protocols = {"protocols": {"a+b": {}}}
    found = plan(train_segmenter={"label_sets": ["masks"]}, predict=protocols, seeds=[0, 1]).wildcards()
    assert found["label_set"] == "masks"
    assert found["protocol"] == r"a\+b"
    assert found["seed"] == "0|1"
    assert plan(train_segmenter={"label_sets": []}).wildcards()["label_set"] == "(?!)"


@pytest.mark.parametrize("name", ["a/b", "a--b", "", ".hidden", "a b"])
def test_a_protocol_that_cannot_be_a_file_name_is_refused(name: str):
    with pytest.raises(InputError, match="a protocol's name may hold only"):
        plan(predict={"protocols": {name: {}}})


def test_a_variant_that_is_a_folder_of_the_run_is_refused():
    with pytest.raises(InputError, match=r"`variants\.logs`: the run has a folder of this name"):
        plan(variants={"a": {}, "logs": {}})


def test_an_override_that_is_no_setting_is_refused():
    with pytest.raises(InputError, match=r"variants\.b\.seed_labels\.cam_treshold.*did you mean `cam_threshold`"):
        plan(variants={"a": {}, "b": {"seed_labels": {"cam_treshold": 0.3}}})


def test_sources_are_named_by_their_settings(tmp_path: Path):
    found = plan(
        data={"name": "folder", "root": str(tmp_path), "val_list": "val.txt"},
        saliency={"source": "rembg", "weights": "u2netp.onnx"},
        train_classifier={"backbone": {"weights": "weights.pth"}},
    )
    files = {
        setting: path
        for stage in ("index", "saliency", "train_classifier", "train_segmenter")
        for setting, path in source_files(stage, found.settings(Artifact(stage))).items()
    }
    assert files == {
        "data.labels": tmp_path / "labels.csv",
        "data.val_list": tmp_path / "val.txt",
        "saliency.weights": Path("u2netp.onnx"),
        "train_classifier.backbone.weights": Path("weights.pth"),
    }
    assert source_folders("index", found.settings(Artifact("index"))) == {"data.root": tmp_path}


def test_the_first_missing_source_is_one_line(tmp_path: Path):
    root = tmp_path / "photos"
    sections = {"data": {"name": "folder", "root": str(root)}, "saliency": {"source": "folder", "folder": "maps"}}
    assert missing_source(plan(**sections)) == f"{root}: no such folder; correct `data.root`"
    root.mkdir()
    assert missing_source(plan(**sections)) == f"{root}/labels.csv: no such file; correct `data.labels`"
    (root / "labels.csv").touch()
    assert missing_source(plan(**sections)) == "maps: no such folder; correct `saliency.folder`"
    assert missing_source(plan(**sections, seed_labels={"rule": "background_threshold"})) is None
    assert missing_source(plan()) is None


def test_a_missing_folder_names_the_setting_to_correct(tmp_path: Path):
    (tmp_path / "JPEGImages").mkdir()
    voc = {"name": "voc", "root": str(tmp_path), "mask_folder": "none"}
    assert missing_source(plan(data=voc)) == f"{tmp_path}/none: no such folder; correct `data.mask_folder`"
    voc["mask_folder"] = "JPEGImages"
    assert missing_source(plan(data=voc)) == f"{tmp_path}/Annotations: no such folder; correct `data.image_labels`"
    folder = {"name": "folder", "root": str(tmp_path), "masks": "none"}
    assert missing_source(plan(data=folder)) == f"{tmp_path}/none: no such folder; correct `data.masks`"


def test_a_replaced_file_changes_the_fingerprint(tmp_path: Path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    photo = tmp_path / "deep" / "er" / "a.jpg"
    photo.write_bytes(b"1")
    before = folder_fingerprint(tmp_path)
    assert folder_fingerprint(tmp_path) == before
    (tmp_path / ".hidden.jpg").touch()
    (tmp_path / "labels.csv").touch()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "sheet.png").touch()
    assert folder_fingerprint(tmp_path) == before
    os.utime(photo, ns=(1, 1))
    touched = folder_fingerprint(tmp_path)
    photo.rename(photo.with_name("b.jpg"))
    assert len({before, touched, folder_fingerprint(tmp_path)}) == 3


def test_links_that_lead_nowhere_or_round_in_circles_do_no_harm(tmp_path: Path):
    (tmp_path / "circle").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "missing.jpg")
    assert folder_fingerprint(tmp_path)


def test_many_files_are_looked_at_once_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folders = [tmp_path, tmp_path / "a", tmp_path / "a/b"]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for number in range(100):
            (folder / f"{number}.jpg").touch()
    calls = Counter[str]()

    def count(module: Any, name: str) -> None:
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, **k: calls.update([name]) or function(*a, **k))

    for name in ("scandir", "listdir", "stat", "open"):
        count(os, name)
    for module, name in ((os.path, "realpath"), (builtins, "open")):
        count(module, name)
    folder_fingerprint(tmp_path)
    # ten thousand files then take a tenth of a second
    assert calls.pop("scandir") == calls.pop("realpath") == len(folders)
    assert calls.pop("stat") <= 100 * len(folders)
    assert calls == {}
