"""The settings of a training run. Needs no torch, so that a grid is checked before it starts."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from physlm.config import require
from physlm.model.config import ModelSettings

# Settings that change how a run is carried out, not what it computes (up to rounding).
OPERATIONAL = ("threads", "micro_batch_size", "log_every_s", "checkpoint_every_s")


@dataclass(frozen=True, kw_only=True)
class OptimiserConfig:
    """AdamW with decoupled weight decay; clip_norm limits the gradient's norm (None: off)."""

    lr_peak: float
    betas: tuple[float, ...] = (0.9, 0.98)
    eps: float = 1e-8
    weight_decay: float = 0.01
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        require(self.lr_peak > 0, "lr_peak", self.lr_peak, "above 0")
        in_range = len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)
        require(in_range, "betas", list(self.betas), "two numbers from 0 to below 1")
        require(self.eps > 0, "eps", self.eps, "above 0")
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        clip = self.clip_norm
        require(clip is None or clip > 0, "clip_norm", clip, "above 0, or null for no clipping")


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """Linear warm-up to the peak, then `kind` down to final_ratio of it (constant: no descent)."""

    kind: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_steps: int = 1000
    final_ratio: float = 0.1

    def __post_init__(self) -> None:
        require(self.warmup_steps >= 0, "warmup_steps", self.warmup_steps, "0 or more")
        require(0 <= self.final_ratio <= 1, "final_ratio", self.final_ratio, "from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """Windows of n_ctx tokens, batch_size of them for each step (over all processes)."""

    n_ctx: int
    batch_size: int

    def __post_init__(self) -> None:
        require(self.n_ctx >= 1, "n_ctx", self.n_ctx, "at least 1")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What every kind of training has. micro_batch_size: rows of one process that go through the
    model at once (None: all of them); gradients of the others are accumulated.
    """

    optimiser: OptimiserConfig
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    threads: int = 1
    micro_batch_size: int | None = None
    log_every_s: float = 10.0
    checkpoint_every_s: float = 60.0

    def __post_init__(self) -> None:
        require(self.threads >= 1, "threads", self.threads, "at least 1")
        micro = self.micro_batch_size
        require(micro is None or micro >= 1, "micro_batch_size", micro, "at least 1, or null")
        for key in ("log_every_s", "checkpoint_every_s"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "0 or more")

    def science(self) -> dict[str, Any]:
        """The settings that decide the result, as JSON would hold them."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in OPERATIONAL}


@dataclass(frozen=True, kw_only=True)
class PretrainConfig(TrainConfig):
    """The `pretrain` step: a new model, trained until each person was seen `exposures` times.

    Zero exposures leave the model as it was drawn, the control of every measure.
    """

    seed: int
    model: ModelSettings
    stream: StreamConfig
    exposures: float

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(self.exposures >= 0, "exposures", self.exposures, "0 or more")
