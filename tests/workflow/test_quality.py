"""What the workflow costs before it does anything, and that it is in good order."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import DATA, PROJECT, Project
from wsss.cli.schema import schema_text
from wsss.pipeline.stages import STAGES
from wsss.report.parts import report_parts
from wsss.stages.report import FIGURES

MEASURE = """
import cProfile, json, pstats, sys
from snakemake.cli import main
scanned = []
sys.addaudithook(lambda event, values: scanned.append(str(values[0])) if event == "os.scandir" else None)
profile = cProfile.Profile()
profile.enable()
try:
    main(sys.argv[1:])
except SystemExit:
    pass
profile.disable()
heavy = [name for name in ("torch", "torchvision", "lightning", "numpy", "h5py", "PIL") if name in sys.modules]
print(json.dumps({"calls": pstats.Stats(profile).total_calls, "heavy": heavy, "scanned": scanned}))
"""


def measure(folder: Path, environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-c", MEASURE, "-n", "--quiet", "all", *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def test_a_dry_run_adds_little_work_and_loads_no_network(plain: Project, tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "Snakefile").write_text("rule all:\n")
    nothing = measure(empty, plain.environment())
    ours = measure(plain.folder, plain.environment(), plain.config(data=DATA))
    assert ours["heavy"] == nothing["heavy"]
    # calls of functions, which every machine counts alike: it makes 2.2 times as many, a third of a second more, and
    # 4.7 times as many where every source is parsed again for the digests of the code
    assert ours["calls"] < 3.5 * nothing["calls"]


def test_a_dry_run_looks_at_the_images_once_and_does_little_for_each(project: Project):
    branches = {f"threshold{n}": {"seed_labels": {"saliency_threshold": n / 10}} for n in range(1, 6)}
    option = project.config(data=DATA, variants=branches, seeds=[0, 1, 2], saliency={"source": "superpixels"})
    # the first run fills caches
    before = [measure(project.folder, project.environment(), option) for _ in range(2)][1]
    for number in range(600):
        (project.folder / f"photos/sub/more {number}.jpg").touch()
    after = measure(project.folder, project.environment(), option)
    # data.root, and data.masks, which lies within
    masks = ["photos/masks", "photos/masks/sub"]
    assert sorted(path for path in after["scanned"] if path.startswith("photos")) == [
        "photos",
        *sorted([*masks, *masks]),
        "photos/sub",
    ]
    assert after["calls"] - before["calls"] < 12 * 600


def test_the_linter_has_nothing_to_say(project: Project):
    assert "Congratulations" in project.snakemake("--lint").stdout


def test_the_stored_schema_is_that_of_the_settings():
    stored = (PROJECT / "wsss/workflow/schemas/config.schema.json").read_text()
    assert stored == schema_text(), "run: wsss schema --output wsss/workflow/schemas/config.schema.json"


def test_the_schema_that_a_config_names_is_there():
    """The catalogue's config is copied to a folder without the package, where no path leads to the schema."""
    named = re.compile(r"^# yaml-language-server: [$]schema=(.*)$", flags=re.MULTILINE)
    for preset in (PROJECT / "wsss/workflow/presets").glob("*.yaml"):
        (path,) = named.findall(preset.read_text())
        assert (preset.parent / path).is_file(), preset
    assert named.findall((PROJECT / "config/config.yaml").read_text()) == []


def test_the_demo_shows_every_section():
    import yaml

    shown = yaml.safe_load((PROJECT / "config.yaml").read_text())
    sections = {"data" if stage == "index" else stage for stage in STAGES}
    others = {"run", "seeds", "rerun_on_code_change", "runtime", "backbone", "methods", "auxsegnet", "variants"}
    assert sections | others == set(shown)
    assert len((PROJECT / "Snakefile").read_text().splitlines()) < 40


def test_captions_of_every_run_tell_nothing_that_a_run_may_lack():
    """Data without background have neither background nor saliency; captions are texts that know no run."""
    rules = (PROJECT / "wsss/workflow/rules/evaluation.smk").read_text()
    captions = dict(re.findall(r'figure\("([^"]+)"\)+,\s+(?:patterns=.*\s+)?caption="[.]{2}/report/([^"]+)"', rules))
    assert set(captions) == set(FIGURES)
    of_methods = {file for part in report_parts().values() for file in part.files}
    for file in set(FIGURES) - of_methods:
        text = (PROJECT / "wsss/workflow/report" / captions[file]).read_text().lower()
        assert "background" not in text and "saliency" not in text, captions[file]


def test_the_pictures_of_the_readme_are_there_and_small():
    named = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (PROJECT / "README.md").read_text(encoding="utf-8"))
    assert named
    for name in named:
        assert (PROJECT / name).stat().st_size < 300_000


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md"))])
def test_links_between_pages_lead_somewhere(page: str):
    path = PROJECT / page
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
