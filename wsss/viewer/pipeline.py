"""The stages of a run: done, running, begun, stopped or missing, and the commands that build missing artifacts."""

from __future__ import annotations

import csv
import shlex
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from wsss.config import load_config
from wsss.errors import InputError
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.paths import artifact_at, glob_of, parts_beside, path_of, record_of
from wsss.pipeline.stages import STAGES
from wsss.plan import Plan
from wsss.stages.artifact import SHARD_IMAGES
from wsss.viewer.run import Run
from wsss.viewer.shelf import version_of
from wsss.viewer.signs import below, log_of, outputs_being_written, state_of, work_on
from wsss.workflow import PRESETS

State = Literal["done", "running", "begun", "stopped", "missing"]
LOOK_AGAIN = 2.0
"""Look at the processes again after so many seconds."""


@dataclass(frozen=True)
class StageItem:
    """One artifact of a stage.

    Attributes:
        path: Below the folder of the run.
        name: Its name among the others of its stage; empty if it is the only one.
        state: `stopped`: there is a resumable state of this machine, and no process works on it. `begun`: another
            machine works on it, or has stopped, which cannot be seen from here.
        seconds: How long its stage took; None if that is not recorded.
        size: Bytes.
        changed: Time of the file, seconds since 1970.
        command: The command that builds it.
        progress: Share of images that are done, while its stage runs.
        problem: Why it cannot be read.
        host: The other machines that began it, where their names are known.
        sign: Time of the last sign of life of the work on it, seconds since 1970.
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
    host: str = ""
    sign: float | None = None


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
        made = [path, *parts]
        states = [state for item in made if (state := state_of(item)).is_dir()]
        running = not self._working().isdisjoint(item.resolve() for item in made)
        benchmark = self._benchmark(stage, name)
        problem = problems.get(name, "")
        try:
            status = path.stat()
        except OSError:
            status = None
        if running or ((states or parts) and status is None):
            done = SHARD_IMAGES * sum(found.match("shard-*.h5") for state in states for found in below(state))
            done += round(images * sum(1 / _count(part) for part in parts if part.is_file()))
            progress = min(done / images, 1.0) if done and images else None
            work = work_on(made, running, self._logs(stage, name, made))
            return StageItem(
                name, words, work.state, command=command, progress=progress, host=work.host, sign=work.sign
            )
        if status is None:
            return StageItem(name, words, "missing", command=command)
        return StageItem(
            name, words, "done", benchmark, status.st_size, status.st_mtime, command if problem else "", problem=problem
        )

    def _command(self, plan: Plan | None, name: str) -> str:
        target = shlex.quote(f"results/{self._run.name}/{name}")
        if plan is None or self.config is None:
            return f"wsss run CONFIG {target}"
        return f"wsss run {shlex.quote(_relative(self.config))} {target}"

    def _benchmark(self, stage: str, name: str) -> float | None:
        """Read how many seconds the job took that wrote a file."""
        record = self._record("benchmarks", stage, name)
        if record is None:
            return None
        path = record.with_name(f"{record.name}.tsv")
        try:
            with path.open(encoding="utf-8", newline="") as handle:
                return float(list(csv.DictReader(handle, delimiter="\t"))[-1]["s"])
        except (OSError, ValueError, KeyError, IndexError):
            return None

    def _logs(self, stage: str, name: str, made: list[Path]) -> list[Path]:
        record = self._record("logs", stage, name)
        return [] if record is None else [log_of(path, record) for path in made]

    def _record(self, kind: str, stage: str, name: str) -> Path | None:
        """Return the path of the log or benchmark of the job that makes a file, without its suffix."""
        artifact = artifact_at(name)
        if artifact is None:
            return None
        return self._run.root / kind / record_of(stage, plain=not artifact.variant).format(**asdict(artifact))

    def _images(self) -> int:
        try:
            return len(self._run.dataset().ids("train"))
        except InputError:
            return 0

    def _working(self) -> set[Path]:
        """Find the outputs that processes on this machine are writing, by their option `--output`."""
        looked, found = self._processes
        if time.monotonic() - looked > LOOK_AGAIN:
            found = set(outputs_being_written())
            self._processes = (time.monotonic(), found)
        return found


def _count(part: Path) -> int:
    """Return of how many parts the artifact is made, as the name of a part says."""
    return max(int(part.stem.rpartition("-")[2]), 1)


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
    """Return the state of a stage: that of its least finished item, but running or begun if any item is."""
    states = {item.state for item in items}
    for state in ("running", "begun", "stopped", "missing"):
        if state in states:
            return state
    return "done"
