"""The most likely derivation of a string, and trees as text (Part 1)."""

import math
from typing import NamedTuple

import numba
import numpy as np

from physlm.data.grammars import kernels
from physlm.data.grammars.chart import binary, check, emissions
from physlm.data.grammars.grammar import Grammar, GrammarError
from physlm.data.grammars.strings import Strings


class Node(NamedTuple):
    """A node over tokens[start:end]; a terminal has no children."""

    symbol: int
    start: int
    end: int
    children: "tuple[Node, ...]"


def most_likely(
    grammar: Grammar,
    string: np.ndarray | list[int] | tuple[int, ...],
    emission: np.ndarray | None = None,
) -> tuple[Node, float]:
    """The derivation of the greatest probability, and log2 of that probability.

    Of several equally likely ones always the same. emission as in `score`; the leaves are then the
    hidden terminals. GrammarError for an empty or ungrammatical string, or a token that is not in 1
    to V.
    """
    emission = emissions(grammar, emission)
    strings = Strings.of([string])
    check(strings, emission, empty=False)
    rules, tokens = binary(grammar), strings.tokens
    n = len(tokens)
    chart = kernels.empty_chart(rules, n, 16 * (n + 1))
    chart = kernels.inside(rules, emission, tokens, chart)
    root = kernels.whole(chart, len(rules.weight), n)
    if root < 0:
        raise GrammarError(f"string 0: of {n} tokens: no string of {grammar.name}")
    best, back = _best(rules, emission, tokens, chart)

    def node(at: int, symbol: int, start: int) -> Node:
        """The node of an entry. Auxiliary symbols are passed over: they begin the body."""
        children: list[Node] = []
        name = grammar.levels[rules.depth[symbol]][rules.column[symbol]]
        span = (start, int(chart.end[at]))
        while True:
            rule, left, right = back[at].tolist()
            if rule < 0:
                break
            if right >= 0:
                children.append(node(right, int(rules.right[rule]), int(chart.end[left])))
            at, symbol = left, int(rules.left[rule])
            if rules.depth[symbol] >= 0:
                children.append(node(at, symbol, start))
                break
        return Node(name, *span, tuple(reversed(children)))

    tree = node(root, len(rules.weight) - 1, 0)
    return tree, float(best[root])


def brackets(tree: Node) -> str:
    """The tree as text, such as (22 (20 (16 1 2) 3) 1); terminals are bare."""
    if not tree.children:
        return str(tree.symbol)
    return f"({tree.symbol} {' '.join(map(brackets, tree.children))})"


@numba.njit(cache=True)
def _best(grammar, emission, tokens, chart):
    """Of every entry of a chart log2 of the probability of its best derivation, and the way there.

    Returns best [entries], back [entries, 3] (rule, entry of the left child, of the right one; -1
    for none).
    """
    first, end = chart.first, chart.end
    rules, left, right, weight = grammar.rules, grammar.left, grammar.right, grammar.weight
    n_terminals, n, row = grammar.n_terminals, len(tokens), len(grammar.weight) + 1
    best = np.full(first[row - 1], -np.inf)
    back = np.full((first[row - 1], 3), -1, np.int64)
    entry = np.empty(n + 1, np.int64)
    for i in range(n - 1, -1, -1):
        for s in range(row - 1):
            begin, stop = first[i * row + s], first[i * row + s + 1]
            for at in range(begin, stop):
                entry[end[at]] = at
                if s < n_terminals:
                    best[at] = math.log2(emission[s + 1, tokens[i]])
            if begin == stop:
                continue
            alternative = math.log2(weight[s])
            for r in range(rules[s], rules[s + 1]):
                a, b = i * row + left[r], right[r]
                for p in range(first[a], first[a + 1]):
                    if b < 0:
                        q_begin, q_end = p, p + 1
                    else:
                        after = end[p] * row + b
                        q_begin, q_end = first[after], first[after + 1]
                    for q in range(q_begin, q_end):
                        found = alternative + best[p]
                        if b >= 0:
                            found += best[q]
                        at = entry[end[q]]
                        if found > best[at]:
                            best[at] = found
                            back[at, 0], back[at, 1] = r, p
                            back[at, 2] = q if b >= 0 else -1
    return best, back
