"""The workflow as a module of another one: from a folder, a clone, or GitHub."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.hearing import HEAR, started
from tests.helpers import make_folder
from tests.waiting import lives, wait_until
from tests.workflow.conftest import DATA, PROJECT, Project, copy_project
from tests.workflow.stopping import wait_for_stage
from tests.workflow.tiny import TINY, make_maps
from wsss.store import ArtifactReader

MODULE = """configfile: "mine.yaml"

module wsss:
    snakefile: {snakefile}
    config: config

use rule * from wsss as wsss_*
"""
FROM_GITHUB = 'github("owner/wsss", path="workflow/Snakefile", tag="v1")'


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, whose commands make things up; it is the package as well."""
    return copy_project(tmp_path_factory.mktemp("made up") / "the project").folder


@pytest.fixture
def user(made_up: Path, tmp_path: Path) -> User:
    """Another workflow, in a folder of its own."""
    return make_user(tmp_path / "my work", made_up)


@dataclass
class User(Project):
    """A workflow that takes this one as a module, with a config of its own.

    Attributes:
        package: The folder of the project, from which Python imports.
    """

    package: Path

    def environment(self, **extra: str) -> dict[str, str]:
        return {**super().environment(**extra), "PYTHONPATH": str(self.package)}

    def take(self, snakefile: str | Path, text: str = MODULE) -> None:
        """Write the Snakefile."""
        words = f'"{snakefile}"' if isinstance(snakefile, Path) else snakefile
        (self.folder / "Snakefile").write_text(text.format(snakefile=words))


def make_user(folder: Path, package: Path) -> User:
    make_folder(folder / "my photos")
    make_maps(folder / "my photos", folder / "maps")
    settings = {**TINY, "data": {**DATA, "root": "my photos"}}
    (folder / "mine.yaml").write_text(yaml.safe_dump(settings))
    return User(folder, package)


@pytest.mark.parametrize("snakefile", ["wsss/workflow/Snakefile", "workflow/Snakefile", "Snakefile"])
def test_the_target_of_a_module_is_the_whole_pipeline(user: User, snakefile: str):
    user.take(user.package / snakefile)
    said = user.snakemake("-n").stdout
    assert re.search(r"^wsss_all +1$", said, flags=re.MULTILINE)
    assert "results/mine/report.html" in said
    assert "demo" not in said


def test_a_module_runs_in_a_folder_with_spaces_and_is_then_done(user: User):
    user.take("SNAKEFILE", "from wsss.workflow import SNAKEFILE\n" + MODULE)
    user.snakemake("--cores", "2")
    assert (user.folder / "results/mine/report.html").is_file()
    assert "Nothing to be done" in user.snakemake("-n").stdout
    user.snakemake("--report", "report.zip")
    assert (user.folder / "report.zip").is_file()


def test_some_rules_of_a_module_are_enough(user: User):
    text = MODULE.replace("*", "index, saliency, train_classifier, cams", 1)
    user.take(
        user.package / "workflow/Snakefile",
        f'rule mine:\n    input: "results/mine/cams.h5"\n\n{text}',
    )
    assert user.would_write() == {"index.h5", "classifier/model.ckpt", "cams.h5"}


def test_two_modules_of_one_workflow_have_a_run_each(user: User):
    modules = "".join(
        f"""
module {name}:
    snakefile: {{snakefile}}
    config: {{{{**config, "run": "{name}"}}}}

use rule * from {name} as {name}_*
"""
        for name in ("birds", "boats")
    )
    own = "\nrule all:\n    default_target: True\n    input: rules.birds_all_cams.input, rules.boats_all_cams.input\n"
    user.take(user.package / "workflow/Snakefile", 'configfile: "mine.yaml"\n' + modules + own)
    user.snakemake("--cores", "2")
    for name in ("birds", "boats"):
        assert (user.folder / "results" / name / "cams.h5").is_file()


def test_results_of_a_module_may_lie_elsewhere_and_a_prefix_is_refused_in_one_line(user: User):
    elsewhere = MODULE.replace("config: config", 'config: config\n    replace_prefix: {{"results/": "masks/results/"}}')
    user.take(user.package / "workflow/Snakefile", elsewhere)
    user.snakemake("wsss_all_cams", "--cores", "2")
    assert (user.folder / "masks/results/mine/cams.h5").is_file()
    assert not (user.folder / "results").exists()
    user.take(
        user.package / "workflow/Snakefile", MODULE.replace("config: config", 'config: config\n    prefix: "masks"')
    )
    assert user.error_line("-n").startswith("error: `prefix` of a module would move")


