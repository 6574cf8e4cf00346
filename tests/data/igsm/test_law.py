"""The compiled drawing has the law of the plain one (plain.py).

Two samples are compared by many statistics of a problem, and for small settings by the whole
problem. All tests have fixed seeds; their thresholds allow for how many comparisons there are.
"""

import random
from collections import Counter
from collections.abc import Callable
from itertools import chain
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from physlm.data.igsm.config import Config
from physlm.data.igsm.draw import _law, _parameters, draw
from physlm.data.igsm.kernels import necessary, randomness, structure
from physlm.data.igsm.problem import Parameter, Problem
from physlm.random import generator
from tests.data.igsm import plain

CASES: list[tuple[dict[str, Any], int]] = [
    ({"preset": "med"}, 4),
    ({"preset": "med"}, 15),
    ({"preset": "med", "bias": "unneeded", "rng": "leaves"}, 9),
    ({"preset": "med", "empty": False, "most_parts": 5, "layers": (2, 4), "items": (1, 4)}, 12),
    ({"preset": "hard", "items": (3,), "layers": (3,)}, 24),
    ({"preset": "tiny", "empty": True, "bias": "unneeded"}, 5),
    ({"preset": "micro"}, 3),
]


def both(config: Config, op: int, n_plain: int, n_compiled: int) -> list[list[Problem]]:
    rand, rng = random.Random(f"{config} {op}"), generator(op, "law", str(config))
    return [
        [plain.draw(config, op, rand) for _ in range(n_plain)],
        [draw(config, rng, op) for _ in range(n_compiled)],
    ]


def alike(samples: list[list[Any]]) -> float:
    """The p-value that both are of one law. Rare values are taken together, many ways at once."""
    counts = Counter(chain(*samples))

    def cell(value: Any) -> Any:
        return value if counts[value] >= 40 else f"rare {crc32(repr(value).encode()) % 8}"

    found = [Counter(map(cell, sample)) for sample in samples]
    cells = sorted(set(chain(*found)), key=repr)
    if len(cells) == 1:
        return 1.0
    return chi2_contingency([[sample[key] for key in cells] for sample in found])[1]


def kind(problem: Problem, parameter: Parameter) -> tuple[int, int, bool]:
    """Where it is, over how many layers it is a total, and whether it is needed."""
    level = parameter.level if parameter.abstract else 0
    return parameter.layer, level, parameter in problem.solution


def sentence(problem: Problem) -> tuple[Any, ...]:
    """The first one, without its constant: sentences are shuffled, so it is any of them."""
    parameter, definition = next(iter(problem.definitions.items()))
    parts = tuple(kind(problem, part)[1:] for part in definition.parts)
    has_constant = definition.constant is not None
    return parameter in problem.solution, has_constant, definition[1:3], parts


CATEGORIES: dict[str, Callable[[Problem], Any]] = {
    "sizes": lambda p: tuple(map(len, p.names)),
    "edges": lambda p: (len(p.names), p.ip),
    "solution": lambda p: (len(p.solution), sum(q.abstract for q in p.solution)),
    "query": lambda p: (kind(p, p.query), len(p.needs[p.query])),
    "first step": lambda p: (kind(p, p.solution[0]), len(p.needs[p.solution[0]])),
    "last but one": lambda p: kind(p, p.solution[-2:][0]),
    "sentence": sentence,
    "number of parts": lambda p: tuple(map(len, sentence(p)[3:])) + sentence(p)[:3],
    "item": lambda p: next(iter(p.definitions)),
    "constant": lambda p: next(iter(p.definitions.values()))[:2],
    "value": lambda p: (p.answer, p.query.abstract),
    "unused": lambda p: len(p.needs) - len(p.graph),
    "category": lambda p: p.categories[0],
}


