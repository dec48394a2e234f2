"""Labels that look like a known failure are named in words; healthy ones are not."""

from __future__ import annotations

import numpy as np

from tests.evaluation.judged import evaluate_run, record
from tests.stages.evaluated import artifact, make_run, perfect_maps, write_labels


def test_labels_without_foreground_are_warned_of(run, caplog):
    dataset = run.dataset
    write_labels(run, "black", {i: np.zeros(dataset.size(i), np.uint8) for i in dataset.ids("train")})
    write_labels(run, "blank", {i: np.full(dataset.size(i), 255, np.uint8) for i in dataset.ids("train")})
    sets = {"black": run.path("black"), "blank": run.path("blank")}
    metrics = evaluate_run(run, "warned", labels=sets, predictions={})
    assert any("`black` on train: 100% of the images have no foreground" in text for text in metrics["warnings"])
    assert any("`blank` on train: 100% of the images are 255 everywhere" in text for text in metrics["warnings"])
    assert "no foreground" in caplog.text
    assert record(metrics, "labels", "black")["metrics"]["absent"] == 1


def test_healthy_runs_are_not_warned_of(run):
    assert evaluate_run(run, "healthy", labels={"perfect": run.path("perfect")}, predictions={})["warnings"] == []


def warned(run, maps: dict[str, np.ndarray], **changes) -> list[str]:
    """Warnings of a label set."""
    write_labels(run, "made", maps)
    inputs = {"labels": {"made": run.path("made")}, "predictions": {}, **changes}
    texts = evaluate_run(run, "made", **inputs)["warnings"]
    assert all(text.startswith("labels `made` on train: ") for text in texts)
    return texts


def train_maps(run) -> dict[str, np.ndarray]:
    return {i: labels.copy() for i, labels in perfect_maps(run.dataset).items() if i in run.dataset.ids("train")}


def test_labels_that_leave_most_pixels_open(run):
    maps = train_maps(run)
    for labels in maps.values():
        labels[labels == 0] = 255
        labels[0, 0] = 0
    open_pixels, objects = warned(run, maps)
    assert "of the pixels are 255, and no network learns there what they are" in open_pixels
    assert "of the labelled pixels are objects, so that background is hardly taught" in objects


def test_labels_that_spill_over_the_background(run):
    maps = {i: np.full_like(labels, labels[labels < 255].max()) for i, labels in train_maps(run).items()}
    spilt, wrong = warned(run, maps)
    assert "100% of the labelled pixels are objects" in spilt
    assert "of the object pixels are right, by the true masks" in wrong
    assert "only 100%" not in wrong


def test_labels_without_masks_are_warned_of_by_what_needs_none(tmp_path):
    run = make_run(tmp_path, masks=False)
    size = {i: run.dataset.size(i) for i in run.dataset.ids("train")}
    named = {i: int(np.flatnonzero(run.dataset.image_labels(i))[0]) + 1 for i in size}
    texts = warned(run, {i: np.full(size[i], named[i], np.uint8) for i in size})
    assert any("100% of the labelled pixels are objects" in text for text in texts)
    assert not any("are right" in text for text in texts)


def test_saliency_labels_are_called_so(run):
    maps = train_maps(run)
    write_labels(run, "dark", maps, saliency=0)
    texts = evaluate_run(run, "dark", labels={"dark": run.path("dark")}, predictions={})["warnings"]
    assert [text.split(":")[0] for text in texts] == ["saliency of labels `dark` on train"]


def test_classes_that_labels_miss(tmp_path):
    run = make_run(tmp_path, train=12)
    maps, dataset = train_maps(run), run.dataset
    shown = dataset.labels("train").sum(axis=0)
    missed = int(shown.argmax()) + 1
    for labels in maps.values():
        labels[labels == missed] = 255
        labels.flat[:2] = missed
    counts = [int(count) for count in shown]
    assert max(counts) >= 5
    text = next(text for text in warned(run, maps) if "hardly labelled" in text)
    assert f"{dataset.class_names[missed]} in {max(counts)} of {max(counts)} images. Saliency or CAMs" in text


def test_labels_of_classes_that_the_images_do_not_show(run):
    maps, dataset = train_maps(run), run.dataset
    for image_id, labels in maps.items():
        other = next(c for c in range(1, dataset.num_classes + 1) if not dataset.image_labels(image_id)[c - 1])
        labels[(labels > 0) & (labels < 255)] = other
    assert any("100% of the object pixels are of classes that the image-level" in text for text in warned(run, maps))


def test_what_an_artifact_warns_of_itself_stands_first(run):
    with artifact(
        run, "warned", "saliency", split="train", warning="saliency by superpixels, for want of a network"
    ) as writer:
        for image_id in run.dataset.ids("train"):
            writer.write("saliency", image_id, np.full(run.dataset.size(image_id), 9, np.uint8))
    found = evaluate_run(run, "own", saliency=run.path("warned"), labels={}, predictions={})["warnings"]
    assert found[0] == "saliency by superpixels, for want of a network"
    assert "100% of the images have no foreground" in found[1]


def test_what_is_said_of_data_without_background_speaks_of_none(tmp_path):
    run = make_run(tmp_path, train=12, background=False)
    assert evaluate_run(run, labels={"perfect": run.path("perfect")}, saliency=None)["warnings"] == []
    blank = {i: np.full(run.dataset.size(i), 255, np.uint8) for i in run.dataset.ids("train")}
    write_labels(run, "blank", blank)
    texts = evaluate_run(run, labels={"blank": run.path("blank")}, saliency=None)["warnings"]
    assert len(texts) == 4
    assert not [text for text in texts if "background" in text or "aliency" in text]
