"""A tiny run that is evaluated, its report, and a reader of pages."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from tests.stages.evaluated import Run, make_run
from wsss.config import Evaluate, Report
from wsss.context import RunContext
from wsss.stages.evaluate import evaluate
from wsss.stages.report import report


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
