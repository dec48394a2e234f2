"""A process that has everything imported and runs each command in a fork of itself: safe, and 30 times as fast.

Reads one JSON list of arguments a line; answers with exit code and seconds. What the command says is in the two files
that the first line of all names, with the folder to run in.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time

MODULES = (
    *("wsss.cli.app", "wsss.cli.inspect", "wsss.cli.summary", "wsss.cli.compare", "wsss.cli.settings"),
    *("wsss.plan", "wsss.config.files", "wsss.stages.index", "wsss.exchange.export", "wsss.exchange.imports"),
    *("wsss.stages.seed_labels", "wsss.models.resnet38d_weights", "wsss.stages.predict_photos", "PIL.Image"),
    *("wsss.cli.picture", "wsss.cli.verify", "wsss.cli.study.rows", "wsss.stages.evaluate", "wsss.stages.report"),
    *("wsss.stages.saliency", "wsss.stages.train_classifier", "wsss.training.checkpoint", "timm"),
    *("wsss.data.sources.coco_masks", "wsss.data.sources.class_table"),
)
SECONDS = 30
"""A command that takes longer hangs: none of the campaign's takes a second."""
NAP = 0.002
MEMORY = 8 << 30
"""Bytes of address space, so that an input that asks for more fails by itself, not the machine."""


def main() -> None:
    for name in MODULES:
        importlib.import_module(name)
    importlib.import_module("PIL.Image").init()
    out, err, place = json.loads(sys.stdin.readline())
    os.chdir(place)
    for line in sys.stdin:
        arguments = json.loads(line)
        start = time.monotonic()
        code = run(arguments, out, err)
        print(json.dumps([code, time.monotonic() - start]), flush=True)


def run(arguments: list[str], out: str, err: str) -> int:
    """Exit code of a command; the number of a signal, negative, that ended it."""
    child = os.fork()
    if child == 0:
        be_the_command(arguments, out, err)
    # counts naps, not the clock, which goes on while a busy or sleeping machine lets neither process run
    for _ in range(round(SECONDS / NAP)):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(NAP)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGKILL


def be_the_command(arguments: list[str], out: str, err: str) -> None:
    """Run a command in this process, a fork, and end it."""
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        for number, name in ((1, out), (2, err)):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = ["wsss", *arguments]
        from wsss.cli import main as command

        try:
            command()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1 if end.code else 0
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
