"""Resources of the jobs: threads, GPUs, memory, time, and the options that say what the machine is."""

import math
import os
import shutil
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from wsss.pipeline.artifact import Artifact
from wsss.pipeline.names import stages_making
from wsss.plan import problem_of_nodes, source_folders


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


def of_training():
    """Return the resources that a training alone asks for: its GPUs and, where it has several, its nodes.

    The executor for SLURM starts a job with `mpi` once, so that its command may start one on each node. It counts
    `gpu` over all nodes, and `gres` for each.
    """
    nodes, count = PLAN.config.runtime.nodes, gpus(training=True)
    if nodes == 1:
        return {"gpu": count}
    on_nodes = {"nodes": nodes, "tasks": nodes, "tasks_per_gpu": 0, "mpi": "srun"}
    if known_cores() is not None or not count:
        return {"gpu": count, **on_nodes}
    return {"gpu": 0, "gres": f"gpu:{count}", **on_nodes}


def refuse_nodes():
    """End Snakemake with one line if trainings are to have several nodes, and jobs run on this machine."""
    on_cluster = known_cores() is None
    if problem := problem_of_nodes(PLAN.config.runtime.nodes, on_cluster=on_cluster):
        sys.exit(f"error: {problem}")


refuse_nodes()


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
    return sum(contents_of(folder).pictures for folder in folders.values())


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


def machine_of_training(wildcards, threads):
    """Params function: return these options, and of how many nodes the training is."""
    nodes = PLAN.config.runtime.nodes
    return MACHINE if nodes == 1 else f"{MACHINE} --nodes {nodes}"


def start_of_training(wildcards, threads):
    """Params function: return what starts the command on each node, where a training has several; else nothing."""
    nodes = PLAN.config.runtime.nodes
    if nodes == 1:
        return ""
    return (
        f"srun --nodes {nodes} --ntasks {nodes} --ntasks-per-node 1 --cpus-per-task {threads} --kill-on-bad-exit=1"
        " --wait=0 "
    )


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
