"""The work around every training step: rates, random numbers, curves, progress, saved states, stopping."""

from __future__ import annotations

import copy
import logging
import math
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from wsss.config import Training
from wsss.data.steps import steps_per_epoch
from wsss.errors import InputError, Interrupted
from wsss.models.network import Network
from wsss.progress import Progress
from wsss.training.loggers import log_row
from wsss.training.module import TrainingModule
from wsss.training.processes import averaged, several_processes, summed
from wsss.training.quiet import set_up_worker_logs
from wsss.training.resume import Record, StopRequest, save_state, seed_step
from wsss.training.schedule import set_rates
from wsss.training.validation import Validation

logger = logging.getLogger(__name__)
MAX_ROWS = 500
STEPS_BETWEEN_NOTES = 10
"""Reading the loss, or what other processes wish, waits for a GPU, so it is not done at every step."""


class Session(Callback):
    """Runs one training from the record's step on; Lightning calls its hooks.

    Args:
        description: Name of the training, for progress.
        settings: Of the training.
        images: How many there are to train on.
        seed: Seed of the random numbers of every step.
        folder: Where states are written.
        checkpoint_minutes: Time between them; 0 writes one after every step.
        record: Where the training stands; kept up to date.
        state: Saved weights and optimiser to go on from; empty to start.
        validation: Measures the network; None measures nothing.
        stop: Says when to stop.

    Attributes:
        description: As given.
        steps: Steps in all.
        steps_per_epoch: Steps in an epoch.
    """

    def __init__(
        self,
        *,
        description: str,
        settings: Training,
        images: int,
        seed: int,
        folder: Path,
        checkpoint_minutes: float,
        record: Record,
        state: dict[str, Any],
        validation: Validation | None,
        stop: StopRequest,
    ) -> None:
        self.settings, self.folder, self.record, self.stop = settings, folder, record, stop
        self.steps_per_epoch = steps_per_epoch(images, settings.batch_size)
        self.steps = settings.passes * self.steps_per_epoch
        if settings.max_steps is not None:
            self.steps = min(self.steps, settings.max_steps)
        if state:
            logger.info("%s: going on after step %d of %d", description, record.step, self.steps)
        self.description, self._seed = description, seed
        self._every = max(1, math.ceil(self.steps / MAX_ROWS))
        self._validate_every = settings.validate_every * self.steps_per_epoch
        self._checkpoint_seconds = 60 * checkpoint_minutes
        self._state, self._validation = state, validation
        self._sums: dict[str, torch.Tensor] = {}
        self._note = ""
        self._part = 0
        self._progress: Progress | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        # unpickled: this is a process started to train along, which has no set-up of logs yet
        self.__dict__.update(state)
        set_up_worker_logs()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over the saved state; Lightning would do it only at the borders of epochs."""
        self.stop.install()
        if self._state:
            # a copy: processes that train together share the memory of their arguments
            optimizer = copy.deepcopy(self._state["optimizer"])
            trainer.strategy.load_optimizer_state_dict({"optimizer_states": [optimizer]})
            if self._state.get("precision"):
                trainer.precision_plugin.load_state_dict(self._state["precision"])
            self._state = {}
        self._start_progress(trainer)
        self._validate_if_due(trainer)
        self._saved = self._last = time.monotonic()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Set rates and random numbers, which are functions of the step and its part."""
        step, module = self.record.step, _module(trainer)
        module.part = self._part
        module.begin_step(step, self.steps)
        set_rates(trainer.optimizers[0], module.rate_factor())
        seed_step(self._seed, step, trainer.global_rank, self._part)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the step; then do everything that is due: a line of the curves, a state, a validation, the end."""
        record = self.record
        self._add(outputs)
        self._part = (self._part + 1) % self.settings.accumulate
        if self._part:
            return
        record.step += 1
        now = time.monotonic()
        record.seconds += now - self._last
        self._add_timing(trainer, now - self._last)
        self._last = now
        last, due = record.step == self.steps, self._validation_due()
        if record.step % self._every == 0 or last or due:
            self._write_row(trainer)
        if record.step % self.steps_per_epoch == 0 or last:
            self._write_epoch(trainer)
        if self._progress is not None:
            self._progress.advance(note=self._note)
        stop, old = self._agree(trainer, bool(self.stop.requested), now - self._saved >= self._checkpoint_seconds)
        if last or due or stop or old:
            self._save(trainer)
        if stop:
            # srun ends all when one node has ended
            trainer.strategy.barrier("saved")
            self.raise_if_stopped(self.stop.requested or "a signal")
        if due and not last:
            self._validate_if_due(trainer)
        self._last = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say how long it took."""
        self._end_progress(None)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Take the progress bar off the terminal."""
        self._end_progress(type(exception))

    def validate(self, network: Network, device: torch.device, precision: Any) -> None:
        """Measure now, unless that was done at this very step."""
        if self._validation is None or self.record.validated == self.record.step:
            return
        self.record.validation = self._validation(network, device, precision, self.raise_if_stopped)
        self.record.validated = self.record.step
        metric = self._validation.metric
        value = self.record.validation.get(metric)
        logger.info("%s: step %d, validation %s %s", self.description, self.record.step, metric, _text(value))
        if self.record.rows:
            self.record.rows[-1][metric] = value

    def raise_if_stopped(self, signal_name: str = "") -> None:
        """End the stage when it was asked to stop; its state is on the disk by then."""
        if signal_name or self.stop.requested:
            raise Interrupted(
                f"{self.description}: stopped by {signal_name or self.stop.requested} after step {self.record.step} "
                f"of {self.steps}; the same command goes on from there"
            )

    def _start_progress(self, trainer: Trainer) -> None:
        if trainer.is_global_zero:
            self._progress = Progress(self.description, self.steps, done=self.record.step, unit="steps")
            self._progress.__enter__()

    def _end_progress(self, error: type[BaseException] | None) -> None:
        if self._progress is not None:
            self._progress.__exit__(error, None, None)
            self._progress = None

    def _agree(self, trainer: Trainer, *wishes: bool) -> list[bool]:
        """Say of each wish whether any process has it: alone, one would wait for the others for ever."""
        device = trainer.strategy.root_device
        if not several_processes():
            return list(wishes)
        if device.type != "cpu" and self.record.step % STEPS_BETWEEN_NOTES:
            return [False] * len(wishes)
        return [bool(count) for count in summed(torch.tensor(wishes, dtype=torch.int, device=device)).tolist()]

    def _add(self, outputs: dict[str, torch.Tensor]) -> None:
        parts = self.settings.accumulate
        for name, value in outputs.items():
            # Lightning has divided the loss itself
            detached = value.detach().double() / (1 if name == "loss" else parts)
            self._sums[name] = self._sums[name] + detached if name in self._sums else detached
            self.record.summed[name] = self.record.summed.get(name, 0) + 1 / parts
        loss_tensor = outputs["loss"]
        if loss_tensor.device.type == "cpu" or self.record.step % STEPS_BETWEEN_NOTES == 0 or not self._note:
            loss = float(loss_tensor) * parts
            self._note = f"loss {loss:.4f}"
            if not math.isfinite(loss):
                raise InputError(
                    f"{self.description}: the loss is {loss} at step {self.record.step}; "
                    "set a lower optimizer.learning_rate, or optimizer.gradient_clip"
                )

    def _add_timing(self, trainer: Trainer, seconds: float) -> None:
        phase, timings = _module(trainer).phase, self.record.timings
        if phase:
            for name, value in ((f"{phase}_steps", 1), (f"{phase}_seconds", seconds)):
                timings[name] = timings.get(name, 0) + value

    def _flush_sums(self, trainer: Trainer) -> None:
        """Move the sums that are still on the device into the record, as means over all processes."""
        for name, seconds in _module(trainer).take_timings().items():
            self.record.timings[name] = self.record.timings.get(name, 0.0) + seconds
        if self._sums:
            values = averaged(torch.stack(list(self._sums.values()))).tolist()
            for name, value in zip(self._sums, values, strict=True):
                self.record.sums[name] = self.record.sums.get(name, 0.0) + value
        self._sums = {}

    def _write_row(self, trainer: Trainer) -> None:
        self._flush_sums(trainer)
        record = self.record
        row: dict[str, Any] = {
            "step": record.step,
            "epoch": round(record.step / self.steps_per_epoch, 4),
            "learning_rate": min(group["lr"] for group in trainer.optimizers[0].param_groups),
            **{name: value / record.summed[name] for name, value in record.sums.items()},
        }
        if self._validation is not None:
            row[self._validation.metric] = None
        record.rows.append(row)
        record.sums, record.summed = {}, {}
        log_row(trainer.loggers, row)

    def _write_epoch(self, trainer: Trainer) -> None:
        numbers, record = _module(trainer).epoch_row(), self.record
        if numbers:
            record.epochs.append(
                {"epoch": round(record.step / self.steps_per_epoch, 4), "step": record.step, **numbers}
            )

    def _save(self, trainer: Trainer) -> None:
        """Write the state; every process must call it."""
        self._flush_sums(trainer)
        device = trainer.strategy.root_device
        if device.type == "cuda":
            self.record.peak_memory = max(self.record.peak_memory, torch.cuda.max_memory_allocated(device))
        extra = _module(trainer).extra_state()
        if trainer.is_global_zero:
            state = {
                "network": _network(trainer).state_dict(),
                "optimizer": trainer.optimizers[0].state_dict(),
                "precision": trainer.precision_plugin.state_dict(),
                "module": extra,
            }
            save_state(self.folder, self.record, state)
        self._saved = time.monotonic()

    def _validation_due(self) -> bool:
        return self._validate_every > 0 and self.record.step % self._validate_every == 0

    def _validate_if_due(self, trainer: Trainer) -> None:
        if self.record.step == 0 or not self._validation_due():
            return
        # a terminal shows one bar at a time
        self._end_progress(Interrupted)
        if trainer.is_global_zero:
            self.validate(_network(trainer), trainer.strategy.root_device, trainer.precision_plugin.forward_context)
        trainer.strategy.barrier("validation")
        self._start_progress(trainer)


def _module(trainer: Trainer) -> TrainingModule:
    module = trainer.lightning_module
    assert isinstance(module, TrainingModule)
    return module


def _network(trainer: Trainer) -> Network:
    return _module(trainer).network


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "not known"
