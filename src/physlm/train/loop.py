"""The training loop: one for every kind of training, on any number of processes."""

import contextlib
import ctypes
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from physlm.config import require
from physlm.train import checkpoints
from physlm.train.config import TrainConfig
from physlm.train.losses import Loss, divisors
from physlm.train.metrics import Losses, Reporter
from physlm.train.optimiser import learning_rate, make_optimiser


class Batches(Protocol):
    """A source of batches that is a function of its state, such as physlm.data.stream.Stream.

    `take` gives a global batch in one of the forms of physlm.train.losses.
    """

    batch_size: int
    n_ctx: int

    def start(self) -> dict[str, Any]: ...
    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]: ...
    def exposures(self, state: dict[str, Any]) -> float: ...


@dataclass(frozen=True)
class Outcome:
    """What a finished run did; loss_nats is the mean of the last steps (None without steps)."""

    steps: int
    tokens: int
    exposures: float
    loss_nats: float | None
    is_main: bool


def train(
    model: nn.Module,
    loss: Loss,
    batches: Batches,
    n_steps: int,
    config: TrainConfig,
    identity: dict[str, Any],
    scratch: Path,
) -> Outcome:
    """Train `model` in place for `n_steps` updates, resuming from `scratch` if it was cut.

    `loss` maps model and some rows of a batch to the mean loss in nats over their scored tokens.
    Batches are global: each process takes its share of the rows, and what is minimised is the mean
    over all scored tokens. Parameters that need no gradient are left alone and out of checkpoints;
    `identity` has to tell them. ConfigError if the rows do not divide, ValueError for a checkpoint
    of another run or a batch without scored tokens, FloatingPointError for a loss or weight that is
    not finite (the last good checkpoint stays).
    """
    schedule, optim = config.schedule, config.optimiser
    require(
        schedule.warmup_steps < n_steps or 0 in (schedule.warmup_steps, n_steps),
        "schedule.warmup_steps",
        schedule.warmup_steps,
        f"less than the {n_steps} steps of the run",
    )
    keep_freed_memory()
    # Moments that fade away would turn into denormal numbers, which are slow on a CPU.
    torch.set_flush_denormal(True)
    precision = "no" if config.precision == "fp32" else config.precision
    # Accelerate joins processes on a CPU only if it is told to use the CPU.
    accelerator = Accelerator(mixed_precision=precision, cpu=not torch.accelerator.is_available())
    rows, micro = share(batches.batch_size, accelerator, config.micro_batch_size)
    model.to(accelerator.device).train()
    bare, optimiser = model, make_optimiser(model, optim)
    if config.compile:
        model.compile()
    stepper: Any = optimiser
    if accelerator.num_processes > 1 or precision != "no":
        # On one process in fp32 this would return both as they are, after 0.7 s of imports.
        model, stepper = accelerator.prepare(model, optimiser)
    path = scratch / "checkpoint.safetensors"
    done = checkpoints.load(path, bare, optimiser, identity)
    state, first = (done.stream, done.step) if done else (batches.start(), 0)
    if done and accelerator.scaler:
        accelerator.scaler.load_state_dict(done.scaler)
    losses = Losses(done.losses if done else [])
    silent = not accelerator.is_main_process
    tokens = batches.batch_size * batches.n_ctx
    if not silent:
        print(composition(batches, accelerator.num_processes, micro), flush=True)
    report = Reporter(scratch / "metrics.jsonl", first, n_steps, config.log_every_s, silent)
    saved = time.monotonic()
    for step in range(first, n_steps):
        lr = learning_rate(step, n_steps, optim.lr_peak, schedule)
        for group in optimiser.param_groups:
            group["lr"] = lr
        batch, state = batches.take(state)
        local = torch.from_numpy(batch[rows]).to(accelerator.device, non_blocking=True)
        parts = divisors(batch, rows, micro, accelerator.num_processes)
        value = gradients(accelerator, model, loss, local, parts)
        if optim.clip_norm is not None:
            accelerator.clip_grad_norm_(bare.parameters(), optim.clip_norm)
        stepper.step()
        stepper.zero_grad()
        losses.add(value, step, lr)
        if report.due(step + 1):
            losses.settle()
            exposures = batches.exposures(state)
            report.write(step + 1, tokens, losses.mean(), lr=lr, exposures=exposures)
        if not silent and time.monotonic() - saved >= config.checkpoint_every_s:
            losses.settle()
            scaler = accelerator.scaler.state_dict() if accelerator.scaler else {}
            progress = checkpoints.Progress(step + 1, state, list(losses.last), scaler)
            checkpoints.save(path, bare, optimiser, progress, identity)
            saved = time.monotonic()
    losses.settle()
    checkpoints.check_finite(bare, n_steps)
    report.close()
    exposures = batches.exposures(state)
    return Outcome(n_steps, n_steps * tokens, exposures, losses.mean(), not silent)


def gradients(
    accelerator: Accelerator, model: nn.Module, loss: Loss, batch: Tensor, parts: list[float]
) -> Tensor:
    """Gradients of the mean loss over all processes, which is returned.

    The rows of this process, `batch`, go through the model in len(parts) equal pieces; the mean of
    a piece is divided by its number in `parts` (physlm.train.losses.divisors).
    """
    if parts == [1.0]:
        total = loss(model, batch)
        accelerator.backward(total)
        total = total.detach()
    else:
        total = torch.zeros((), device=batch.device)
        pieces = batch.split(len(batch) // len(parts))
        for i, (piece, divisor) in enumerate(zip(pieces, parts, strict=True), 1):
            last = i == len(parts)
            with contextlib.nullcontext() if last else accelerator.no_sync(model):
                mean = loss(model, piece) / divisor
                accelerator.backward(mean)
            total += mean.detach()
    if accelerator.num_processes > 1:
        return accelerator.reduce(total, "mean")  # type: ignore[return-value]
    return total


def composition(batches: Batches, n_processes: int, micro: int) -> str:
    """How a global batch is made, in words."""
    n_pieces = batches.batch_size // (n_processes * micro)
    counts = {"process": n_processes, "piece": n_pieces, "row": micro}
    plural = {"process": "processes", "piece": "pieces", "row": "rows"}
    product = " x ".join(f"{n:,} {name if n == 1 else plural[name]}" for name, n in counts.items())
    tokens = batches.batch_size * batches.n_ctx
    return f"batch {tokens:,} tokens = {product} x {batches.n_ctx:,}"


def share(batch_size: int, accelerator: Accelerator, micro: int | None) -> tuple[slice, int]:
    """The rows of a global batch that this process takes, and how many of them at once."""
    n = accelerator.num_processes
    require(batch_size % n == 0, "batch_size", batch_size, f"a multiple of the {n} processes")
    rows = batch_size // n
    pieces = micro or rows
    require(rows % pieces == 0, "micro_batch_size", micro, f"a divisor of the {rows} rows")
    return slice(accelerator.process_index * rows, (accelerator.process_index + 1) * rows), pieces


def keep_freed_memory() -> None:
    """Let glibc keep what is freed: returning it costs page faults at every step.

    Other C libraries do not have the call and are left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3
        mallopt(trim_threshold, 1 << 30)
        mallopt(mmap_threshold, 32 << 20)