def numbers(problem: Problem) -> list[float]:
    """Of structure, solution, sentences and their order, and all else that there is."""
    needed = set(problem.solution)
    definitions = problem.definitions
    place = {p: i for i, p in enumerate(definitions)}
    step = {p: i for i, p in enumerate(problem.solution)}
    order = {p: i for i, p in enumerate(problem.needs)}
    depth: dict[Parameter, int] = {}
    for p, parts in problem.needs.items():
        depth[p] = 1 + max((depth[q] for q in parts), default=0)
    inside = [d for p, d in definitions.items() if p in needed]
    outside = [d for p, d in definitions.items() if p not in needed]
    own = [(p, q) for p in definitions for q in problem.needs[p]]
    users = Counter(q for parts in problem.needs.values() for q in parts)
    found: list[float] = [
        len(problem.names),
        problem.ip,
        *[sum(p.layer == layer for p in definitions) for layer in range(3)],
        *[sum(p.abstract and p.level == level for p in needed) for level in (1, 2, 3)],
        sum(p.abstract and not problem.needs[p] for p in needed),
        depth[problem.query],
        max(depth.values()),
        sum(depth[p] for p in definitions),
        sum(map(problem.cost, problem.graph)),
        *[users[p] for p in problem.solution[:1]],
        sum(place[q] < place[p] for p, q in own if q in place),
        sum(i * place[p] for p, i in step.items() if p in place),
        sum(step[p] - step[q] for p, q in own if p in step) / len(step),
        sum(order[q] for _, q in own),
        sum(p.layer - q.layer for p, q in own),
        sum(problem.needs[p][0] == problem.solution[i] for i, p in enumerate(problem.solution[1:])
            if problem.needs[p]),
        sum(p.abstract for p in problem.solution[: len(step) // 2]),
        float(np.mean([p.item for p in definitions])),
        float(np.mean([p.owner for p in definitions])),
    ]  # fmt: skip
    for some in (inside, outside):
        sizes = [len(d.parts) for d in some]
        found += [sizes.count(n) for n in range(5)]
        found += [sum(d.constant is not None for d in some), sum(d.times for d in some)]
        found += [sum(d.difference for d in some), sum(q.abstract for d in some for q in d.parts)]
        found += [
            sum(q.abstract and q.level > 1 and q not in needed for d in some for q in d.parts)
        ]
        found += [sum(q in needed for d in some for q in d.parts)]
        found += [sum(d.parts[0].abstract for d in some if d.parts)]
    return found


@pytest.mark.parametrize(("values", "op"), CASES, ids=str)
def test_statistics(values: dict[str, Any], op: int) -> None:
    samples = both(Config(**values), op, 700, 2500)
    for name, statistic in CATEGORIES.items():
        p = alike([[statistic(problem) for problem in sample] for sample in samples])
        assert p > 1e-5, name
    a, b = (np.array([numbers(problem) for problem in sample]) for sample in samples)
    for x, y in ((a, b), (a**2, b**2)):
        error = (x.var(0) / len(x) + y.var(0) / len(y)) ** 0.5
        assert (abs(x.mean(0) - y.mean(0)) <= 4.5 * error).all()


SMALL: list[tuple[dict[str, Any], int]] = [
    ({"layers": (2,), "items": (1, 2), "ip_max": 3}, 2),
    ({"layers": (2,), "items": (2,), "ip_max": 4, "empty": True, "bias": "unneeded"}, 3),
    ({"layers": (3,), "items": (1,), "ip_max": 2, "most_parts": 6}, 3),
    ({"layers": (2, 3), "items": (1, 2), "ip_max": 4, "empty": True, "rng": "leaves"}, 3),
]


@pytest.mark.parametrize(("values", "op"), SMALL, ids=str)
def test_whole_problems(values: dict[str, Any], op: int) -> None:
    config = Config(**{"preset": "micro", "modulus": 2, "n_names": 2} | values)
    samples = both(config, op, 6000, 12_000)
    views: list[Callable[[Problem], Any]] = [
        lambda p: [len(p.needs[q]) for q in p.solution if not q.abstract],
        lambda p: [d[:3] for q in p.solution if (d := p.definitions.get(q))][-1:],
        lambda p: sum(len(d.parts) + (d.constant is not None) for d in p.definitions.values()),
        lambda p: (p.solution, [p.needs[q] for q in p.solution]),
        lambda p: sorted(p.needs.items()),
        lambda p: list(p.needs.items()),
        lambda p: (len(p.names), p.definitions, p.solution),
        lambda p: (p.names, p.categories, p.query),
        lambda p: sorted(p.values.items()),
    ]
    for view in views:
        found = [[repr(view(problem)) for problem in sample] for sample in samples]
        assert len(set(found[1])) > 1 or values["items"] == (1,)
        assert alike(found) > 1e-4


Ordered = tuple[list[Parameter], dict[Parameter, list[Parameter]]]


def plain_order(
    config: Config, size: tuple[int, int, int, int], m: int, rand: random.Random
) -> Ordered:
    """Parameters in the order of the second stage and what they need by then; none if there is no
    order.
    """
    structure = plain.draw_structure(*size, config.empty, rand)
    needs = plain.draw_parameters(structure, m - 1, m, rand)
    return plain.draw_order(needs, config.bias, rand), needs


def compiled_order(
    config: Config, size: tuple[int, int, int, int], m: int, state: np.ndarray
) -> Ordered:
    """The same by the compiled stages."""
    law, known = _law(config, m), _parameters(config.layers[-1], config.items[-1])
    graph = structure.Graph(*[np.empty(400, np.int64) for _ in structure.Graph._fields])
    n_all = structure.draw_structure(law, *size, graph, state)
    n = necessary.draw_parameters(size[0], n_all, size[1], m - 1, m, graph, state)
    ordered = necessary.draw_order(law, size[0], n, graph, state)
    keys = graph.keys[:n].tolist() if ordered else []
    needs: dict[Parameter, list[Parameter]] = {}
    for p in keys:
        parts = graph.part[graph.begin[p] :][: graph.n_parts[p]]
        needs[known[int(graph.code[p])]] = [known[int(graph.code[q])] for q in parts]
    return list(needs), needs


@pytest.mark.parametrize(
    ("bias", "size", "m"),
    [("needed", (8, 2, 3, 3), 7), ("unneeded", (8, 3, 2, 2), 9), ("needed", (4, 3, 1, 2), 4)],
    ids=str,
)
def test_orders(bias: Any, size: tuple[int, int, int, int], m: int) -> None:
    # What is drawn later hides much of what is drawn here.
    config = Config(preset="med", layers=(2, 3), items=(1, 2, 3), bias=bias)
    rand, state = random.Random(m), np.array([m], np.uint64)
    samples = [
        [plain_order(config, size, m, rand) for _ in range(4000)],
        [compiled_order(config, size, m, state) for _ in range(8000)],
    ]

    def added(drawn: Ordered) -> list[bool]:
        """Of each parameter in the order whether it is an instance parameter with a need."""
        order, needs = drawn
        return [bool(needs[p]) and not p.abstract for p in order]

    def kinds(drawn: Ordered) -> list[tuple[int, int]]:
        """What the instance parameters were given: how much earlier it is, over how many layers."""
        order, needs = drawn
        found = [(p, q) for p in order if not p.abstract for q in needs[p]]
        return [(order.index(p) - order.index(q), max(0, q.level * q.abstract)) for p, q in found]

    views: list[Callable[[Ordered], Any]] = [
        lambda drawn: len(drawn[0]),
        lambda drawn: [p.level * p.abstract for p in drawn[0]],
        lambda drawn: sum(added(drawn)),
        added,
        kinds,
        lambda drawn: [drawn[0], [drawn[1][p] for p in drawn[0]]],
    ]
    for view in views:
        assert alike([[repr(view(drawn)) for drawn in sample] for sample in samples]) > 1e-4


def test_random_numbers() -> None:
    # The first outputs of SplitMix64 from this state, as published with its reference code.
    state = np.array([1234567], np.uint64)
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [int(randomness.next_word(state)) for _ in known] == known
    for n in (1, 3, 7):
        counts = Counter(int(randomness.below(state, n)) for _ in range(3000))
        assert set(counts) == set(range(n))
        assert n == 1 or chi2_contingency([[*counts.values()], [3000 // n] * n])[1] > 1e-3
