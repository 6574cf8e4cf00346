"""Structure graphs in compiled code (Part 2.1, appendix D, algorithm 1), and what all stages share.

Within an attempt parameters are numbers: the edges of the structure graph (instance parameters),
ascending by layer, owner and item, then the totals (abstract parameters), lower layers first, so
that all that a total is the total of comes before it. RNG, a fresh constant, is -1 among parts.
"""

from typing import NamedTuple

import numba
import numpy as np

from physlm.data.igsm.kernels.randomness import below, real, sample

RNG = -1


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


@numba.njit
def _draw_sizes(n_edges, n_layers, least, most, sizes, state):
    """Items of each layer: more until the edges have room, then some more while a coin says so."""
    for layer in range(n_layers):
        sizes[layer] = least
    p = real(state)
    while True:
        n_room, pairs, lower = 0, 0, 0
        for layer in range(n_layers):
            n_room += sizes[layer] < most
            if layer > 0:
                pairs += sizes[layer - 1] * sizes[layer]
                lower += sizes[layer]
        # Every item below the top has one edge or more, so no item can be added at the bound.
        if n_room == 0 or (pairs >= n_edges and (lower == n_edges or real(state) >= p)):
            return
        chosen, layer = below(state, n_room), 0
        while chosen > 0 or sizes[layer] == most:
            chosen -= sizes[layer] < most
            layer += 1
        sizes[layer] += 1


@numba.njit
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
    sample(state, pool, n_pool, n_edges - n)
    for i in range(n_edges - n):
        edge[pool[i]] = 1
    return _number(law, n_layers, edge, graph)


@numba.njit
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
