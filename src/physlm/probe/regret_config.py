"""The settings of the `decoding` step. Needs no torch."""

from dataclasses import dataclass
from typing import Any

from physlm.config import ConfigError, require
from physlm.probe.v_config import VProbeConfig
from physlm.train.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class DetectorConfig:
    """A V-probe of can_next that is trained here, as in VProbeConfig.

    n_test: test problems of every op for its accuracy, with up to n_queries questions each.
    """

    rank: int
    n_steps: int
    batch_size: int
    n_test: int
    n_queries: int = 10
    train_ops: tuple[int, ...] | None = None
    layer: int | None = None
    embed_std: float | None = None


@dataclass(frozen=True, kw_only=True)
class DecodingConfig(TrainConfig):
    """Ways to write solutions with a model that was trained on right ones (Part 2.2, section 3).

    n test problems of every op in `ops`, those of the measure `reasoning` with this seed. Greedily;
    by beam search of each width in `beams` (a text's score is its log probability divided by its
    length ** length_penalty); and with retry upon regret, at most so many retries in a solution as
    each of most_retries says, by a perfect detector and by a trained one (detector; None: without;
    optimiser, schedule and precision are those of its training). batch_size: texts that are written
    at once. slack: a text may be so many times as long as one that computes all that its problem
    has.
    """

    seed: int
    n: int
    ops: tuple[int, ...]
    batch_size: int = 64
    slack: float = 1.5
    beams: tuple[int, ...] = ()
    length_penalty: float = 0.0
    most_retries: tuple[int, ...] = (10,)
    detector: DetectorConfig | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        for key in ("n", "batch_size"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "1 or more")
        require(self.slack >= 1, "slack", self.slack, "1 or more")
        require(bool(self.ops), "ops", list(self.ops), "one or more operations")
        for key, low in {"ops": 1, "beams": 1, "most_retries": 0}.items():
            values = list(getattr(self, key))
            ok = len(set(values)) == len(values) and all(value >= low for value in values)
            require(ok, key, values, f"numbers from {low}, each once")
        if self.detector is not None:
            try:
                _ = self.probing
            except ConfigError as error:
                raise ConfigError(f"detector.{error}") from None

    @property
    def probing(self) -> VProbeConfig:
        """How the trained detector is trained, and tested on the problems of `ops`."""
        assert self.detector is not None
        shared = {k: v for k, v in vars(self).items() if k in VProbeConfig.__dataclass_fields__}
        settings: dict[str, Any] = shared | vars(self.detector) | {"tasks": ("can_next",)}
        return VProbeConfig(**settings)
