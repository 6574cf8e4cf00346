"""The drawing of problems in plain Python, stage by stage: an oracle of their law.

The compiled code (physlm.data.igsm.kernels) takes other random numbers, so the two agree in law
alone. What a parameter is computed from is a list here, in which RNG stands for a fresh constant.
"""

import math
import random
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from physlm.data.igsm.config import Config
from physlm.data.igsm.names import hierarchies
from physlm.data.igsm.problem import Definition, Names, Parameter, Problem

MAX_ATTEMPTS = 200
MAX_GRAPHS = 50

RNG = Parameter(-1, -1, -1, -1)

Needs = dict[Parameter, list[Parameter]]


class Refused(Exception):
    """The attempt cannot become a problem of the wanted operations.

    most_op: how many it could have had, 0 where it failed for another reason.
    """

    def __init__(self, most_op: int = 0) -> None:
        super().__init__()
        self.most_op = most_op


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
    sizes = _items(n_edges, [least] * n_layers, most, rand)
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


def _items(n_edges: int, sizes: list[int], most: int, rand: random.Random) -> list[int]:
    """Add items until the edges have room, and then some more while a coin says so."""
    p = rand.random()
    while True:
        room = [layer for layer, size in enumerate(sizes) if size < most]
        too_few = sum(a * b for a, b in pairwise(sizes)) < n_edges
        # Every item below the top has one edge or more, so no item can be added at the bound.
        if not room or (not too_few and (sum(sizes[1:]) == n_edges or rand.random() >= p)):
            return sizes
        sizes[rand.choice(room)] += 1


def draw_parameters(structure: Structure, n: int, m: int, rand: random.Random) -> Needs:
    """Stage 1: totals with all they need, at most n operations, then single counts, at most m.

    Each round adds one total, of the highest level whose candidate (one a level) has room.
    """
    needs: Needs = {}
    op = 0
    added = True
    while added:
        added = False
        for totals in reversed(structure.levels):
            left = [p for p in totals if p not in needs]
            if not left:
                continue
            new = structure.missing(rand.choice(left), needs)
            cost = sum([max(1, len(structure.needs[p]) - 1) for p in new])
            if op + cost <= n:
                needs.update((p, list(structure.needs[p])) for p in new)
                op += cost
                added = True
                break
    left = [p for p in structure.edges if p not in needs]
    needs.update((p, []) for p in rand.sample(left, min(m - op, len(left))))
    return needs


def draw_order(needs: Needs, bias: str, rand: random.Random) -> list[Parameter]:
    """Stage 2: a topological order whose last parameter needs all others, adding needs for that.

    Works from the query backwards. `needs` is changed: an instance parameter gets at most one.
    Empty where a total would have to be computed from more than it is the total of.
    """
    rest = list(needs)
    users = dict.fromkeys(needs, 0)  # those in `rest` that need it
    for parts in needs.values():
        for part in parts:
            users[part] += 1
    needed: set[Parameter] = set()  # by one that has its place
    order: list[Parameter] = []
    p_extra, strength = rand.random(), abs(rand.gauss(0, 1))

    def biased(pool: list[Parameter]) -> Parameter:
        liked = [p.abstract + ((p in needed) == (bias == "needed")) for p in pool]
        return rand.choices(pool, [math.exp(strength * n) for n in liked])[0]

    parameter = rand.choice([p for p in rest if users[p] == 0])
    while True:
        order.append(parameter)
        rest.remove(parameter)
        for part in needs[parameter]:
            users[part] -= 1
            needed.add(part)
        if not rest:
            return order[::-1]
        free = [p for p in rest if users[p] == 0]
        ready = [p for p in free if p in needed]
        new = None
        if not ready:
            if parameter.abstract:
                return []
            new = biased(free)
        elif not parameter.abstract and rand.random() < p_extra:
            new = biased(rest)
        if new is not None:
            needs[parameter].append(new)
            needed.add(new)
            ready = [p for p in free if p in needed]
        parameter = rand.choice(ready)


