"""The settings of the `reasoning` step. Needs no torch."""

from dataclasses import dataclass

from physlm.config import require


@dataclass(frozen=True, kw_only=True)
class ReasoningConfig:
    """Solutions that a model writes to test problems, graded (Part 2.1, sections 3 and 4.1).

    n: problems of every op. ops: of the problems; null is the mix of the training. reask_ops: of
    problems to which another question is put. batch_size: written at once. slack: a text may be so
    many times as long as one that computes all that its problem has. length_bins: tokens of
    problem and solution from which on a problem counts to the next bin. threads: of the CPU.
    """

    seed: int
    n: int
    ops: tuple[int | None, ...]
    reask_ops: tuple[int | None, ...] = ()
    batch_size: int = 128
    slack: float = 1.5
    length_bins: tuple[int, ...] = ()
    threads: int = 1

    def __post_init__(self) -> None:
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        for key in ("n", "batch_size", "threads"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        require(self.slack >= 1, "slack", self.slack, "at least 1")
        for key in ("ops", "reask_ops"):
            ops = getattr(self, key)
            ok = len(set(ops)) == len(ops) and all(op is None or op >= 1 for op in ops)
            require(ok, key, list(ops), "numbers from 1, or null for the mix, each once")
        some = bool(self.ops or self.reask_ops)
        require(some, "ops", list(self.ops), "one or more where reask_ops has none")
        bins = self.length_bins
        ok = list(bins) == sorted(set(bins)) and min(bins, default=1) >= 1
        require(ok, "length_bins", list(bins), "ascending numbers from 1")
