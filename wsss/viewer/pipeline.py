"""The stages of a run: done, running, stopped or missing, and the commands that build the missing artifacts."""

from __future__ import annotations

import csv
import shlex
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from wsss.config import load_config
from wsss.errors import InputError
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.paths import artifact_at, glob_of, parts_beside, path_of, record_of
from wsss.pipeline.stages import STAGES
from wsss.plan import Plan
from wsss.stages.artifact import SHARD_IMAGES
from wsss.viewer.run import Run
from wsss.viewer.shelf import version_of
from wsss.workflow import PRESETS

State = Literal["done", "running", "stopped", "missing"]
LOOK_AGAIN = 2.0
"""Look at the processes again after so many seconds."""


@dataclass(frozen=True)
class StageItem:
    """One artifact of a stage.

    Attributes:
        path: Below the folder of the run.
        name: Its name among the others of its stage; empty if it is the only one.
        state: `stopped`: there is a resumable state, but no process on this machine works on it.
        seconds: How long its stage took; None if that is not recorded.
        size: Bytes.
        changed: Time of the file, seconds since 1970.
        command: The command that builds it.
        progress: Share of images that are done, while its stage runs.
        problem: Why it cannot be read.
    """

    path: str
    name: str
    state: State
    seconds: float | None = None
    size: int | None = None
    changed: float | None = None
    command: str = ""
    progress: float | None = None
    problem: str = ""


class Pipeline:
    """Finds the stages of a run from its config; without a config, from the files that exist.

    Args:
        run: The run.
        config: Its config file; None searches beside the folder of results and in the working directory.
    """

    def __init__(self, run: Run, config: Path | None = None) -> None:
        self._run, self._given = run, config
        self._plan: tuple[str | None, Plan | None] = (None, None)
        self._processes: tuple[float, set[Path]] = (0.0, set())
        self.config = config if config is not None else find_config(run.root)

    def stages(self) -> dict[str, Any]:
        """Return every stage with name, state and items, and the config file with its error, if any."""
        plan, problem = self._read_plan()
        problems = self._run.problems()
        images = self._images()
        found = []
        for stage in STAGES:
            artifacts = self._planned(plan, stage) if plan else self._lying(stage)
            items = [self._item(stage, path, name, plan, problems, images) for path, name in artifacts]
            if items:
                about = {"stage": stage, "title": STAGES[stage].title}
                found.append({**about, "state": _state(items), "items": [asdict(item) for item in items]})
        return {
            "stages": found,
            "config": str(self.config) if self.config else None,
            "problem": problem,
            "known": plan is not None,
        }

    def _read_plan(self) -> tuple[Plan | None, str]:
        if self.config is None:
            return None, "the config file of this run was not found; name it with `wsss view --config FILE`"
        version = version_of(self.config)
        try:
            if self._plan[0] != version or self._plan[1] is None:
                config = load_config(self.config)
                self._plan = (version, Plan(config.model_copy(update={"run": self._run.name})))
        except InputError as error:
            return None, str(error)
        return self._plan[1], ""

    def _planned(self, plan: Plan, stage: str) -> Iterator[tuple[str, str]]:
        for artifact in plan.wanted(stage):
            yield path_of(artifact, plain=plan.plain), _name(artifact)

    def _lying(self, stage: str) -> Iterator[tuple[str, str]]:
        """Yield the files of a stage, with names; if there are none, the missing path, for stages of every run."""
        root, found = self._run.root, set[str]()
        for branch in ("", "*/seed*/") if STAGES[stage].per != "run" else ("",):
            place = f"{branch}{glob_of(stage)}"
            names = (path.relative_to(root).as_posix() for path in (*root.glob(place), *self._states(root, place)))
            # a pattern may match paths of another stage
            found |= {name for name in names if (artifact := artifact_at(name)) is not None and artifact.stage == stage}
        for name in sorted(found):
            yield name, name if len(found) > 1 else ""
        if not found and not STAGES[stage].asked_by_name:
            yield path_of(Artifact(stage), plain=True), ""

    @staticmethod
    def _states(root: Path, place: str) -> Iterator[Path]:
        """Find the outputs of unfinished stages, by their state folders."""
        folder, _, name = place.rpartition("/")
        for state in root.glob(f"{folder}/.{name}.state" if folder else f".{name}.state"):
            yield state.parent / state.name.removeprefix(".").removesuffix(".state")

    def _item(
        self, stage: str, name: str, words: str, plan: Plan | None, problems: dict[str, str], images: int
    ) -> StageItem:
        path = self._run.root / name
        command = self._command(plan, name)
        parts = parts_beside(path)
        states = [made.parent / f".{made.name}.state" for made in (path, *parts)]
        states = [state for state in states if state.is_dir()]
        running = not self._working().isdisjoint(made.resolve() for made in (path, *parts))
        benchmark = self._benchmark(stage, name)
        problem = problems.get(name, "")
        try:
            status = path.stat()
        except OSError:
            status = None
        if running or ((states or parts) and status is None):
            done = sum(len(list(state.glob("shard-*.h5"))) for state in states) * SHARD_IMAGES
            done += round(images * sum(1 / _count(part) for part in parts if part.is_file()))
            progress = min(done / images, 1.0) if done and images else None
            return StageItem(name, words, "running" if running else "stopped", command=command, progress=progress)
        if status is None:
            return StageItem(name, words, "missing", command=command)
        return StageItem(
            name, words, "done", benchmark, status.st_size, status.st_mtime, command if problem else "", problem=problem
        )

    def _command(self, plan: Plan | None, name: str) -> str:
        target = shlex.quote(f"results/{self._run.name}/{name}")
        if plan is None or self.config is None:
            return f"snakemake {target} --configfile CONFIG"
        if self.config.name == "config.yaml":
            return f"snakemake {target}"
        return f"snakemake {target} --configfile {shlex.quote(_relative(self.config))}"

    def _benchmark(self, stage: str, name: str) -> float | None:
        """Read how many seconds the job took that wrote a file."""
        artifact = artifact_at(name)
        if artifact is None:
            return None
        record = record_of(stage, plain=not artifact.variant).format(**asdict(artifact))
        path = self._run.root / "benchmarks" / f"{record}.tsv"
        try:
            with path.open(encoding="utf-8", newline="") as handle:
                return float(list(csv.DictReader(handle, delimiter="\t"))[-1]["s"])
        except (OSError, ValueError, KeyError, IndexError):
            return None

    def _images(self) -> int:
        try:
            return len(self._run.dataset().ids("train"))
        except InputError:
            return 0

    def _working(self) -> set[Path]:
        """Find the outputs that processes on this machine are writing, by their option `--output`."""
        looked, found = self._processes
        if time.monotonic() - looked > LOOK_AGAIN:
            found = set(_outputs())
            self._processes = (time.monotonic(), found)
        return found


