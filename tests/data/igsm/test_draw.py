"""Drawn problems: well-formed, with exact operations, and of the published statistics."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from physlm.config import ConfigError
from physlm.data.igsm.config import Config
from physlm.data.igsm.draw import draw, draw_op, numbered
from physlm.data.igsm.problem import Problem
from physlm.random import generator
from tests.data.igsm import oracles

CODE: dict[str, Any] = {"bias": "unneeded", "products": "interleaved"}


@pytest.mark.parametrize(
    ("values", "op"),
    [
        ({"preset": "med"}, None),
        ({"preset": "med"}, 23),
        ({"preset": "med", "empty": False, "rng": "leaves"}, 15),
        ({"preset": "hard", **CODE}, 28),
        ({"preset": "tiny"}, None),
        ({"preset": "tiny", "empty": True, "layers": (3,)}, 8),
        ({"preset": "micro"}, None),
        ({"preset": "micro", "most_parts": 1, "items": (2,)}, 4),
    ],
    ids=str,
)
def test_problems_are_well_formed(values: dict[str, Any], op: int | None) -> None:
    config = Config(**values)
    for i in range(80):
        problem = numbered(config, 3, i, op)
        check_structure(problem, config)
        check_sentences(problem, config)
        check_solution(problem)
        if op is None:
            assert 1 <= problem.op <= config.op_max
        else:
            assert problem.op == op


@st.composite
def configs(draw: st.DrawFn) -> Config:
    layers = draw(st.sets(st.integers(2, 4), min_size=1))
    items = draw(st.sets(st.integers(1, 4), min_size=1))
    least = max(2, (max(layers) - 1) * max(items))
    return Config(
        preset="med",
        layers=tuple(sorted(layers)),
        items=tuple(sorted(items)),
        ip_max=draw(st.integers(least, 30)),
        modulus=draw(st.integers(2, 30)),
        most_parts=draw(st.integers(1, 5)),
        empty=draw(st.booleans()),
        bias=draw(st.sampled_from(("needed", "unneeded"))),
        rng=draw(st.sampled_from(("stays", "leaves"))),
    )


@settings(derandomize=True, max_examples=120, deadline=None)
@given(config=configs(), op=st.integers(1, 9), seed=st.integers(0, 2**32))
def test_problems_of_any_settings_are_well_formed(config: Config, op: int, seed: int) -> None:
    try:
        problem = numbered(config, seed, 0, op)
    except ConfigError:
        # The few parameters of some settings have no room for more than one operation.
        assert op > 1
        return
    check_structure(problem, config)
    check_sentences(problem, config)
    check_solution(problem)
    assert problem.op == op


def check_structure(problem: Problem, config: Config) -> None:
    edges, sizes = set(problem.definitions), list(map(len, problem.names))
    assert len(sizes) in config.layers
    assert len(problem.categories) == len(sizes)
    assert all(config.items[0] <= size <= config.items[-1] for size in sizes)
    for edge in edges:
        assert edge.below == edge.layer + 1
        assert 0 <= edge.owner < sizes[edge.layer]
        assert 0 <= edge.item < sizes[edge.below]
    assert problem.ip == len(edges) <= config.ip_max
    with_parent = {(edge.below, edge.item) for edge in edges}
    assert with_parent == {(i, k) for i, n in enumerate(sizes) if i for k in range(n)}
    every = oracles.totals(edges, sizes)
    expected = every if config.empty else [p for p in every if oracles.exists(edges, p)]
    assert set(problem.needs) == edges | set(expected)
    assert set(problem.values) == set(problem.needs)
    for total in expected:
        assert list(problem.needs[total]) == oracles.needs(edges, total)


def check_sentences(problem: Problem, config: Config) -> None:
    for parameter, definition in problem.definitions.items():
        parts, constant = definition.parts, definition.constant
        assert problem.needs[parameter] == parts
        assert len(set(parts)) == len(parts)
        assert 1 <= len(parts) + (constant is not None) <= config.most_parts
        assert not definition.difference or len(parts) == 2
        assert not definition.times or parts
        if constant is not None:
            assert int(definition.times) <= constant < config.modulus


def check_solution(problem: Problem) -> None:
    # Keys of `needs` are in a topological order, so one pass gives every value.
    names = {parameter: f"v{i}" for i, parameter in enumerate(problem.needs)}
    values: dict[str, int] = {}
    for parameter in problem.needs:
        text = oracles.expression(problem, parameter, names)
        values[names[parameter]] = eval(text, {}, values) % problem.modulus
        assert problem.values[parameter] == values[names[parameter]]
        assert problem.cost(parameter) == oracles.operations(text)
    for place, parameter in enumerate(problem.solution):
        assert set(problem.needs[parameter]) <= set(problem.solution[:place])
    assert len(set(problem.solution)) == len(problem.solution)
    assert set(problem.solution) == oracles.closure(problem, problem.query)
    texts = [oracles.expression(problem, parameter, names) for parameter in problem.solution]
    assert problem.op == sum(map(oracles.operations, texts))
    assert problem.answer == problem.values[problem.solution[-1]]
    used = set(problem.solution).union(*(oracles.closure(problem, p) for p in problem.definitions))
    assert set(problem.graph) == used


def test_operations_have_the_law_of_their_mix() -> None:
    config = Config(preset="med")
    rng = generator(0, "op")
    counts = Counter(draw_op(config, rng) for _ in range(20_000))
    law = np.array([(2 * (15 - k) + 1) / 15**2 for k in range(1, 16)])
    assert chisquare([counts[k] for k in range(1, 16)], 20_000 * law).pvalue > 1e-3
    # And that no problem is lost on the way, however rarely attempts at its operations succeed.
    for mix, law in (("lesser", [9, 7, 5, 3, 1]), ("uniform", [5, 5, 5, 5, 5])):
        config = Config(preset="micro", mix=mix)
        counts = Counter(numbered(config, 0, i).op for i in range(1500))
        expected = 1500 * np.array(law) / 25
        assert chisquare([counts[k] for k in range(1, 6)], expected).pvalue > 1e-3


# Measured with the released code on about a thousand problems of each kind: instance parameters of
# the solution, all of them, abstract ones of the solution, operations if all were computed.
MEASURED = [
    ("med", None, (3.5, 9.1, 1.2, 13.7)),
    ("med", 15, (7.9, 10.7, 3.4, 19.1)),
    ("med", 23, (10.3, 11.8, 5.2, 25.2)),
    ("hard", None, (4.6, 11.0, 1.5, 16.8)),
    ("hard", 28, (12.5, 14.3, 5.4, 30.6)),
]


@pytest.mark.parametrize(("preset", "op", "expected"), MEASURED, ids=str)
def test_sizes_are_those_of_the_released_code(
    preset: Any, op: int | None, expected: tuple[float, ...]
) -> None:
    n = 400
    config = Config(preset=preset, **CODE)
    problems = [numbered(config, 1, i, op) for i in range(n)]
    abstract = np.array([sum(p.abstract for p in problem.solution) for problem in problems])
    found = (
        np.array([len(problem.solution) for problem in problems]) - abstract,
        np.array([problem.ip for problem in problems]),
        abstract,
        np.array([sum(map(problem.cost, problem.graph)) for problem in problems]),
    )
    for values, mean in zip(found, expected, strict=True):
        # Both sides are samples, theirs of 1000 at least, and theirs is rounded to a tenth.
        error = 4 * values.std() * (1 / n + 1 / 1000) ** 0.5 + 0.05
        assert abs(values.mean() - mean) < error


def test_kinds_of_sentences_are_those_of_the_released_code() -> None:
    # Per cent of sentences there, rounded: number of parts (d for a difference), then the constant.
    expected = {
        "0+": 34, "1": 23, "1*": 10, "1+": 10, "2": 8, "d": 4, "2*": 4, "2+": 4, "d*+": 4,
    }  # fmt: skip
    config = Config(preset="med", **CODE)
    n_problems, found = 600, []
    for i in range(n_problems):
        kinds: Counter[str] = Counter()
        for definition in numbered(config, 8, i).definitions.values():
            kind = "d" if definition.difference else str(min(2, len(definition.parts)))
            if definition.constant is not None:
                kind += "*+" if kind == "d" else "*" if definition.times else "+"
            kinds[kind] += 1
        found.append([kinds[kind] for kind in expected])
        assert sum(found[-1]) == sum(kinds.values())
    counts = np.array(found)
    shares = counts.sum(0) / counts.sum()
    for column, share, per_cent in zip(counts.T, shares, expected.values(), strict=True):
        # Sentences of a problem are alike, so the error is that over problems.
        residual = (column - share * counts.sum(1)) / counts.sum(1).mean()
        error = 4 * residual.std() * (1 / n_problems + 1 / 1000) ** 0.5
        assert abs(share - per_cent / 100) < error + 0.005


def test_a_problem_depends_on_its_number_alone() -> None:
    config = Config(preset="tiny")
    many = [numbered(config, 5, i) for i in range(20)]
    assert [numbered(config, 5, i) for i in reversed(range(20))] == many[::-1]
    assert numbered(config, 6, 0) != many[0]
    assert draw(config, generator(9), 3) == draw(config, generator(9), 3)


def test_sentences_are_shuffled() -> None:
    # In the order drawn, no sentence would come before one that it needs.
    config = Config(preset="med")
    early = 0
    for i in range(200):
        order = list((problem := numbered(config, 2, i, 10)).definitions)
        place = {p: k for k, p in enumerate(order)}
        early += sum(place.get(q, -1) > place[p] for p in order for q in problem.needs[p])
        early -= sum(-1 < place.get(q, -1) < place[p] for p in order for q in problem.needs[p])
    assert abs(early) < 4 * (200 * 12) ** 0.5


@pytest.mark.parametrize(
    ("preset", "op", "allowed"),
    [("micro", 30, "at most about"), ("med", 10**6, "smaller"), ("med", 10**30, "smaller")],
)
def test_operations_that_no_problem_has(preset: Any, op: int, allowed: str) -> None:
    with pytest.raises(ConfigError, match=f"op={op}: must be {allowed}.*ip_max"):
        draw(Config(preset=preset), generator(0), op)


def test_large_settings() -> None:
    # Far more items and parts than others have, and products of 12 digits.
    config = Config(preset="tiny", layers=(2, 3), items=(90,), n_names=90, ip_max=400)
    problem = draw(config, generator(0), 200)
    check_structure(problem, config)
    check_solution(problem)
    assert (problem.op, {*map(len, problem.names)}) == (200, {90})
    config = Config(preset="med", modulus=10**6, most_parts=10**20)
    for i in range(20):
        problem = numbered(config, 0, i, 12)
        check_sentences(problem, config)
        check_solution(problem)
    assert max(problem.values.values()) > 10**5


def test_no_operations() -> None:
    with pytest.raises(ConfigError, match="op=0: must be at least 1"):
        draw(Config(preset="micro"), generator(0), 0)
