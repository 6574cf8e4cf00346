"""The settings of what is measured of models of grammars. Needs no torch."""

from dataclasses import dataclass

from physlm.config import require


@dataclass(frozen=True, kw_only=True)
class GrammarMeasure:
    """What most measures have. n: strings that are drawn, written or read; batch_size: at once."""

    seed: int
    n: int
    batch_size: int = 128

    def __post_init__(self) -> None:
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        for key in ("n", "batch_size"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")


@dataclass(frozen=True, kw_only=True)
class GenerationConfig(GrammarMeasure):
    """`generation` (Part 1, section 4): n strings written after every cut.

    cuts: what is given of a string, in tokens, or below 1 as a share of its length. n_rows: strings
    for which the next-token distribution is compared with the exact one. n_trees: strings whose
    trees are counted for diversity.
    """

    cuts: tuple[float, ...]
    n_rows: int
    n_trees: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_cuts(self.cuts)
        require(self.cuts[0] == 0, "cuts", list(self.cuts), "0 first: diversity is that of cut 0")
        require(self.n_rows >= 1, "n_rows", self.n_rows, "at least 1")
        require(1 <= self.n_trees <= self.n, "n_trees", self.n_trees, f"from 1 to n={self.n}")


@dataclass(frozen=True, kw_only=True)
class RobustnessConfig(GrammarMeasure):
    """`robustness` (Part 1, section 6): n strings written for every temperature, after
    nothing, after the first part of a string, and after that part with tokens changed.

    cut: what is given, in tokens or as a share of the length; rate: of its tokens that are changed.
    """

    cut: float
    rate: float = 0.15
    temperatures: tuple[float, ...] = (0.1, 0.2, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_cuts((self.cut,))
        require(self.cut > 0, "cut", self.cut, "above 0")
        require(0 < self.rate <= 1, "rate", self.rate, "above 0 and at most 1")
        given = list(self.temperatures)
        ok = bool(given) and min(given) > 0 and len(set(given)) == len(given)
        require(ok, "temperatures", given, "numbers above 0, each once")


@dataclass(frozen=True, kw_only=True)
class AttentionConfig(GrammarMeasure):
    """`attention` (Part 1, section 5): patterns of attention over n strings.

    max_shift: places beside the end of a constituent that are looked at; max_apart: how many
    constituents back.
    """

    max_shift: int = 2
    max_apart: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("max_shift", "max_apart"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")


@dataclass(frozen=True, kw_only=True)
class BagsMeasure:
    """`bags` (Part 1, Result 10): nothing to set."""


def check_cuts(cuts: tuple[float, ...]) -> None:
    """ConfigError unless every cut is a whole number of tokens or a share of the length."""
    ok = bool(cuts) and all(cut >= 0 and (cut < 1 or cut == int(cut)) for cut in cuts)
    allowed = "whole numbers of tokens, or shares of the length from 0 to below 1; each once"
    require(ok and len(set(cuts)) == len(cuts), "cuts", list(cuts), allowed)


# Measure -> its settings.
SETTINGS = {
    "attention": AttentionConfig,
    "bags": BagsMeasure,
    "generation": GenerationConfig,
    "robustness": RobustnessConfig,
}
