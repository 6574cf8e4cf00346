"""The settings of training on questions: finetuning, and mixed training from the start.

Allen-Zhu and Li, Part 3.1 Section 2.2 and 3. Needs no torch, so that a grid is checked before it
starts.
"""

from dataclasses import dataclass

from physlm.config import require
from physlm.data.qa_stream import SCORED, Scored
from physlm.train.config import LoraSettings, PretrainConfig, TrainConfig


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig(TrainConfig):
    """The `finetune` step: a pretrained model trained until each question of the training half was
    asked `passes` times, batch_size of them at a time. lora: adapters (None: all weights).

    scored: see physlm.data.qa_stream; a bidirectional model is asked to fill in the answer alone.
    """

    seed: int
    batch_size: int
    passes: float
    lora: LoraSettings | None
    scored: Scored = "answer"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "at least 1")
        require(self.passes >= 0, "passes", self.passes, "0 or more")


@dataclass(frozen=True, kw_only=True)
class MixedConfig(PretrainConfig):
    """The `mixed` step: PretrainConfig, with qa_ratio of all windows made of questions.

    scored: what counts in them, see physlm.data.qa_stream.Mixed.
    """

    qa_ratio: float
    scored: Scored = SCORED[1]

    def __post_init__(self) -> None:
        super().__post_init__()
        ok = 0 < self.qa_ratio < 1
        require(ok, "qa_ratio", self.qa_ratio, "between 0 and 1, neither of them")
