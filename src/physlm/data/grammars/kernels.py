"""Compiled code of the exact side of the grammars: charts and what follows from left to right.

Compiled functions that call each other are in this one file, because numba's cache of compiled
code looks at the file of a function alone: a change to a function of another file would leave its
callers as they were.

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
    body of one); parents [S + 1]: the symbols with a body that begins with s are parent[k] for k
    from parents[s] to parents[s + 1] - 1; weight [S]: the probability of each alternative of s;
    depth, column [S]: the level of s and its place there, -1 for the auxiliary symbols, which stand
    for beginnings of bodies.
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
    parses: np.ndarray


class Reach(NamedTuple):
    """value, exponent [n + 1, S]: P(x_1..x_k is produced and symbol s begins next), by k and s.

    prefix, prefix_exponent [n + 1]: P(a string begins x_1..x_k).
    """

    value: np.ndarray
    exponent: np.ndarray
    prefix: np.ndarray
    prefix_exponent: np.ndarray


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
    first, end, value, exponent, parses = chart
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
                    end[used], parses[used] = i + 1, 1.0
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
                            e, v, x, c = end[q], value[q], exponent[q], parses[q]
                            if right[r] >= 0:
                                v, x, c = v * value[p], x + exponent[p], c * parses[p]
                                if v < SMALL:
                                    v, x = v * LARGE, x - 1
                            at = slot[e]
                            if at >= begin:
                                value[at], exponent[at] = _sum(value[at], exponent[at], v, x)
                                parses[at] += c
                            else:
                                slot[e] = used
                                end[used], value[used], exponent[used], parses[used] = e, v, x, c
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
            n_parses[k] = chart.parses[p]


@numba.njit(cache=True)
def empty_reach(grammar, longest):
    """A reach for strings of up to `longest` tokens."""
    n_symbols = len(grammar.weight)
    return Reach(
        np.empty((longest + 1, n_symbols)),
        np.empty((longest + 1, n_symbols), np.int32),
        np.empty(longest + 1),
        np.empty(longest + 1, np.int32),
    )


@numba.njit(cache=True)
def fill_reach(grammar, emission, tokens, chart, reach):
    """Fill the reach of a string; returns the length of its longest possible prefix.

    The reach is filled up to there. Every symbol is expanded from left to right (Part 1, the
    dynamic program of generation): its first child begins where it begins, the second wherever
    the first may end.
    """
    first, end, value, exponent = chart.first, chart.end, chart.value, chart.exponent
    rules, left, right, weight = grammar.rules, grammar.left, grammar.right, grammar.weight
    out, out_exponent, prefix, prefix_exponent = reach
    n, n_symbols, n_terminals = len(tokens), len(weight), grammar.n_terminals
    row = n_symbols + 1
    out[: n + 1] = 0.0
    out[0, n_symbols - 1], out_exponent[0, n_symbols - 1] = 1.0, 0
    prefix[0], prefix_exponent[0] = 1.0, 0
    for k in range(n + 1):
        if k > 0:
            v, x = 0.0, 0
            for t in range(n_terminals):
                one = out[k - 1, t] * emission[t + 1, tokens[k - 1]]
                if one > 0.0:
                    v, x = _sum(v, x, one, out_exponent[k - 1, t])
            if v == 0.0:
                return k - 1
            prefix[k], prefix_exponent[k] = _normal(v, x)
        for s in range(n_symbols - 1, n_terminals - 1, -1):
            if out[k, s] == 0.0:
                continue
            v, x = _normal(out[k, s] * weight[s], out_exponent[k, s])
            for r in range(rules[s], rules[s + 1]):
                a, b = left[r], right[r]
                out[k, a], out_exponent[k, a] = _sum(out[k, a], out_exponent[k, a], v, x)
                if b >= 0:
                    for p in range(first[k * row + a], first[k * row + a + 1]):
                        e = end[p]
                        one, one_exponent = _normal(v * value[p], x + exponent[p])
                        out[e, b], out_exponent[e, b] = _sum(
                            out[e, b], out_exponent[e, b], one, one_exponent
                        )
    return n


@numba.njit(cache=True)
def next_rows(grammar, emission, tokens, offsets, rows, log2_prefix, possible):
    """Write for each string its possible[k], and for its prefixes up to there the next tokens.

    rows [N + n, V + 1] (column 0: the end) and log2_prefix [N + n] are string after string, with
    a row more than tokens for each.
    """
    longest = 0
    for k in range(len(offsets) - 1):
        longest = max(longest, offsets[k + 1] - offsets[k])
    chart, reach = empty_chart(grammar, longest, 16 * (longest + 1)), empty_reach(grammar, longest)
    value, exponent, prefix, prefix_exponent = reach
    root = len(grammar.weight) - 1
    for k in range(len(offsets) - 1):
        text = tokens[offsets[k] : offsets[k + 1]]
        chart = inside(grammar, emission, text, chart)
        possible[k] = fill_reach(grammar, emission, text, chart, reach)
        mine = rows[offsets[k] + k : offsets[k + 1] + k + 1]
        mine[:] = 0.0
        if len(text) > 0:
            for p in range(chart.first[root], chart.first[root + 1]):
                e = chart.end[p]
                if e <= possible[k]:
                    mine[e, 0] = _ratio(
                        chart.value[p], chart.exponent[p], prefix[e], prefix_exponent[e]
                    )
        for i in range(possible[k] + 1):
            v, x = prefix[i], prefix_exponent[i]
            log2_prefix[offsets[k] + k + i] = math.log2(v) + UNIT * x
            for t in range(grammar.n_terminals):
                if value[i, t] > 0.0:
                    share = _ratio(value[i, t], exponent[i, t], v, x)
                    for token in range(1, emission.shape[1]):
                        mine[i, token] += share * emission[t + 1, token]


@numba.njit(cache=True)
def fill_beginnings(grammar, n, chart, reach, beginnings):
    """Chart the beginnings: from place i symbol s derives something that begins x_i+1..x_e.

    As `inside`, but the string may end anywhere within the symbol, and only symbols that the reach
    has at that place are charted. Counts are not filled. Returns the chart, or a larger one.
    """
    while not _beginnings(grammar, n, chart, reach, beginnings):
        beginnings = empty_chart(grammar, n, 2 * len(beginnings.end))
    return beginnings


@numba.njit(cache=True)
def _beginnings(grammar, n, chart, reach, beginnings):
    """Fill the chart of beginnings; False if it is too small."""
    first, end, value, exponent = chart.first, chart.end, chart.value, chart.exponent
    first_2, end_2, value_2, exponent_2, _ = beginnings
    rules, left, right, weight = grammar.rules, grammar.left, grammar.right, grammar.weight
    n_terminals, n_symbols, used, reached = grammar.n_terminals, len(weight), 0, reach.value
    row = n_symbols + 1
    slot = np.full(n + 1, -1, np.int64)
    first_2[n * row : (n + 1) * row] = 0
    for i in range(n - 1, -1, -1):
        for s in range(n_symbols):
            begin = used
            first_2[i * row + s] = begin
            if used + n - i > len(end_2):
                return False
            if reached[i, s] == 0.0:
                continue
            if s < n_terminals:
                for p in range(first[i * row + s], first[i * row + s + 1]):
                    end_2[used], value_2[used], exponent_2[used] = end[p], value[p], exponent[p]
                    used += 1
                continue
            for r in range(rules[s], rules[s + 1]):
                a, b = i * row + left[r], right[r]
                # The end lies within the left child, or in the right one after an end of the left:
                # p = -1 stands for the first.
                for p in range(first[a] - 1, first[a + 1] if b >= 0 else first[a]):
                    if p < first[a]:
                        q_begin, q_end, v_left, x_left = first_2[a], first_2[a + 1], 1.0, 0
                    else:
                        after = end[p] * row + b
                        q_begin, q_end = first_2[after], first_2[after + 1]
                        v_left, x_left = value[p], exponent[p]
                    for q in range(q_begin, q_end):
                        e = end_2[q]
                        v, x = _normal(v_left * value_2[q], x_left + exponent_2[q])
                        at = slot[e]
                        if at >= begin:
                            value_2[at], exponent_2[at] = _sum(value_2[at], exponent_2[at], v, x)
                        else:
                            slot[e] = used
                            end_2[used], value_2[used], exponent_2[used] = e, v, x
                            used += 1
            for at in range(begin, used):
                value_2[at], exponent_2[at] = _normal(value_2[at] * weight[s], exponent_2[at])
        first_2[i * row + n_symbols] = used
    return True
