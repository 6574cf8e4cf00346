"""The settings of the `probe` step. Needs no torch, so that a grid is checked before it starts."""

from dataclasses import dataclass
from typing import Literal

from physlm.config import require
from physlm.train.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class ProbeConfig(TrainConfig):
    """Probes of one frozen model, trained side by side on the training half of the people.

    kind: p (on biographies, before each value) or q (on the name alone). tasks: first (the first
    token of a value; of a birth date its month) and whole (the value; not of a birth date), for
    every attribute. rank_embed: of the update of the token embedding (0: none). updated: the tokens
    that have it, all, or ends (EOS alone, which begins a row and ends a name), so that few people
    cannot be learned by heart from the tokens of their names. embed_std: deviation with which its
    factor that does not start at 0 is drawn (None: 1 / rank_embed). control: labels (those of other
    people, at random) or model (a newly drawn one of the same architecture).
    """

    seed: int
    kind: Literal["p", "q"]
    tasks: tuple[Literal["first", "whole"], ...]
    rank_embed: int
    n_steps: int
    batch_size: int
    control: Literal["none", "labels", "model"]
    updated: Literal["all", "ends"] = "all"
    embed_std: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, least in (("seed", 0), ("rank_embed", 0), ("n_steps", 1), ("batch_size", 1)):
            require(getattr(self, key) >= least, key, getattr(self, key), f"{least} or more")
        if not self.rank_embed:
            for key, value in (("updated", "all"), ("embed_std", None)):
                allowed = f"{value!r} where rank_embed is 0"
                require(getattr(self, key) == value, key, getattr(self, key), allowed)
        std = self.embed_std
        require(std is None or std > 0, "embed_std", std, "above 0, or null for 1 / rank_embed")
        tasks, once = list(self.tasks), len(set(self.tasks)) == len(self.tasks)
        require(bool(tasks) and once, "tasks", tasks, "first, whole or both, each once")
        clip, micro = self.optimiser.clip_norm, self.micro_batch_size
        # One norm over all tasks would make each depend on the others.
        require(clip is None, "optimiser.clip_norm", clip, "null for probes")
        require(not self.compile, "compile", self.compile, "false for probes")
        if self.kind == "q":
            require(self.batch_size > 1, "batch_size", self.batch_size, "2 or more for kind=q")
            whole = "null for kind=q, whose norm is over the batch"
            require(micro is None, "micro_batch_size", micro, whole)
