"""Compiled drawing of problems of iGSM (Part 2.1, appendix D, algorithms 1 to 5).

The stages of an attempt follow each other in this file: sizes, structure graph, necessary
parameters, their order, what else each is computed from, all other parameters, values. They are in
one file because numba's cache of compiled code looks at the file of a function alone: a change to a
function of another file would leave its callers as they were.

Parameters have numbers within an attempt: the edges of the structure graph (instance parameters),
ascending by layer, owner and item, then the totals (abstract parameters), from the last layers up,
so that all that a total is the total of comes before it. RNG, a fresh constant, is -1 among parts.

Randomness: SplitMix64 (Steele, Lea and Flood, 2014) from a hash of a 64-bit key; `state` [1] uint64
is its counter. A choice among k is Lemire's multiply-shift with rejection: exactly uniform.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

# Of sizes for a problem, and of graphs for the same sizes.
MAX_ATTEMPTS = 200
MAX_GRAPHS = 50
RNG = -1

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FACTOR_1 = np.uint64(0xBF58476D1CE4E5B9)
_FACTOR_2 = np.uint64(0x94D049BB133111EB)
_11, _27, _30, _31, _32, _63 = (np.uint64(n) for n in (11, 27, 30, 31, 32, 63))
_TWO_32 = np.uint64(1 << 32)
_LOW = np.uint64((1 << 32) - 1)


class Law(NamedTuple):
    """The settings of `Config` that the drawing depends on.

    layers, items [K] int64: the choices of both. most_parts: at least 1. needed: whether added edges
    more likely come from needed parameters. leaves: whether a constant is out once a coin said no.
    n_names [H, C, K] int64: names of kind k of category c of hierarchy h; 0: there is no such kind.
    """

    ip_max: int
    modulus: int
    layers: np.ndarray
    items: np.ndarray
    most_parts: int
    empty: bool
    needed: bool
    leaves: bool
    n_names: np.ndarray


class Graph(NamedTuple):
    """What an attempt has drawn, in arrays with room for the largest graph of the settings.

    L is the most layers, W the most items in one; item j of layer i is i * W + j here.

    sizes [L]: items of each layer. edge [(L - 1) * W * W]: the number of the edge from item a to
    item k of the next layer is edge[a * W + k], -1 where there is none. total [L * W * L]: the number
    of the total of item a over layer k is total[a * L + k], -1 where there is none. child
    [(L - 1) * W + 1]: the edges from item a are child[a] to child[a + 1] - 1.

    code [P]: what parameter p is, see `draw`. level [P]: layers that a total p is over, 0 for an
    edge. begin, count [P]: p needs part[begin[p]] to part[begin[p] + count[p] - 1]; so far, for an
    edge, whose room is most_parts. known [P]: p is in the graph. keys [P]: what is in it, in order.

    pool, found, stack, place [P or more]: for passing use.
    """

    sizes: np.ndarray
    edge: np.ndarray
    total: np.ndarray
    child: np.ndarray
    code: np.ndarray
    level: np.ndarray
    begin: np.ndarray
    count: np.ndarray
    part: np.ndarray
    known: np.ndarray
    keys: np.ndarray
    pool: np.ndarray
    found: np.ndarray
    stack: np.ndarray
    place: np.ndarray


@numba.njit(cache=True)
def next_word(state):
    """The next 64 random bits."""
    state[0] += _STEP
    word = state[0]
    word = (word ^ (word >> _30)) * _FACTOR_1
    word = (word ^ (word >> _27)) * _FACTOR_2
    return word ^ (word >> _31)


@numba.njit(cache=True)
def _real(state):
    """Uniform from 0 to 1, less than 1."""
    return np.int64(next_word(state) >> _11) * 2.0**-53


@numba.njit(cache=True)
def below(state, n):
    """Uniform from 0 to n - 1; n from 1 to 2^32 - 1."""
    size = np.uint64(n)
    product = (next_word(state) >> _32) * size
    if product & _LOW < size:
        # 2^32 is no multiple of n: the first 2^32 mod n low words are one too many for some.
        least = (_TWO_32 - size) % size
        while product & _LOW < least:
            product = (next_word(state) >> _32) * size
    return np.int64(product >> _32)


@numba.njit(cache=True)
def _between(state, least, most):
    """Uniform from least to most."""
    return least + below(state, most - least + 1)


@numba.njit(cache=True)
def _coin(state):
    return next_word(state) >> _63 == np.uint64(0)


@numba.njit(cache=True)
def _sample(state, pool, n_pool, n):
    """Bring n of the first n_pool members, in random order, to the front."""
    for i in range(n):
        j = _between(state, i, n_pool - 1)
        pool[i], pool[j] = pool[j], pool[i]


@numba.njit(cache=True)
def _weighted(state, weights, n):
    """A number below n with these odds."""
    whole = 0.0
    for i in range(n):
        whole += weights[i]
    x = _real(state) * whole
    for i in range(n - 1):
        x -= weights[i]
        if x < 0.0:
            return i
    return n - 1


@numba.njit(cache=True)
def _odds(choices, op, ip_max):
    """Of the k-th of K choices, exp(-(r - a_k) ** 2), a_k evenly spaced from 0.2 to 0.8, where r
    compares the operations with the edges there may be.
    """
    r = (op - 1) / (ip_max - 1)
    squares = np.empty(len(choices))
    for k in range(len(choices)):
        squares[k] = (r - 0.2 - 0.6 * k / max(1, len(choices) - 1)) ** 2
    return np.exp(squares.min() - squares)  # or all would be 0 where r is large


@numba.njit(cache=True)
def _empty(law):
    """Room for any graph of the settings."""
    deep, wide = law.layers[-1], law.items[-1]
    n_pairs = (deep - 1) * wide * wide
    n_edges = min(law.ip_max, n_pairs)
    n = n_edges + wide * deep * (deep - 1) // 2
    return Graph(
        np.empty(deep, np.int64),
        np.empty(n_pairs, np.int64),
        np.empty(deep * wide * deep, np.int64),
        np.empty((deep - 1) * wide + 1, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n_edges * (law.most_parts + 2 * deep - 2), np.int64),
        np.empty(n, np.bool_),
        np.empty(n, np.int64),
        np.empty(max(n_pairs, n) + 1, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
    )


@numba.njit(cache=True)
def _draw_sizes(law, n_edges, n_layers, least, most, sizes, state):
    """Items of each layer: more until the edges have room, then some more while a coin says so."""
    sizes[:n_layers] = least
    p = _real(state)
    while True:
        n_room, pairs, lower = 0, 0, 0
        for layer in range(n_layers):
            n_room += sizes[layer] < most
            if layer > 0:
                pairs += sizes[layer - 1] * sizes[layer]
                lower += sizes[layer]
        # Every item below the top has one edge or more, so no item can be added at the bound.
        if n_room == 0 or (pairs >= n_edges and (lower == n_edges or _real(state) >= p)):
            return
        chosen = below(state, n_room)
        for layer in range(n_layers):
            if sizes[layer] < most:
                if chosen == 0:
                    sizes[layer] += 1
                chosen -= 1


@numba.njit(cache=True)
def draw_structure(law, n_edges, n_layers, least, most, graph, state):
    """A structure graph of exactly n_edges edges (algorithm 1); returns the number of parameters.

    Every layer has `least` to `most` items, so n_edges must be from (n_layers - 1) * least to
    (n_layers - 1) * most ** 2. With `empty`, a total over no items exists and needs nothing; without,
    neither it nor a total that needs it exists.
    """
    sizes, edge, pool = graph.sizes, graph.edge, graph.pool
    deep, wide = law.layers[-1], law.items[-1]
    _draw_sizes(law, n_edges, n_layers, least, most, sizes, state)
    edge[:] = -1
    n = 0
    for layer in range(1, n_layers):
        for item in range(sizes[layer]):
            owner = below(state, sizes[layer - 1])
            edge[((layer - 1) * wide + owner) * wide + item] = 0
            n += 1
    n_pool = 0
    for layer in range(n_layers - 1):
        for owner in range(sizes[layer]):
            for item in range(sizes[layer + 1]):
                at = (layer * wide + owner) * wide + item
                if edge[at] < 0:
                    pool[n_pool] = at
                    n_pool += 1
    _sample(state, pool, n_pool, n_edges - n)
    for i in range(n_edges - n):
        edge[pool[i]] = 0
    return _number(law, n_layers, graph)


@numba.njit(cache=True)
def _number(law, n_layers, graph):
    """Number the edges and the totals, and write what the totals need; returns how many."""
    sizes, edge, total, child = graph.sizes, graph.edge, graph.total, graph.child
    code, level, begin, count, part = graph.code, graph.level, graph.begin, graph.count, graph.part
    deep, wide = law.layers[-1], law.items[-1]
    n = 0
    for a in range((deep - 1) * wide):
        child[a] = n
        for item in range(wide):
            if edge[a * wide + item] >= 0:
                edge[a * wide + item] = n
                code[n] = (a * deep + a // wide + 1) * (wide + 1) + item + 1
                level[n], begin[n], count[n] = 0, n * law.most_parts, 0
                n += 1
    child[(deep - 1) * wide] = n
    end = n * law.most_parts
    for layer in range(n_layers - 2, -1, -1):
        for a in range(layer * wide, layer * wide + sizes[layer]):
            for k in range(layer + 1, n_layers):
                begin[n], exists = end, law.empty or child[a] < child[a + 1]
                for e in range(child[a], child[a + 1]):
                    part[end] = e
                    end += 1
                    if k > layer + 1:
                        # The count of every child, and how many of the category each has.
                        lower = (layer + 1) * wide + code[e] % (wide + 1) - 1
                        part[end] = total[lower * deep + k]
                        exists &= part[end] >= 0
                        end += 1
                total[a * deep + k] = n if exists else -1
                if exists:
                    code[n] = (a * deep + k) * (wide + 1)
                    level[n], count[n] = k - layer, end - begin[n]
                    n += 1
    graph.known[:n] = False
    return n


@numba.njit(cache=True)
def _missing(graph, p):
    """Write p and all that it needs, directly or not, but what is known, to `found`, parts first;
    returns how many.
    """
    begin, count, part, known = graph.begin, graph.count, graph.part, graph.known
    found, stack, place = graph.found, graph.stack, graph.place
    n, depth = 0, 0
    stack[0], place[0] = p, 0
    while depth >= 0:
        q = stack[depth]
        if place[depth] < count[q]:
            r = part[begin[q] + place[depth]]
            place[depth] += 1
            if not known[r]:
                depth += 1
                stack[depth], place[depth] = r, 0
        else:
            found[n] = q
            n += 1
            known[q] = True  # for now, so that it is found once
            depth -= 1
    for i in range(n):
        known[found[i]] = False
    return n


@numba.njit(cache=True)
def _add_found(graph, n_found, n_keys):
    """Take what `_missing` found into the graph; returns how many parameters that has."""
    for i in range(n_found):
        graph.known[graph.found[i]] = True
        graph.keys[n_keys + i] = graph.found[i]
    return n_keys + n_found


@numba.njit(cache=True)
def draw_parameters(n_edges, n_all, n_layers, n, m, graph, state):
    """Totals with all they need, at most n operations, then single counts, at most m (algorithm 2);
    returns how many parameters.

    Each round adds one total, of the highest level whose candidate (one a level) has room.
    """
    count, level, known, pool = graph.count, graph.level, graph.known, graph.pool
    n_keys, op = 0, 0
    added = True
    while added:
        added = False
        for high in range(n_layers - 1, 0, -1):
            n_pool = 0
            for p in range(n_edges, n_all):
                if level[p] == high and not known[p]:
                    pool[n_pool] = p
                    n_pool += 1
            if n_pool == 0:
                continue
            n_found, cost = _missing(graph, pool[below(state, n_pool)]), 0
            for i in range(n_found):
                cost += max(1, count[graph.found[i]] - 1)
            if op + cost <= n:
                n_keys, op, added = _add_found(graph, n_found, n_keys), op + cost, True
                break
    n_pool = 0
    for p in range(n_edges):
        if not known[p]:
            pool[n_pool] = p
            n_pool += 1
    n_single = min(m - op, n_pool)
    _sample(state, pool, n_pool, n_single)
    graph.found[:n_single] = pool[:n_single]
    return _add_found(graph, n_single, n_keys)


@numba.njit(cache=True)
def _biased(pool, n_pool, needed, n_edges, like_needed, odds, weights, state):
    """A member of the pool: the odds rise by a factor for a total, and for one that is needed or,
    by the settings, for one that is not.
    """
    for i in range(n_pool):
        weights[i] = odds if pool[i] >= n_edges else 1.0
        if needed[pool[i]] == like_needed:
            weights[i] *= odds
    return pool[_weighted(state, weights, n_pool)]


@numba.njit(cache=True)
def draw_order(law, n_edges, n_keys, graph, state):
    """A topological order whose last parameter needs all others, adding needs for that (algorithm
    3, remark D.4); False where there is none.

    Works from the query backwards. An instance parameter gets at most one need. There is no order
    where a total would have to be computed from more than it is the total of.
    """
    begin, count, part, keys = graph.begin, graph.count, graph.part, graph.keys
    rest, pool = graph.found, graph.pool
    users = np.zeros(len(keys), np.int64)  # those in `rest` that need it
    needed = np.zeros(len(keys), np.bool_)  # by one that has its place
    weights = np.empty(n_keys)
    rest[:n_keys] = keys[:n_keys]
    for i in range(n_keys):
        for j in range(begin[keys[i]], begin[keys[i]] + count[keys[i]]):
            users[part[j]] += 1
    p_extra = _real(state)
    # The size of a normal number (Box and Muller).
    radius = math.sqrt(-2.0 * math.log(1.0 - _real(state)))
    odds = math.exp(radius * abs(math.cos(2.0 * math.pi * _real(state))))
    n_rest, n_pool = n_keys, 0
    for i in range(n_rest):
        if users[rest[i]] == 0:
            pool[n_pool] = i
            n_pool += 1
    at = pool[below(state, n_pool)]
    while True:
        p = rest[at]
        n_rest -= 1
        keys[n_rest] = p
        rest[at] = rest[n_rest]
        for j in range(begin[p], begin[p] + count[p]):
            users[part[j]] -= 1
            needed[part[j]] = True
        if n_rest == 0:
            return True
        any_ready = False
        for i in range(n_rest):
            any_ready |= users[rest[i]] == 0 and needed[rest[i]]
        if not any_ready or (p < n_edges and _real(state) < p_extra):
            if p >= n_edges:
                return False
            n_pool = 0
            for i in range(n_rest):
                if any_ready or users[rest[i]] == 0:
                    pool[n_pool] = rest[i]
                    n_pool += 1
            new = _biased(pool, n_pool, needed, n_edges, law.needed, odds, weights, state)
            part[begin[p]], count[p] = new, 1
            needed[new] = True
        n_pool = 0
        for i in range(n_rest):
            if users[rest[i]] == 0 and needed[rest[i]]:
                pool[n_pool] = i
                n_pool += 1
        at = pool[below(state, n_pool)]


@numba.njit(cache=True)
def draw_parts(law, op, n_edges, n_keys, graph, state):
    """What else each instance parameter is computed from, so that operations sum to `op` (algorithm
    4); returns how many they could at most sum to, and does nothing where that is less.
    """
    begin, count, part, keys, pool = graph.begin, graph.count, graph.part, graph.keys, graph.pool
    extra, room = graph.found, graph.stack
    least, could, n_pool = 0, 0, 0
    for i in range(n_keys):
        p = keys[i]
        least += max(1, count[p] - 1)
        extra[i], room[i] = 0, min(i + 1, law.most_parts) - 2
        if p < n_edges and room[i] > 0:
            could += room[i]
            pool[n_pool] = i
            n_pool += 1
    could += least
    if could < op:
        return could
    for _ in range(op - least):
        j = below(state, n_pool)
        i = pool[j]
        extra[i] += 1
        if extra[i] == room[i]:
            n_pool -= 1
            pool[j] = pool[n_pool]
    for i in range(n_keys):
        p = keys[i]
        if p >= n_edges:
            continue
        wanted = extra[i] + 2 if extra[i] > 0 else _between(state, 1, 2)
        wanted = min(wanted, i + 1, law.most_parts) - count[p]
        pool[0], n_pool = RNG, 1
        for j in range(i):
            if count[p] == 0 or keys[j] != part[begin[p]]:
                pool[n_pool] = keys[j]
                n_pool += 1
        end = begin[p] + count[p]
        if 0 < wanted < n_pool:
            constant = _coin(state)
            if constant:
                part[end] = RNG
                end, wanted = end + 1, wanted - 1
            if constant or law.leaves:
                n_pool -= 1
                pool[0] = pool[n_pool]
        _sample(state, pool, n_pool, wanted)
        part[end : end + wanted] = pool[:wanted]
        count[p] = end + wanted - begin[p]
    return could


@numba.njit(cache=True)
def add_unnecessary(law, n_edges, n_all, n_layers, n_keys, graph, state):
    """Every edge that the graph lacks, computed at random from others, and the totals that these
    use (algorithm 5); returns how many parameters the graph has.
    """
    begin, count, part = graph.begin, graph.count, graph.part
    known, keys, pool = graph.known, graph.keys, graph.pool
    left, apart = np.empty(n_edges, np.int64), np.empty(n_edges, np.int64)
    n_left, n_apart = 0, 0
    for p in range(n_edges):
        if not known[p]:
            left[n_left] = p
            n_left += 1
    _sample(state, left, n_left, n_left)
    for i in range(n_left):
        p = left[i]
        # Computed from each other alone, so that they can come early in a topological order.
        alone = _coin(state)
        if alone:
            n_pool = n_apart
            pool[:n_pool] = apart[:n_pool]
        else:
            n_pool = _computable(n_edges, n_all, n_layers, n_keys, graph)
        n = 1
        while n < min(n_pool + 1, law.most_parts) and _coin(state):
            n += 1
        end = begin[p]
        if n == n_pool + 1:
            pool[n_pool] = RNG
        else:
            if _coin(state):
                part[end] = RNG
                end, n = end + 1, n - 1
            _sample(state, pool, n_pool, n)
        part[end : end + n] = pool[:n]
        end += n
        for j in range(begin[p], end):
            if part[j] != RNG and not known[part[j]]:
                n_keys = _add_found(graph, _missing(graph, part[j]), n_keys)
        count[p] = end - begin[p]
        known[p] = True
        keys[n_keys] = p
        n_keys += 1
        if alone:
            apart[n_apart] = p
            n_apart += 1
    return n_keys


@numba.njit(cache=True)
def _computable(n_edges, n_all, n_layers, n_keys, graph):
    """Write to the pool what is in the graph, and the totals whose counts all are; returns how many."""
    pool, found = graph.pool, graph.found
    pool[:n_keys] = graph.keys[:n_keys]
    n_pool = n_keys
    for level in range(1, n_layers):
        for p in range(n_edges, n_all):
            if graph.level[p] == level and not graph.known[p]:
                counts = True
                for i in range(_missing(graph, p)):
                    counts &= found[i] >= n_edges
                if counts:
                    pool[n_pool] = p
                    n_pool += 1
    return n_pool


@numba.njit(cache=True)
def _define(law, n_edges, n_keys, graph, values, constants, forms, state):
    """Constants (-1: none) and forms (see `draw`) of sentences, and the values that follow, of each
    parameter. RNG is taken out of the parts.
    """
    begin, count, part, level = graph.begin, graph.count, graph.part, graph.level
    modulus = law.modulus
    for i in range(n_keys):
        p, value = graph.keys[i], 0
        if p >= n_edges:
            for j in range(begin[p], begin[p] + count[p], 1 if level[p] == 1 else 2):
                term = values[part[j]] * (1 if level[p] == 1 else values[part[j + 1]])
                value = (value + term) % modulus
            values[p] = value
            continue
        n = 0
        for j in range(begin[p], begin[p] + count[p]):
            if part[j] != RNG:
                part[begin[p] + n] = part[j]
                n += 1
        constants[p], times = -1, False
        if n < count[p]:
            times = n > 0 and _coin(state)
            constants[p] = _between(state, 1 if times else 0, modulus - 1)
        count[p] = n
        difference = n == 2 and _coin(state)
        for j in range(n):
            other = values[part[begin[p] + j]]
            value += -other if difference and j == 1 else other
        if constants[p] >= 0:
            value = constants[p] * (value % modulus) if times else constants[p] + value
        values[p], forms[p] = value % modulus, 2 * times + difference


@numba.njit(cache=True)
def _write(law, n_edges, n_layers, n_keys, n_solution, graph, state):
    """The problem in one array, see `draw`."""
    begin, count, part, keys, pool = graph.begin, graph.count, graph.part, graph.keys, graph.pool
    n_names, place = law.n_names, graph.place
    values = np.empty(n_keys, np.int64)
    constants, forms = np.empty(n_edges, np.int64), np.empty(n_edges, np.int64)
    _define(law, n_edges, n_keys, graph, values, constants, forms, state)
    out = np.empty(
        6 + 3 * (n_keys + n_edges) + len(part) + n_layers * (2 + law.items[-1]), np.int64
    )
    out[:4] = n_layers, n_edges, n_keys, n_solution
    n_hierarchies, n_categories = n_names.shape[:2]
    out[4], out[5] = below(state, n_hierarchies), below(state, n_categories - n_layers + 1)
    ends, end = 6 + 2 * n_keys, 6 + 3 * n_keys
    for i in range(n_keys):
        p = keys[i]
        place[p] = i
        out[6 + i], out[6 + n_keys + i] = graph.code[p], values[p]
        for j in range(begin[p], begin[p] + count[p]):
            out[end] = place[part[j]]
            end += 1
        out[ends + i] = end - 6 - 3 * n_keys
    for p in range(n_edges):
        pool[p] = p
    _sample(state, pool, n_edges, n_edges)
    for i in range(n_edges):
        p = pool[i]
        out[end : end + 3] = place[p], constants[p], forms[p]
        end += 3
    for layer in range(n_layers):
        kinds = n_names[out[4], out[5] + layer]
        n_kinds = 0
        for k in range(len(kinds)):
            n_kinds += kinds[k] > 0
        kind = below(state, n_kinds)
        items = np.arange(kinds[kind])
        n_items = graph.sizes[layer]
        _sample(state, items, len(items), n_items)
        out[end], out[end + 1] = kind, n_items
        out[end + 2 : end + 2 + n_items] = items[:n_items]
        end += 2 + n_items
    return out[:end]


@numba.njit(cache=True)
def draw(key, op, law):
    """A problem of exactly `op` operations, as (op, int64 array); where no attempt had room for
    them, (the most that one had room for or 0, an empty array).

    The array is, one after the other:
    * n_layers, E, K, n_solution, hierarchy, start: E edges, K parameters, of which the first
      n_solution are the solution; the category of layer i is number start + i of the hierarchy;
    * [K] the parameters in topological order: number ((layer * W + owner) * L + below) * (W + 1) +
      item + 1, with L the most layers and W the most items of the settings;
    * [K] their values;
    * [K] where their parts end, of
    * all parts, as places among the parameters;
    * [E, 3] the sentences as written: place of the parameter, constant (-1: none), form (1 for a
      difference, 2 for a constant that multiplies, 3 for both, 0 for neither);
    * for each layer: kind, number of items, and which name of the kind each has.
    """
    state = np.empty(1, np.uint64)
    state[0] = np.uint64(key)
    state[0] = next_word(state)
    graph = _empty(law)
    layer_odds = _odds(law.layers, op, law.ip_max)
    item_odds = _odds(law.items, op, law.ip_max)
    most_op = 0
    for _ in range(MAX_ATTEMPTS):
        n = max(_between(state, 1, op), _between(state, 1, op))
        m = _between(state, n, op)
        # Larger the more operations are wanted.
        n_layers = law.layers[_weighted(state, layer_odds, len(layer_odds))]
        a = law.items[_weighted(state, item_odds, len(item_odds))]
        b = law.items[_weighted(state, item_odds, len(item_odds))]
        least, most, steps = min(a, b), max(a, b), n_layers - 1
        n_edges = _between(state, steps * least, law.ip_max)
        n_edges = min(n_edges, _between(state, steps * least, law.ip_max), steps * most**2)
        # No count and no total has more operations than this; a total over nothing has one.
        bound = n_edges * (max(1, law.most_parts - 1) + 2 * n_layers - 3)
        if bound + most * n_layers * steps // 2 < op:
            continue
        # Where there is no order, another graph of the same sizes: sizes that leave few orders are
        # as likely as others.
        n_all, n_keys, ordered = 0, 0, False
        for _ in range(MAX_GRAPHS):
            n_all = draw_structure(law, n_edges, n_layers, least, most, graph, state)
            n_keys = draw_parameters(n_edges, n_all, n_layers, n, m, graph, state)
            ordered = draw_order(law, n_edges, n_keys, graph, state)
            if ordered:
                break
        if not ordered:
            continue
        could = draw_parts(law, op, n_edges, n_keys, graph, state)
        if could < op:
            most_op = max(most_op, could)
            continue
        n_solution = n_keys
        n_keys = add_unnecessary(law, n_edges, n_all, n_layers, n_keys, graph, state)
        for p in range(n_edges, n_all):
            if not graph.known[p]:  # a total that nothing uses
                graph.keys[n_keys] = p
                n_keys += 1
        return op, _write(law, n_edges, n_layers, n_keys, n_solution, graph, state)
    return most_op, np.empty(0, np.int64)
