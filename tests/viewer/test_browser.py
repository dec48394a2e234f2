"""The page in a real browser: Chromium, by Playwright. Without one these tests say that they were skipped."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.viewer.test_affinity import save_network
from tests.viewer.tiny import ROUND1, SEEDS, make_results, truth, write_labels
from tests.waiting import wait_until
from wsss.data import load_dataset

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")

PATIENCE = 240_000
"""Milliseconds that keep a test from hanging; a busy machine may take any number of seconds."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no browser: apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a page over a run, and the run."""
    from wsss.viewer.app import make_app
    from wsss.viewer.serve import _bind

    run = make_results(tmp_path_factory.mktemp("browser"))
    bound = _bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(make_app([run]), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{bound.getsockname()[1]}", run
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        # containers run as root, where Chromium's sandbox cannot
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A window whose errors fail the test."""
    # Playwright waits by evaluating strings, which the page's own policy forbids
    page = browser.new_page(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert errors == []


def pixels(page: Any, place: int = 0) -> list[int]:
    """The middle row of a canvas; nothing while there is none."""
    return page.evaluate(
        """(place) => { const canvas = document.querySelectorAll(".stage canvas")[place];
        if (!canvas) return [];
        const context = canvas.getContext("2d");
        return [...context.getImageData(0, Math.floor(canvas.height / 2), canvas.width, 1).data]; }""",
        place,
    )


def test_overview_shows_stages_numbers_and_confusions(page, served):
    address, _ = served
    page.goto(address)
    assert page.locator("[data-stage=seed_labels]").get_attribute("data-state") == "done"
    assert page.locator("[data-stage=train_classifier]").get_attribute("data-state") == "missing"
    page.click("[data-stage=train_classifier]")
    assert "results/tiny/classifier/model.ckpt" in page.locator(".detail").inner_text()
    assert page.locator(".bars .row").count() >= 4
    assert page.locator(".chart path").count() == 0
    page.wait_for_selector(".confusion")
    assert page.locator(".confusion .hit").count() == 4
    page.locator(".confusion .hit").nth(1).hover()
    assert "aeroplane given as aeroplane" in page.locator(".matrix").inner_text()


def test_gallery_filters_sorts_and_keeps_its_state_in_the_address(page, browser, served):
    address, run = served
    page.goto(f"{address}/gallery")
    page.wait_for_selector(".card img")
    assert page.locator(".card").count() == 9
    page.select_option("select[name=split]", "train")
    page.select_option("select[name=label]", "2")
    dataset = load_dataset(run / "index.h5")
    named = [i for i in dataset.ids("train") if dataset.image_labels(i)[1]]
    page.wait_for_function(f"document.querySelectorAll('.card').length === {len(named)}")
    page.select_option("select[name=layer]", "labels/seeds")
    page.select_option("select[name=versus]", "labels/auxsegnet_round1")
    page.select_option("select[name=sort]", "change")
    page.wait_for_function("document.querySelector('.values')?.textContent.includes('changed')")
    # the order is final when all is counted
    page.wait_for_function("!document.querySelector('.counting')")
    shown = page.locator(".caption b").all_inner_texts()
    assert re.search(r"layer=labels/seeds.*sort=change", page.url)
    other = browser.new_page(viewport=page.viewport_size)
    other.goto(page.url)
    other.wait_for_selector(".card img")
    assert other.locator(".caption b").all_inner_texts() == shown
    other.close()
    page.fill("input[name=text]", "no such id")
    page.wait_for_function("document.querySelectorAll('.card').length === 0")


def test_image_layers_cursor_and_arrow_keys(page, served):
    address, run = served
    dataset = load_dataset(run / "index.h5")
    first, second = dataset.ids("train")[:2]
    page.goto(f"{address}/image?id={first}&on=,")
    page.wait_for_selector(".stage canvas")
    bare = pixels(page)
    page.check("[data-layer='truth'] input[type=checkbox]")
    page.wait_for_function("location.search.includes('on=truth')")
    page.wait_for_selector("[data-layer='truth'] input[type=range]")
    wait_until(lambda: pixels(page) not in ([], bare))
    # a pixel of an object: its class stands under the cursor
    mask = truth(dataset, first)
    rows, columns = ((mask > 0) & (mask < 255)).nonzero()
    middle = len(rows) // 2
    box = page.locator(".stage canvas").bounding_box()
    x = box["x"] + (columns[middle] + 0.5) / mask.shape[1] * box["width"]
    y = box["y"] + (rows[middle] + 0.5) / mask.shape[0] * box["height"]
    page.mouse.move(x, y)
    page.wait_for_function("document.querySelector('.readout').innerText")
    value = int(mask[rows[middle], columns[middle]])
    assert f"{dataset.class_names[value]} ({value})" in page.locator(".readout").inner_text()
    assert f"x {columns[middle]}, y {rows[middle]}" in page.locator(".readout").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"document.querySelector('.imagebar .id')?.textContent === '{second}'")
    assert f"id={second}" in page.url
    page.go_back()
    page.wait_for_function(f"document.querySelector('.imagebar .id')?.textContent === '{first}'")


def test_opacity_palette_and_255(page, served):
    address, run = served
    image_id = load_dataset(run / "index.h5").ids("train")[0]
    page.goto(f"{address}/image?id={image_id}&on=labels/seeds~100")
    page.wait_for_selector(".stage canvas")
    voc = pixels(page)
    assert "255, left out" in page.locator(".legend").first.inner_text()
    page.select_option("#palette", "color_blind")
    page.wait_for_function("location.search.includes('palette=color_blind')")
    wait_until(lambda: pixels(page) not in ([], voc))
    blind = pixels(page)
    page.locator("[data-layer='labels/seeds'] input[type=range]").fill("0")
    page.wait_for_function("location.search.includes('labels/seeds~0')")
    wait_until(lambda: pixels(page) not in ([], voc, blind))
    clear = pixels(page)
    page.uncheck("[data-layer='labels/seeds'] input[type=checkbox]")
    page.wait_for_function("!location.search.includes('labels/seeds')")
    wait_until(lambda: pixels(page) == clear)


def test_side_by_side_swipe_and_blink(page, served):
    address, run = served
    image_id = load_dataset(run / "index.h5").ids("train")[0]
    page.goto(f"{address}/image?id={image_id}&on=labels/seeds,labels/auxsegnet_round1&mode=side")
    page.wait_for_function("document.querySelectorAll('.stage canvas').length === 3")
    titles = page.locator(".stage figcaption").all_inner_texts()
    assert titles == ["photograph", "seed labels", "round 1 labels"]
    page.click("[data-mode=swipe]")
    page.wait_for_selector(".cut")
    left = pixels(page)
    page.locator(".cut").fill("1000")
    wait_until(lambda: pixels(page) not in ([], left))
    page.click("[data-mode=blink]")
    page.wait_for_function("document.querySelector('.stage figcaption')?.textContent === 'round 1 labels'")
    page.wait_for_function("document.querySelector('.stage figcaption')?.textContent === 'seed labels'")


def test_a_click_asks_a_network_what_is_akin(page, served):
    address, run = served
    # the test of the page needs no network of any sense, only one that is there and is removed again
    save_network(run, 0)
    try:
        image_id = load_dataset(run / "index.h5").ids("train")[0]
        page.goto(f"{address}/image?id={image_id}&on=labels/seeds")
        page.wait_for_selector(".stage canvas")
        page.locator(".stage canvas").click()
        page.wait_for_function("document.querySelectorAll('.stage canvas').length === 3")
        titles = page.locator(".stage figcaption").all_inner_texts()
        assert titles == ["seed labels", "affinity of the pixel, round 0", "unary affinity"]
        assert pixels(page, 1) != pixels(page, 2)
        assert re.search(r"at=0\.\d+,0\.\d+", page.url)
        page.get_by_text("Leave the pixel").click()
        page.wait_for_function("document.querySelectorAll('.stage canvas').length === 1")
    finally:
        (run / "auxsegnet/round0/model.ckpt").unlink(missing_ok=True)


def test_a_new_artifact_appears_by_itself(page, served):
    address, run = served
    dataset = load_dataset(run / "index.h5")
    saved = (run / ROUND1).read_bytes()
    (run / ROUND1).unlink()
    try:
        page.goto(f"{address}/gallery?layer=labels/seeds&split=train")
        page.wait_for_selector(".card img")
        assert page.locator("select[name=versus] option[value='labels/auxsegnet_round1']").count() == 0
        # one look at what there is, before it changes
        page.wait_for_event("response", lambda response: "/stages" in response.url)
        maps = {i: truth(dataset, i) for i in dataset.ids("train")}
        write_labels(run, ROUND1, dataset, maps, stage="update_labels")
        option = "select[name=versus] option[value='labels/auxsegnet_round1']"
        page.wait_for_selector(option, state="attached")
    finally:
        (run / ROUND1).write_bytes(saved)
        time.sleep(0.1)
    assert (run / SEEDS).is_file()


def test_provenance_opens_an_input(page, served):
    address, _ = served
    page.goto(f"{address}/provenance")
    page.locator("summary", has_text=SEEDS).click()
    page.locator("details[open] a", has_text="index.h5").click()
    assert page.locator("details[id='index.h5']").get_attribute("open") is not None


def test_no_page_offends_its_own_security_policy(browser, served):
    address, _ = served
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for path in ("/", "/gallery", "/image?mode=side", "/provenance"):
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
        assert page.locator("main h1, main .card, main canvas").count() > 0
    page.close()
    assert said == []


@pytest.mark.parametrize("path", ["/", "/gallery", "/image", "/provenance"])
@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_window(browser, served, path, width):
    address, _ = served
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(address + path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_a_link_to_what_is_not_there_says_so(browser, served):
    address, _ = served
    page = browser.new_page()
    page.goto(f"{address}/image?id=no_such_image")
    page.wait_for_selector(".problem")
    assert "has no image `no_such_image`" in page.locator(".problem").inner_text()
    page.close()
