from dataclasses import dataclass

EXECUTION = ("micro_batch_size", "log_every_s", "checkpoint_every_s")


@dataclass(frozen=True)
class Optimiser:
    lr_peak: float


@dataclass(frozen=True)
class Model:
    arch: str
    d_model: int


@dataclass(frozen=True)
class PretrainConfig:
    seed: int
    model: Model
    optimiser: Optimiser
    exposures: int
    threads: int = 1
