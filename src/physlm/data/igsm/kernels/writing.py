"""Constants, values, written order and names of a problem, in compiled code; and the whole of it
in one array (see physlm.data.igsm.kernels.attempts.draw).
"""

import numba
import numpy as np

from physlm.data.igsm.kernels.randomness import below, between, coin, sample
from physlm.data.igsm.kernels.structure import RNG


@numba.njit
def _define(law, p, graph, values, state):
    """The constant of a sentence (-1: none) and its form (see `draw`); writes the value of the
    parameter. RNG is taken out of its parts.
    """
    begin, count, part, modulus = graph.begin[p], graph.n_parts, graph.part, law.modulus
    n, value = 0, 0
    for j in range(begin, begin + count[p]):
        if part[j] != RNG:
            part[begin + n] = part[j]
            n += 1
    constant, times = -1, 0
    if n < count[p]:
        times = 1 if n > 0 and coin(state) else 0
        constant = between(state, times, modulus - 1)
    difference = 1 if n == 2 and coin(state) else 0
    count[p] = n
    for j in range(n):
        other = values[part[begin + j]]
        value += -other if j == difference == 1 else other
    value %= modulus
    if constant >= 0:
        value = (constant * value if times == 1 else constant + value) % modulus
    values[p] = value
    return constant, 2 * times + difference


@numba.njit
def _total(law, p, graph, values):
    """The value of a total: the sum of counts, or of counts times totals below."""
    part, begin, value = graph.part, graph.begin[p], 0
    step = 1 if graph.level[p] == 1 else 2
    for j in range(begin, begin + graph.n_parts[p], step):
        other = values[part[j + 1]] if step == 2 else 1
        value = (value + values[part[j]] * other) % law.modulus
    return value


@numba.njit
def write(law, n_edges, n_layers, n_keys, n_solution, graph, state):
    """The problem in one array, see `draw`."""
    begin, count, part = graph.begin, graph.n_parts, graph.part
    keys, pool, kinds = graph.keys, graph.pool, law.n_names
    values, place = np.empty(n_keys, np.int64), np.empty(n_keys, np.int64)
    constant, form = np.empty(n_edges, np.int64), np.empty(n_edges, np.int64)
    n = 6 + 3 * n_keys + len(part) + 3 * n_edges + n_layers * (2 + law.items[-1])
    out, end = np.empty(n, np.int64), 6 + 3 * n_keys
    out[0], out[1], out[2], out[3] = n_layers, n_edges, n_keys, n_solution
    out[4], out[5] = below(state, len(kinds)), below(state, len(kinds[0]) - n_layers + 1)
    for i in range(n_keys):
        p = keys[i]
        if p < n_edges:
            constant[p], form[p] = _define(law, p, graph, values, state)
        else:
            values[p] = _total(law, p, graph, values)
        place[p] = i
        for j in range(begin[p], begin[p] + count[p]):
            out[end], end = place[part[j]], end + 1
        out[6 + i], out[6 + n_keys + i] = graph.code[p], values[p]
        out[6 + 2 * n_keys + i] = end - 6 - 3 * n_keys
    for p in range(n_edges):
        pool[p] = p
    sample(state, pool, n_edges, n_edges)
    for i in range(n_edges):
        p = pool[i]
        out[end], out[end + 1], out[end + 2] = place[p], constant[p], form[p]
        end += 3
    for layer in range(n_layers):
        of = kinds[out[4], out[5] + layer]
        n_kinds = 0
        for k in range(len(of)):
            n_kinds += of[k] > 0
        kind, n_items = below(state, n_kinds), graph.sizes[layer]
        names = np.arange(of[kind])
        sample(state, names, len(names), n_items)
        out[end], out[end + 1], end = kind, n_items, end + 2
        for i in range(n_items):
            out[end], end = names[i], end + 1
    return out[:end]
