from __future__ import annotations

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.stages.evaluated import Run, make_run
from wsss.config import Evaluate, Report
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.ops.palette import voc_palette
from wsss.pipeline.names import label_words
from wsss.report.charts import Bar, bar_chart
from wsss.report.curves import curve_charts, training_chart, trainings_of
from wsss.report.evaluations import by_variant, load_evaluation, method_of_record, spread
from wsss.report.gallery import Gallery, Sample, Tile, choose
from wsss.report.sheets import contact_sheet, one_page
from wsss.report.tiles import Tiles
from wsss.stages.evaluate import evaluate
from wsss.stages.report import FIGURES, report


def evaluated(root: Path, *, masks: bool = True) -> Run:
    run = make_run(root, masks=masks)
    evaluate(
        Evaluate(),
        index=run.path("index"),
        saliency=run.path("saliency"),
        cams=run.path("cams"),
        labels={"eroded": run.path("eroded"), "seeds": run.path("perfect")},
        predictions={name: run.path(name) for name in ("segmenter_seeds", "segmenter_masks")},
        output=run.folder / "evaluation/metrics.json",
        context=RunContext(run="tiny & <small>"),
    )
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return evaluated(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(run) -> str:
    return write(run)


def write(run: Run, evaluations: list[Path] | None = None, **settings) -> str:
    paths = evaluations or [run.folder / "evaluation/metrics.json"]
    report(Report(samples=3, **settings), index=run.path("index"), evaluations=paths, output=run.folder / "report.html")
    return (run.folder / "report.html").read_text(encoding="utf-8")


class Balanced(HTMLParser):
    """Collects what is opened and never closed, and addresses outside the page."""

    EMPTY = ("meta", "img", "br", "line", "rect", "circle", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []
        self.anchors: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag, attrs):
        if tag not in self.EMPTY:
            self.open.append(tag)
        for key, value in attrs:
            if key in ("src", "href"):
                (self.anchors if value.startswith("#") else self.outside).append(value)
            if key == "id":
                self.ids.add(value)

    def handle_endtag(self, tag):
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


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


def test_figures_have_fixed_names_and_open(run, page):
    folder = run.folder / "report"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FIGURES)
    for name in FIGURES:
        if name.endswith(".svg"):
            assert ElementTree.parse(folder / name).getroot().tag.endswith("svg")
        elif name.endswith(".jpg"):
            with Image.open(folder / name) as sheet:
                assert min(sheet.size) > (100 if name == "rounds.jpg" else 400), name  # this run has no rounds


def test_every_label_set_and_network_has_a_sheet_for_one_page(run, page):
    sheets = sorted((run.folder / "report/sheets").iterdir())
    names = ["eroded_labels_train", "seed_labels_train", "network_on_seed_labels_val", "network_on_true_masks_val"]
    assert [path.stem for path in sheets] == [f"{place:02}_{name}" for place, name in enumerate(names, 1)]
    for path in sheets:
        with Image.open(path) as sheet:
            width, height = (side / dots for side, dots in zip(sheet.size, sheet.info["dpi"], strict=True))
        assert width <= 7.6
        assert height <= 11
        assert height > 3


def test_a_sheet_has_no_more_samples_than_fit_on_a_page():
    tile = Tile("photograph", "", Image.new("RGB", (160, 160)))
    samples = tuple(Sample(str(number), (1,), (tile,) * 5, frozenset({number})) for number in range(40))
    gallery = one_page(Gallery("train", "the first of the list", samples))
    assert 3 <= len(gallery.samples) < 8
    assert [gallery.samples[0].image_id, gallery.samples[-1].image_id] == ["0", "39"]
    # the legend names what is on the page, not what was left out
    assert gallery.shown == tuple(int(sample.image_id) for sample in gallery.samples)
    sheet = contact_sheet(
        gallery, [f"class {value}" for value in range(40)], voc_palette(), heading="Labels", caption="word " * 120
    )
    assert sheet.height / sheet.width <= 10.9 / 7.5 + 0.01
    assert one_page(Gallery("train", "", ())).samples == ()


def test_the_tables_stand_on_a_page_of_their_own(run, page):
    text = (run.folder / "report/numbers.html").read_text(encoding="utf-8")
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    assert parser.outside == []
    assert "tiny &amp; &lt;small&gt;" in text
    assert "IoU per class" in text


