"""Implicit grammars: every terminal owns a bag of observable tokens (Part 1, Result 10).

Where a terminal is due, one token of its bag is emitted, so the terminals themselves are hidden.
Observable tokens are 1 to V.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from physlm.config import require
from physlm.data.grammars.strings import Strings


@dataclass(frozen=True, kw_only=True)
class BagsConfig:
    """How bags are dealt; ConfigError for a vocabulary below 1.

    kind: `disjoint` deals the tokens 1 to V to the terminals in turn; with `overlap` each terminal
    draws floor(1.5 V / T) tokens with replacement and keeps the different ones. weights: `uniform`,
    or `rank`: proportional to 1, 2, ... along the bag, in the order of dealing or first drawing
    (which order the papers rank by is not published).
    """

    vocabulary: int
    kind: Literal["disjoint", "overlap"] = "disjoint"
    weights: Literal["uniform", "rank"] = "uniform"

    def __post_init__(self) -> None:
        require(self.vocabulary >= 1, "vocabulary", self.vocabulary, "at least 1")


@dataclass(frozen=True, eq=False)
class Bags:
    """The bags of all terminals.

    emissions [T + 1, V + 1] float64: row t is the law of the token of terminal t; row 0 and column
    0 are zero. With overlapping bags a token may be in no bag: its column is zero and it never
    occurs, though it keeps its number. No bag is empty.
    """

    emissions: np.ndarray

    @property
    def n_terminals(self) -> int:
        """T."""
        return len(self.emissions) - 1

    @property
    def vocabulary(self) -> int:
        """V, tokens that are in no bag included."""
        return self.emissions.shape[1] - 1

    def of(self, terminal: int) -> np.ndarray:
        """The tokens of a terminal's bag, ascending, int32."""
        return np.flatnonzero(self.emissions[terminal]).astype(np.int32)

    @cached_property
    def _cumulative(self) -> list[np.ndarray]:
        """For every terminal from 1, the distribution function over its bag."""
        sums = [np.cumsum(self.emissions[t, self.of(t)]) for t in range(1, self.n_terminals + 1)]
        return [total / total[-1] for total in sums]


def deal(config: BagsConfig, n_terminals: int, rng: np.random.Generator) -> Bags:
    """Bags for the terminals 1 to T; `rng` is used for overlapping ones only.

    ConfigError if the vocabulary is so small that a bag would be empty.
    """
    vocabulary = config.vocabulary
    draws = 3 * vocabulary // (2 * n_terminals)
    least = n_terminals if config.kind == "disjoint" else -(-2 * n_terminals // 3)
    allowed = f"at least {least}, a bag for each of {n_terminals} terminals needs a token"
    require(vocabulary >= least, "vocabulary", vocabulary, allowed)
    emissions = np.zeros((n_terminals + 1, vocabulary + 1))
    for terminal in range(1, n_terminals + 1):
        if config.kind == "disjoint":
            bag = list(range(terminal, vocabulary + 1, n_terminals))
        else:
            bag = list(dict.fromkeys(rng.integers(1, vocabulary, size=draws, endpoint=True)))
        weights = np.ones(len(bag)) if config.weights == "uniform" else 1.0 + np.arange(len(bag))
        emissions[terminal, bag] = weights / weights.sum()
    return Bags(emissions)


def emit(bags: Bags, strings: Strings, rng: np.random.Generator) -> Strings:
    """Observable tokens for strings of terminals, one independent draw for each token.

    Takes one number per token from `rng`, in order, so the first strings do not depend on how many
    follow. ConfigError for a token that is no terminal of the bags.
    """
    terminals = strings.tokens
    if len(terminals):
        low, high = int(terminals.min()), int(terminals.max())
        allowed = f"from 1 to {bags.n_terminals}, the terminals that have a bag"
        for token in (low, high):
            require(1 <= token <= bags.n_terminals, "token", token, allowed)
    draws = rng.random(len(terminals))
    tokens = np.zeros_like(terminals)
    for terminal, cumulative in enumerate(bags._cumulative, 1):
        here = np.flatnonzero(terminals == terminal)
        # A draw is below 1 and the last sum is exactly 1, so a place in the bag is always found.
        tokens[here] = bags.of(terminal)[cumulative.searchsorted(draws[here], side="right")]
    return Strings(tokens, strings.offsets)
