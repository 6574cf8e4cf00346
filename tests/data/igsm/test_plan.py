import itertools
from collections import Counter
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from physlm.config import ConfigError
from physlm.data.igsm.languages import spell
from physlm.data.igsm.worlds.plan import Config, Plan, Source
from physlm.random import generator

HAND = Plan(
    names=("v7", "v2", "v5", "v0"),
    edges=((1, 3), (0, 2), (0, 1), (2, 3)),
    solution=(0, 1, 2, 3),
)


def test_text_by_hand():
    told = Source(Config())
    assert spell(told.problem_words(HAND)) == "v2 > v0 . v7 > v5 . v7 > v2 . v5 > v0 ."
    assert spell(told.decode(told.text(HAND, generator(0)))) == (
        "v2 > v0 . v7 > v5 . v7 > v2 . v5 > v0 . ? v0 sol v7 v2 v5 v0"
    )
    late = Source(Config(order="qp"))
    assert spell(late.decode(late.prompt(HAND))) == (
        "? v0 v2 > v0 . v7 > v5 . v7 > v2 . v5 > v0 . sol"
    )
    assert told.answer_words(HAND) == []
    # v2 0, v0 1, v7 2, v5 3.
    assert told.template(HAND) == "0 1 2 3 2 0 3 1 1"
    assert told.template(replace(HAND, names=("v1", "v2", "v3", "v4"))) == told.template(HAND)
    assert HAND.needs == {0: (), 1: (0,), 2: (0,), 3: (1, 2)}


@pytest.mark.parametrize("query", ["last", "late"])
@pytest.mark.parametrize("parents", [2, 4])
def test_solutions_are_the_ancestors_in_an_order_that_works(query, parents):
    config = Config(n_max=12, query=query, parents=parents, children=3, n_names=20)
    for plan in Source(config).problems(400, generator(0, "plan"), split="all"):
        n = len(plan.names)
        graph = nx.DiGraph(plan.edges)
        graph.add_nodes_from(range(n))
        assert 3 <= n <= 12
        assert len(set(plan.names)) == n
        assert len(set(plan.edges)) == len(plan.edges) == graph.number_of_edges()
        assert nx.is_directed_acyclic_graph(graph)
        assert max(dict(graph.out_degree()).values()) <= 3
        assert max(dict(graph.in_degree()).values()) <= parents
        assert set(plan.solution) == nx.ancestors(graph, plan.query) | {plan.query}
        place = {vertex: i for i, vertex in enumerate(plan.solution)}
        assert all(place[a] < place[b] for a, b in plan.edges if b in place)
        assert plan.op == len(plan.solution) >= 2
        leaves = [v for v in range(n) if graph.in_degree(v) == 0]
        assert len(leaves) <= (n - 1) // 4 + 1
        last = n - 1 if query == "last" else n - max(n // 4, 1)
        assert last <= plan.query <= n - 1


def test_sizes_and_orders_have_their_laws():
    plans = Source(Config(n_max=6)).problems(4000, generator(0, "sizes"), split="all")
    sizes = Counter(len(plan.names) for plan in plans)
    weights = {n: 1 / (n + 6**0.5) for n in range(3, 7)}
    for n, weight in weights.items():
        share = weight / sum(weights.values())
        assert abs(sizes[n] / 4000 - share) < 4.5 * np.sqrt(share * (1 - share) / 4000)
    # A diamond: both orders of its middle are as likely.
    diamonds = [
        tuple(plan.solution)
        for plan in plans
        if set(plan.edges) == {(0, 1), (0, 2), (1, 3), (2, 3)}
    ]
    share = np.mean([order == (0, 1, 2, 3) for order in diamonds])
    assert set(diamonds) == {(0, 1, 2, 3), (0, 2, 1, 3)}
    assert abs(share - 0.5) < 4.5 * 0.5 / np.sqrt(len(diamonds))


def test_the_uniform_mix_changes_how_frequent_an_op_is_and_nothing_else():
    drawn, uniform = (
        Source(Config(n_max=6, n_names=7, mix=mix)).problems(n, generator(0, mix), split="all")
        for mix, n in (("drawn", 8000), ("uniform", 4000))
    )
    counts = Counter(plan.op for plan in uniform)
    assert set(counts) == {2, 3, 4, 5, 6}
    assert all(abs(n / 4000 - 0.2) < 4.5 * np.sqrt(0.2 * 0.8 / 4000) for n in counts.values())
    assert Counter(plan.op for plan in drawn)[6] < 0.1 * 8000
    for op in counts:
        for fact in (lambda plan: len(plan.names), lambda plan: len(plan.edges)):
            one, other = (
                [fact(plan) for plan in plans if plan.op == op] for plans in (drawn, uniform)
            )
            error = np.sqrt(np.var(one) / len(one) + np.var(other) / len(other))
            assert abs(np.mean(one) - np.mean(other)) <= 4.5 * error


def test_templates_tell_graphs_apart_whatever_they_are_called():
    told = Source(Config())
    templates = {
        told.template(Plan(("v0", "v1", "v2"), order, (0, 1, 2)))
        for order in itertools.permutations([(0, 1), (0, 2), (1, 2)])
    }
    assert len(templates) == 6


def test_op_may_exceed_that_of_training():
    told = Source(Config(n_max=6, n_names=10))
    rng = generator(0, "op")
    for op in (2, 6, 8, 10):
        plans = told.problems(5, rng, op=op)
        assert {plan.op for plan in plans} == {op}
    assert {len(plan.names) for plan in told.problems(300, rng)} == {3, 4, 5, 6}
    with pytest.raises(ConfigError, match="op=11: must be from 2 to 10, the names of vertices"):
        told.problems(1, rng, op=11)
    # With one parent each, the last of 10 needs all others only if they are a chain.
    with pytest.raises(ConfigError, match="op=10: must be one that graphs have"):
        Source(Config(n_min=10, n_max=10, parents=1, children=9)).problems(1, rng, op=10)


def test_another_question():
    told = Source(Config())
    plans = told.problems(200, generator(0, "reask"), op=6, reask=True)
    assert {plan.op for plan in plans} >= {1, 2, 6}
    for plan in plans:
        graph = nx.DiGraph(plan.edges)
        graph.add_nodes_from(range(len(plan.names)))
        assert set(plan.solution) == nx.ancestors(graph, plan.query) | {plan.query}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"n_min": 1}, "n_min=1: must be 2 or more"),
        ({"n_max": 2}, "n_max=2: must be at least n_min=3"),
        ({"parents": 0}, "parents=0: must be 1 or more"),
        ({"n_names": 9}, "n_names=9: must be at least n_max=10"),
        ({"train_bins": 23}, "train_bins=23: must be between 1 and 22"),
    ],
)
def test_impossible_settings(settings, text):
    with pytest.raises(ConfigError, match=text):
        Config(**settings)
