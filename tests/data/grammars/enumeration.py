"""Laws of tiny grammars by listing every derivation: an oracle for what is drawn or computed."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
from scipy.stats import chisquare

from physlm.data.grammars.grammar import Grammar, parse

# Ambiguous, with alternatives of one symbol, symbols of one alternative, bodies of 1 to 3.
TINY = parse(
    """
    terminals: 1 2 3
    12: 10 11 | 11 | 11 10 10
    10: 7 8 | 8 | 9
    11: 9 7
    7: 1 2 | 2 | 3 1 1
    8: 1 | 2 2
    9: 3
    """,
    "tiny",
)

Word = tuple[int, ...]


def derivations(grammar: Grammar, symbol: int, depth: int) -> list[tuple[Word, float]]:
    """The symbols `depth` levels below `symbol` and the probability of every derivation."""
    if depth == 0:
        return [((symbol,), 1.0)]
    found = []
    bodies = grammar.rules[symbol]
    for body in bodies:
        for parts in itertools.product(*(derivations(grammar, s, depth - 1) for s in body)):
            word = tuple(itertools.chain(*(word for word, _ in parts)))
            found.append((word, float(np.prod([p for _, p in parts])) / len(bodies)))
    return found


def law(grammar: Grammar, depth: int | None = None) -> dict[Word, float]:
    """The probability of every string, or of the symbols of a depth if one is given."""
    total: dict[Word, float] = defaultdict(float)
    for word, p in derivations(grammar, grammar.root, depth or grammar.n_levels - 1):
        total[word] += p
    return dict(total)


def p_value(strings: Iterable[np.ndarray], expected: dict[Word, float]) -> float:
    """Chi-square test that strings come from a law; 0 if one of them cannot."""
    counts = Counter(tuple(string.tolist()) for string in strings)
    if not set(counts) <= set(expected):
        return 0.0
    n = sum(counts.values())
    # Rare strings are counted together, so that every cell expects enough of them.
    rare = [word for word, p in expected.items() if n * p < 8]
    cells = [(counts[word], n * p) for word, p in expected.items() if n * p >= 8]
    if rare:
        cells.append((sum(counts[w] for w in rare), n * sum(expected[w] for w in rare)))
    observed, wanted = np.array(cells).T
    return float(chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue)
