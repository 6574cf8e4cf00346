"""What a run tells while it trains: metrics.jsonl, a line for people, a bar on a terminal."""

import json
import math
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from torch import Tensor

from physlm.files import write_text

# A loss that is told is the mean over this many last steps: one batch is too noisy.
N_MEAN = 100
# Records of a run in metrics.jsonl, evenly spaced.
N_RECORDS = 200


class Losses:
    """The losses of the run in order, each checked to be finite.

    A loss is read one step late, when the next step is already queued, so that an accelerator
    never waits for Python.
    """

    def __init__(self, last: list[float]) -> None:
        self.last = deque(last, maxlen=N_MEAN)
        self._pending: tuple[Tensor, int, float] | None = None

    def add(self, loss_nats: Tensor, step: int, lr: float) -> None:
        """Note the loss of `step` (from 0); FloatingPointError if the one before was not finite."""
        self.settle()
        self._pending = (loss_nats, step, lr)

    def settle(self) -> None:
        """Read the loss that is still outstanding; FloatingPointError if it is not finite."""
        if self._pending is None:
            return
        loss_nats, step, lr = self._pending
        self._pending = None
        value = loss_nats.item()
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} at step {step + 1}, learning rate {lr:.4g}: "
                "try a lower optimiser.lr_peak or set optimiser.clip_norm"
            )
        self.last.append(value)

    def mean(self) -> float | None:
        """Mean of the last N_MEAN steps, in nats; None if there was no step."""
        return sum(self.last) / len(self.last) if self.last else None


class Reporter:
    """Records the run in metrics.jsonl and tells people about it; silent on all processes but one.

    Records come at fixed steps and hold nothing that depends on the clock, so that the same run
    leaves the same file, cut and resumed or not: records after `start` steps, which will be made
    again, are dropped. People are told every `every_s` seconds.
    """

    def __init__(
        self, file: Path, start: int, n_steps: int, every_s: float, silent: bool = False
    ) -> None:
        self.file, self.n_steps, self.every_s, self.silent = file, n_steps, every_s, silent
        self.spacing = max(1, math.ceil(n_steps / N_RECORDS))
        self._time, self._step = time.monotonic(), start
        self._bar: Any = None
        if silent:
            return
        write_text(file, "".join(_records_until(file, start)))
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=n_steps, initial=start, unit="step", dynamic_ncols=True)

    def due(self, step: int) -> bool:
        """Whether `step` finished steps are worth a record or a word."""
        return not self.silent and (self._recorded(step) or self._late())

    def write(self, step: int, tokens: int, loss_nats: float | None, **more: float) -> None:
        """Record and tell what is due after `step` steps; `tokens` are those of one step."""
        if self._recorded(step):
            record = {"step": step, "tokens": step * tokens, "loss_nats": loss_nats, **more}
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        if loss_nats is not None and (self._late() or step == self.n_steps):
            rate = (step - self._step) / max(time.monotonic() - self._time, 1e-9)
            self._tell(step, loss_nats, rate, tokens)
            self._time, self._step = time.monotonic(), step

    def _recorded(self, step: int) -> bool:
        return step % self.spacing == 0 or step == self.n_steps

    def _late(self) -> bool:
        return time.monotonic() - self._time >= self.every_s

    def _tell(self, step: int, loss_nats: float, rate: float, tokens: int) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss_nats:.3f} nats", refresh=False)
            self._bar.update(step - self._step)
            if sys.stdout.isatty():
                return
        print(
            f"step {step}/{self.n_steps}  loss {loss_nats:.3f} nats  "
            f"{_short(rate * tokens)} tokens/s  {_duration((self.n_steps - step) / rate)} left",
            flush=True,
        )

    def close(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.close()


def _records_until(file: Path, step: int) -> list[str]:
    if not file.exists():
        return []
    records = []
    for line in file.read_text(encoding="utf-8").splitlines(keepends=True):
        # The last line is incomplete if the run was killed while it wrote.
        if not line.endswith("\n") or json.loads(line)["step"] > step:
            break
        records.append(line)
    return records


def _short(number: float) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def _duration(seconds: float) -> str:
    total = round(seconds)
    if total < 60:
        return f"{total}s"
    if total < 3600:
        return f"{total // 60}m{total % 60:02d}s"
    return f"{total // 3600}h{total % 3600 // 60:02d}m"
