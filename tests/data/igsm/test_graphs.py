"""Laws of the stages by which a graph is drawn, against laws worked out by hand."""

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from physlm.data.igsm.config import Config
from physlm.data.igsm.problem import Parameter
from tests.data.igsm import oracles
from tests.data.igsm.plain import (
    RNG,
    Needs,
    Structure,
    add_unnecessary,
    draw_order,
    draw_parameters,
    draw_parts,
    draw_structure,
)

A, B, C = (Parameter(0, 0, 1, k) for k in range(3))


def check_law(found: Counter[Any], law: dict[Any, float]) -> None:
    n = found.total()
    assert set(found) <= set(law)
    assert chisquare([found[key] for key in law], [n * p for p in law.values()]).pvalue > 1e-3


def test_law_of_a_small_structure() -> None:
    # From one item a layer. A second below must stop it: two edges are two items below the top. A
    # second on top need not, and then a coin adds the other with probability 1/2 on average.
    law: dict[Any, float] = {((1, 2), ((0, 0), (0, 1))): 1 / 2, ((2, 1), ((0, 0), (1, 0))): 1 / 4}
    law |= {((2, 2), ((a, 0), (b, 1))): 1 / 16 for a in (0, 1) for b in (0, 1)}
    rand = random.Random(0)
    found: Counter[Any] = Counter()
    for _ in range(4000):
        structure = draw_structure(2, 2, 1, 2, False, rand)
        edges = sorted(((e.owner, e.item) for e in structure.edges), key=lambda e: e[::-1])
        found[structure.sizes, tuple(edges)] += 1
    check_law(found, law)


