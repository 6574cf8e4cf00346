"""What a cost is, and what trainings of every kind cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from physlm.costs.flops import training_flops
from physlm.model.config import ModelConfig, count_parameters
from physlm.train.config import LoraSettings, TrainConfig

# Weights stay in fp32 at every precision; a checkpoint to resume from has Adam's two moments too,
# and while a new one is written the old one is still there.
WEIGHT_BYTES, CHECKPOINT_BYTES = 4, 2 * 3 * 4

# model.json and metrics.jsonl (some 200 records) of a training.
TRAINING_NOTES = 30_000


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one job costs.

    tokens: trained on, scored, or written (data). n_calls: updates, or batches scored. kept_bytes
    stay; scratch_bytes more are needed while it runs. assumed: what was taken for granted.
    """

    tokens: int
    kept_bytes: int
    scratch_bytes: int = 0
    flops: float = 0.0
    n_params: int | None = None
    n_calls: int = 0
    n_layers: int = 0
    d_model: int = 0
    precision: str = "fp32"
    threads: int = 1
    backward: bool = False
    assumed: str = ""


@dataclass(frozen=True)
class Source:
    """The job behind an input role: its settings, its folder if what is there is valid, and the
    jobs behind its own input roles.
    """

    config: Mapping[str, Any]
    folder: str | None
    sources: Mapping[str, "Source"] = field(default_factory=dict)


def training(
    run: TrainConfig,
    model: ModelConfig,
    left: ModelConfig,
    n_trained: int,
    shape: tuple[int, int, int],
    assumed: str,
) -> Cost:
    """A training of n_trained weights of `model`, which leaves `left`; shape: steps, rows, tokens
    of a row.
    """
    steps, rows, n_ctx = shape
    tokens, n_params = steps * rows * n_ctx, count_parameters(left)
    return Cost(
        tokens=tokens,
        kept_bytes=n_params * WEIGHT_BYTES + TRAINING_NOTES,
        scratch_bytes=n_trained * CHECKPOINT_BYTES if steps else 0,
        flops=tokens * training_flops(model, n_ctx),
        n_params=n_params,
        n_calls=steps,
        n_layers=model.n_layers,
        d_model=model.d_model,
        precision=run.precision,
        threads=run.threads,
        backward=True,
        assumed=assumed,
    )


def adapted(base: ModelConfig, lora: LoraSettings | None) -> ModelConfig:
    """What a training of `base` leaves: adapters in the embedding part it from the output layer
    (physlm.train.lora.merge).
    """
    parted = lora is not None and lora.rank_embed > 0
    return replace(base, tied=False) if parted else base


def n_adapters(base: ModelConfig, lora: LoraSettings) -> int:
    """Weights of the adapters, two factors at each place."""
    d, (d_q, _, d_v) = base.d_model, base.d_qkv
    matrices = base.n_layers * lora.rank_qv * (2 * d + d_q + d_v)
    return matrices + lora.rank_embed * (base.d_vocab + d)
