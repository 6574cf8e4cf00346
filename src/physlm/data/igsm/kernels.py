"""Compiled drawing of problems of iGSM (Part 2.1, appendix D, algorithms 1 to 5).

The stages of an attempt follow each other in this file: structure graph, necessary parameters,
their order, what else each is computed from, all other parameters, values. They are in one file
because numba's cache of compiled code looks at the file of a function alone: a change to a function
of another file would leave its callers as they were.

Within an attempt parameters are numbers: the edges of the structure graph (instance parameters),
ascending by layer, owner and item, then the totals (abstract parameters), lower layers first, so
that all that a total is the total of comes before it. RNG, a fresh constant, is -1 among parts.

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
ANY = 2**62  # operations, however many

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FACTOR_1 = np.uint64(0xBF58476D1CE4E5B9)
_FACTOR_2 = np.uint64(0x94D049BB133111EB)
_11, _27, _30, _31, _32, _63 = (np.uint64(n) for n in (11, 27, 30, 31, 32, 63))
_TWO_32 = np.uint64(1 << 32)
_LOW = np.uint64((1 << 32) - 1)


class Law(NamedTuple):
    """The settings of `Config` that the drawing depends on, and the odds that go with an op.

    layers, items [K] int64: the choices of both, with odds [K]. needed: whether added edges more
    likely come from needed parameters. leaves: whether a constant is out once a coin said no.
    n_names [H, C, K] int64: names of kind k of category c of hierarchy h; 0: there is no such kind.
    """

    ip_max: int
    modulus: int
    layers: np.ndarray
    layer_odds: np.ndarray
    items: np.ndarray
    item_odds: np.ndarray
    most_parts: int
    empty: bool
    needed: bool
    leaves: bool
    n_names: np.ndarray


class Graph(NamedTuple):
    """What an attempt has drawn, with room for the P parameters that the settings allow.

    sizes [L]: items of each layer. code [P]: what parameter p is, see `draw`. level [P]: layers
    that total p is over, 0 for an edge. begin, n_parts [P]: p needs part[begin[p]] to
    part[begin[p] + n_parts[p] - 1] as far as is drawn; an edge has room for most_parts. known [P]:
    whether p has its place; keys [P]: those that have, in order. pool [P or more]: what is chosen
    from.
    """

    sizes: np.ndarray
    code: np.ndarray
    level: np.ndarray
    begin: np.ndarray
    n_parts: np.ndarray
    part: np.ndarray
    known: np.ndarray
    keys: np.ndarray
    pool: np.ndarray


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
def _coin(state):
    return next_word(state) >> _63 == np.uint64(0)


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
def _sample(state, pool, n_pool, n):
    """Bring n of the first n_pool members, in random order, to the front."""
    for i in range(n):
        j = _between(state, i, n_pool - 1)
        pool[i], pool[j] = pool[j], pool[i]


@numba.njit(cache=True)
def _weighted(state, odds, n):
    """A number below n with these odds."""
    whole = 0.0
    for i in range(n):
        whole += odds[i]
    x = _real(state) * whole
    for i in range(n - 1):
        x -= odds[i]
        if x < 0.0:
            return i
    return n - 1


@numba.njit(cache=True)
def _draw_sizes(n_edges, n_layers, least, most, sizes, state):
    """Items of each layer: more until the edges have room, then some more while a coin says so."""
    for layer in range(n_layers):
        sizes[layer] = least
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
        chosen, layer = below(state, n_room), 0
        while chosen > 0 or sizes[layer] == most:
            chosen -= sizes[layer] < most
            layer += 1
        sizes[layer] += 1


@numba.njit(cache=True)
def draw_structure(law, n_edges, n_layers, least, most, graph, state):
    """A structure graph of exactly n_edges edges (algorithm 1); returns the number of parameters.

    Every layer has `least` to `most` items, so n_edges must be from (n_layers - 1) * least to
    (n_layers - 1) * most ** 2. With `empty`, a total over no items exists and needs nothing; else
    neither it nor a total that needs it exists.
    """
    sizes, pool, wide = graph.sizes, graph.pool, law.items[-1]
    _draw_sizes(n_edges, n_layers, least, most, sizes, state)
    # An item of a layer and one of the next are the pair (layer * W + owner) * W + item.
    edge = np.zeros((n_layers - 1) * wide * wide, np.int64)
    n = 0
    for layer in range(n_layers - 1):
        for item in range(sizes[layer + 1]):
            edge[(layer * wide + below(state, sizes[layer])) * wide + item] = 1
            n += 1
    n_pool = 0
    for layer in range(n_layers - 1):
        for owner in range(sizes[layer]):
            for item in range(sizes[layer + 1]):
                pair = (layer * wide + owner) * wide + item
                if edge[pair] == 0:
                    pool[n_pool] = pair
                    n_pool += 1
    _sample(state, pool, n_pool, n_edges - n)
    for i in range(n_edges - n):
        edge[pool[i]] = 1
    return _number(law, n_layers, edge, graph)


@numba.njit(cache=True)
def _number(law, n_layers, edge, graph):
    """Number the edges and the totals, and write what the totals need; returns how many.

    edge [pairs]: whether there is one.
    """
    sizes, code, level, known = graph.sizes, graph.code, graph.level, graph.known
    begin, count, part = graph.begin, graph.n_parts, graph.part
    deep, wide, n = law.layers[-1], law.items[-1], 0
    # Item a = layer * W + owner has the edges child[a] to child[a + 1] - 1 and the totals
    # total[a * L + k] over layer k (-1: there is none).
    child = np.empty((n_layers - 1) * wide + 1, np.int64)
    total = np.empty(n_layers * wide * deep, np.int64)
    for a in range((n_layers - 1) * wide):
        child[a] = n
        for item in range(wide):
            if edge[a * wide + item] == 1:
                code[n] = (a * deep + a // wide + 1) * (wide + 1) + item + 1
                level[n], begin[n], count[n], known[n] = 0, n * law.most_parts, 0, 0
                n += 1
    child[-1], end = n, n * law.most_parts
    for layer in range(n_layers - 2, -1, -1):
        for a in range(layer * wide, layer * wide + sizes[layer]):
            for k in range(layer + 1, n_layers):
                begin[n], exists = end, law.empty or child[a] < child[a + 1]
                for e in range(child[a], child[a + 1]):
                    part[end], end = e, end + 1
                    if k > layer + 1:
                        # The count of every child, and how many of the category each has.
                        lower = total[((layer + 1) * wide + code[e] % (wide + 1) - 1) * deep + k]
                        part[end], end = lower, end + 1
                        exists = exists and lower >= 0
                total[a * deep + k] = n if exists else -1
                if exists:
                    code[n], level[n] = (a * deep + k) * (wide + 1), k - layer
                    count[n], known[n] = end - begin[n], 0
                    n += 1
    return n


@numba.njit(cache=True)
def _add(graph, p, n_keys, most_op):
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


@numba.njit(cache=True)
def _unknown(graph, first, last, level):
    """Write those of a level from `first` to `last` - 1 without a place to the pool; returns how
    many.
    """
    n_pool = 0
    for p in range(first, last):
        if graph.level[p] == level and graph.known[p] == 0:
            graph.pool[n_pool] = p
            n_pool += 1
    return n_pool


@numba.njit(cache=True)
def draw_parameters(n_edges, n_all, n_layers, n, m, graph, state):
    """Totals with all they need, at most n operations, then single counts, at most m (algorithm 2);
    returns how many parameters.

    Each round adds one total, of the highest level whose candidate (one a level) has room.
    """
    n_keys, op, level = 0, 0, n_layers - 1
    while level > 0:
        n_pool, added = _unknown(graph, n_edges, n_all, level), 0
        if n_pool > 0:
            n_keys, added = _add(graph, graph.pool[below(state, n_pool)], n_keys, n - op)
            op += added
        level = n_layers - 1 if added > 0 else level - 1
    n_pool = _unknown(graph, 0, n_edges, 0)
    n_single = min(m - op, n_pool)
    _sample(state, graph.pool, n_pool, n_single)
    for i in range(n_single):
        n_keys, _ = _add(graph, graph.pool[i], n_keys, 1)
    return n_keys


@numba.njit(cache=True)
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
    p_extra = _real(state)
    # exp of the size of a normal number (Box and Muller).
    radius = math.sqrt(-2.0 * math.log(1.0 - _real(state)))
    factor = math.exp(radius * abs(math.cos(2.0 * math.pi * _real(state))))
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
        if n_ready == 0 or (p < n_edges and _real(state) < p_extra):
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
            new = pool[_weighted(state, odds, n_pool)]
            part[begin[p]], count[p], needed[new] = new, 1, 1
        n_pool = 0
        for i in range(n):
            if users[keys[i]] == 0 and needed[keys[i]] == 1:
                pool[n_pool] = i
                n_pool += 1
    return True


@numba.njit(cache=True)
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
        for j in range(wanted):
            part[end + j] = pool[j]
        count[p] = end + wanted - begin[p]
    return least + room


@numba.njit(cache=True)
def add_unnecessary(law, n_edges, n_all, n_layers, n_keys, graph, state):
    """Every edge that has no place, computed at random from others, and the totals that these use
    (algorithm 5); returns how many parameters have a place.
    """
    begin, count, part = graph.begin, graph.n_parts, graph.part
    known, keys, pool = graph.known, graph.keys, graph.pool
    left, apart = np.empty(n_edges, np.int64), np.empty(n_edges, np.int64)
    n_left, n_apart = _unknown(graph, 0, n_edges, 0), 0
    _sample(state, pool, n_left, n_left)
    for i in range(n_left):
        left[i] = pool[i]
    for i in range(n_left):
        p, end = left[i], begin[left[i]]
        # Computed from each other alone, so that they can come early in a topological order.
        alone = _coin(state)
        if alone:
            n_pool = n_apart
            for j in range(n_apart):
                pool[j] = apart[j]
            apart[n_apart], n_apart = p, n_apart + 1
        else:
            n_pool = _computable(n_edges, n_all, n_layers, n_keys, graph)
        n = 1
        while n < min(n_pool + 1, law.most_parts) and _coin(state):
            n += 1
        if n == n_pool + 1:
            pool[n_pool] = RNG
        else:
            if _coin(state):
                part[end] = RNG
                end, n = end + 1, n - 1
            _sample(state, pool, n_pool, n)
        for j in range(n):
            part[end] = pool[j]
            end += 1
            if pool[j] != RNG and known[pool[j]] == 0:
                n_keys, _ = _add(graph, pool[j], n_keys, ANY)
        count[p], known[p], keys[n_keys] = end - begin[p], 1, p
        n_keys += 1
    return n_keys


@numba.njit(cache=True)
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


@numba.njit(cache=True)
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
        times = 1 if n > 0 and _coin(state) else 0
        constant = _between(state, times, modulus - 1)
    difference = 1 if n == 2 and _coin(state) else 0
    count[p] = n
    for j in range(n):
        other = values[part[begin + j]]
        value += -other if j == difference == 1 else other
    value %= modulus
    if constant >= 0:
        value = (constant * value if times == 1 else constant + value) % modulus
    values[p] = value
    return constant, 2 * times + difference


@numba.njit(cache=True)
def _total(law, p, graph, values):
    """The value of a total: the sum of counts, or of counts times totals below."""
    part, begin, value = graph.part, graph.begin[p], 0
    step = 1 if graph.level[p] == 1 else 2
    for j in range(begin, begin + graph.n_parts[p], step):
        other = values[part[j + 1]] if step == 2 else 1
        value = (value + values[part[j]] * other) % law.modulus
    return value


@numba.njit(cache=True)
def _write(law, n_edges, n_layers, n_keys, n_solution, graph, state):
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
    _sample(state, pool, n_edges, n_edges)
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
        _sample(state, names, len(names), n_items)
        out[end], out[end + 1], end = kind, n_items, end + 2
        for i in range(n_items):
            out[end], end = names[i], end + 1
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
    state[0] = key
    state[0] = next_word(state)
    deep, wide = law.layers[-1], law.items[-1]
    n_pairs = (deep - 1) * wide * wide
    n_room = min(law.ip_max, n_pairs)
    n_part = n_room * (law.most_parts + 2 * deep)
    n_room += wide * deep * (deep - 1) // 2
    graph = Graph(
        sizes=np.empty(deep, np.int64),
        code=np.empty(n_room, np.int64),
        level=np.empty(n_room, np.int64),
        begin=np.empty(n_room, np.int64),
        n_parts=np.empty(n_room, np.int64),
        part=np.empty(n_part, np.int64),
        known=np.empty(n_room, np.int64),
        keys=np.empty(n_room, np.int64),
        pool=np.empty(max(n_pairs, n_room) + 1, np.int64),
    )
    most_op = 0
    for _ in range(MAX_ATTEMPTS):
        n = max(_between(state, 1, op), _between(state, 1, op))
        m = _between(state, n, op)
        # Larger the more operations are wanted.
        n_layers = law.layers[_weighted(state, law.layer_odds, len(law.layers))]
        a = law.items[_weighted(state, law.item_odds, len(law.items))]
        b = law.items[_weighted(state, law.item_odds, len(law.items))]
        least, most, fewest = min(a, b), max(a, b), (n_layers - 1) * min(a, b)
        n_edges = min(_between(state, fewest, law.ip_max), _between(state, fewest, law.ip_max))
        n_edges = min(n_edges, (n_layers - 1) * most**2)
        # No count and no total has more operations than this; a total over nothing has one.
        bound = n_edges * (max(1, law.most_parts - 1) + 2 * n_layers - 3)
        if bound + most * n_layers * (n_layers - 1) // 2 < op:
            continue
        # Where there is no order, another graph of the same sizes: sizes that leave few orders are
        # as likely as others.
        n_all, n_keys, ordered, graphs = 0, 0, False, 0
        while not ordered and graphs < MAX_GRAPHS:
            n_all = draw_structure(law, n_edges, n_layers, least, most, graph, state)
            n_keys = draw_parameters(n_edges, n_all, n_layers, n, m, graph, state)
            ordered = draw_order(law, n_edges, n_keys, graph, state)
            graphs += 1
        if not ordered:
            continue
        could = draw_parts(law, op, n_edges, n_keys, graph, state)
        if could < op:
            most_op = max(most_op, could)
            continue
        n_solution = n_keys
        n_keys = add_unnecessary(law, n_edges, n_all, n_layers, n_keys, graph, state)
        for p in range(n_edges, n_all):
            if graph.known[p] == 0:  # a total that nothing uses
                graph.keys[n_keys], n_keys = p, n_keys + 1
        return op, _write(law, n_edges, n_layers, n_keys, n_solution, graph, state)
    return most_op, np.empty(0, np.int64)
