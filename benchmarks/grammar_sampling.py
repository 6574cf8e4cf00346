"""Sampling speed of grammars against a recursive sampler in plain Python.

The plain one has the style of the papers' code: random.Random, a function call for every node, one
choice of a rule in each. Both run in turns in one process with one thread, timed in CPU seconds. A
ratio is their seconds per token to ours in the same turn; the table gives its median and range over
the turns. Compilation happens before the clock starts.

    python benchmarks/grammar_sampling.py

Both sides must have the exact mean and deviation of the length, within 4 standard errors.
"""

import argparse
import platform
import random
import statistics
import time
from collections.abc import Callable

import numba
import numpy as np

from physlm.data.grammars.build import named
from physlm.data.grammars.grammar import Grammar
from physlm.data.grammars.sample import sample, sample_trees
from physlm.data.grammars.statistics import lengths
from physlm.random import generator

GRAMMARS = ("cfg3b", "cfg3f", "cfg3j")
# Strings of a turn: ours without and with trees, theirs.
N_STRINGS, N_TREES, N_PLAIN = 40_000, 4_000, 600
# Trees are drawn in calls of so many. Larger arrays are fresh memory each time, which costs more
# than the trees: a call of 4,000 has about half the speed.
N_CALL = 500

Path = tuple[tuple[int, int], ...]


class Plain:
    """The sampler in plain Python, one string at a time."""

    def __init__(self, grammar: Grammar, seed: int) -> None:
        self.grammar = grammar
        self.random = random.Random(seed)

    def string(self) -> list[int]:
        """The tokens of a string."""
        tokens: list[int] = []
        self._expand(self.grammar.root, tokens)
        return tokens

    def tree(self) -> list[Path]:
        """For every token the index and the symbol of each node above it, and its own."""
        rows: list[Path] = []
        self._grow(self.grammar.root, (), [0] * self.grammar.n_levels, rows)
        return rows

    def _expand(self, symbol: int, tokens: list[int]) -> None:
        bodies = self.grammar.rules.get(symbol)
        if bodies is None:
            tokens.append(symbol)
            return
        for child in self.random.choice(bodies):
            self._expand(child, tokens)

    def _grow(self, symbol: int, path: Path, counts: list[int], rows: list[Path]) -> None:
        depth = len(path)
        path = (*path, (counts[depth], symbol))
        counts[depth] += 1
        bodies = self.grammar.rules.get(symbol)
        if bodies is None:
            rows.append(path)
            return
        for child in self.random.choice(bodies):
            self._grow(child, path, counts, rows)


def our_strings(grammar: Grammar, turn: int) -> np.ndarray:
    """Lengths of strings."""
    return sample(grammar, N_STRINGS, generator(turn, "benchmark")).lengths


def our_trees(grammar: Grammar, turn: int) -> np.ndarray:
    """Lengths of trees."""
    rng = generator(turn, "benchmark")
    calls = [sample_trees(grammar, N_CALL, rng).strings.lengths for _ in range(N_TREES // N_CALL)]
    return np.concatenate(calls)


def their_strings(grammar: Grammar, turn: int) -> np.ndarray:
    """The same in plain Python."""
    plain = Plain(grammar, turn)
    return np.array([len(plain.string()) for _ in range(N_PLAIN)])


def their_trees(grammar: Grammar, turn: int) -> np.ndarray:
    """The same in plain Python."""
    plain = Plain(grammar, turn)
    return np.array([len(plain.tree()) for _ in range(N_PLAIN)])


Side = Callable[[Grammar, int], np.ndarray]
SIDES: dict[str, tuple[Side, Side]] = {
    "strings": (our_strings, their_strings),
    "trees": (our_trees, their_trees),
}


def measure(side: Side, grammar: Grammar, turn: int) -> tuple[float, np.ndarray]:
    """CPU seconds and the lengths of what was drawn."""
    start = time.process_time()
    found = side(grammar, turn)
    return time.process_time() - start, found


def check(grammar: Grammar, found: np.ndarray) -> None:
    """AssertionError unless mean and deviation are the exact ones, within 4 standard errors."""
    law = lengths(grammar)
    squares = (np.arange(law.probability.size) - law.mean) ** 2
    sigma = (law.probability @ squares**2 - law.sd**4) ** 0.5
    root = found.size**0.5
    assert abs(found.mean() - law.mean) < 4 * law.sd / root, grammar.name
    assert abs(((found - law.mean) ** 2).mean() - law.sd**2) < 4 * sigma / root, grammar.name


def compare(name: str, what: str, n_turns: int) -> str:
    """A row of the table."""
    grammar = named(name)
    ours, theirs = SIDES[what]
    ours(grammar, n_turns)
    rates: list[tuple[float, float]] = []
    drawn: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for turn in range(n_turns):
        found = [0.0, 0.0]
        for i in (0, 1) if turn % 2 else (1, 0):
            seconds, sizes = measure((ours, theirs)[i], grammar, turn)
            found[i] = sizes.sum() / seconds
            drawn[i].append(sizes)
        rates.append((found[0], found[1]))
    for sizes in drawn:
        check(grammar, np.concatenate(sizes))
    ratios = [a / b for a, b in rates]
    our_rate, their_rate = (statistics.median(side) / 1e6 for side in zip(*rates, strict=True))
    means = [np.concatenate(sizes).mean() for sizes in drawn]
    return (
        f"| {name} | {what} | {our_rate:.1f} | {their_rate:.2f} | {statistics.median(ratios):.0f} "
        f"| {min(ratios):.0f} to {max(ratios):.0f} | {n_turns} | {means[0]:.1f} | {means[1]:.1f} "
        f"| {lengths(grammar).mean:.1f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--grammars", nargs="+", default=list(GRAMMARS), metavar="NAME")
    parser.add_argument("--turns", type=int, default=7, metavar="N")
    args = parser.parse_args()
    print(f"Python {platform.python_version()}, numba {numba.__version__}, one thread\n")
    print(
        "| grammar | what | ours, million tokens/s | theirs | ratio, median | ratio, range | turns "
        "| mean length, ours | theirs | exact |\n" + "|---" * 10 + "|"
    )
    for name in args.grammars:
        for what in SIDES:
            print(compare(name, what, args.turns), flush=True)


if __name__ == "__main__":
    main()
