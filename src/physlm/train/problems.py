"""The settings of training on problems with solutions that never repeat. Needs no torch."""

from dataclasses import dataclass
from typing import Any

from physlm.config import require
from physlm.data.problems import Packing, Scored, world_config
from physlm.model.config import ModelSettings
from physlm.train.config import LoraSettings, StreamConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class ProblemsConfig(TrainConfig):
    """The `problems` step: a model, new or given, trained for n_steps batches on problems.

    settings: those of the world. scored, packing: see physlm.data.problems.ProblemStream. lora:
    adapters on a given model, whose other weights stay as they are (None: all are trained).
    workers: processes that draw problems beside the training, where a device would wait for them.
    """

    seed: int
    world: str
    settings: dict
    model: ModelSettings
    stream: StreamConfig
    n_steps: int
    scored: Scored = "all"
    packing: Packing = "whole"
    lora: LoraSettings | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("seed", "n_steps", "workers"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "0 or more")
        arch = self.model.arch
        require(bool(self.model.causal), "model.arch", arch, "causal, to write solutions")
        world_config(self.world, self.settings)

    def science(self) -> dict[str, Any]:
        """See TrainConfig; who draws the problems decides nothing."""
        return {key: value for key, value in super().science().items() if key != "workers"}
