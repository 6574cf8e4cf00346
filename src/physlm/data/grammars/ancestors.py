"""What a string, or its beginning, tells of the tree above it (Part 1, section 4).

Probes are scored against the tree that a string was drawn with. Where strings are ambiguous no
probe is always right: the best guess given the whole string bounds every probe, that given the
tokens so far bounds a probe of a causal model which reads the token's own position (the diagonal
probe, scored where a node ends). The paper prints neither bound; both are exact here.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np

from physlm.data.grammars import kernels
from physlm.data.grammars.chart import binary, check, emissions
from physlm.data.grammars.grammar import Grammar, GrammarError
from physlm.data.grammars.strings import Strings

UNIT = kernels.UNIT
Given = Literal["string", "prefix"]


@dataclass(frozen=True)
class Posterior:
    """The nodes above the n tokens of a string, by depth 0 (root) to L - 1 (the terminals).

    symbol [L, n, S] float64: P(the node of that depth above the token has this symbol), sums to 1.
    ending [L, n, S]: P(that node ends at the token, and has this symbol). S is the size of the
    largest level; column c stands for grammar.levels[depth][c], columns beyond the level are 0.
    """

    symbol: np.ndarray
    ending: np.ndarray

    @property
    def boundary(self) -> np.ndarray:
        """P(the node of that depth ends at the token), [L, n]."""
        return self.ending.sum(axis=2)

    @property
    def symbol_at_end(self) -> np.ndarray:
        """P(symbol | the node of that depth ends at the token), [L, n, S]; nan where none can."""
        with np.errstate(invalid="ignore"):
            return self.ending / self.boundary[:, :, None]


@dataclass(frozen=True)
class Ceilings:
    """Expected accuracy of the best guess, by depth [L] float64, over tokens of all strings.

    symbol: of the node's symbol, at all tokens; symbol_at_ends: at the tokens where the node of
    that depth ends, by one who knows that it does; boundary: of whether it ends, at all tokens.
    """

    symbol: np.ndarray
    symbol_at_ends: np.ndarray
    boundary: np.ndarray


def given_string(
    grammar: Grammar,
    string: np.ndarray | list[int] | tuple[int, ...],
    emission: np.ndarray | None = None,
) -> Posterior:
    """The posterior given the whole string (inside and outside probabilities).

    emission as in `score`. GrammarError for an empty or ungrammatical string, or a token that is
    not in 1 to V.
    """
    rules, emission, tokens, chart = _charted(grammar, string, emission)
    n = len(tokens)
    root = kernels.whole(chart, len(rules.weight), n)
    if root < 0:
        raise GrammarError(f"string 0: of {n} tokens: no string of {grammar.name}")
    symbol, ending = _nothing(grammar, n)
    _add_given_string(rules, n, chart, root, symbol, ending)
    return Posterior(symbol, ending)


def given_prefix(
    grammar: Grammar,
    string: np.ndarray | list[int] | tuple[int, ...],
    emission: np.ndarray | None = None,
) -> Posterior:
    """The posterior at every token given the tokens up to it, itself included, and no more.

    The string need not be complete. emission as in `score`. GrammarError for an empty string, a
    token that is not in 1 to V, or after which no string of the grammar goes on.
    """
    rules, emission, tokens, chart = _charted(grammar, string, emission)
    n = len(tokens)
    reach = kernels.empty_reach(rules, n)
    possible = kernels.fill_reach(rules, emission, tokens, chart, reach)
    if possible < n:
        raise GrammarError(
            f"string 0: tokens[{possible}]={tokens[possible]}: no string of {grammar.name} "
            "goes on so"
        )
    beginnings = kernels.empty_chart(rules, n, 64 * (n + 1))
    beginnings = kernels.fill_beginnings(rules, n, chart, reach, beginnings)
    symbol, ending = _nothing(grammar, n)
    _add_given_prefix(rules, n, beginnings, reach, symbol)
    _add_given_prefix(rules, n, chart, reach, ending)
    return Posterior(symbol, ending)


def ceilings(
    grammar: Grammar, strings: Strings, given: Given, emission: np.ndarray | None = None
) -> Ceilings:
    """The expected accuracy of the best guesses given the string or the prefix, over all tokens.

    An estimate of what no probe exceeds, if the strings are drawn from the grammar. Every token
    counts the same, and every end of a node. Errors as of `given_string` and `given_prefix`; for no
    strings, GrammarError.
    """
    if len(strings) == 0:
        raise GrammarError("strings: none: must be at least 1 to take a mean")
    posterior_of = {"string": given_string, "prefix": given_prefix}[given]
    right, n_ends = np.zeros((3, grammar.n_levels)), np.zeros(grammar.n_levels)
    for i, string in enumerate(strings):
        try:
            posterior = posterior_of(grammar, string, emission)
        except GrammarError as error:
            raise GrammarError(str(error).replace("string 0:", f"string {i}:", 1)) from None
        boundary = posterior.boundary
        right[0] += posterior.symbol.max(axis=2).sum(axis=1)
        right[1] += posterior.ending.max(axis=2).sum(axis=1)
        right[2] += np.maximum(boundary, 1 - boundary).sum(axis=1)
        n_ends += boundary.sum(axis=1)
    n_tokens = len(strings.tokens)
    return Ceilings(right[0] / n_tokens, right[1] / n_ends, right[2] / n_tokens)


def _charted(
    grammar: Grammar, string: np.ndarray | list[int] | tuple[int, ...], emission: np.ndarray | None
) -> tuple[kernels.Binary, np.ndarray, np.ndarray, kernels.Chart]:
    """Rules, emission, tokens and their inside chart; checked."""
    emission = emissions(grammar, emission)
    strings = Strings.of([string])
    check(strings, emission, empty=False)
    rules, tokens = binary(grammar), strings.tokens
    chart = kernels.empty_chart(rules, len(tokens), 16 * (len(tokens) + 1))
    return rules, emission, tokens, kernels.inside(rules, emission, tokens, chart)


def _nothing(grammar: Grammar, n: int) -> tuple[np.ndarray, np.ndarray]:
    width = max(map(len, grammar.levels))
    return np.zeros((grammar.n_levels, n, width)), np.zeros((grammar.n_levels, n, width))


@numba.njit(cache=True)
def _add_given_prefix(grammar, n, chart, reach, joint):
    """Add to joint what every entry of a chart is worth at its last token.

    A node begins at place i with probability `reach`, whatever it derives, and derives what its
    entry says. With the chart of beginnings the node reaches the token at least.
    """
    first, end, value, exponent = chart.first, chart.end, chart.value, chart.exponent
    depth, column, row = grammar.depth, grammar.column, len(grammar.weight) + 1
    reached, reached_exponent, prefix, prefix_exponent = reach
    for i in range(n):
        for s in range(row - 1):
            if depth[s] < 0 or reached[i, s] == 0.0:
                continue
            for p in range(first[i * row + s], first[i * row + s + 1]):
                e = end[p]
                share = reached[i, s] * value[p] / prefix[e]
                x = reached_exponent[i, s] + exponent[p] - prefix_exponent[e]
                joint[depth[s], e - 1, column[s]] += math.ldexp(share, UNIT * x)


@numba.njit(cache=True)
def _add_given_string(grammar, n, chart, root, symbol, ending):
    """Hand the certainty of the root down to its children, and theirs to theirs.

    An entry that is in the tree with probability P is made by each of its rules and splits in
    proportion to the products of weight and inside probabilities; so no outside probability is
    needed, and what underflows is negligible.
    """
    first, end, value, exponent = chart.first, chart.end, chart.value, chart.exponent
    rules, left, right, weight = grammar.rules, grammar.left, grammar.right, grammar.weight
    depth, column, row = grammar.depth, grammar.column, len(grammar.weight) + 1
    share = np.zeros(first[row - 1])
    share[root] = 1.0
    for i in range(n):
        # Every parent of (s, i) begins before i, or at i with a greater number.
        for s in range(row - 2, -1, -1):
            for at in range(first[i * row + s], first[i * row + s + 1]):
                if share[at] == 0.0:
                    continue
                e = end[at]
                if depth[s] >= 0:
                    ending[depth[s], e - 1, column[s]] += share[at]
                    for k in range(i, e):
                        symbol[depth[s], k, column[s]] += share[at]
                per = share[at] * weight[s] / value[at]
                for r in range(rules[s], rules[s + 1]):
                    a, b = i * row + left[r], right[r]
                    for p in range(first[a], first[a + 1]):
                        if b < 0:
                            if end[p] == e:
                                x = UNIT * (exponent[p] - exponent[at])
                                share[p] += math.ldexp(per * value[p], x)
                            continue
                        after = end[p] * row + b
                        for q in range(first[after], first[after + 1]):
                            if end[q] == e:
                                x = UNIT * (exponent[p] + exponent[q] - exponent[at])
                                one = math.ldexp(per * value[p] * value[q], x)
                                share[p] += one
                                share[q] += one
