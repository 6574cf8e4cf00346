"""The settings of trainings with questions. Needs no torch, as physlm.train.config."""

from dataclasses import dataclass

from physlm.config import require
from physlm.data.qa_stream import Scored
from physlm.train.config import LoraSettings, PretrainConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig(TrainConfig):
    """The `finetune` step: a trained model is asked each question about the training half `passes`
    times, one question per row (Part 3.1, Section 2.2).

    batch_size: questions of each step over all processes and pieces. scored: see
    physlm.data.qa_stream. lora: the adapters that alone are trained (None: the whole model).
    """

    seed: int
    batch_size: int
    passes: float
    scored: Scored = "answer"
    lora: LoraSettings | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        require(self.passes >= 0, "passes", self.passes, "0 or more")


@dataclass(frozen=True, kw_only=True)
class MixedConfig(PretrainConfig):
    """The `mixed` step: a new model trained on biographies and questions together, until each
    biography was seen `exposures` times (Part 3.1, Section 3).

    qa_ratio: the share of windows that are questions. scored: what of them is scored; None is "all"
    for a causal model and "answer" for a bidirectional one, which can have nothing else.
    """

    qa_ratio: float
    scored: Scored | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        ratio, scored = self.qa_ratio, self.scored
        require(0 < ratio < 1, "qa_ratio", ratio, "between 0 and 1, neither of them")
        allowed = "answer, or left out, for a bidirectional model"
        require(not self.masked or scored != "all", "scored", scored, allowed)
        if scored is None:
            object.__setattr__(self, "scored", "answer" if self.masked else "all")
