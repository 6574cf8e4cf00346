"""Structure graphs: which item has which, layer by layer (Part 2.1, algorithm 1)."""

import random
from collections import defaultdict
from collections.abc import Container
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
    levels: tuple[list[Parameter], ...] = field(
        init=False
    )  # abstract parameters of level 1, 2, ...

    def __post_init__(self) -> None:
        children: dict[tuple[int, int], list[Parameter]] = defaultdict(list)
        for edge in self.edges:
            children[edge[:2]].append(edge)
        needs: dict[Parameter, tuple[Parameter, ...]] = dict.fromkeys(self.edges, ())
        n_layers = len(self.sizes)
        levels: tuple[list[Parameter], ...] = tuple([] for _ in self.sizes[1:])
        for layer in range(n_layers - 2, -1, -1):
            for owner in range(self.sizes[layer]):
                below = children[layer, owner]
                parts = below
                for level in range(1, n_layers - layer):
                    if level > 1:
                        # The count of every child, and how many of the category each has.
                        parts = [
                            part
                            for child in below
                            for part in (child, Parameter(*child[2:], layer + level, -1))
                        ]
                    if self.empty or (parts and all(part in needs for part in parts)):
                        total = Parameter(layer, owner, layer + level, -1)
                        needs[total] = tuple(parts)
                        levels[level - 1].append(total)
        object.__setattr__(self, "needs", needs)
        object.__setattr__(self, "levels", levels)

    def missing(self, parameter: Parameter, known: Container[Parameter]) -> list[Parameter]:
        """The parameter and all that it needs, directly or not, but those known; parts first."""
        found: dict[Parameter, None] = {}

        def visit(p: Parameter) -> None:
            if p not in known and p not in found:
                for part in self.needs[p]:
                    visit(part)
                found[p] = None

        visit(parameter)
        return list(found)


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
