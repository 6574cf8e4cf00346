"""Structure graphs: which item has which, layer by layer (Part 2.1, algorithm 1)."""

import random
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from physlm.data.igsm.problem import Parameter


@dataclass(frozen=True)
class Structure:
    """Items in layers and the edges between neighbouring layers, with what follows from them.

    needs: of every abstract parameter what it is the total of, of every instance parameter nothing.
    With `empty`, a total over no items exists and needs nothing; without, neither it nor a total
    that needs it exists.
    """

    sizes: tuple[int, ...]
    edges: tuple[Parameter, ...]  # ascending
    empty: bool
    needs: dict[Parameter, tuple[Parameter, ...]] = field(init=False)
    # Of every abstract parameter: all that it needs, directly or not, parts first, and itself.
    whole: dict[Parameter, tuple[Parameter, ...]] = field(init=False)

    def __post_init__(self) -> None:
        children: dict[tuple[int, int], list[Parameter]] = defaultdict(list)
        for edge in self.edges:
            children[edge.layer, edge.owner].append(edge)
        needs: dict[Parameter, tuple[Parameter, ...]] = dict.fromkeys(self.edges, ())
        whole: dict[Parameter, tuple[Parameter, ...]] = {}
        n_layers = len(self.sizes)
        for layer in range(n_layers - 2, -1, -1):
            for owner in range(self.sizes[layer]):
                for below in range(layer + 1, n_layers):
                    parts = _parts(children[layer, owner], below)
                    if self.empty or (parts and all(part in needs for part in parts)):
                        total = Parameter(layer, owner, below, -1)
                        needs[total] = parts
                        found = dict.fromkeys(p for q in parts for p in whole.get(q, (q,)))
                        whole[total] = (*found, total)
        object.__setattr__(self, "needs", needs)
        object.__setattr__(self, "whole", whole)


def _parts(children: list[Parameter], below: int) -> tuple[Parameter, ...]:
    """What a total over layer `below` is computed from: of children there their counts, else
    the count and the total of each.
    """
    if not children or children[0].below == below:
        return tuple(children)
    pairs = ((child, Parameter(child.below, child.item, below, -1)) for child in children)
    return tuple(part for pair in pairs for part in pair)


def draw_structure(
    n_edges: int, n_layers: int, least: int, most: int, empty: bool, rand: random.Random
) -> Structure:
    """A structure graph of exactly n_edges edges, with `least` to `most` items in each layer.

    n_edges must be from (n_layers - 1) * least to (n_layers - 1) * most ** 2.
    """
    sizes = _sizes(n_edges, [least] * n_layers, most, rand)
    below = range(1, n_layers)
    edges = {
        Parameter(layer - 1, rand.randrange(sizes[layer - 1]), layer, item)
        for layer in below
        for item in range(sizes[layer])
    }
    others = [
        edge
        for layer in below
        for owner in range(sizes[layer - 1])
        for item in range(sizes[layer])
        if (edge := Parameter(layer - 1, owner, layer, item)) not in edges
    ]
    edges.update(rand.sample(others, n_edges - len(edges)))
    return Structure(tuple(sizes), tuple(sorted(edges)), empty)


def _sizes(n_edges: int, sizes: list[int], most: int, rand: random.Random) -> list[int]:
    """Add items until the edges have room, and then some more while a coin says so."""
    p = rand.random()
    while True:
        room = [layer for layer, size in enumerate(sizes) if size < most]
        too_few = sum(a * b for a, b in pairwise(sizes)) < n_edges
        # Every item below the top has one edge or more, so no item can be added at the bound.
        if not room or (not too_few and (sum(sizes[1:]) == n_edges or rand.random() >= p)):
            return sizes
        sizes[rand.choice(room)] += 1