def _count(part: Path) -> int:
    """Return of how many parts the artifact is made, as the name of a part says."""
    return max(int(part.stem.rpartition("-")[2]), 1)


def _outputs() -> Iterator[Path]:
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "--output" in command[:-1] and any(Path(word).name == "wsss" for word in command[:4]):
            try:
                yield (Path(process.cwd()) / command[command.index("--output") + 1]).resolve()
            except (psutil.Error, OSError):
                continue


def find_config(root: Path) -> Path | None:
    """Find the config file of a run: its `run`, or its file name, is the name of the folder."""
    name, project = root.resolve().name, root.resolve().parent.parent
    folders = dict.fromkeys((Path.cwd(), project))
    for places in (*((folder, folder / "configs") for folder in folders), (PRESETS,)):
        candidates = [path for place in places for path in sorted(place.glob("*.y*ml"))]
        for path in sorted(candidates, key=lambda path: path.stem != name):
            try:
                if load_config(path).run == name:
                    return path
            except InputError:
                continue
    return None


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _name(artifact: Artifact) -> str:
    """Name an artifact among the others of its stage."""
    wildcards = STAGES[artifact.stage].wildcards
    own = [f"round {artifact.round}" if name == "round" else str(getattr(artifact, name)) for name in wildcards]
    return " · ".join(part for part in (artifact.branch, ", ".join(own)) if part)


def _state(items: list[StageItem]) -> State:
    """Return the state of a stage: that of its least finished item, but running if any item runs."""
    states = {item.state for item in items}
    for state in ("running", "stopped", "missing"):
        if state in states:
            return state
    return "done"
