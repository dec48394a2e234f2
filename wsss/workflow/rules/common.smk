"""Helpers of the rules: the plan of the run, paths, settings, inputs, resources."""

import math
import os
import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.io import _IOFile
from snakemake.persistence import PersistenceBase

from wsss.cli.check import check_networks_apart
from wsss.cli.parent import pass_on_signals
from wsss.code_digest import code_digests
from wsss.errors import InputError
from wsss.pipeline.artifact import Artifact, typed
from wsss.pipeline.code import all_modules, modules_of
from wsss.pipeline.names import stages_making
from wsss.pipeline.paths import part_path, parts_folder
from wsss.pipeline.stages import STAGES
from wsss.plan import (
    checked_plan,
    choices,
    count_pictures,
    folder_fingerprint,
    source_files,
    source_folders,
)

# rules run the commands of the environment that runs Snakemake, even if it is not activated
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)


def read_plan(values, files):
    """Return the plan of a config. An error in the config ends Snakemake with one line."""
    source = Path(files[-1]) if files else Path("config.yaml")
    if source.is_relative_to(Path.cwd()):
        source = source.relative_to(Path.cwd())
    try:
        # Snakemake keeps only the last of equal keys in a file, so the files are read again
        read = [Path(file) for file in files] or [source]
        plan = checked_plan(values, source, [file for file in read if file.is_file()])
        if workflow.is_main_process:
            check_networks_apart(plan, source, Path(".snakemake", "wsss-networks.json"))
            for line in choices(plan):
                print(line, file=sys.stderr)
        return plan
    except InputError as error:
        sys.exit(f"error: {error}")


PLAN = read_plan(config, workflow.config_settings.configfiles)
SHARDS = PLAN.config.runtime.shards
PART = r"\d+-of-\d+"
"""What the wildcard `part` of the rules in parts.smk may be."""


# -- paths of a job ---------------------------------------------------------------------------------------------------


def artifact_of(stage, wildcards):
    """Return the artifact that a job writes."""
    found = typed(
        {name: str(value) for name, value in wildcards.items() if name != "part"}
    )
    if STAGES[stage].per != "run":
        found = {"variant": PLAN.variants[0], "seed": PLAN.seeds[0], **found}
    return Artifact(stage, **found)


def artifact(stage):
    """Return the path that a stage writes to, with its wildcards."""
    return PLAN.pattern(stage)


def part(stage):
    """Return the path of the parts of a stage's artifacts, with its wildcards."""
    return f"{parts_folder(Path(artifact(stage)))}/{{part}}.h5"


def figure(name):
    """Return the path of a figure of the report."""
    return f"{PLAN.root}/report/{name}"


def log_of(stage):
    """Return the path of a stage's log file."""
    return PLAN.record("logs", stage, "log")


def part_log_of(stage):
    """Return the path of the log file of a part."""
    return PLAN.record("logs", stage, "log").replace(".log", "-{part}.log")


def benchmark_of(stage):
    """Return the path of the table that says how long a stage took."""
    return PLAN.record("benchmarks", stage, "tsv")


def part_benchmark_of(stage):
    """Return the path of the table that says how long a part took."""
    return PLAN.record("benchmarks", stage, "tsv").replace(".tsv", "-{part}.tsv")


# -- inputs of a job --------------------------------------------------------------------------------------------------


def upstream(stage, name):
    """Input function: return the artifact of a stage's input, as its owner has it; empty if the stage uses none."""

    def find(wildcards):
        inputs = PLAN.inputs(artifact_of(stage, wildcards))
        return PLAN.path(inputs[name]) if name in inputs else []

    return find


def parts_of(stage):
    """Input function: return the parts that an artifact is made of; empty if it is made in one, and for a part."""

    def find(wildcards):
        if SHARDS == 1 or wildcards.get("part"):
            return []
        whole = Path(PLAN.path(artifact_of(stage, wildcards)))
        return [
            str(part_path(whole, number, SHARDS)) for number in range(1, SHARDS + 1)
        ]

    return find


def forget_parts():
    """Let Snakemake keep parts out of its records of what an artifact was made from.

    Else, with another number of parts, it would make every artifact again. It has no setting for that.
    """
    inputs_of_job = PersistenceBase._input
    if getattr(inputs_of_job, "without_parts", False):
        return

    def without_parts(self, job):
        return [
            path
            for path in inputs_of_job(self, job)
            if not re.search(rf"[.]parts/{PART}[.]h5$", path)
        ]

    without_parts.without_parts = True
    PersistenceBase._input = without_parts


forget_parts()


