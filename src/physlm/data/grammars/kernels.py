"""Compiled code of the exact side of the grammars: charts, reaches, outsides, best derivations.

All of it is in this file because numba's cache of compiled code looks at the file of a function
alone: a change to a function of another file would leave its callers as they were.

Probabilities are pairs (value, exponent) and mean value * 2 ** (256 * exponent), with the value
kept at or above 2 ** -256 and, where the exponent is negative, at or below 1. So products of two
fit a double, and no string is too improbable. Sums leave out what is smaller by 2 ** -256.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

UNIT = 256
SMALL = 2.0**-UNIT
LARGE = 2.0**UNIT


class Binary(NamedTuple):
    """A grammar with at most two symbols in a body, numbered so that children come before parents.

    Symbols 0 to T - 1 are the terminals 1 to T, the last is the root. rules [S + 1]: those of
    symbol s are rules[s] to rules[s + 1] - 1; left, right [R]: the body of each (right is -1 in a
    body of one); parents [S + 1]: the symbols that have a body which begins with s are parent[A]
    from parents[s] to parents[s + 1] - 1; weight [S]: the probability of each alternative of s; depth, column [S]: the level
    of s and its place there, -1 for the auxiliary symbols, which stand for beginnings of bodies.
    """

    n_terminals: int
    rules: np.ndarray
    left: np.ndarray
    right: np.ndarray
    parents: np.ndarray
    parent: np.ndarray
    weight: np.ndarray
    depth: np.ndarray
    column: np.ndarray


class Chart(NamedTuple):
    """What every symbol derives from every place of a string of n tokens.

    The entries of symbol s from place i (0 to n) are those from first[i * (S + 1) + s] to the next
    first; each has its end, its probability (value, exponent) and the number of its derivations.
    The arrays may be longer than what is used. The root is charted from place 0 alone. Places are
    charted from the last to the first: the entries of place 0 are the last.
    """

    first: np.ndarray
    end: np.ndarray
    value: np.ndarray
    exponent: np.ndarray
    count: np.ndarray


class Reach(NamedTuple):
    """value, exponent [n + 1, S]: P(x_1..x_k is produced and symbol s begins next), by k and s.

    prefix, prefix_exponent [n + 1]: P(a string begins x_1..x_k). possible [1]: the k up to which
    prefixes are possible and the arrays are filled.
    """

    value: np.ndarray
    exponent: np.ndarray
    prefix: np.ndarray
    prefix_exponent: np.ndarray
    possible: np.ndarray


@numba.njit(cache=True)
def _sum(value, exponent, more, more_exponent):
    """The sum of two pairs; the first may be 0."""
    if exponent == more_exponent:
        return value + more, exponent
    if value == 0.0 or more_exponent > exponent + 1:
        return more, more_exponent
    if more_exponent == exponent + 1:
        return value * SMALL + more, more_exponent
    if more_exponent == exponent - 1:
        return value + more * SMALL, exponent
    return value, exponent


@numba.njit(cache=True)
def _normal(value, exponent):
    """The same pair within its bounds (value above 0)."""
    while value < SMALL:
        value *= LARGE
        exponent -= 1
    while value > 1.0 and exponent < 0:
        value *= SMALL
        exponent += 1
    return value, exponent


@numba.njit(cache=True)
def _ratio(value, exponent, whole, whole_exponent):
    """A pair divided by another, as a double."""
    return math.ldexp(value / whole, UNIT * (exponent - whole_exponent))


@numba.njit(cache=True)
def empty_chart(grammar, longest, size):
    """A chart for strings of up to `longest` tokens, with room for `size` entries."""
    return Chart(
        np.empty((longest + 1) * (len(grammar.weight) + 1), np.int64),
        np.empty(size, np.int32),
        np.empty(size, np.float64),
        np.empty(size, np.int32),
        np.empty(size, np.float64),
    )


@numba.njit(cache=True)
def inside(grammar, emission, tokens, chart):
    """Fill the chart of a string (its `first` is long enough); returns it, or a larger one.

    Where the chart is too small it is filled anew: arrays that may change within the loops of
    _inside would make these several times slower.
    """
    while not _inside(grammar, emission, tokens, chart):
        end = chart.end
        longest = len(chart.first) // (len(grammar.weight) + 1) - 1
        chart = empty_chart(grammar, longest, 2 * len(end))
    return chart


@numba.njit(cache=True)
def _inside(grammar, emission, tokens, chart):
    """Fill the chart; False if it is too small."""
    # Members of a tuple are taken out once: each access would count references, which is slow.
    first, end, value, exponent, count = chart
    rules, left, right, weight = grammar.rules, grammar.left, grammar.right, grammar.weight
    parents, parent = grammar.parents, grammar.parent
    n_terminals, n, n_symbols, used = grammar.n_terminals, len(tokens), len(weight), 0
    root, row = n_symbols - 1, n_symbols + 1
    slot = np.full(n + 1, -1, np.int64)  # the entry with this end, if it is of this list
    wanted = np.full(n_symbols, -1, np.int64)  # the last place where a body of s may begin
    first[n * row : (n + 1) * row] = 0
    for i in range(n - 1, -1, -1):
        for s in range(n_symbols):
            begin = used
            first[i * row + s] = begin
            if used + n - i > len(end):
                return False
            if s < n_terminals:
                emitted = emission[s + 1, tokens[i]]
                if emitted > 0.0:
                    end[used], count[used] = i + 1, 1.0
                    value[used], exponent[used] = _normal(emitted, 0)
                    used += 1
            elif wanted[s] == i and (s < root or i == 0):
                for r in range(rules[s], rules[s + 1]):
                    place = i * row + left[r]
                    for p in range(first[place], first[place + 1]):
                        if right[r] < 0:
                            q_begin, q_end = p, p + 1
                        else:
                            after = end[p] * row + right[r]
                            q_begin, q_end = first[after], first[after + 1]
                        for q in range(q_begin, q_end):
                            e, v, x, c = end[q], value[q], exponent[q], count[q]
                            if right[r] >= 0:
                                v, x, c = v * value[p], x + exponent[p], c * count[p]
                                if v < SMALL:
                                    v, x = v * LARGE, x - 1
                            at = slot[e]
                            if at >= begin:
                                value[at], exponent[at] = _sum(value[at], exponent[at], v, x)
                                count[at] += c
                            else:
                                slot[e] = used
                                end[used], value[used], exponent[used], count[used] = e, v, x, c
                                used += 1
                for at in range(begin, used):
                    value[at], exponent[at] = _normal(value[at] * weight[s], exponent[at])
            if used > begin:
                for a in range(parents[s], parents[s + 1]):
                    wanted[parent[a]] = i
        first[i * row + n_symbols] = used
    return True


@numba.njit(cache=True)
def whole(chart, n_symbols, n):
    """The entry of the root over all n tokens, or -1."""
    for p in range(chart.first[n_symbols - 1], chart.first[n_symbols]):
        if chart.end[p] == n:
            return p
    return -1


@numba.njit(cache=True)
def scores(grammar, emission, tokens, offsets, log2_prob, n_parses):
    """Write log2 of the probability (-inf for 0) and the number of derivations of each string."""
    longest = 0
    for k in range(len(offsets) - 1):
        longest = max(longest, offsets[k + 1] - offsets[k])
    chart = empty_chart(grammar, longest, 16 * (longest + 1))
    for k in range(len(offsets) - 1):
        text = tokens[offsets[k] : offsets[k + 1]]
        chart = inside(grammar, emission, text, chart)
        p = whole(chart, len(grammar.weight), len(text))
        if p < 0:
            log2_prob[k], n_parses[k] = -np.inf, 0.0
        else:
            log2_prob[k] = math.log2(chart.value[p]) + UNIT * chart.exponent[p]
            n_parses[k] = chart.count[p]
