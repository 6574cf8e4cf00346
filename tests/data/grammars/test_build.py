"""Drawn grammars: their kind, their law by listing, and what cannot be drawn."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chisquare

from physlm.config import ConfigError, build
from physlm.data.grammars import build as module
from physlm.data.grammars.build import LIKE, BuilderConfig, draw, named
from physlm.data.grammars.grammar import GrammarError, load, published
from physlm.data.grammars.statistics import expected_nodes
from physlm.random import generator

CFG3 = (1, 3, 3, 3, 3, 3, 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"level_sizes": CFG3},
        {"level_sizes": CFG3, "distinct_symbols": True, "max_alternatives": 2},
        {"level_sizes": (1, 2, 5, 3), "distinct_bodies": False, "min_length": 1},
        {"level_sizes": (1, 4, 9, 2), "length_one_chain": True, "max_length": 4},
        {"level_sizes": (1, 3, 2), "length_one_chain": True, "min_length": 1},
    ],
    ids=str,
)
def test_drawn_grammars_are_of_their_kind(settings: dict[str, Any]) -> None:
    config = BuilderConfig(**settings)
    for seed in range(30):
        grammar = draw(config, generator(seed), "name")
        assert grammar.name == "name"
        assert tuple(map(len, grammar.levels)) == config.level_sizes
        # T terminals, three numbers left out, then upward to the root.
        first = config.level_sizes[-1] + 4
        numbers = [symbol for level in reversed(grammar.levels[:-1]) for symbol in level]
        assert numbers == list(range(first, first + sum(config.level_sizes[:-1])))
        for depth, level in enumerate(grammar.levels[:-1]):
            below = grammar.levels[depth + 1]
            taken = [body for symbol in level for body in grammar.rules[symbol]]
            assert {symbol for body in taken for symbol in body} == set(below), "none is dead"
            assert not config.distinct_bodies or len(set(taken)) == len(taken)
            chained = config.length_one_chain and depth > 0
            if chained:
                assert grammar.rules[level[0]] == ((below[0],),)
            for symbol in level[chained:]:
                bodies = grammar.rules[symbol]
                assert config.min_alternatives <= len(bodies) <= config.max_alternatives
                assert len(set(bodies)) == len(bodies)
                for body in bodies:
                    assert config.min_length <= len(body) <= config.max_length
                    assert not config.distinct_symbols or len(set(body)) == len(body)


def test_law_of_a_drawn_grammar_by_listing() -> None:
    # One or two alternatives of one or two symbols out of two, all different, none dead.
    single = {(a,): 1 / 4 for a in (1, 2)} | {(a, b): 1 / 8 for a in (1, 2) for b in (1, 2)}
    every: dict[tuple[tuple[int, ...], ...], float] = {}
    for one, p in single.items():
        every[(one,)] = p / 2
        for other, q in single.items():
            if other != one:
                every[one, other] = p / 2 * q / (1 - p)
    law = {bodies: p for bodies, p in every.items() if len({*sum(bodies, ())}) == 2}
    config = BuilderConfig(
        level_sizes=(1, 2), min_alternatives=1, max_alternatives=2, min_length=1, max_length=2
    )
    n, rng = 2500, generator(0, "law")
    found = Counter(draw(config, rng).rules[6] for _ in range(n))
    assert set(found) <= set(law)
    expected = np.array(list(law.values())) / sum(law.values())
    assert chisquare([found[bodies] for bodies in law], n * expected).pvalue > 1e-3


def test_a_draw_depends_on_its_generator_alone() -> None:
    config = BuilderConfig(level_sizes=CFG3)
    assert draw(config, generator(1)).rules == draw(config, generator(1)).rules
    assert draw(config, generator(1)).rules != draw(config, generator(2)).rules


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level_sizes": (1,)}, r"level_sizes=\(1,\): must be 1 \(the root\) and then"),
        ({"level_sizes": (2, 3)}, r"level_sizes=\(2, 3\): must be 1 \(the root\)"),
        ({"level_sizes": (1, 0)}, r"level_sizes=\(1, 0\): must be"),
        ({"min_alternatives": 0}, "min_alternatives=0: must be at least 1"),
        ({"max_alternatives": 1}, "max_alternatives=1: must be at least 2"),
        ({"min_length": 0}, "min_length=0: must be at least 1"),
        ({"max_length": 1}, "max_length=1: must be at least 2"),
        (
            {"distinct_symbols": True, "max_length": 4},
            "max_length=4: must be at most 3 with distinct symbols",
        ),
        (
            {"max_alternatives": 13},
            "max_alternatives=13: level 2 may need 39 distinct bodies, only 36 exist over the 3 ",
        ),
        (
            {"distinct_symbols": True, "max_alternatives": 5},
            "max_alternatives=5: level 2 may need 15 distinct bodies, only 12 exist",
        ),
        (
            {"distinct_bodies": False, "max_alternatives": 37},
            "max_alternatives=37: level 1 may need 37 distinct bodies, only 36 exist",
        ),
        (
            {"level_sizes": (1, 10)},
            r"level_sizes=\(1, 10\): level 2 may have at most 9 symbols",
        ),
        (
            {"level_sizes": (1, 1, 2), "length_one_chain": True, "min_alternatives": 1,
             "max_alternatives": 1},
            r"level_sizes=\(1, 1, 2\): level 3 may have at most 1 symbols",
        ),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_impossible_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        build(BuilderConfig, {"level_sizes": CFG3} | settings)


def test_as_many_bodies_as_exist_can_be_drawn() -> None:
    config = BuilderConfig(level_sizes=CFG3, min_alternatives=12, max_alternatives=12)
    assert draw(config, generator(0)).n_rules == 12 + 5 * 36
    # With the chain, the first symbol's body is one of the three of length 1.
    chain = {"level_sizes": (1, 2, 3), "length_one_chain": True, "min_length": 1, "max_length": 1}
    config = BuilderConfig(**chain, min_alternatives=2, max_alternatives=2)
    rules = draw(config, generator(0)).rules
    assert rules[7] == ((1,),)
    assert sorted(rules[8]) == [(2,), (3,)]
    with pytest.raises(ConfigError, match="need 3 distinct bodies, only 2 exist"):
        BuilderConfig(**chain, min_alternatives=2, max_alternatives=3)


def test_giving_up_on_dead_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_DRAWS", 3)
    with pytest.raises(ConfigError, match=r"^level_sizes=\(1, 9\): none of 3 draws of level 1 had"):
        draw(BuilderConfig(level_sizes=(1, 9)), generator(0))


def test_settings_come_from_a_mapping() -> None:
    config = build(BuilderConfig, {"level_sizes": [1, 3, 3], "distinct_symbols": True})
    assert config == BuilderConfig(level_sizes=(1, 3, 3), distinct_symbols=True)


def test_grammars_by_name(tmp_path: Path) -> None:
    for name in published():
        assert named(name) == load(name)
    assert named("cfg3f", 13) == load("cfg3f").below(13)
    path = tmp_path / "mine.txt"
    path.write_text("terminals: 1 2\n6: 1 2 | 2\n")
    assert named(str(path)).rules == {6: ((1, 2), (2,))}
    path.write_text("terminals: 1 2\n6: 1 2 | 3\n")
    with pytest.raises(GrammarError, match="3 is undefined"):
        named(str(path))
    with pytest.raises(ConfigError) as error:
        named("cfg3x")
    assert str(error.value) == (
        "grammar='cfg3x': must be one of cfg3b, cfg3f, cfg3g, cfg3h, cfg3i, cfg3j, cfg3k, "
        "cfg3e1-like, cfg3e2-like, or a file"
    )


@pytest.mark.parametrize(
    ("name", "n_rules", "root", "mean"),
    [("cfg3e1-like", 444, 160, 265.27), ("cfg3e2-like", 228, 83, 248.11)],
)
def test_the_two_of_many_symbols(name: str, n_rules: int, root: int, mean: float) -> None:
    grammar = named(name)
    assert (grammar.name, grammar.n_rules, grammar.root) == (name, n_rules, root)
    assert tuple(map(len, grammar.levels)) == LIKE[name].level_sizes
    assert {len(bodies) for bodies in grammar.rules.values()} == {3}
    # Always the same grammar, which its mean length shows.
    assert expected_nodes(grammar)[-1] == pytest.approx(mean, abs=0.005)
    child = grammar.levels[1][0]
    assert named(name, child).root == child
