"""The settings of the `tree_probe` step. Needs no torch."""

from dataclasses import dataclass
from typing import Literal

from physlm.config import require
from physlm.train.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class TreeProbeConfig(TrainConfig):
    """Position-based linear probes of one frozen model, one per depth and question (Part 1,
    section 4.2: equation 4.2, and 4.3 with `reach`).

    n_heads, d_position: H and d' of the paper. reach: how far from a token its probe reads: None,
    anywhere; 0, at the token alone (the diagonal probe); 1, its neighbours too. With a reach,
    symbols are asked for where their constituent ends, and nowhere else. layer: whose output is
    read, from 0 (None: the last one's, normed). n_steps batches of batch_size fresh strings are
    trained on; n_tested strings are scored. ceiling: how many of these the exact posterior is
    worked out for, the best that any reader could do (0: none). control: model (a newly drawn one
    of the same architecture).
    """

    seed: int
    n_heads: int
    d_position: int
    reach: int | None
    n_steps: int
    batch_size: int
    n_tested: int
    ceiling: int
    layer: int | None = None
    control: Literal["none", "model"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        least = {"seed": 0, "n_heads": 1, "d_position": 1, "n_steps": 1, "batch_size": 1}
        for key, low in {**least, "n_tested": 1, "ceiling": 0}.items():
            require(getattr(self, key) >= low, key, getattr(self, key), f"{low} or more")
        for key in ("reach", "layer"):
            value = getattr(self, key)
            require(value is None or value >= 0, key, value, "0 or more, or null")
        most = f"at most n_tested={self.n_tested}"
        require(self.ceiling <= self.n_tested, "ceiling", self.ceiling, most)
        clip, micro = self.optimiser.clip_norm, self.micro_batch_size
        # One norm over all tasks would make each depend on the others.
        require(clip is None, "optimiser.clip_norm", clip, "null for probes")
        require(micro is None, "micro_batch_size", micro, "null for probes")
