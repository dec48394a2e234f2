"""Two runs of both methods at once, looked at in the viewer meanwhile: jobs, Snakemake and all of it are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest

from tests.campaign.kills import COUNTS, NAMES
from tests.faults import tree
from tests.hearing import started
from tests.waiting import PATIENCE_SECONDS, lives, wait_until
from tests.workflow.conftest import Project, copy_project
from tests.workflow.tiny import BOTH, make_maps
from wsss.cli.parent import stages_of
from wsss.files import read_json
from wsss.stages.artifact import fingerprint

KILLS = int(os.environ.get("CAMPAIGN_KILLS", "30"))
SEED = int(os.environ.get("CAMPAIGN_SEED", "0"))
WAYS = (
    *(("a job", number) for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)),
    *(("Snakemake", number) for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)),
    *(("all processes", number) for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)),
)
"""What is killed, and by which signal. A terminal's Ctrl-C reaches all processes, as does the end of a connection."""


@dataclass
class Run:
    """One run, which is started, killed and started again.

    Attributes:
        whole: What it makes when left alone, by path.
        finished: How often it has come to its end.
    """

    project: Project
    name: str
    whole: dict[str, str] = field(default_factory=dict)
    finished: int = 0

    def __post_init__(self) -> None:
        self.option = self.project.config(f"{self.name}.yaml", **{**BOTH, "run": self.name})
        self.results = self.project.folder / "results" / self.name

    def start(self) -> None:
        """Start Snakemake in a session of its own, as a terminal does."""
        self.log = (self.project.folder / f"{self.name}.log").open("ab")
        self.snakemake = subprocess.Popen(
            started(self.project.command("--cores=1", self.option)),
            cwd=self.project.folder,
            env=self.project.environment(),
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self) -> int:
        """Wait for the end of Snakemake and of everything that it started; its exit code."""
        code = self.snakemake.wait(timeout=PATIENCE_SECONDS)
        # stages whose Snakemake was killed see that within half a second
        wait_until(lambda: not any(map(lives, self.processes())))
        self.log.close()
        return code

    def processes(self) -> list[psutil.Process]:
        """All processes of the run: a session of its own."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) == self.snakemake.pid:
                    found.append(process)
            except (ProcessLookupError, PermissionError):
                continue
        return found

    def kill(self, what: str, number: int, delay: float) -> None:
        """Kill something of the run, once a stage of it has been running for a while."""
        wait_until(lambda: stages_of(self.snakemake.pid) or self.snakemake.poll() is not None)
        sleep(delay)
        stages = stages_of(self.snakemake.pid)
        if what == "a job":
            for stage in stages:
                stage.send_signal(number)
        elif what == "Snakemake":
            self.snakemake.send_signal(number)
        elif self.snakemake.poll() is None:
            os.killpg(self.snakemake.pid, number)

    def contents(self) -> dict[str, str]:
        """What each file of the results holds that a person or a stage reads: maps, networks, figures."""
        found = {}
        for name in sorted(tree(self.results) if self.results.is_dir() else set()):
            path = self.results / name
            if any(part.startswith(".") for part in Path(name).parts):
                continue
            if path.suffix in (".h5", ".ckpt"):
                found[name] = fingerprint(path)
            elif name == "evaluation/metrics.json":
                found[name] = str(read_json(path)["evaluations"])
        return found

    def wrong(self) -> str:
        """What stands under a final name and is not what a run makes that is left alone."""
        found = self.contents()
        return next((name for name in found if self.whole.get(name) != found[name]), "")

    def unlock(self) -> None:
        """What Snakemake asks for after it was killed."""
        self.project.snakemake("--unlock", self.option)

    def end(self) -> None:
        """See that the finished run is the whole one, and forget it."""
        assert self.contents() == self.whole
        left = [name for name in tree(self.results) if ".state/" in name]
        assert not left, left
        self.finished += 1
        self.project.snakemake("--delete-all-output", self.option)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = copy_project(tmp_path / "project", made_up=False)
    make_maps(found.folder / "photos", found.folder / "maps")
    return found


@dataclass
class Viewer:
    """The web page, asked all the time; what it answered wrongly is kept."""

    folder: Path
    wrong: list[str] = field(default_factory=list)
    answers: int = 0

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "wsss.cli", "view", "results/a", "results/b", "--port", "0"]
        self._process = subprocess.Popen(started(command), cwd=self.folder, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        line = self._process.stderr.readline()
        self._address = "http://" + line.split("http://")[1].split()[0]
        self._ends = threading.Event()
        self._said: list[str] = []
        self._threads = [threading.Thread(target=target) for target in (self._ask, self._listen)]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        self._said.extend(self._process.stderr)

    def _ask(self) -> None:
        parts = ("stages", "overview", "provenance", "layers", "gallery")
        pages = ["start", *(f"{run}/{part}" for run in "ab" for part in parts)]
        while not self._ends.is_set():
            for page in pages:
                try:
                    with urlopen(f"{self._address}api/{page}", timeout=PATIENCE_SECONDS) as answer:
                        answer.read()
                except HTTPError as error:
                    if error.code >= 500:
                        self.wrong.append(f"{page}: {error.code} {error.read()[:200]!r}")
                self.answers += 1
                sleep(0.2)

    def close(self) -> None:
        self._ends.set()
        self._threads[0].join()
        self._process.terminate()
        self._process.wait(timeout=PATIENCE_SECONDS)
        self._threads[1].join()
        if any("Traceback" in line for line in self._said):
            self.wrong.append("".join(self._said)[-1000:])


@pytest.fixture
def runs(project: Project) -> Iterator[tuple[Run, Run]]:
    """Two runs, each of which was made once and left alone."""
    both = Run(project, "a"), Run(project, "b")
    for run in both:
        run.start()
    for run in both:
        run.snakemake.wait()
        assert run.wait() == 0, (project.folder / f"{run.name}.log").read_text()[-3000:]
        run.whole = run.contents()
        assert {"index.h5", "aalr/labels.h5", "evaluation/metrics.json"} < set(run.whole)
    yield both
    for run in both:
        for process in run.processes():
            process.kill()


@pytest.mark.slow
def test_two_runs_are_killed_again_and_again_and_come_to_the_same_end(runs: tuple[Run, Run], project: Project):
    viewer, chance = Viewer(project.folder), random.Random(SEED)
    try:
        for run in runs:
            run.end()
            run.start()
        for turn in range(KILLS):
            run, (what, number) = runs[turn % 2], WAYS[turn % len(WAYS)]
            # from the start of a stage, over its imports, into its work
            run.kill(what, number, chance.uniform(0, 8))
            code = run.wait()
            COUNTS[f"{what}, at a random time", NAMES[number]] += 1
            assert not run.wrong(), (turn, what, number, run.wrong())
            if code == 0:
                run.end()
            else:
                run.unlock()
            run.start()
        for run in runs:
            while run.wait():
                run.unlock()
                run.start()
            run.end()
    finally:
        viewer.close()
    assert not viewer.wrong, viewer.wrong[:5]
    assert viewer.answers > 100
