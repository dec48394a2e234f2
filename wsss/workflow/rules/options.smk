"""Options of the jobs' commands: settings, digests of code, inputs by name."""

import re
import shlex
import sys
from functools import cache
from pathlib import Path

from snakemake.io import _IOFile

from wsss.code_digest import code_digests
from wsss.errors import InputError
from wsss.pipeline.artifact import Artifact
from wsss.pipeline.code import all_modules, modules_of
from wsss.plan import folder_contents, source_folders


def settings_of(stage):
    """Params function: return the settings that the stage's result depends on, as JSON."""

    def text(wildcards):
        return PLAN.settings(artifact_of(stage, wildcards)).canonical_json()

    return text


DIGESTS = code_digests(
    all_modules().values(), cache=Path(".snakemake", "wsss-code.json")
)


def digest(stage, wildcards):
    """Return the digest of the code that a job uses."""
    return DIGESTS[modules_of(artifact_of(stage, wildcards))]


def digest_of(stage):
    """Params function: return this digest. As it asks for threads, it never runs a job again."""
    return lambda wildcards, threads: digest(stage, wildcards)


def code_of(stage):
    """Params function: return the same digest, so that a stage runs again when its code has changed.

    If `rerun_on_code_change` is false, return the digest that the artifact was made with, so that nothing changes.
    """
    if PLAN.config.rerun_on_code_change:
        return lambda wildcards: digest(stage, wildcards)

    def recorded(wildcards):
        path = PLAN.path(artifact_of(stage, wildcards))
        known = workflow.persistence.params(_IOFile(path, None)) or []
        return next(
            (text[1:-1] for text in known if re.fullmatch(r"'[0-9a-f]{16}'", text)),
            digest(stage, wildcards),
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
def contents_of(folder):
    """Return what lies in a folder; it is looked at once, however many rules ask."""
    try:
        return folder_contents(folder)
    except InputError as error:
        sys.exit(f"error: {error}")


def fingerprint_of(stage):
    """Digest the folders of photographs, masks or maps that a stage reads, so that a replaced file is noticed.

    Of a stage that the run does not need, they are looked at only if it is asked for by name: they may be missing.
    """

    def fingerprint(wildcards):
        if not workflow.is_main_process:
            # a job on a node: who submitted it has looked, and keeps the record
            return ""
        folders = source_folders(stage, PLAN.settings(Artifact(stage)))
        return " ".join(
            f"{setting}:{contents_of(folder).fingerprint}"
            for setting, folder in folders.items()
        )

    return fingerprint(None) if PLAN.wanted(stage) else fingerprint


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
