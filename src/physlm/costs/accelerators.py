"""How fast an accelerator multiplies matrices, and from that the hours of a job.

    seconds of a call = overhead_s (n_layers + 1) + FLOPs / (peak utilisation narrowness)
    narrowness = d_model / (d_model + half_width)

A call is an update of a training (or a batch of a measure, with a third of the overhead: forward
only). The two constants of the CPU were fitted once with benchmarks/plan_check.py; those of the
GPUs have not been measured, so theirs are 0 and small models will take longer than said.
"""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from physlm.config import ConfigError, require
from physlm.costs.steps import Cost

CPU = "cpu"

# Sides of the square matrices whose products measure a CPU (small ones stay in its caches, large
# ones keep many threads busy), and for how long each.
MATRICES, MEASURE_S = (512, 1024, 2048), 0.3


@dataclass(frozen=True)
class Accelerator:
    """Peak dense rates in FLOP/s by precision (none: measured here), and how much is reached."""

    name: str
    utilisation: float
    rates: Mapping[str, float] = field(default_factory=dict)
    half_width: float = 0.0
    overhead_s: float = 0.0

    @property
    def measured(self) -> bool:
        """Whether the peak is that of this machine, measured when it is asked for."""
        return self.name == CPU

    @property
    def remark(self) -> str:
        """What has to be said beside the hours."""
        if self.measured:
            return (
                f"Of that share a model reaches d_model / (d_model + {self.half_width:g}), and "
                f"every update costs {1e3 * self.overhead_s:g} ms more for each layer and one."
            )
        return "Narrow models reach less of a GPU: for d_model below 768 this is a lower bound."

    def rate(self, precision: str, threads: int) -> float:
        """The peak in FLOP/s; ConfigError for a precision that it has not."""
        allowed = ("fp32", "bf16") if self.measured else tuple(self.rates)
        if precision not in allowed:
            raise ConfigError(
                f"on={self.name!r}: has no {precision}, which some jobs ask for, only "
                f"{', '.join(allowed)}"
            )
        return measured_rate(precision, threads) if self.measured else self.rates[precision]

    def seconds(self, cost: Cost) -> float:
        """Seconds of a job of the given cost, its start and its data not counted."""
        if not cost.n_calls:
            return 0.0
        narrowness = cost.d_model / (cost.d_model + self.half_width)
        rate = self.rate(cost.precision, cost.threads) * self.utilisation * narrowness
        share = 1.0 if cost.backward else 1 / 3
        overhead = share * self.overhead_s * (cost.n_layers + 1)
        return cost.n_calls * overhead + cost.flops / rate


# Peak dense rates of the vendors' data sheets (no sparsity; bf16 and fp16 on tensor cores with fp32
# sums, fp32 without TF32, which PyTorch leaves off). 40 % is what a well-run training of wide
# models reaches (PaLM: 46 %); it was not measured here.
ACCELERATORS = {
    CPU: Accelerator(CPU, utilisation=0.9, half_width=50, overhead_s=0.0005),
    "v100": Accelerator("v100", 0.4, {"fp32": 15.7e12, "fp16": 125e12}),
    "a100": Accelerator("a100", 0.4, {"fp32": 19.5e12, "bf16": 312e12, "fp16": 312e12}),
    "h100": Accelerator("h100", 0.4, {"fp32": 67e12, "bf16": 989e12, "fp16": 989e12}),
    "h200": Accelerator("h200", 0.4, {"fp32": 67e12, "bf16": 989e12, "fp16": 989e12}),
    "l40s": Accelerator("l40s", 0.4, {"fp32": 91.6e12, "bf16": 362e12, "fp16": 362e12}),
}


def find(name: str, utilisation: float | None = None) -> Accelerator:
    """The accelerator of that name, with its default utilisation or the one given.

    ConfigError for a name that is not known or a utilisation outside (0, 1].
    """
    require(name in ACCELERATORS, "on", name, f"one of {', '.join(ACCELERATORS)}")
    if utilisation is None:
        return ACCELERATORS[name]
    require(0 < utilisation <= 1, "utilisation", utilisation, "above 0 and at most 1")
    return replace(ACCELERATORS[name], utilisation=utilisation)


@functools.cache
def measured_rate(precision: str, threads: int) -> float:
    """FLOP/s of the best of many matrix products on this machine's CPU, in about a second."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    # CPU seconds, which other programs disturb little, can only tell of one thread.
    now: Callable[[], float] = time.process_time if threads == 1 else time.perf_counter
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    best = 0.0
    for side in MATRICES:
        a, b, product = (torch.ones(side, side, dtype=dtype) for _ in range(3))
        end = now() + MEASURE_S
        while (start := now()) < end:
            torch.mm(a, b, out=product)
            best = max(best, 2 * side**3 / (now() - start))
    torch.set_num_threads(before)
    return best