def draw_parts(needs: Needs, op: int, config: Config, rand: random.Random) -> Needs:
    """Stage 3: what else each instance parameter is computed from, so that operations sum to `op`.

    `needs` is in topological order and changed. Raises Refused.
    """
    order = list(needs)
    room = {
        p: min(place + 1, config.most_parts) - 2 for place, p in enumerate(order) if not p.abstract
    }
    room = {p: n for p, n in room.items() if n > 0}
    extra = dict.fromkeys(order, 0)
    missing = op - sum(max(1, len(parts) - 1) for parts in needs.values())
    if missing > sum(room.values()):
        raise Refused(op - missing + sum(room.values()))
    for _ in range(missing):
        p = rand.choice(list(room))
        extra[p] += 1
        if extra[p] == room[p]:
            del room[p]
    for place, (p, parts) in enumerate(needs.items()):
        if p.abstract:
            continue
        pool = [RNG, *order[:place]]
        wanted = extra[p] + 2 if extra[p] else rand.randint(1, 2)
        wanted = min(wanted, len(pool), config.most_parts)
        left = [part for part in pool if part not in parts]
        wanted -= len(parts)
        if wanted < len(left) and wanted > 0:
            constant = rand.random() < 0.5
            if constant:
                parts.append(RNG)
                wanted -= 1
            if constant or config.rng == "leaves":
                left.remove(RNG)
        parts.extend(rand.sample(left, wanted))
    return needs


def add_unnecessary(
    needs: Needs, structure: Structure, most_parts: int, rand: random.Random
) -> None:
    """Add every edge that `needs` lacks, computed at random from others, and the totals they use.

    New keys come after all that they need.
    """
    left = [p for p in structure.edges if p not in needs]
    rand.shuffle(left)
    # Computed from each other alone, so that they can come early in a topological order.
    apart: list[Parameter] = []
    for parameter in left:
        alone = rand.random() < 0.5
        pool = list(apart if alone else needs)
        if not alone:
            # And the totals that can be computed, all their counts being there.
            totals = [p for level in structure.levels for p in level if p not in needs]
            pool += [p for p in totals if all(q.abstract for q in structure.missing(p, needs))]
        n = 1
        while n < min(len(pool) + 1, most_parts) and rand.random() < 0.5:
            n += 1
        if n == len(pool) + 1:
            parts = [*pool, RNG]
        else:
            parts = [RNG] if rand.random() < 0.5 else []
            parts += rand.sample(pool, n - len(parts))
        for part in parts:
            if part != RNG:
                needs.update((p, list(structure.needs[p])) for p in structure.missing(part, needs))
        needs[parameter] = parts
        if alone:
            apart.append(parameter)


def draw(config: Config, op: int, rand: random.Random) -> Problem:
    """A problem of `op` operations. Raises Refused where no attempt had room for them."""
    for _ in range(MAX_ATTEMPTS):
        try:
            return _attempt(config, op, rand)
        except Refused:
            pass
    raise Refused


def _attempt(config: Config, op: int, rand: random.Random) -> Problem:
    """A problem of `op` operations. Raises Refused."""
    n = max(rand.randint(1, op), rand.randint(1, op))
    m = rand.randint(n, op)
    sizes = _sizes(config, op, rand)
    structure, needs = _ordered(sizes, n, m, config, rand)
    needs = draw_parts(needs, op, config, rand)
    solution = tuple(needs)
    add_unnecessary(needs, structure, config.most_parts, rand)
    for parameter, parts in structure.needs.items():
        needs.setdefault(parameter, list(parts))  # totals that nothing uses
    names, categories = draw_names(config, structure.sizes, rand)
    definitions, values = _define(needs, config.modulus, rand)
    shuffled = list(definitions)
    rand.shuffle(shuffled)
    return Problem(
        names=names,
        categories=categories,
        modulus=config.modulus,
        definitions={parameter: definitions[parameter] for parameter in shuffled},
        needs={p: tuple(q for q in parts if q != RNG) for p, parts in needs.items()},
        values=values,
        solution=solution,
    )


class Sizes(NamedTuple):
    """Of a structure graph: edges, layers, least and most items in a layer."""

    n_edges: int
    n_layers: int
    least: int
    most: int


