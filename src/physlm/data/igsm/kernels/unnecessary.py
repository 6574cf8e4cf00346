"""What the answer does not need, in compiled code (Part 2.1, appendix D, algorithm 5)."""

import numba
import numpy as np

from physlm.data.igsm.kernels.necessary import add, unknown
from physlm.data.igsm.kernels.randomness import coin, sample
from physlm.data.igsm.kernels.structure import RNG

ANY = 2**62  # operations, however many


@numba.njit
def add_unnecessary(law, n_edges, n_all, n_layers, n_keys, graph, state):
    """Every edge that has no place, computed at random from others, and the totals that these use
    (algorithm 5); returns how many parameters have a place.
    """
    begin, count, part = graph.begin, graph.n_parts, graph.part
    known, keys, pool = graph.known, graph.keys, graph.pool
    left, apart = np.empty(n_edges, np.int64), np.empty(n_edges, np.int64)
    n_left, n_apart = unknown(graph, 0, n_edges, 0), 0
    sample(state, pool, n_left, n_left)
    for i in range(n_left):
        left[i] = pool[i]
    for i in range(n_left):
        p, end = left[i], begin[left[i]]
        # Computed from each other alone, so that they can come early in a topological order.
        alone = coin(state)
        if alone:
            n_pool = n_apart
            for j in range(n_apart):
                pool[j] = apart[j]
            apart[n_apart], n_apart = p, n_apart + 1
        else:
            n_pool = _computable(n_edges, n_all, n_layers, n_keys, graph)
        n = 1
        while n < min(n_pool + 1, law.most_parts) and coin(state):
            n += 1
        if n == n_pool + 1:
            pool[n_pool] = RNG
        else:
            if coin(state):
                part[end] = RNG
                end, n = end + 1, n - 1
            sample(state, pool, n_pool, n)
        for j in range(n):
            part[end] = pool[j]
            end += 1
            if pool[j] != RNG and known[pool[j]] == 0:
                n_keys, _ = add(graph, pool[j], n_keys, ANY)
        count[p], known[p], keys[n_keys] = end - begin[p], 1, p
        n_keys += 1
    return n_keys


@numba.njit
def _computable(n_edges, n_all, n_layers, n_keys, graph):
    """Write to the pool what has a place, then, by level, the totals whose counts all have one;
    returns how many.
    """
    begin, count, part, pool = graph.begin, graph.n_parts, graph.part, graph.pool
    computable = np.empty(n_all, np.int64)
    for p in range(n_all):
        computable[p] = graph.known[p]
        if p >= n_edges and graph.known[p] == 0:
            computable[p] = 1
            for j in range(begin[p], begin[p] + count[p]):
                computable[p] *= computable[part[j]]
    for i in range(n_keys):
        pool[i] = graph.keys[i]
    for level in range(1, n_layers):
        for p in range(n_edges, n_all):
            if graph.level[p] == level and graph.known[p] == 0 and computable[p] == 1:
                pool[n_keys] = p
                n_keys += 1
    return n_keys
