"""The page: whole, alone, and with all numbers and pictures."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tests.report.tiny import Balanced, evaluated, write
from tests.stages.evaluated import make_run
from wsss.config import Evaluate
from wsss.report.evaluations import by_variant, load_evaluation, spread
from wsss.stages.evaluate import evaluate


def test_the_page_is_whole_and_needs_nothing_beside_it(page):
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert all(address.startswith("data:image/webp;base64,") for address in parser.outside)
    assert parser.anchors
    assert {anchor[1:] for anchor in parser.anchors} <= parser.ids
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page


def test_names_are_escaped(page):
    assert "tiny &amp; &lt;small&gt;" in page
    assert "<small>tiny" not in page


def test_the_page_holds_the_numbers_with_their_protocols(run, page):
    metrics = json.loads((run.folder / "evaluation/metrics.json").read_text())
    text = re.sub(r"<[^>]+>", " ", page)
    for item in metrics["evaluations"]:
        assert item["protocol"].replace(">", "&gt;") in text
        value = item["metrics"].get("miou", item["metrics"].get("iou_at_0.5"))
        assert f"{100 * value:.1f}" in text
    for name in metrics["data"]["class_names"]:
        assert name in text


def test_every_sample_has_all_its_pictures(page):
    # train: photograph, saliency, CAMs, two label sets, truth; val: photograph, saliency, two predictions, truth
    assert page.count("<figure>") == 3 * 6 + 3 * 5
    for title in ("photograph", "saliency", "CAMs", "eroded labels", "seed labels", "network on true masks", "truth"):
        assert f"<span>{title}</span>" in page


def test_the_tables_stand_on_a_page_of_their_own(run, page):
    text = (run.folder / "report/numbers.html").read_text(encoding="utf-8")
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert parser.outside == []
    assert "tiny &amp; &lt;small&gt;" in text
    assert "IoU per class" in text


def test_a_run_without_masks_has_a_page(tmp_path):
    run = evaluated(tmp_path, masks=False)
    page = write(run)
    assert "only numbers that need none" in page
    assert "by coverage of seed labels" in page
    assert "<span>truth</span>" not in page
    assert "nan" not in re.sub(r"<[^>]+>|base64,[^\"]+", " ", page).lower().split()


def test_several_variants_and_seeds_are_compared(run, tmp_path):
    paths = []
    for variant, seed, miou in (("paper", 0, 0.5), ("paper", 1, 0.6), ("balanced", 0, 0.7)):
        folder = run.folder / variant / f"seed{seed}"
        shutil.copytree(run.folder / "evaluation", folder)
        content = (folder / "metrics.json").read_text().replace('": "../', '": "../../')
        metrics = json.loads(content) | {"variant": variant, "seed": seed}
        # changed by hand
        metrics.pop("sha256", None)
        for item in metrics["evaluations"]:
            if item["name"] == "segmenter_seeds":
                item["metrics"]["miou"] = miou
        (folder / "metrics.json").write_text(json.dumps(metrics))
        paths.append(folder / "metrics.json")
    page = write(run, paths)
    comparison = page.split('id="variants"')[1].split("</section>")[0]
    assert "55.0 <small>± 7.1</small>" in comparison  # of 50 and 60
    assert "70.0" in comparison
    assert "2 seeds" in comparison
    assert page.count("<figure>") == 3 * 6 + 3 * 5  # what all variants share is shown once
    evaluations = [load_evaluation(path) for path in paths]
    found = spread(by_variant(evaluations)["paper"], ("predictions", "segmenter_seeds", "val"), "miou")
    assert found is not None
    assert (found.mean, found.deviation) == pytest.approx((0.55, 0.0707), abs=1e-4)


def test_the_page_of_data_without_background_does_not_name_it(tmp_path):
    run = make_run(tmp_path, background=False)
    evaluate(
        Evaluate(),
        index=run.path("index"),
        cams=run.path("cams"),
        labels={"seeds": run.path("perfect")},
        predictions={"segmenter_seeds": run.path("segmenter_seeds")},
        output=run.folder / "evaluation/metrics.json",
    )
    page = write(run)
    text = re.sub(r"<style.*?</style>|<script.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert "mIoU" in text
    assert [name for name in run.dataset.class_names[1:] if name not in text] == []
    # the settings of stages may have such names
    said = re.sub(r'"[^"]*background[^"]*"|&quot;[^&]*background[^&]*&quot;', "", text)
    assert re.findall(r".{40}background.{40}", said, flags=re.DOTALL) == []
