"""The settings of a training run. Needs no torch, so that a grid is checked before it starts."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from physlm.config import require
from physlm.model.config import ModelSettings

# Settings of how a run is carried out, which do not change what it computes (up to rounding): those
# that params.yaml gives under `execution`, and the one that it gives with the config.
EXECUTION = ("micro_batch_size", "compile", "log_every_s", "checkpoint_every_s")
OPERATIONAL = ("threads", *EXECUTION)


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
    """Windows of n_ctx tokens, and how many of them each step has over all processes and pieces:
    batch_size of them, or as many as make batch_tokens tokens. Exactly one of the two is given.
    """

    n_ctx: int
    batch_size: int | None = None
    batch_tokens: int | None = None

    def __post_init__(self) -> None:
        require(self.n_ctx >= 1, "n_ctx", self.n_ctx, "at least 1")
        rows, tokens = self.batch_size, self.batch_tokens
        if tokens is None:
            allowed = "at least 1" if rows is not None else "given, or batch_tokens"
            require((rows or 0) >= 1, "batch_size", rows, allowed)
            return
        require(rows is None, "batch_tokens", tokens, f"left out beside batch_size={rows}")
        ok = tokens >= 1 and tokens % self.n_ctx == 0
        require(ok, "batch_tokens", tokens, f"a multiple of n_ctx={self.n_ctx}")

    @property
    def rows(self) -> int:
        """Windows of a global batch."""
        return self.batch_size or (self.batch_tokens or 0) // self.n_ctx


@dataclass(frozen=True, kw_only=True)
class MaskingConfig:
    """Masked modelling (Devlin et al. 2018, section 3.1; Part 3.1, BERT experiments).

    rate of the words are chosen and have to be predicted. Of these mask_share become the mask
    token, random_share other tokens, the rest stay as they are.
    """

    rate: float = 0.15
    mask_share: float = 0.8
    random_share: float = 0.1

    def __post_init__(self) -> None:
        require(0 < self.rate <= 1, "rate", self.rate, "above 0 and at most 1")
        for key in ("mask_share", "random_share"):
            require(0 <= getattr(self, key) <= 1, key, getattr(self, key), "from 0 to 1")
        # Shares such as 0.9 + 0.1 may miss 1 by rounding.
        ok = self.mask_share + self.random_share <= 1 + 1e-9
        most = f"at most 1 - mask_share = {1 - self.mask_share:.6g}"
        require(ok, "random_share", self.random_share, most)


@dataclass(frozen=True, kw_only=True)
class LoraSettings:
    """Adapters W + alpha A B on a frozen model (Part 3.1, section 4; Part 3.2, footnote 21).

    rank_qv is the rank on the query and value matrices of every layer, rank_embed on the token
    embedding; 0 is no adapter there. alpha is the whole factor: it is not divided by the rank. One
    factor of each adapter starts at 0, the other is normal with deviation init_std (None: 1 / rank,
    as PEFT's "gaussian" has; the papers do not state theirs).
    """

    rank_qv: int
    rank_embed: int
    alpha: float = 4.0
    init_std: float | None = None

    def __post_init__(self) -> None:
        for key in ("rank_qv", "rank_embed"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "0 or more")
        some = self.rank_qv + self.rank_embed > 0
        require(some, "rank_qv", self.rank_qv, "above 0 where rank_embed is 0")
        require(self.alpha > 0, "alpha", self.alpha, "above 0")
        std = self.init_std
        require(std is None or std > 0, "init_std", std, "above 0, or null for 1 / rank")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What every kind of training has.

    micro_batch_size: rows of one process that go through the model at once (None: all of them);
    gradients of the others are accumulated. In rows, as a piece is whole rows. compile: with
    torch.compile, which needs a C++ compiler (on a GPU, Triton) and up to minutes before it pays.
    """

    optimiser: OptimiserConfig
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    threads: int = 1
    micro_batch_size: int | None = None
    compile: bool = False
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
    """The `pretrain` step: a model, new or given, trained until each person was seen `exposures`
    times. Zero exposures leave the model as it was, the control of every measure.

    The objective is the next token for a causal model and masked words for a bidirectional one,
    which alone may have `masking` (None: the defaults).
    """

    seed: int
    model: ModelSettings
    stream: StreamConfig
    exposures: float
    masking: MaskingConfig | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(self.exposures >= 0, "exposures", self.exposures, "0 or more")
        if not self.masked:
            require(self.masking is None, "masking", self.masking, "left out for a causal model")
        elif self.masking is None:
            object.__setattr__(self, "masking", MaskingConfig())

    @property
    def masked(self) -> bool:
        """Whether the objective is masked modelling."""
        return not self.model.causal
