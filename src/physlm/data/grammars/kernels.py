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
    body of one); weight [S]: the probability of each alternative of s; depth, column [S]: the level
    of s and its place there, -1 for the auxiliary symbols, which stand for beginnings of bodies.
    """

    n_terminals: int
    rules: np.ndarray
    left: np.ndarray
    right: np.ndarray
    weight: np.ndarray
    depth: np.ndarray
    column: np.ndarray


class Chart(NamedTuple):
    """What every symbol derives from every place of a string of n tokens.

    The entries of symbol s from place i (0 to n) are those from first[s * (n + 1) + i] to the next
    first; each has its end, its probability (value, exponent) and the number of its derivations.
    The arrays may be longer than what is used. The root is charted from place 0 alone.
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
def _sum(value, exponent, more, more_exponent):  # noqa: ANN001, ANN202
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
def _longer(array, size):
    longer = np.empty(size, array.dtype)
    longer[: len(array)] = array
    return longer


@numba.njit(cache=True)
def empty_chart(grammar, longest):
    """A chart to be filled for strings of up to `longest` tokens."""
    size = 16 * longest + 16
    return Chart(
        np.empty(len(grammar.weight) * (longest + 1) + 1, np.int64),
        np.empty(size, np.int32),
        np.empty(size, np.float64),
        np.empty(size, np.int32),
        np.empty(size, np.float64),
    )


@numba.njit(cache=True)
def inside(grammar, emission, tokens, chart, slot):
    """Fill the chart of a string; returns it, with longer arrays where they were too short.

    slot: at least n + 1 integers to work with.
    """
    first, end, value, exponent, count = chart
    n, n_symbols, used = len(tokens), len(grammar.weight), 0
    slot[: n + 1] = -1
    for s in range(n_symbols):
        weight = grammar.weight[s]
        for i in range(n + 1):
            # A slot below `begin` was left by an earlier place, so slots need no clearing.
            begin = used
            first[s * (n + 1) + i] = begin
            if i == n or (s == n_symbols - 1 and i > 0):
                continue
            if used + n > len(end):
                size = 2 * len(end) + n
                end, value = _longer(end, size), _longer(value, size)
                exponent, count = _longer(exponent, size), _longer(count, size)
            if s < grammar.n_terminals:
                emitted = emission[s + 1, tokens[i]]
                if emitted > 0.0:
                    end[used], count[used] = i + 1, 1.0
                    value[used], exponent[used] = _normal(emitted, 0)
                    used += 1
                continue
            for r in range(grammar.rules[s], grammar.rules[s + 1]):
                right = grammar.right[r]
                place = grammar.left[r] * (n + 1) + i
                for p in range(first[place], first[place + 1]):
                    if right < 0:
                        q_begin, q_end = 0, 1
                    else:
                        after = right * (n + 1) + end[p]
                        q_begin, q_end = first[after], first[after + 1]
                    for q in range(q_begin, q_end):
                        if right < 0:
                            e, v, x, c = end[p], value[p], exponent[p], count[p]
                        else:
                            e, v = end[q], value[p] * value[q]
                            x, c = exponent[p] + exponent[q], count[p] * count[q]
                            if v < SMALL:
                                v *= LARGE
                                x -= 1
                        at = slot[e]
                        if at >= begin:
                            value[at], exponent[at] = _sum(value[at], exponent[at], v, x)
                            count[at] += c
                        else:
                            slot[e] = used
                            end[used], value[used], exponent[used], count[used] = e, v, x, c
                            used += 1
            for at in range(begin, used):
                value[at], exponent[at] = _normal(value[at] * weight, exponent[at])
    first[n_symbols * (n + 1)] = used
    return Chart(first, end, value, exponent, count)


@numba.njit(cache=True)
def whole(chart, n_symbols, n):
    """The entry of the root over all n tokens, or -1."""
    root = (n_symbols - 1) * (n + 1)
    for p in range(chart.first[root], chart.first[root + 1]):
        if chart.end[p] == n:
            return p
    return -1


@numba.njit(cache=True)
def scores(grammar, emission, tokens, offsets, log2_prob, n_parses):
    """Write log2 of the probability (-inf for 0) and the number of derivations of each string."""
    longest = 0
    for k in range(len(offsets) - 1):
        longest = max(longest, offsets[k + 1] - offsets[k])
    chart, slot = empty_chart(grammar, longest), np.empty(longest + 1, np.int64)
    for k in range(len(offsets) - 1):
        text = tokens[offsets[k] : offsets[k + 1]]
        chart = inside(grammar, emission, text, chart, slot)
        p = whole(chart, len(grammar.weight), len(text))
        if p < 0:
            log2_prob[k], n_parses[k] = -np.inf, 0.0
        else:
            log2_prob[k] = math.log2(chart.value[p]) + UNIT * chart.exponent[p]
            n_parses[k] = chart.count[p]
