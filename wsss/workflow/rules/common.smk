"""Helpers of the rules: the plan of the run, and the paths and inputs of its jobs."""

import os
import re
import sys
from pathlib import Path

from snakemake.persistence import PersistenceBase

from wsss.cli.check import check_networks_apart
from wsss.errors import InputError
from wsss.pipeline.artifact import Artifact, typed
from wsss.pipeline.paths import part_path, parts_folder
from wsss.pipeline.stages import STAGES
from wsss.plan import checked_plan, choices, source_files

# rules run the commands of the environment that runs Snakemake, even if it is not activated
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)


def read_plan(values, files):
    """Return the plan of a config. An error in the config ends Snakemake with one line."""
    if not files and not values:
        sys.exit(
            "error: no config is given; add `--configfile my.yaml`, or type `wsss run my.yaml`"
        )
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


# those of the command line come before those that a Snakefile names
PLAN = read_plan(config, workflow.config_settings.configfiles or workflow.configfiles)
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


def where_to_look():
    """Say where the results are, at the end of a run."""
    page = Path(all_of("report")[0])
    return f"Results are in {PLAN.root}" + (
        f"; look at {page}" if page.is_file() else ""
    )


wildcard_constraints:
    **PLAN.wildcards(),
    part=PART,