def _sizes(config: Config, op: int, rand: random.Random) -> Sizes:
    """Larger the more operations are wanted. Raises Refused where they cannot suffice."""
    n_layers = _choose(config.layers, op, config, rand)
    items = [_choose(config.items, op, config, rand) for _ in range(2)]
    least, most = min(items), max(items)
    fewest = (n_layers - 1) * least
    n_edges = min(rand.randint(fewest, config.ip_max) for _ in range(2))
    n_edges = min(n_edges, (n_layers - 1) * most**2)
    # No count and no total has more operations than this; a total over nothing has one.
    most_op = n_edges * max(1, config.most_parts - 1) + n_edges * (2 * n_layers - 3)
    most_op += most * n_layers * (n_layers - 1) // 2
    if most_op < op:
        raise Refused
    return Sizes(n_edges, n_layers, least, most)


def _ordered(
    sizes: Sizes, n: int, m: int, config: Config, rand: random.Random
) -> tuple[Structure, Needs]:
    """A structure graph and the needs of its necessary parameters, in an order that makes them so.

    Where there is no order, with another graph of the same sizes: sizes that leave few orders are
    as likely as others. Raises Refused after many.
    """
    for _ in range(MAX_GRAPHS):
        structure = draw_structure(*sizes, config.empty, rand)
        needs = draw_parameters(structure, n, m, rand)
        order = draw_order(needs, config.bias, rand)
        if order:
            return structure, {parameter: needs[parameter] for parameter in order}
    raise Refused


def _choose(choices: Sequence[int], op: int, config: Config, rand: random.Random) -> int:
    """The k-th of K choices with weight exp(-(r - a_k) ** 2), a_k evenly spaced from 0.2 to 0.8,
    where r compares the operations with the edges there may be.
    """
    r = (op - 1) / (config.ip_max - 1)
    step = 0.6 / max(1, len(choices) - 1)
    squares = [(r - 0.2 - step * k) ** 2 for k in range(len(choices))]
    least = min(squares)  # taken off, or all weights would be 0 where r is large
    return rand.choices(choices, [math.exp(least - square) for square in squares])[0]


def _define(
    needs: Needs, modulus: int, rand: random.Random
) -> tuple[dict[Parameter, Definition], dict[Parameter, int]]:
    """Constants and kinds of computation, and the values that follow, in the order of `needs`."""
    definitions: dict[Parameter, Definition] = {}
    values: dict[Parameter, int] = {}
    for parameter, all_parts in needs.items():
        if parameter.abstract:
            values[parameter] = total(parameter, all_parts, values, modulus)
            continue
        parts = tuple(part for part in all_parts if part != RNG)
        constant, times = None, False
        if len(parts) < len(all_parts):
            times = bool(parts) and rand.random() < 0.5
            constant = rand.randrange(int(times), modulus)
        difference = len(parts) == 2 and rand.random() < 0.5
        definitions[parameter] = Definition(constant, times, difference, parts)
        values[parameter] = definitions[parameter].value(values, modulus)
    return definitions, values


def total(
    parameter: Parameter, parts: Sequence[Parameter], values: dict[Parameter, int], modulus: int
) -> int:
    """Value of an abstract parameter: the sum of counts, or of counts times totals below."""
    numbers = [values[part] for part in parts]
    if parameter.level == 1:
        return sum(numbers) % modulus
    return sum(a * b for a, b in zip(numbers[::2], numbers[1::2], strict=True)) % modulus


def draw_names(
    config: Config, sizes: Sequence[int], rand: random.Random
) -> tuple[Names, tuple[str, ...]]:
    """Names of the items of every layer, so many in each, and of the categories.

    Consecutive categories of one hierarchy; the items of a layer are all of one kind.
    """
    hierarchy = rand.choice(hierarchies(config.language, config.layers[-1], config.n_names))
    start = rand.randint(0, len(hierarchy) - len(sizes))
    categories = hierarchy[start : start + len(sizes)]
    names = tuple(
        tuple(rand.sample(rand.choice(kinds), size))
        for size, (_, kinds) in zip(sizes, categories, strict=True)
    )
    return names, tuple(name for name, _ in categories)