def test_the_config_of_a_module_may_be_a_part_of_another(user: User):
    whole = {"masks": yaml.safe_load((user.folder / "mine.yaml").read_text()), "threshold": 3}
    (user.folder / "mine.yaml").write_text(yaml.safe_dump(whole))
    own = "\nrule all:\n    default_target: True\n    input: rules.wsss_all_cams.input\n"
    user.take(user.package / "workflow/Snakefile", MODULE.replace("config: config", 'config: config["masks"]') + own)
    assert user.would_write() == {"index.h5", "classifier/model.ckpt", "cams.h5"}


def test_a_wrong_setting_in_the_config_of_a_module_is_one_line(user: User):
    user.take(user.package / "wsss/workflow/Snakefile", MODULE.replace("config: config", 'config: {{"dato": 1}}'))
    assert user.error_line("-n").startswith("error: mine.yaml: `dato` is not a setting")


@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("onstart:\n    print('mine too')\n", ""), ("", "onstart:\n    wsss.onstart()\n")],
)
def test_a_module_stops_its_stage_when_snakemake_is_stopped(user: User, before: str, after: str):
    user.take(user.package / "wsss/workflow/Snakefile", before + MODULE + after)
    command = started(user.command("wsss_all_cams", "--cores", "2"), HEAR)
    with user.popen(command, WSSS_TEST_SLEEP_cams="1000") as snakemake:
        stage = wait_for_stage(user, snakemake.pid, "cams", run="mine")
        # to Snakemake alone, as `kill` does; the stage itself would go on for longer
        snakemake.send_signal(signal.SIGTERM)
        wait_until(lambda: not lives(stage))
        wait_until(lambda: snakemake.poll() is not None)
    assert "stopped: the same command goes on" in (user.folder / "results/mine/logs/cams.log").read_text()


# -- from git ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def origin(made_up: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare repository of the project with a tag."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    bare = tmp_path_factory.mktemp("host") / "wsss.git"
    shutil.copytree(PROJECT / "config", made_up / "config")
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "core.excludesFile="]
    for command in (
        ["init", "--quiet"],
        ["add", "Snakefile", "config", "config.yaml", "profiles", "workflow", "wsss"],
        [*who, "commit", "--quiet", "--message", "one"],
        ["tag", "v1"],
        ["clone", "--quiet", "--bare", ".", str(bare)],
    ):
        subprocess.run(["git", *command], cwd=made_up, check=True, capture_output=True)
    return bare


def served_by(origin: Path, cache: Path) -> dict[str, str]:
    """Variables with which git finds a repository of GitHub in a folder, and Snakemake caches in another."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{origin}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/owner/wsss",
        "XDG_CACHE_HOME": str(cache),
        "GITHUB_TOKEN": "",
    }


def test_a_module_from_github_runs_with_the_installed_package(user: User, origin: Path, tmp_path: Path):
    user.take(FROM_GITHUB)
    served = served_by(origin, tmp_path / "cache")
    user.snakemake("--cores", "2", **served)
    assert (user.folder / "results/mine/report.html").is_file()
    assert "Nothing to be done" in user.snakemake("-n", **served).stdout
    user.snakemake("--report", "report.zip", **served)
    assert (user.folder / "report.zip").is_file()


def test_a_module_from_a_clone_at_a_tag(user: User, origin: Path, tmp_path: Path):
    subprocess.run(["git", "clone", "--quiet", origin, tmp_path / "a clone"], check=True)
    user.take('gitfile("../a clone", path="workflow/Snakefile", tag="v1")')
    # what lies in the folder is not what is tagged
    (tmp_path / "a clone/workflow/Snakefile").unlink()
    assert re.search(r"^wsss_all +1$", user.snakemake("-n").stdout, flags=re.MULTILINE)


@pytest.mark.skipif(shutil.which("snakedeploy") is None, reason="snakedeploy is not installed")
def test_what_snakedeploy_writes_runs_the_demo(made_up: Path, origin: Path, tmp_path: Path):
    served = served_by(origin, tmp_path / "cache")
    command = ["snakedeploy", "deploy-workflow", "https://github.com/owner/wsss", "deployed here", "--tag", "v1"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, **served}, check=True, capture_output=True)
    deployed = User(tmp_path / "deployed here", made_up)
    assert "results/demo/report.html" in deployed.snakemake("-n", "--cores", "2", **served).stdout


# -- really -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_module_trains_and_makes_labels(tmp_path: Path):
    package = copy_project(tmp_path / "the project", made_up=False).folder
    user = make_user(tmp_path / "my work", package)
    user.take(package / "wsss/workflow/Snakefile")
    user.snakemake("wsss_all_seed_labels", "--cores", "2")
    with ArtifactReader(user.folder / "results/mine/auxsegnet/round0/labels.h5", "seed_labels") as labels:
        assert len(labels.ids("segmentation")) > 0
