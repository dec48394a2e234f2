"""The one set-up of Lightning's trainer, for every network that is trained."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer

from wsss.config import Training
from wsss.context import RunContext
from wsss.data.loaders import StepSampler, TrainingImages, make_loader, worker_error
from wsss.errors import InputError, Interrupted
from wsss.memory import keep_freed_memory
from wsss.models.precision import computes_in_bf16
from wsss.system_errors import in_words
from wsss.training.batch_norm import SharedBatchNorms
from wsss.training.loggers import make_loggers, take_up
from wsss.training.meeting import Meeting
from wsss.training.module import TrainingModule
from wsss.training.quiet import quiet_lightning
from wsss.training.resume import StopRequest, load_state
from wsss.training.session import Session
from wsss.training.validation import Validation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """The numbers of a finished training.

    Attributes:
        rows: The curves.
        epochs: Numbers of every epoch beside the losses; empty where the training has none.
        metrics: Those that depend on the training alone: equal trainings, equal numbers.
        machine: Those that depend on the machine: times, memory, device.
    """

    rows: list[dict[str, Any]]
    epochs: list[dict[str, Any]]
    metrics: dict[str, Any]
    machine: dict[str, Any]


def run_training(
    module: TrainingModule,
    data: TrainingImages,
    validation: Validation | None,
    *,
    description: str,
    settings: Training,
    context: RunContext,
    folder: Path,
    probabilities: np.ndarray | None = None,
) -> TrainingResult:
    """Train the module's network in place, going on from the state in the folder where there is one.

    Args:
        module: Network and losses.
        data: Training images.
        validation: Measured every `settings.validate_every` epochs and at the end; None measures nothing.
        description: Name for progress.
        settings: Of the training.
        context: Seed and machine.
        folder: For states and logs; the caller deletes it when the outputs are written.
        probabilities: How probable each image is at a draw; None takes each once per epoch.

    Raises:
        InputError: If the device, or an image, is not there or the loss is no number.
        Interrupted: After SIGTERM or Ctrl-C; the state is saved.
    """
    accelerator, devices = _prepare(description, settings, context, len(data))
    with Meeting(description, context) as meeting:
        meeting.check_alike(accelerator, len(devices))
        record, state = meeting.load_same_state(folder)
        if state:
            module.network.load_state_dict(state["network"])
            module.load_extra_state(state.get("module", {}))
        with StopRequest() as stop, quiet_lightning():
            session = Session(
                description=description,
                settings=settings,
                images=len(data),
                seed=context.seed,
                folder=folder,
                checkpoint_minutes=context.checkpoint_minutes,
                record=record,
                state=state,
                validation=validation if meeting.is_first else None,
                stop=stop,
            )
            loggers = make_loggers(context, folder, description) if meeting.is_first else []
            take_up(loggers, record.rows)
            unused = module.leaves_parameters_unused
            trainer = make_trainer(
                settings, accelerator, devices, folder, session, meeting, loggers=loggers, unused_parameters=unused
            )
            if record.step < session.steps:
                sampler = StepSampler(
                    len(data),
                    settings.batch_size,
                    session.steps,
                    seed=context.seed,
                    start=record.step,
                    parts=settings.accumulate,
                    probabilities=probabilities,
                )
                _fit(trainer, module, data, sampler, session, context, pin_memory=accelerator == "gpu")
                if words := module.describe_timings(session.record.timings):
                    logger.info("%s: %s", description, words)
            device = _device(accelerator, devices)
            session.validate(module.network.to(device), device, trainer.precision_plugin.forward_context)
    module.network.cpu().eval()
    return _result(session, len(data), device)


def _prepare(description: str, settings: Training, context: RunContext, images: int) -> tuple[str, list[int]]:
    """Set up memory and threads, check that the training can run, and return its devices."""
    keep_freed_memory()
    if context.threads > 0:
        torch.set_num_threads(context.threads)
    if not images:
        raise InputError(f"{description}: there is no image to train on; check the lists and filters of `data`")
    accelerator, devices = choose_device(context)
    if settings.precision == "16-mixed" and accelerator == "cpu":
        raise InputError("precision `16-mixed` needs a GPU; use `bf16-mixed` or `32`")
    batch, count = min(settings.batch_size, images), len(devices)
    if batch % (count * context.nodes * settings.accumulate):
        among = f"{count} device{'s' if count > 1 else ''}"
        if context.nodes > 1:
            among += f" on each of {context.nodes} nodes"
        parts = f" in {settings.accumulate} parts each (accumulate)" if settings.accumulate > 1 else ""
        raise InputError(
            f"{description}: a batch of {batch} images cannot be divided among {among}{parts}; choose another "
            "batch_size, or other numbers of these"
        )
    return accelerator, devices


def _fit(
    trainer: Trainer,
    module: TrainingModule,
    data: TrainingImages,
    sampler: StepSampler,
    session: Session,
    context: RunContext,
    *,
    pin_memory: bool,
) -> None:
    """Run the steps that are left; turn errors of loader and training processes back into ours."""
    loader = make_loader(data, sampler, workers=context.workers, pin_memory=pin_memory)
    try:
        trainer.fit(module, train_dataloaders=loader)
    except InputError as error:
        raise worker_error(error) from None
    except OSError as error:
        # of TensorBoard, which makes folders and files of its own
        if not (words := in_words(error, session.folder)):
            raise
        raise InputError(words) from error
    except RuntimeError:
        if session.stop.requested:
            # a job that is cancelled may lose its loader processes in the middle of a step
            session.raise_if_stopped()
        raise
    except torch.multiprocessing.ProcessRaisedException as error:
        session.record = load_state(session.folder)[0]
        _raise_own(str(error), session, trainer.num_nodes)
        raise
    except torch.multiprocessing.ProcessExitedException as error:
        raise InputError(
            f"{session.description}: a process that trains was ended ({error.signal_name or error.exit_code}), perhaps "
            "for the memory that it took; the same command goes on from the last state"
        ) from None
    if trainer.world_size > 1:
        # the processes that trained are gone; their record is in their last state
        session.record = load_state(session.folder)[0]


def _raise_own(trace: str, session: Session, nodes: int) -> None:
    """Raise what a training process said with its last line, where it is no defect."""
    last = trace.strip().splitlines()[-1]
    if last.startswith("wsss.errors.InputError: "):
        raise worker_error(InputError(last)) from None
    if last.startswith("wsss.errors.Interrupted: "):
        raise Interrupted(last.removeprefix("wsss.errors.Interrupted: ")) from None
    # a job that is cancelled may lose its processes in any order
    session.raise_if_stopped()
    if nodes > 1 and re.search(r"Connection closed by peer|Connection reset|DistBackendError", last):
        raise InputError(
            f"{session.description}: a process on another node has ended; the output of its command says why"
        ) from None


def choose_device(context: RunContext) -> tuple[str, list[int]]:
    """Choose Lightning's accelerator and the indices of its devices.

    Raises:
        InputError: If a GPU is asked for that is not there.
    """
    available = torch.cuda.device_count()
    if context.device == "cpu" or (context.device == "auto" and not available):
        return "cpu", [0]
    first = int(context.device.partition(":")[2] or 0)
    wanted = list(range(first, first + context.devices))
    if wanted[-1] >= available:
        raise InputError(
            f"device `{context.device}` with {context.devices} device(s): this machine has {available} GPU(s); "
            "use `--device cpu` or `auto`"
        )
    return "gpu", wanted


def make_trainer(
    settings: Training,
    accelerator: str,
    devices: list[int],
    folder: Path,
    session: Session,
    meeting: Meeting,
    *,
    loggers: Sequence[Any] = (),
    unused_parameters: bool = False,
) -> Trainer:
    """Make Lightning's trainer, without any output of its own but by loggers; the session does the rest."""
    parallel = "ddp_spawn_find_unused_parameters_true" if unused_parameters else "ddp_spawn"
    return Trainer(
        accelerator=accelerator,
        devices=devices if accelerator == "gpu" else len(devices),
        num_nodes=meeting.nodes,
        strategy="auto" if len(devices) * meeting.nodes == 1 else parallel,
        precision=_precision(settings, _device(accelerator, devices)),
        max_epochs=1,
        max_steps=session.steps - session.record.step,
        accumulate_grad_batches=settings.accumulate,
        benchmark=accelerator == "gpu",
        # the statistics that normalise a batch must not depend on how many devices share it
        # this process starts the others itself, also in a job of SLURM, whose tasks Lightning would take for them
        plugins=[SharedBatchNorms(), meeting.environment()],
        gradient_clip_val=settings.optimizer.gradient_clip,
        callbacks=[session],
        logger=list(loggers) or False,
        default_root_dir=folder,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        use_distributed_sampler=False,
    )


