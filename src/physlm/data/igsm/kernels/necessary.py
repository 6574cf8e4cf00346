"""What the answer needs, in compiled code (Part 2.1, appendix D, algorithms 2 to 4): which
parameters, in what order, computed from what.
"""

import math

import numba
import numpy as np

from physlm.data.igsm.kernels.randomness import below, between, coin, real, sample, weighted
from physlm.data.igsm.kernels.structure import RNG


@numba.njit
def add(graph, p, n_keys, most_op):
    """Give p and all that it needs, directly or not, their places, if these are at most most_op
    operations; returns how many parameters have theirs and the operations (0: not added).
    """
    begin, count, part = graph.begin, graph.n_parts, graph.part
    known, keys = graph.known, graph.keys
    known[p] = 2  # for now: found
    op, first = 0, p
    for q in range(p, -1, -1):
        if known[q] == 2:
            op, first = op + max(1, count[q] - 1), q
            for j in range(begin[q], begin[q] + count[q]):
                if known[part[j]] == 0:
                    known[part[j]] = 2
    fits = op <= most_op
    for q in range(first, p + 1):
        if known[q] == 2:
            known[q] = 1 if fits else 0
            if fits:
                keys[n_keys] = q
                n_keys += 1
    return n_keys, op if fits else 0


@numba.njit
def unknown(graph, first, last, level):
    """Write those of a level from `first` to `last` - 1 without a place to the pool; returns how
    many.
    """
    n_pool = 0
    for p in range(first, last):
        if graph.level[p] == level and graph.known[p] == 0:
            graph.pool[n_pool] = p
            n_pool += 1
    return n_pool


@numba.njit
def draw_parameters(n_edges, n_all, n_layers, n, m, graph, state):
    """Totals with all they need, at most n operations, then single counts, at most m (algorithm 2);
    returns how many parameters.

    Each round adds one total, of the highest level whose candidate (one a level) has room.
    """
    n_keys, op, level = 0, 0, n_layers - 1
    while level > 0:
        n_pool, added = unknown(graph, n_edges, n_all, level), 0
        if n_pool > 0:
            n_keys, added = add(graph, graph.pool[below(state, n_pool)], n_keys, n - op)
            op += added
        level = n_layers - 1 if added > 0 else level - 1
    n_pool = unknown(graph, 0, n_edges, 0)
    n_single = min(m - op, n_pool)
    sample(state, graph.pool, n_pool, n_single)
    for i in range(n_single):
        n_keys, _ = add(graph, graph.pool[i], n_keys, 1)
    return n_keys


@numba.njit
def draw_order(law, n_edges, n_keys, graph, state):
    """A topological order whose last parameter needs all others, adding needs for that (algorithm
    3, remark D.4); False where there is none.

    Works from the query backwards. An instance parameter gets at most one need. There is no order
    where a total would have to be computed from more than it is the total of.
    """
    begin, count, part = graph.begin, graph.n_parts, graph.part
    keys, pool = graph.keys, graph.pool
    users = np.zeros(len(keys), np.int64)  # those without their place that need it
    needed = np.zeros(len(keys), np.int64)  # 1: by one that has its place
    odds = np.empty(n_keys)
    for i in range(n_keys):
        for j in range(begin[keys[i]], begin[keys[i]] + count[keys[i]]):
            users[part[j]] += 1
    p_extra = real(state)
    # exp of the size of a normal number (Box and Muller).
    radius = math.sqrt(-2.0 * math.log(1.0 - real(state)))
    factor = math.exp(radius * abs(math.cos(2.0 * math.pi * real(state))))
    n_pool = 0
    for i in range(n_keys):
        if users[keys[i]] == 0:
            pool[n_pool] = i
            n_pool += 1
    # The first n of the keys have no place yet.
    for n in range(n_keys - 1, 0, -1):
        i = pool[below(state, n_pool)]
        p = keys[i]
        keys[i], keys[n] = keys[n], p
        for j in range(begin[p], begin[p] + count[p]):
            users[part[j]] -= 1
            needed[part[j]] = 1
        n_ready = 0
        for i in range(n):
            n_ready += users[keys[i]] == 0 and needed[keys[i]] == 1
        if n_ready == 0 and p >= n_edges:
            return False
        if n_ready == 0 or (p < n_edges and real(state) < p_extra):
            # One of those that can be next if it is to be, else any. The odds rise with a total,
            # and with one that is needed or, by the settings, one that is not.
            n_pool = 0
            for i in range(n):
                if n_ready > 0 or users[keys[i]] == 0:
                    pool[n_pool] = keys[i]
                    odds[n_pool] = factor if keys[i] >= n_edges else 1.0
                    if (needed[keys[i]] == 1) == law.needed:
                        odds[n_pool] *= factor
                    n_pool += 1
            new = pool[weighted(state, odds, n_pool)]
            part[begin[p]], count[p], needed[new] = new, 1, 1
        n_pool = 0
        for i in range(n):
            if users[keys[i]] == 0 and needed[keys[i]] == 1:
                pool[n_pool] = i
                n_pool += 1
    return True


@numba.njit
def draw_parts(law, op, n_edges, n_keys, graph, state):
    """What else each instance parameter is computed from, so that operations sum to `op` (algorithm
    4); returns how many they could at most sum to, and does nothing where that is less.
    """
    begin, count, part = graph.begin, graph.n_parts, graph.part
    keys, pool = graph.keys, graph.pool
    extra = np.zeros(n_keys, np.int64)
    least, room, n_pool = 0, 0, 0
    for i in range(n_keys):
        least += max(1, count[keys[i]] - 1)
        if keys[i] < n_edges and min(i + 1, law.most_parts) > 2:
            room += min(i + 1, law.most_parts) - 2
            pool[n_pool] = i
            n_pool += 1
    for _ in range(op - least if least + room >= op else 0):
        j = below(state, n_pool)
        i = pool[j]
        extra[i] += 1
        if extra[i] == min(i + 1, law.most_parts) - 2:
            n_pool -= 1
            pool[j] = pool[n_pool]
    for i in range(n_keys if least + room >= op else 0):
        p = keys[i]
        if p >= n_edges:
            continue
        wanted = extra[i] + 2 if extra[i] > 0 else between(state, 1, 2)
        wanted = min(wanted, i + 1, law.most_parts) - count[p]
        pool[0], n_pool = RNG, 1
        for j in range(i):
            if count[p] == 0 or keys[j] != part[begin[p]]:
                pool[n_pool] = keys[j]
                n_pool += 1
        end = begin[p] + count[p]
        if 0 < wanted < n_pool:
            constant = coin(state)
            if constant:
                part[end] = RNG
                end, wanted = end + 1, wanted - 1
            if constant or law.leaves:
                n_pool -= 1
                pool[0] = pool[n_pool]
        sample(state, pool, n_pool, wanted)
        for j in range(wanted):
            part[end + j] = pool[j]
        count[p] = end + wanted - begin[p]
    return least + room
