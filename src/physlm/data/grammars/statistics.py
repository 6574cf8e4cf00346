"""Exact statistics of a grammar's strings and trees (Part 1, section 2.1: uniform alternatives).

All follow from the rules by sums over levels, without sampling. The law of a symbol's length is the
mean over its alternatives of the convolution of its children's laws.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from physlm.config import require
from physlm.data.grammars.grammar import Grammar


@dataclass(frozen=True, eq=False)
class Lengths:
    """The law of the length of a string, in tokens.

    probability[n] float64 [max + 1]. min and max are what the rules allow; the probability of such
    a length may be below the smallest number and then is 0 here.
    """

    min: int
    probability: np.ndarray

    @property
    def max(self) -> int:
        """Tokens of the longest string."""
        return self.probability.size - 1

    @cached_property
    def mean(self) -> float:
        """Tokens."""
        return float(self.probability @ np.arange(self.probability.size))

    @cached_property
    def sd(self) -> float:
        """Standard deviation, tokens."""
        deviation = np.arange(self.probability.size) - self.mean
        return math.sqrt(self.probability @ deviation**2)

    def quantile(self, share: float) -> int:
        """The least n such that at least this share of the strings has n tokens or fewer.

        ConfigError for a share that is not above 0 and at most 1.
        """
        require(0 < share <= 1, "share", share, "above 0 and at most 1")
        # The probabilities add up to 1 but for rounding.
        return int((np.cumsum(self.probability) >= share - 1e-12).argmax())


def lengths(grammar: Grammar) -> Lengths:
    """The law of the length of the grammar's strings.

    Time and memory grow with the square of the longest string: fine up to some 10^5 tokens.
    """
    law = {terminal: np.array([0.0, 1.0]) for terminal in grammar.levels[-1]}
    least = dict.fromkeys(grammar.levels[-1], 1)
    for level in reversed(grammar.levels[:-1]):
        for symbol in level:
            bodies = grammar.rules[symbol]
            products = []
            for body in bodies:
                product = np.ones(1)
                for child in body:
                    product = np.convolve(product, law[child])
                products.append(product)
            total = np.zeros(max(product.size for product in products))
            for product in products:
                total[: product.size] += product / len(bodies)
            law[symbol] = total
            least[symbol] = min(sum(least[child] for child in body) for body in bodies)
    return Lengths(least[grammar.root], law[grammar.root])


def expected_nodes(grammar: Grammar) -> np.ndarray:
    """Mean number of nodes of each depth, float64 [L]: 1 root, ..., the mean length in tokens."""
    counts = _expected_counts(grammar)
    return np.array([sum(counts[symbol] for symbol in level) for level in grammar.levels])


def derivation_entropy(grammar: Grammar) -> float:
    """Entropy of the derivation in bits: log2 of its alternatives, summed over all nodes.

    At least the entropy of the string; equal to it where no string has two derivations.
    """
    counts = _expected_counts(grammar)
    return sum(counts[s] * math.log2(len(bodies)) for s, bodies in grammar.rules.items())


def _expected_counts(grammar: Grammar) -> dict[int, float]:
    """Mean number of times that each symbol is in a tree."""
    counts = dict.fromkeys((symbol for level in grammar.levels for symbol in level), 0.0)
    counts[grammar.root] = 1.0
    for level in grammar.levels[:-1]:
        for symbol in level:
            bodies = grammar.rules[symbol]
            for body in bodies:
                for child in body:
                    counts[child] += counts[symbol] / len(bodies)
    return counts