def _device(accelerator: str, devices: list[int]) -> torch.device:
    """Return the device of this process, the first of all."""
    return torch.device("cuda", devices[0]) if accelerator == "gpu" else torch.device("cpu")


def _precision(settings: Training, device: torch.device) -> Any:
    """Name the training's precision as Lightning does."""
    if settings.precision != "auto":
        return settings.precision
    return "bf16-mixed" if computes_in_bf16("auto", device) else "32"


def _result(session: Session, images: int, device: torch.device) -> TrainingResult:
    record, batch = session.record, min(session.settings.batch_size, images)
    losses = [row["loss"] for row in record.rows]
    metrics = {
        "steps": record.step,
        "epochs": round(record.step / session.steps_per_epoch, 4),
        "training_images": images,
        "batch_size": batch,
        "final_loss": losses[-1] if losses else None,
        # null where the data set has no validation split, or no masks in it
        "validation": record.validation or None,
    }
    cuda = device.type == "cuda"
    machine = {
        "device": torch.cuda.get_device_name(device) if cuda else "cpu",
        "threads": torch.get_num_threads(),
        "precision": _precision(session.settings, device),
        "training_seconds": round(record.seconds, 3),
        "seconds_per_step": round(record.seconds / max(record.step, 1), 4),
        "images_per_second": round(record.step * batch / max(record.seconds, 1e-9), 2),
        "peak_memory_mib": round(record.peak_memory / 2**20, 1) if cuda else None,
    }
    if record.timings:
        machine["parts"] = {name: round(value, 3) for name, value in record.timings.items()}
    return TrainingResult(record.rows, record.epochs, metrics, machine)