def of_branch(kind):
    """Input function: return all artifacts of a kind that the branch of a job uses."""

    def find(wildcards):
        job = artifact_of("evaluate", wildcards)
        return [
            PLAN.path(item) for item in PLAN.used(kind, job.variant, job.seed).values()
        ]

    return find


def all_of(stage):
    """Return all artifacts of a stage that the config leads to, as their owners have them."""
    return [PLAN.path(item) for item in PLAN.wanted(stage)]


def sources(stage):
    """Input function: return the user's own lists, tables and weights that a stage reads."""

    def find(wildcards):
        settings = PLAN.settings(artifact_of(stage, wildcards))
        return [str(path) for path in source_files(stage, settings).values()]

    return find


# -- options of a job -------------------------------------------------------------------------------------------------


def settings_of(stage):
    """Params function: return the settings that the stage's result depends on, as JSON."""

    def text(wildcards):
        return PLAN.settings(artifact_of(stage, wildcards)).canonical_json()

    return text


DIGESTS = code_digests(
    all_modules().values(), cache=Path(".snakemake", "wsss-code.json")
)


def digest_of(stage):
    """Params function: digest the code that a job uses. As it asks for threads, it never runs a job again."""

    def digest(wildcards, threads):
        return DIGESTS[modules_of(artifact_of(stage, wildcards))]

    return digest


def code_of(stage):
    """Params function: return the same digest, so that a stage runs again when its code has changed.

    If `rerun_on_code_change` is false, return the digest that the artifact was made with, so that nothing changes.
    """

    def digest(wildcards):
        return DIGESTS[modules_of(artifact_of(stage, wildcards))]

    if PLAN.config.rerun_on_code_change:
        return digest

    def recorded(wildcards):
        path = PLAN.path(artifact_of(stage, wildcards))
        known = workflow.persistence.params(_IOFile(path, None)) or []
        return next(
            (text[1:-1] for text in known if re.fullmatch(r"'[0-9a-f]{16}'", text)),
            digest(wildcards),
        )

    return recorded


def identity_of(stage):
    """Params function: return the run, variant and seed of a job, as options."""

    def text(wildcards):
        job = artifact_of(stage, wildcards)
        variant = f" --variant {job.variant}" if job.variant else ""
        return f"--run {PLAN.run}{variant} --seed {job.seed}"

    return text


@cache
def fingerprint_of(stage):
    """Digest the folders of photographs, masks or maps that a stage reads, so that a replaced file is noticed."""
    if not workflow.is_main_process:
        # a job on a node: who submitted it has looked, and keeps the record
        return ""
    folders = source_folders(stage, PLAN.settings(Artifact(stage)))
    try:
        return " ".join(
            f"{setting}:{folder_fingerprint(folder)}"
            for setting, folder in folders.items()
        )
    except InputError as error:
        sys.exit(f"error: {error}")


def option(name):
    """Params function: return an input as an option; empty if the stage uses none."""

    def text(wildcards, input):
        path = input.get(name)
        return f"--{name} {shlex.quote(str(path))}" if path else ""

    return text


def repeated(name, files):
    """Params function: return each of the inputs `files` as an option `--NAME FILE`."""

    def text(wildcards, input):
        return " ".join(
            f"--{name} {shlex.quote(str(path))}" for path in input.get(files)
        )

    return text


def named_options(name):
    """Params function: return inputs of one kind as `--KIND NAME=FILE` options."""

    def text(wildcards, input):
        job = artifact_of("evaluate", wildcards)
        names = PLAN.used(name, job.variant, job.seed)
        pairs = zip(names, input.get(name), strict=True)
        return " ".join(
            f"--{name} {shlex.quote(f'{key}={path}')}" for key, path in pairs
        )

    return text


# -- resources of a job -----------------------------------------------------------------------------------------------


def machine():
    """Return the machine's options of a command."""
    runtime = PLAN.config.runtime
    return (
        f"--device {runtime.device} --workers {runtime.workers} --batch-size {runtime.batch_size}"
        f" --precision {runtime.precision} --pixels-per-forward {runtime.pixels_per_forward}"
        f" --devices {runtime.devices} --checkpoint-minutes {runtime.checkpoint_minutes:g}"
        f" --loggers {','.join(runtime.loggers) or 'none'}"
    )


@cache
def known_cores():
    """Return the cores that all jobs share; None on a cluster, which Snakemake does not know."""
    if workflow.remote_exec:
        # a job on a node asks for what it was submitted with
        return None
    try:
        return workflow.cores
    except WorkflowError:
        return None


