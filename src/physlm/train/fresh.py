"""The settings of training on texts that never repeat. Needs no torch."""

from dataclasses import dataclass

from physlm.config import require
from physlm.data.fresh import world_config
from physlm.model.config import ModelSettings
from physlm.train.config import MaskingConfig, StreamConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class FreshConfig(TrainConfig):
    """The `fresh` step: a new model, trained for n_steps batches on texts that never repeat.

    settings: those of the world. The objective is the next token for a causal model and masked
    tokens for a bidirectional one, which alone may have `masking` (None: the defaults).
    """

    seed: int
    world: str
    settings: dict
    model: ModelSettings
    stream: StreamConfig
    n_steps: int
    masking: MaskingConfig | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("seed", "n_steps"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "0 or more")
        if self.model.causal:
            require(self.masking is None, "masking", self.masking, "left out for a causal model")
        elif self.masking is None:
            object.__setattr__(self, "masking", MaskingConfig())
        world_config(self.world, self.settings)
