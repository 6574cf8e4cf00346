"""Drawing problems with an exact number of operations (Part 2.1, algorithm 7).

The operations of a problem are drawn first, as the lesser of two uniform numbers, so that most
problems are easy. Then attempts are made until one has them. The published scheme draws the aim of
every attempt anew and refuses a problem whose operations are not the wanted ones; a problem always
has the operations it aims at, so to aim at the wanted ones gives the same law.
"""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from physlm.config import ConfigError, require
from physlm.data.igsm.config import Config
from physlm.data.igsm.names import draw_names
from physlm.data.igsm.necessary import (
    RNG,
    Needs,
    Refused,
    draw_order,
    draw_parameters,
    draw_parts,
)
from physlm.data.igsm.problem import Definition, Parameter, Problem
from physlm.data.igsm.structure import Structure, draw_structure
from physlm.data.igsm.unnecessary import add_unnecessary
from physlm.random import generator

# Of sizes for a problem, and of graphs for the same sizes.
MAX_ATTEMPTS = 200
MAX_GRAPHS = 50


def draw(config: Config, rng: np.random.Generator, op: int | None = None) -> Problem:
    """A problem whose solution has `op` operations, drawn by `draw_op` where none are given.

    `op` may exceed config.op_max. ConfigError if none of many attempts had room for them.
    """
    op = draw_op(config, rng) if op is None else op
    require(op >= 1, "op", op, "at least 1")
    rand = random.Random(int(rng.integers(2**63)))
    most = 0
    for _ in range(MAX_ATTEMPTS):
        try:
            return _attempt(config, op, rand)
        except Refused as refused:
            most = max(most, refused.most_op)
    allowed = f"at most about {most}" if most else "smaller"
    raise ConfigError(
        f"op={op}: must be {allowed}, none of {MAX_ATTEMPTS} attempts with ip_max "
        f"{config.ip_max} had room for it"
    )


def draw_op(config: Config, rng: np.random.Generator) -> int:
    """How many operations a problem of training has: the lesser of two uniform from 1 to op_max."""
    return int(rng.integers(1, config.op_max, size=2, endpoint=True).min())


def numbered(config: Config, seed: int, index: int, op: int | None = None) -> Problem:
    """Problem `index` of a seed, whichever others are drawn."""
    return draw(config, generator(seed, "igsm", index), op)


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