def test_curves_are_drawn_of_the_trainings_that_the_evaluation_knows(run):
    head = "step,epoch,learning_rate,loss,segmentation,boundary_saliency"
    rows = [f"{step},{step / 4},0.1,{4 / step},{2 / step},{2 / step}" for step in range(1, 9)]
    for place, column in (("classifier", "map"), ("segmenter/seeds", "miou"), ("segmenter/of_before", "miou")):
        (run.folder / place).mkdir(parents=True, exist_ok=True)
        lines = [f"{head},{column}", *(f"{row},{'' if number % 4 else 0.5}" for number, row in enumerate(rows, 1))]
        (run.folder / place / "curves.csv").write_text("\n".join(lines) + "\n")
    evaluation = load_evaluation(run.folder / "evaluation/metrics.json")
    found = trainings_of(evaluation)
    assert [training.title for training in found] == ["Classifier", "Network on seed labels"]
    chart = training_chart(found[1], 860)
    assert "part: boundary saliency" in chart
    assert "validation mIoU (top is 100 %): 50.0 at the end" in chart
    assert [name for name, _ in curve_charts({"": [evaluation]}, 860)] == ["Classifier", "Network on seed labels"]


def test_figures_are_there_even_when_there_is_nothing_to_show(run, tmp_path):
    output = tmp_path / "evaluation/metrics.json"
    evaluate(Evaluate(), index=run.path("index"), labels={"seeds": run.path("perfect")}, output=output)
    report(Report(samples=2), index=run.path("index"), evaluations=[output], output=tmp_path / "report.html")
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == sorted(FIGURES)


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such evaluation; build it with"),
        ("{", "damaged"),
        ("[1]", "is no metrics.json"),
        ('{"stage": "evaluate", "format_version": 99}', "has format version 99, this package reads 1"),
    ],
)
def test_bad_evaluations_are_refused(run, tmp_path, content, message):
    path = tmp_path / "metrics.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        write(run, [path])
    with pytest.raises(InputError, match=r"no evaluation"):
        report(Report(), index=run.path("index"), evaluations=[], output=tmp_path / "report.html")


def test_samples_are_spread_from_the_worst_to_the_best():
    numbers = {f"image{place}": {"iou": place / 10} for place in range(11)}
    ids, order = choose(("seed labels", numbers), list(numbers), 3)
    assert ids == ["image0", "image5", "image10"]
    assert order == "from the worst to the best by IoU of seed labels"
    assert choose(("", {}), ["a", "b", "c"], 2) == (["a", "b"], "the first of the list")
    assert choose(("x", {"a": {"coverage": 1.0}}), ["a"], 5)[0] == ["a"]


def test_names_of_label_sets():
    assert label_words("seeds") == "seed labels"
    assert label_words("seeds_self") == "self-trained labels"
    assert label_words("seeds_self_self") == "self-trained labels (2 times)"
    assert label_words("round1") == "round1 labels"
    assert label_words("auxsegnet_round2") == "round 2 labels"
    assert label_words("auxsegnet_round2_self") == "self-trained labels, from round 2"


def test_tiles_show_background_class_and_ignored_apart():
    tiles = Tiles(np.full((40, 60, 3), 128, np.uint8), voc_palette(), longest=60)
    labels = np.zeros((40, 60), np.uint8)
    labels[:, 20:40], labels[:, 40:] = 1, 255
    drawn = np.asarray(tiles.labels(labels)).astype(int)
    assert (drawn[20, 5] == 64).all()
    red, green, blue = drawn[20, 30]
    assert red > 2 * green == 2 * blue
    assert drawn[:, 45:].std(axis=(0, 1)).min() > 10
    assert (drawn[20, 20] == 245).all()  # the outline towards background
    assert not (drawn[20, 39] == 245).all()  # none towards stripes


def test_tiles_of_odd_sizes():
    for size in ((1, 1), (1, 300), (500, 3)):
        tiles = Tiles(np.zeros((*size, 3), np.uint8), voc_palette(), longest=100)
        assert min(tiles.labels(np.zeros(size, np.uint8)).size) >= 1
        assert tiles.cams(np.zeros((0, 1, 1), np.float16), []).size == tiles.size


def test_bars_are_as_long_as_their_numbers():
    svg = bar_chart([("", [Bar("half", 0.3, "#123456"), Bar("full", 0.6, "#123456")])], width=800, title="t")
    half, full = (float(width) for width in re.findall(r'<rect [^>]*?width="([\d.]+)"', svg))
    assert full == pytest.approx(2 * half, abs=0.2)
    assert ">30.0<" in svg


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"name": "aalr"}, "aalr"),
        ({"name": "val/aalr--single", "model": "aalr"}, "aalr"),
        ({"name": "val/segmenter_aalr--single", "model": "segmenter_aalr"}, "aalr"),
        ({"name": "auxsegnet_round1"}, "auxsegnet"),
        (
            {"name": "val/segmenter_auxsegnet_round1_self--single", "model": "segmenter_auxsegnet_round1_self"},
            "auxsegnet",
        ),
        ({"name": "seeds_self"}, ""),
        ({"name": "val/segmenter_seeds--single", "model": "segmenter_seeds"}, ""),
        ({"name": "val/theirs--imported", "model": "theirs"}, ""),
    ],
)
def test_a_record_names_the_method_that_it_comes_of(record, expected):
    assert method_of_record(record) == expected
