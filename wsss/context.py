"""The context of a stage beside its settings and inputs: names of the run, and the machine."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from wsss.errors import InputError

PRECISIONS = ("auto", "32", "bf16-mixed")
LOGGERS = ("auto", "tensorboard", "wandb", "mlflow", "csv")


@dataclass(frozen=True)
class RunContext:
    """Names that provenance records, and the machine's resources. None of these changes a result, except the seed.

    Device and precision change results by rounding.

    Attributes:
        run: Name of the run, the folder below `results/`.
        variant: Name of the variant, empty in a plain run.
        seed: Seed of everything random in the stage.
        code: Digest of the code that the stage uses (`wsss.code_digest`), empty outside a workflow.
        device: `auto`, `cpu`, `cuda` or `cuda:N`; `auto` takes a GPU if there is one.
        workers: Processes that load data or work on images beside the main one; 0: the main process does all.
        threads: Threads that numerical libraries may use; 0 leaves their default.
        batch_size: Images per batch at inference. Training has its own setting.
        precision: `auto`, `32` or `bf16-mixed`, of networks at inference; `auto` is bf16 where the device has it.
        pixels_per_forward: Most input pixels of a forward pass at inference; 0 leaves it to the device.
        devices: GPUs that one training uses on each node.
        nodes: Nodes that share one training; the same command runs on each of them.
        checkpoint_minutes: Minutes between resumable states of a training; 0 means after every step.
        part: The part of the artifact that this call makes, counted from 1; 0: the artifact.
        parts: Number of parts of the artifact; 1: it is one file.
        loggers: Loggers of trainings, of `LOGGERS`; `auto` is TensorBoard where it is installed.
    """

    run: str = ""
    variant: str = ""
    seed: int = 0
    code: str = ""
    device: str = "auto"
    workers: int = 0
    threads: int = 0
    batch_size: int = 8
    precision: str = "auto"
    pixels_per_forward: int = 0
    devices: int = 1
    nodes: int = 1
    checkpoint_minutes: float = 2.0
    part: int = 0
    parts: int = 1
    loggers: tuple[str, ...] = ()

    @property
    def joins(self) -> bool:
        """Whether this call puts an artifact together from parts that others made."""
        return self.parts > 1 and not self.part

    def __post_init__(self) -> None:
        """Check what is text or a time.

        Raises:
            InputError: If device, precision, loggers or time are none.
        """
        if not re.fullmatch(r"auto|cpu|cuda(:\d{1,4})?", self.device):
            raise InputError(f"device `{self.device}` is none; use auto, cpu, cuda or cuda:N")
        if self.precision not in PRECISIONS:
            raise InputError(f"precision `{self.precision}` is none; use one of {', '.join(PRECISIONS)}")
        if unknown := [name for name in self.loggers if name not in LOGGERS]:
            raise InputError(f"logger `{unknown[0]}` is none; use {', '.join(LOGGERS)}, or `none` alone")
        if not 0 <= self.checkpoint_minutes < math.inf:
            raise InputError(f"checkpoint_minutes is {self.checkpoint_minutes}; use a number of minutes, 0 or more")
        if not 0 <= self.part <= self.parts or self.parts < 1:
            raise InputError(f"there is no part {self.part} of {self.parts}; parts are counted from 1")
