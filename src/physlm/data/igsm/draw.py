"""Drawing problems with an exact number of operations (Part 2.1, algorithm 7).

The operations of a problem are drawn first, by the paper as the lesser of two uniform numbers, so
that most problems are easy. Then attempts are made (kernels) until one has them. The published
scheme draws the aim of every attempt anew and refuses a problem whose operations are not the wanted
ones; a problem always has the operations it aims at, so to aim at the wanted ones gives the same
law.
"""

import math
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from physlm.config import ConfigError, require
from physlm.data.igsm.config import Config
from physlm.data.igsm.names import hierarchies
from physlm.data.igsm.problem import Definition, Parameter, Problem
from physlm.random import generator

if TYPE_CHECKING:
    from physlm.data.igsm.kernels.structure import Law

HUGE = 2**31  # more operations than any problem has that fits a machine


def draw(config: Config, rng: np.random.Generator, op: int | None = None) -> Problem:
    """A problem whose solution has `op` operations, drawn by `draw_op` where none are given.

    `op` may exceed config.op_max. ConfigError if none of many attempts had room for them.
    """
    from physlm.data.igsm.kernels import attempts  # the compiler takes a second to load

    op = draw_op(config, rng) if op is None else op
    require(op >= 1, "op", op, "at least 1")
    key = rng.integers(2**64, dtype=np.uint64)
    most, drawn = attempts.draw(key, min(op, HUGE), _law(config, min(op, HUGE)))
    if len(drawn):
        return _problem(config, drawn.tolist())
    allowed = f"at most about {most}" if most else "smaller"
    raise ConfigError(
        f"op={op}: must be {allowed}, none of {attempts.MAX_ATTEMPTS} attempts with ip_max "
        f"{config.ip_max} had room for it"
    )


def draw_op(config: Config, rng: np.random.Generator) -> int:
    """How many operations a problem of training has."""
    drawn = rng.integers(1, config.op_max, size=2, endpoint=True)
    return int(drawn.min() if config.mix == "lesser" else drawn[0])


def numbered(config: Config, seed: int, index: int, op: int | None = None) -> Problem:
    """Problem `index` of a seed, whichever others are drawn."""
    return draw(config, generator(seed, "igsm", index), op)


@lru_cache(256)
def _law(config: Config, op: int) -> "Law":
    """The settings as the compiled code takes them."""
    from physlm.data.igsm.kernels.structure import Law

    listed = hierarchies(config.language, config.layers[-1], config.n_names)
    most_kinds = max(len(kinds) for hierarchy in listed for _, kinds in hierarchy)
    n_names = np.zeros((len(listed), len(listed[0]), most_kinds), np.int64)
    for h, hierarchy in enumerate(listed):
        for c, (_, kinds) in enumerate(hierarchy):
            n_names[h, c, : len(kinds)] = list(map(len, kinds))
    return Law(
        ip_max=config.ip_max,
        modulus=config.modulus,
        layers=np.array(config.layers),
        layer_odds=_odds(len(config.layers), op, config.ip_max),
        items=np.array(config.items),
        item_odds=_odds(len(config.items), op, config.ip_max),
        most_parts=min(config.most_parts, _most_parameters(config) + 1),
        empty=config.empty,
        needed=config.bias == "needed",
        leaves=config.rng == "leaves",
        n_names=n_names,
    )


def _odds(n: int, op: int, ip_max: int) -> np.ndarray:
    """Of the k-th of n choices, exp(-(r - a_k) ** 2), a_k evenly spaced from 0.2 to 0.8, where r
    compares the operations with the edges there may be.
    """
    r = (op - 1) / (ip_max - 1)
    step = 0.6 / max(1, n - 1)
    squares = [(r - 0.2 - step * k) ** 2 for k in range(n)]
    least = min(squares)  # taken off, or all would be 0 where r is large
    return np.array([math.exp(least - square) for square in squares])


def _most_parameters(config: Config) -> int:
    """No problem has more."""
    n_layers, n_items = config.layers[-1], config.items[-1]
    n_edges = min(config.ip_max, (n_layers - 1) * n_items**2)
    return n_edges + n_items * n_layers * (n_layers - 1) // 2


class _Parameters(dict[int, Parameter]):
    """Parameters by the numbers that the compiled code gives them, each made when first met."""

    def __init__(self, n_layers: int, n_items: int) -> None:
        super().__init__()
        self.n_layers, self.n_items = n_layers, n_items

    def __missing__(self, number: int) -> Parameter:
        rest, item = divmod(number, self.n_items + 1)
        rest, below = divmod(rest, self.n_layers)
        self[number] = Parameter(*divmod(rest, self.n_items), below, item - 1)
        return self[number]


_parameters = cache(_Parameters)


def _problem(config: Config, drawn: list[int]) -> Problem:
    """The problem that the compiled code has drawn (kernels.attempts.draw)."""
    n_layers, n_edges, n, n_solution, which, start = drawn[:6]
    numbers = iter(drawn[6:])
    known = _parameters(config.layers[-1], config.items[-1])
    parameters = [known[number] for number in islice(numbers, n)]
    values = dict(zip(parameters, islice(numbers, n), strict=True))
    ends = list(islice(numbers, n))
    parts = tuple([parameters[place] for place in islice(numbers, ends[-1])])
    starts = [0, *ends[:-1]]
    needs = {
        parameter: parts[begin:end]
        for parameter, begin, end in zip(parameters, starts, ends, strict=True)
    }
    definitions: dict[Parameter, Definition] = {}
    for place, constant, form in islice(zip(numbers, numbers, numbers, strict=False), n_edges):
        parameter = parameters[place]
        definitions[parameter] = Definition(
            constant if constant >= 0 else None, form >= 2, form % 2 == 1, needs[parameter]
        )
    listed = hierarchies(config.language, config.layers[-1], config.n_names)
    categories = listed[which][start : start + n_layers]
    names = []
    for _, kinds in categories:
        kind = kinds[next(numbers)]
        names.append(tuple([kind[i] for i in islice(numbers, next(numbers))]))
    return Problem(
        names=tuple(names),
        categories=tuple([name for name, _ in categories]),
        modulus=config.modulus,
        definitions=definitions,
        needs=needs,
        values=values,
        solution=tuple(parameters[:n_solution]),
    )
