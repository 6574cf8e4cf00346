"""The settings of the `v_probe` step. Needs no torch."""

from dataclasses import dataclass
from typing import Literal

from physlm.config import require
from physlm.train.config import TrainConfig

Task = Literal["nece", "dep", "known", "value", "can_next", "nece_next"]
TASKS: tuple[Task, ...] = ("nece", "dep", "known", "value", "can_next", "nece_next")
# Tasks that tell mistakes beforehand.
FORESEEING: tuple[Task, ...] = ("nece", "can_next", "nece_next")
Population = Literal["graph", "pairs"]


@dataclass(frozen=True, kw_only=True)
class MistakesConfig:
    """Whose mistakes are asked about: greedy solutions of n test problems of each op.

    reask_ops: of problems that are asked another question. batch_size: written at once.
    """

    n: int
    ops: tuple[int, ...] = ()
    reask_ops: tuple[int, ...] = ()
    batch_size: int = 64

    def __post_init__(self) -> None:
        require(self.n >= 1, "n", self.n, "1 or more")
        require(self.batch_size >= 1, "batch_size", self.batch_size, "1 or more")
        some = bool(self.ops or self.reask_ops)
        require(some, "ops", self.ops, "one or more operations where reask_ops is empty")
        for key in ("ops", "reask_ops"):
            _check_ops(key, getattr(self, key))


@dataclass(frozen=True, kw_only=True)
class VProbeConfig(TrainConfig):
    """V-probes of one frozen model (Part 2.1, section 4.1 and appendix E): one for each task.

    A probe is an update of the input embedding of rank `rank` (0: none) and a linear classifier.
    embed_std: deviation with which the factor of the update that does not start at 0 is drawn
    (None: 1 / rank). layer: whose output is read, from 0 (None: the last one's, normed).
    n_steps batches of batch_size fresh problems with up to n_queries questions each. train_ops: the
    operations of these problems, all as likely (None: mixed as the model's own training has them).
    population: the parameters that are asked about, graph (those that the problem has) or pairs
    (all items of adjacent layers and all totals, existing or not).
    n_test test problems of every op in `ops`, for each value of reask. control: model (a newly
    drawn one of the same architecture). mistakes: what to ask about the model's own (None: none).
    """

    seed: int
    tasks: tuple[Task, ...]
    rank: int
    n_steps: int
    batch_size: int
    n_test: int
    ops: tuple[int, ...]
    reask: tuple[bool, ...] = (False,)
    n_queries: int = 10
    train_ops: tuple[int, ...] | None = None
    population: Population = "graph"
    layer: int | None = None
    embed_std: float | None = None
    control: Literal["none", "model"] = "none"
    mistakes: MistakesConfig | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        least = {"seed": 0, "rank": 0, "n_steps": 1, "batch_size": 1, "n_test": 1, "n_queries": 1}
        for key, low in least.items():
            require(getattr(self, key) >= low, key, getattr(self, key), f"{low} or more")
        for key in ("tasks", "ops", "reask"):
            values = list(getattr(self, key))
            once = bool(values) and len(set(values)) == len(values)
            require(once, key, values, "one or more, each once")
        _check_ops("ops", self.ops)
        _check_ops("train_ops", self.train_ops or (1,))
        layer, std = self.layer, self.embed_std
        require(layer is None or layer >= 0, "layer", layer, "0 or more, or null")
        ok = std is None or (std > 0 and self.rank > 0)
        require(ok, "embed_std", std, "null, or above 0 where rank is")
        if self.mistakes is not None:
            missing = [task for task in FORESEEING if task not in self.tasks]
            require(not missing, "tasks", list(self.tasks), f"with {', '.join(missing)} (mistakes)")
            # A model that was never trained writes nothing that could be called a mistake.
            require(self.control == "none", "control", self.control, "none with mistakes")


def _check_ops(key: str, ops: tuple[int, ...]) -> None:
    require(all(op >= 1 for op in ops), key, list(ops), "operations, 1 or more each")