@cache
def on_processor():
    """Return whether this machine's processor runs networks. On a cluster, only `device: cpu` says so."""
    if PLAN.config.runtime.device == "cpu":
        return True
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return known_cores() is not None and (hidden or shutil.which("nvidia-smi") is None)


def gpus(training=False):
    """Return the GPU slots of a job. The profile gives one slot in all, so that such jobs take turns."""
    runtime = PLAN.config.runtime
    return 0 if on_processor() else runtime.devices if training else 1


def network_threads(share=1):
    """Return the threads of a job that runs a network: a share of the cores, unless a GPU does the work.

    A training alone takes all cores. Two at a time use them better, and shorter jobs spend seconds starting on a
    single core, so these take a share.
    """
    if not on_processor() or known_cores() is None:
        return PLAN.config.runtime.workers + 1
    return max(1, round(share * known_cores()))


@cache
def training_threads(kind):
    """Return the threads of a job that trains: half of the cores where other long work can run beside it.

    Two jobs of one thread each use two cores better than one after the other with two. Other work is another training
    of the kind or, beside classifiers, making saliency.
    """
    stages = stages_making(kind)
    found = [item for stage in stages for item in PLAN.wanted(stage)]
    beginnings = [item for item in found if not _follows(item, stages)]
    beside = len(beginnings) + (
        len(PLAN.wanted("saliency")) if kind == "classifiers" else 0
    )
    return network_threads(1 / 2 if beside > 1 else 1)


def _follows(item, stages):
    """Return whether an artifact is made of what one of the stages makes."""
    inputs = PLAN.inputs(item).values()
    return any(source.stage in stages or _follows(source, stages) for source in inputs)


def worker_threads():
    """Return the threads of a job whose worker processes do the work."""
    return max(1, PLAN.config.runtime.workers)


MACHINE = machine()
START_MINUTES = 30
"""Time that a job asks for beside that for its images."""


def memory(megabytes):
    """Resources function: return the memory of a job, more at each attempt. It does not grow with the images."""

    def ask(wildcards, attempt):
        return attempt * megabytes

    return ask


def minutes(stage, seconds):
    """Resources function: return the time that a job may take on a cluster, more at each attempt.

    A job that needs more is ended, and its next attempt goes on where it was.

    Args:
        stage: The stage. A training sees its images many times.
        seconds: For an image, on a GPU if the stage uses one; a processor may take ten times as long.
    """

    def ask(wildcards, attempt):
        if known_cores() is not None or workflow.remote_exec:
            # nothing limits a job of this machine, and one on a node has been given its time
            return START_MINUTES
        job = artifact_of(stage, wildcards)
        images = pictures() * (
            passes(PLAN.settings(job)) if STAGES[stage].network else 1
        )
        if SHARDS > 1 and STAGES[stage].in_parts:
            # a job that joins parts looks at none
            images = images / SHARDS if wildcards.get("part") else 0
        slow = 10 if PLAN.config.runtime.device == "cpu" else 1
        return attempt * (START_MINUTES + math.ceil(images * seconds * slow / 60))

    return ask


@cache
def pictures():
    """Return the number of photographs and masks of the data set, which limits that of its images."""
    folders = source_folders("index", PLAN.settings(Artifact("index")))
    return sum(count_pictures(folder) for folder in folders.values())


def passes(training):
    """Return how often a training sees every image, about."""
    if training.epochs != "auto":
        return training.epochs
    steps = training.auto_steps * training.batch_size / max(pictures(), 1)
    return max(training.auto_epochs, steps)


def machine_alone(wildcards, threads):
    """Params function: return these options for a job that makes its output in one.

    As it asks for threads, Snakemake takes it for derived, and a change does not run a stage again.
    """
    return MACHINE


def machine_of(wildcards, threads):
    """Params function: return these options, and which part a job makes, or of how many it joins an artifact."""
    number = wildcards.get("part")
    shards = number.replace("-of-", "/") if number else SHARDS
    return MACHINE if shards == 1 else f"{MACHINE} --shards {shards}"


def unless_joined(value, joined):
    """Resources or threads function: return a value, or another for a job that joins parts: it computes nothing."""

    def choose(wildcards):
        return joined if SHARDS > 1 and not wildcards.get("part") else value

    return choose


def where_to_look():
    """Say where the results are, at the end of a run."""
    page = Path(all_of("report")[0])
    return f"Results are in {PLAN.root}" + (
        f"; look at {page}" if page.is_file() else ""
    )


wildcard_constraints:
    **PLAN.wildcards(),
    part=PART,


# asked to stop, Snakemake waits for its jobs without telling them
onstart:
    pass_on_signals()