def test_structures_have_exactly_the_edges_asked_for() -> None:
    rand = random.Random(1)
    for _ in range(400):
        n_layers, least = rand.randint(2, 4), rand.randint(1, 4)
        most = rand.randint(least, 4)
        fewest = (n_layers - 1) * least
        n_edges = rand.randint(fewest, fewest // least * most**2)
        structure = draw_structure(n_edges, n_layers, least, most, True, rand)
        assert len(set(structure.edges)) == len(structure.edges) == n_edges
        assert len(structure.sizes) == n_layers
        assert all(least <= size <= most for size in structure.sizes)
        for total in (p for level in structure.levels for p in level):
            whole = structure.missing(total, ())
            inside = {q for p in whole for q in structure.needs[p]}
            assert whole[-1] == total
            assert inside | {total} == set(whole)
            for place, p in enumerate(whole):
                assert set(structure.needs[p]) <= set(whole[:place])
            known = rand.sample(whole, len(whole) // 2)
            rest = structure.missing(total, known)
            assert {q for p in rest for q in structure.needs[p]} <= {*rest, *known}
            assert not set(rest) & set(known)


def test_parameters_fill_the_operations_they_may_have() -> None:
    rand = random.Random(2)
    for _ in range(400):
        structure = draw_structure(rand.randint(4, 12), 3, 2, 3, rand.random() < 0.5, rand)
        n = rand.randint(1, 15)
        m = rand.randint(n, 15)
        needs = draw_parameters(structure, n, m, rand)
        for parameter, parts in needs.items():
            assert parts == (
                oracles.needs(structure.edges, parameter) if parameter.abstract else []
            )
            assert set(parts) <= set(needs)
        op = {p: max(1, len(parts) - 1) for p, parts in needs.items()}
        inside = {q for p in needs if p.abstract for q in structure.missing(p, ())}
        assert sum(op[p] for p in inside) <= n
        assert sum(op.values()) == m or (
            sum(op.values()) < m and set(structure.edges) <= set(needs)
        )


def test_an_order_makes_all_parameters_necessary() -> None:
    rand = random.Random(3)
    orders = 0
    for _ in range(600):
        structure = draw_structure(rand.randint(4, 12), 3, 2, 3, rand.random() < 0.5, rand)
        needs = draw_parameters(structure, rand.randint(1, 10), 12, rand)
        given = {p: list(parts) for p, parts in needs.items()}
        order = draw_order(needs, "needed", rand)
        if not order:
            assert any(p.abstract for p in needs), "only a total can be in the way"
            continue
        orders += 1
        assert sorted(order) == sorted(needs)
        users = Counter(q for parts in needs.values() for q in parts)
        assert all(users[p] for p in order[:-1]), "every other one is needed by one of them"
        for place, p in enumerate(order):
            assert set(needs[p]) <= set(order[:place])
            assert needs[p] == given[p] if p.abstract else len(needs[p]) <= 1
    assert orders > 300


@pytest.mark.parametrize("bias", ["needed", "unneeded"])
def test_law_of_the_bias(bias: str) -> None:
    # The total of A and B is asked for, C is to be made necessary. The last of A and B may, by a
    # coin, be computed from one of the two that are left: the total's other part, which is needed
    # already, or C. The odds are exp(g) to 1 with g the size of a normal number.
    total = Parameter(0, 0, 1, -1)
    g = np.linspace(0, 12, 100_001)
    density = np.exp(-(g**2) / 2)
    share = float((density / (1 + np.exp(-g))).sum() / density.sum())
    rand = random.Random(4)
    found: Counter[Any] = Counter()
    for _ in range(12_000):
        needs: Needs = {total: [A, B], A: [], B: [], C: []}
        order = draw_order(needs, bias, rand)
        if order and order[-1] == total and needs[order[-2]]:
            found[needs[order[-2]][0] in (A, B)] += 1
    assert found.total() > 2000
    check_law(found, {bias == "needed": share, bias != "needed": 1 - share})


@pytest.mark.parametrize(("rng", "stays"), [("stays", True), ("leaves", False)])
def test_law_of_the_parts_of_the_third_parameter(rng: Any, stays: bool) -> None:
    # One part or two, out of a constant, A and B; a coin may give the constant at once.
    one = {(RNG,): 1 / 2, (A,): 0.0, (B,): 0.0}
    two = {(RNG, A): 1 / 4, (RNG, B): 1 / 4, (A, B): 0.0}
    for key in one:
        one[key] += 1 / 2 * (1 / 3 if stays else 0 if RNG in key else 1 / 2)
    for key in two:
        two[key] += 1 / 2 * (1 / 3 if stays else 0 if RNG in key else 1)
    law: dict[Any, float] = {frozenset(k): p / 2 for k, p in [*one.items(), *two.items()]}
    config, rand = Config(preset="med", rng=rng), random.Random(5)
    found: Counter[Any] = Counter()
    for _ in range(4000):
        parts = draw_parts({A: [], B: [], C: []}, 3, config, rand)
        assert parts[A] == [RNG]
        found[frozenset(parts[C])] += 1
    check_law(found, law)


def test_law_of_operations_that_are_missing() -> None:
    # Three parameters of one operation each have to sum to four: the third has all there is.
    config, rand = Config(preset="med"), random.Random(6)
    for _ in range(50):
        parts = draw_parts({A: [], B: [A], C: [B]}, 4, config, rand)
        assert set(parts[C]) == {RNG, A, B}
        assert set(parts[B]) <= {RNG, A}
        assert A in parts[B]


def test_law_of_an_unnecessary_parameter() -> None:
    # A is given, B is left, and the item of both has no total. Alone (1/2) it is a constant. Else
    # one part (1/2), which is the constant or A, or two, which are both.
    structure = Structure((2, 2), (Parameter(0, 0, 1, 0), Parameter(0, 1, 1, 1)), False)
    given, left = structure.edges
    total = Parameter(0, 0, 1, -1)
    rand = random.Random(7)
    found: Counter[Any] = Counter()
    for _ in range(4000):
        needs: Needs = {given: [RNG]}
        add_unnecessary(needs, structure, 4, rand)
        assert list(needs)[-1] == left
        assert (total in needs) == (total in needs[left])
        found[frozenset(needs[left])] += 1
    # The pool has the given count and its total, computable though not there yet.
    law: dict[Any, float] = {frozenset([RNG]): 1 / 2 + 1 / 2 * 1 / 4}
    law |= {frozenset([p]): 1 / 2 * 1 / 2 * 1 / 2 * 1 / 2 for p in (given, total)}
    law |= {frozenset([RNG, p]): 1 / 2 * 1 / 4 * 1 / 2 * 1 / 2 for p in (given, total)}
    law[frozenset([given, total])] = 1 / 2 * 1 / 4 * 1 / 2
    law[frozenset([RNG, given, total])] = 1 / 2 * 1 / 4
    check_law(found, law)
