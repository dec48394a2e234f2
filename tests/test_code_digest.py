"""Which code belongs to a stage, and what counts as a change of it."""

from __future__ import annotations

import textwrap
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from wsss.code_digest import LEFT_OUT, code_digests, code_modules
from wsss.pipeline.code import all_modules

PACKAGE = {
    "__init__.py": '__version__ = "1"',
    "config/__init__.py": "from wsss.data import secret",
    "data/__init__.py": """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from wsss.data.typed import Typed
        _HOMES = {"load": "reading", "write": ".writing", "both": "wsss.data.both"}
        def __getattr__(name):
            return _HOMES[name]
    """,
    "data/reading.py": "def load(): pass",
    "data/writing.py": "def write(): pass",
    "data/both.py": "both = 1",
    "data/typed.py": "class Typed: pass",
    "ops/__init__.py": """
        from wsss.ops.cam import cam as renamed
        from .crf import crf
        LIMIT = 3
    """,
    "ops/cam.py": "from . import helper\ndef cam(): pass",
    "ops/crf.py": "def crf(): pass",
    "ops/helper.py": "",
    "stages/__init__.py": "",
    "stages/first.py": '''
        """What it does."""
        from __future__ import annotations
        import os
        from typing import TYPE_CHECKING
        from wsss import __version__
        from wsss.config import Settings
        from wsss.data import load
        if TYPE_CHECKING:
            from wsss.data.typed import Typed

        def first(x: Typed):
            """It does."""
            from wsss.ops import renamed
            return renamed(x)
    ''',
    "stages/second.py": 'import wsss.data.writing\nfrom wsss.ops import LIMIT\nMODELS = {"a": "wsss.data.both"}',
    "stages/third.py": "from wsss import ops\nfrom wsss.stages.first import first",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in PACKAGE.items():
        path = tmp_path / "wsss" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return tmp_path / "wsss"


def start(stage: str) -> tuple[str]:
    return (f"wsss.stages.{stage}",)


def digests(stages: list[str], root: Path, cache: Path | None = None) -> dict[str, str]:
    found = code_digests([start(stage) for stage in stages], root, cache)
    return {stage: found[start(stage)] for stage in stages}


def code_digest(stage: str, root: Path) -> str:
    return digests([stage], root)[stage]


def modules(stage: str, root: Path) -> set[str]:
    return {name.removeprefix("wsss.") for name in code_modules(start(stage), root)}


def test_imports_are_followed_to_where_a_name_is_defined(root: Path):
    assert modules("first", root) == {"stages.first", "data.reading", "ops.cam", "ops.helper"}


def test_a_value_of_a_package_brings_the_package_s_own_file(root: Path):
    assert modules("second", root) >= {"stages.second", "data.writing", "ops", "data.both"}
    assert "data.reading" not in modules("second", root)


def test_a_package_taken_whole_brings_all_that_it_exports(root: Path):
    assert modules("third", root) >= {"ops", "ops.cam", "ops.crf", "stages.first"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""It does."""', '"""It does more."""'),
        ('"""It does."""', ""),
        ("return renamed(x)", "return renamed(\n    x,\n)  # why"),
        ("import os", "import os\n\n\n# comment"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(root: Path, old: str, new: str):
    before = code_digest("first", root)
    edit(root / "stages/first.py", old, new)
    assert code_digest("first", root) == before


@pytest.mark.parametrize("name", ["stages/first.py", "data/reading.py", "ops/helper.py"])
def test_code_counts_wherever_it_is(root: Path, name: str):
    before = code_digest("first", root)
    with (root / name).open("a") as handle:
        handle.write("\nx = 2\n")
    assert code_digest("first", root) != before


@pytest.mark.parametrize(
    "name", ["__init__.py", "config/__init__.py", "data/typed.py", "ops/crf.py", "data/writing.py"]
)
def test_code_of_others_does_not_count(root: Path, name: str):
    before = code_digest("first", root)
    with (root / name).open("a") as handle:
        handle.write("\nx = 2\n")
    assert code_digest("first", root) == before


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


TRAININGS = {"train_classifier", "train_auxsegnet", "train_aalr", "train_segmenter"}
PREDICTIONS = {"predict train_auxsegnet", "predict train_aalr", "predict train_segmenter"}
NETWORKS = {*TRAININGS, *PREDICTIONS, "cams", "update_labels", "aalr_labels", "segmenter_labels"}
RERUNS = {
    # module -> the jobs that run again when its code changes; of predictions by the stage that trained the network
    "wsss.data.sources.voc": {"index"},
    "wsss.data.sources.coco": {"index"},
    "wsss.data.sources.coco_masks": {"index"},
    "wsss.data.sources.label_tables": {"index"},
    "wsss.data.scan": {"index"},
    "wsss.downloads.fetch": set(),
    "wsss.data.demo.scenes": {"index"},
    "wsss.ops.saliency": {"saliency"},
    "wsss.stages.parts": {
        *PREDICTIONS,
        *("saliency", "cams", "seed_labels", "update_labels", "segmenter_labels", "refine_labels", "aalr_labels"),
    },
    "wsss.ops.pseudo_labels": {"seed_labels", "update_labels", "segmenter_labels"},
    "wsss.ops.saliency_labels": {"update_labels"},
    "wsss.ops.crf": {*PREDICTIONS, "update_labels", "segmenter_labels", "refine_labels", "aalr_labels"},
    "wsss.ops.crf_of_many": {
        *PREDICTIONS,
        "update_labels",
        "segmenter_labels",
        "refine_labels",
        "aalr_labels",
        "train_aalr",
    },
    "wsss.ops.tiles": {*PREDICTIONS, "cams", "segmenter_labels", "aalr_labels"},
    "wsss.stages.class_balance": TRAININGS,
    "wsss.stages.tiled_cams": {"cams"},
    "wsss.stages.tiled_labels": {*PREDICTIONS, "segmenter_labels", "aalr_labels"},
    "wsss.ops.online_masks": {"train_aalr", "aalr_labels"},
    "wsss.losses.adaptive_affinity": {"train_auxsegnet", "train_aalr"},
    "wsss.losses.auxsegnet": {"train_auxsegnet"},
    "wsss.losses.balanced": {"train_aalr"},
    "wsss.losses.classification": {"train_classifier", "train_auxsegnet", "train_aalr"},
    "wsss.losses.dense_energy": {"train_aalr"},
    "wsss.losses.label_reassign": {"train_auxsegnet", "train_aalr", "aalr_labels"},
    "wsss.losses.saliency": {"train_auxsegnet"},
    "wsss.losses.segmentation": {"train_aalr", "train_auxsegnet", "train_segmenter"},
    "wsss.losses.whole_batch": {*TRAININGS, "aalr_labels"},
    "wsss.models.aalr": {"train_aalr", "aalr_labels", "predict train_aalr"},
    "wsss.models.auxsegnet": {"train_auxsegnet", "update_labels", "predict train_auxsegnet"},
    "wsss.models.backbones": NETWORKS,
    "wsss.models.classifier": {"train_classifier", "cams"},
    "wsss.models.dual_affinity": {"train_auxsegnet", "update_labels", "predict train_auxsegnet"},
    "wsss.models.families": NETWORKS,
    "wsss.models.feature_grid": NETWORKS,
    "wsss.models.kinds": PREDICTIONS,
    "wsss.models.network": NETWORKS,
    "wsss.models.norm_relu": NETWORKS,
    "wsss.models.segmenter": {"train_segmenter", "segmenter_labels", "predict train_segmenter"},
    "wsss.training.aalr": {"train_aalr"},
    "wsss.training.auxsegnet": {"train_auxsegnet"},
    "wsss.training.batch_norm": TRAININGS,
    "wsss.training.checkpoint": NETWORKS,
    "wsss.training.classifier": {"train_classifier"},
    "wsss.training.label_losses": {"train_auxsegnet", "train_aalr"},
    "wsss.training.mask_maker": {"train_aalr"},
    "wsss.training.mask_teacher": {"train_aalr"},
    "wsss.training.mask_statistics": {"train_auxsegnet", "train_aalr"},
    "wsss.training.module": TRAININGS,
    "wsss.training.processes": TRAININGS,
    "wsss.training.segmenter": {"train_segmenter"},
    "wsss.training.stopwatch": {"train_aalr"},
    "wsss.training.trainer": TRAININGS,
    "wsss.training.validation": TRAININGS,
    "wsss.data.saliency_choice": {"saliency"},
    "wsss.stages.saliency_choice": {"saliency"},
    "wsss.stages.settled": TRAININGS,
    "wsss.evaluation.warnings": {"evaluate"},
    "wsss.stages.labels": {"train_auxsegnet", "train_segmenter", "refine_labels"},
    "wsss.stages.train_auxsegnet": {"train_auxsegnet"},
    "wsss.stages.update_labels": {"update_labels"},
    "wsss.ops.label_refinement": {"refine_labels"},
    "wsss.ops.padding": NETWORKS | {"refine_labels"},
    "wsss.ops.upsampling": NETWORKS | {"refine_labels"},
    "wsss.stages.refine_labels": {"refine_labels"},
    "wsss.report.auxsegnet": {"report"},
    "wsss.report.aalr": {"report"},
    "wsss.report.refine_labels": {"report"},
    "wsss.config.rounds": set(),
    "wsss.config.aalr": set(),
    "wsss.config.label_losses": set(),
    "wsss.chunks": set(all_modules()),
    "wsss.store.reader": set(all_modules()),
    "wsss.store.writer": set(all_modules()) - {"report"},
    "wsss.stages.evaluate": {"evaluate"},
    "wsss.stages.report": {"report"},
    "wsss.report.evaluations": {"report"},
    "wsss.cli.app": set(),
    "wsss.config.stages": set(),
    "wsss.progress": set(),
    "wsss.plan.plan": set(),
    "wsss.pipeline.stages": {"report"},
    "wsss.pipeline.names": {"report"},
    "wsss.evaluation.label_rules": {"evaluate"},
}


@cache
def modules_of(job: str) -> list[str]:
    return code_modules(all_modules()[job])


@pytest.mark.parametrize("module", RERUNS)
def test_which_module_runs_which_jobs_again(module: str):
    path = Path(__file__).parents[1].joinpath(*module.split("."))
    assert path.with_suffix(".py").is_file()
    assert {job for job in all_modules() if module in modules_of(job)} == RERUNS[module]


@pytest.mark.parametrize("job", all_modules())
def test_every_stage_is_its_own_module(job: str):
    found = modules_of(job)
    assert f"wsss.stages.{job.split()[0]}" in found
    begins = all_modules()[job]
    assert not [name for name in found if name.startswith(LEFT_OUT) and name not in begins]


def test_the_cache_changes_nothing_but_the_time(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cache, stages = tmp_path / "folder" / "cache.json", ["first", "second", "third"]
    fresh = digests(stages, root)
    assert digests(stages, root, cache) == fresh
    edit(root / "data/reading.py", "pass", "return 1")
    changed = digests(stages, root, cache)
    assert changed == digests(stages, root)
    assert changed["first"] != fresh["first"]
    with monkeypatch.context() as patch:
        patch.setattr("wsss.code_digest._parse", None)
        assert digests(stages, root, cache) == changed
    cache.write_text("{damaged")
    assert digests(stages, root, cache) == changed


def test_with_a_cache_a_source_is_read_once_for_all_stages_and_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    code_digests(all_modules().values(), cache=tmp_path / "cache.json")
    calls = Counter[tuple[str, Path]]()

    def count(name: str) -> None:
        function = getattr(Path, name)
        monkeypatch.setattr(Path, name, lambda path: calls.update([(name, path)]) or function(path))

    for name in ("read_bytes", "is_file"):
        count(name)
    for name in ("_parse", "_write_cache"):
        monkeypatch.setattr(f"wsss.code_digest.{name}", lambda *_, **__: pytest.fail("did anew what is kept"))
    code_digests(all_modules().values(), cache=tmp_path / "cache.json")
    assert sum(name == "read_bytes" for name, _ in calls) > len(all_modules())
    assert set(calls.values()) == {1}
