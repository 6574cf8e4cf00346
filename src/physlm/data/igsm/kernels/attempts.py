"""Attempts at a problem in compiled code, until one has the wanted operations (Part 2.1, appendix
D, algorithm 7).
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np

from physlm.data.igsm.kernels.necessary import draw_order, draw_parameters, draw_parts
from physlm.data.igsm.kernels.randomness import between, next_word, weighted
from physlm.data.igsm.kernels.structure import Graph, draw_structure
from physlm.data.igsm.kernels.unnecessary import add_unnecessary
from physlm.data.igsm.kernels.writing import write

# Of sizes for a problem, and of graphs for the same sizes.
MAX_ATTEMPTS = 200
MAX_GRAPHS = 50


def _compiled(code: int) -> Callable:
    """The function `draw` below, compiled once on a machine for each `code`.

    numba keeps compiled code by the file of a function and by what it has from the functions around
    it, and would not see a change to a stage in another file. So the stages are not kept by
    themselves, and `code`, a digest of all their files, is part of what this function is kept by.
    """

    @numba.njit(cache=True)
    def draw(key, op, law):
        """A problem of exactly `op` operations, as (op, int64 array); where no attempt had room for
        them, (the most that one had room for or 0, an empty array).

        The array is, one after the other:
        * n_layers, E, K, n_solution, hierarchy, start: E edges, K parameters, of which the first
          n_solution are the solution; the category of layer i is number start + i of the hierarchy;
        * [K] the parameters in topological order: number ((layer * W + owner) * L + below) *
          (W + 1) + item + 1, with L the most layers and W the most items of the settings;
        * [K] their values;
        * [K] where their parts end, of
        * all parts, as places among the parameters;
        * [E, 3] the sentences as written: place of the parameter, constant (-1: none), form (1 for
          a difference, 2 for a constant that multiplies, 3 for both, 0 for neither);
        * for each layer: kind, number of items, and which name of the kind each has.
        """
        if code < 0:  # never; see above
            return 0, np.empty(0, np.int64)
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
            n = max(between(state, 1, op), between(state, 1, op))
            m = between(state, n, op)
            # Larger the more operations are wanted.
            n_layers = law.layers[weighted(state, law.layer_odds, len(law.layers))]
            a = law.items[weighted(state, law.item_odds, len(law.items))]
            b = law.items[weighted(state, law.item_odds, len(law.items))]
            least, most, fewest = min(a, b), max(a, b), (n_layers - 1) * min(a, b)
            n_edges = min(between(state, fewest, law.ip_max), between(state, fewest, law.ip_max))
            n_edges = min(n_edges, (n_layers - 1) * most**2)
            # No count and no total has more operations than this; a total over nothing has one.
            bound = n_edges * (max(1, law.most_parts - 1) + 2 * n_layers - 3)
            if bound + most * n_layers * (n_layers - 1) // 2 < op:
                continue
            # Where there is no order, another graph of the same sizes: sizes that leave few orders
            # are as likely as others.
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
            return op, write(law, n_edges, n_layers, n_keys, n_solution, graph, state)
        return most_op, np.empty(0, np.int64)

    return draw


def _code() -> int:
    """A digest of the files of all stages."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.read_bytes())
    return int.from_bytes(found.digest()[:7])


draw = _compiled(_code())
