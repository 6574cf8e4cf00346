"""Bags of observable tokens, and what is emitted from them."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from physlm.config import ConfigError
from physlm.data.grammars.grammar import load
from physlm.data.grammars.implicit import Bags, BagsConfig, deal, emit
from physlm.data.grammars.sample import sample
from physlm.data.grammars.strings import Strings
from physlm.random import generator


def test_disjoint_bags_are_dealt_in_turn() -> None:
    bags = deal(BagsConfig(vocabulary=8), 3, generator(0))
    assert [bags.of(t).tolist() for t in (1, 2, 3)] == [[1, 4, 7], [2, 5, 8], [3, 6]]
    assert (bags.n_terminals, bags.vocabulary) == (3, 8)
    expected = np.zeros((4, 9))
    expected[1, [1, 4, 7]] = expected[2, [2, 5, 8]] = 1 / 3
    expected[3, [3, 6]] = 1 / 2
    assert bags.emissions == pytest.approx(expected)


def test_ranks_weigh_one_two_three() -> None:
    bags = deal(BagsConfig(vocabulary=8, weights="rank"), 3, generator(0))
    assert bags.emissions[1, [1, 4, 7]] == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert bags.emissions[3, [3, 6]] == pytest.approx([1 / 3, 2 / 3])


@pytest.mark.parametrize("weights", ["uniform", "rank"])
def test_overlapping_bags(weights: str) -> None:
    sizes, shared = [], 0
    for seed in range(300):
        config = BagsConfig(vocabulary=9, kind="overlap", weights=weights)  # type: ignore[arg-type]
        bags = deal(config, 3, generator(seed))
        assert bags.emissions.shape == (4, 10)
        assert not bags.emissions[0].any()
        assert not bags.emissions[:, 0].any()
        assert bags.emissions[1:].sum(axis=1) == pytest.approx(1)
        shared += ((bags.emissions > 0).sum(axis=0) > 1).any()
        for terminal in (1, 2, 3):
            bag = bags.of(terminal)
            sizes.append(len(bag))
            ranks = np.arange(1, len(bag) + 1)
            weight = np.ones(len(bag)) if weights == "uniform" else ranks
            found = np.sort(bags.emissions[terminal, bag])
            assert found == pytest.approx(weight / weight.sum())
    # floor(1.5 * 9 / 3) = 4 draws among 9 tokens: the mean number of different ones is known.
    assert max(sizes) == 4
    assert np.mean(sizes) == pytest.approx(9 * (1 - (8 / 9) ** 4), abs=0.1)
    assert shared > 200


def test_emitted_tokens_have_the_law_of_their_terminal() -> None:
    config = BagsConfig(vocabulary=12, kind="overlap", weights="rank")
    bags = deal(config, 3, generator(3))
    strings = sample(load("cfg3b"), 100, generator(0))
    seen = emit(bags, strings, generator(1))
    assert (seen.offsets == strings.offsets).all()
    assert seen.tokens.dtype == np.int32
    for terminal in (1, 2, 3):
        counts = Counter(seen.tokens[strings.tokens == terminal].tolist())
        bag = bags.of(terminal).tolist()
        assert set(counts) <= set(bag)
        expected = bags.emissions[terminal, bag] * sum(counts.values())
        assert chisquare([counts[token] for token in bag], expected).pvalue > 1e-3
    # Tokens that are in no bag never occur; here there are some.
    idle = set(range(1, 13)) - {token for t in (1, 2, 3) for token in bags.of(t).tolist()}
    assert idle
    assert not idle & set(seen.tokens.tolist())


def test_first_strings_do_not_depend_on_how_many_follow() -> None:
    bags = deal(BagsConfig(vocabulary=30), 3, generator(0))
    many, few = (sample(load("cfg3f"), n, generator(0)) for n in (20, 6))
    rows = emit(bags, many, generator(1)), emit(bags, few, generator(1))
    assert rows[0].tokens[: len(rows[1].tokens)].tolist() == rows[1].tokens.tolist()


def test_a_bag_of_one_token_always_gives_it() -> None:
    bags = Bags(np.eye(4)[:, [0, 3, 1, 2]])
    seen = emit(bags, Strings.of([[1, 2, 3, 3], [2]]), generator(0))
    assert [s.tolist() for s in seen] == [[2, 3, 1, 1], [3]]
    assert len(emit(bags, Strings.of([]), generator(0))) == 0


def test_impossible_bags_and_tokens() -> None:
    with pytest.raises(ConfigError, match=r"^vocabulary=0: must be at least 1$"):
        BagsConfig(vocabulary=0)
    with pytest.raises(ConfigError, match=r"^vocabulary=2: must be at least 3, a bag for each"):
        deal(BagsConfig(vocabulary=2), 3, generator(0))
    deal(BagsConfig(vocabulary=3), 3, generator(0))
    with pytest.raises(ConfigError, match=r"^vocabulary=2: must be at least 3, a bag for each"):
        deal(BagsConfig(vocabulary=2, kind="overlap"), 4, generator(0))
    for seed in range(20):
        bags = deal(BagsConfig(vocabulary=3, kind="overlap"), 4, generator(seed))
        assert all(len(bags.of(t)) == 1 for t in (1, 2, 3, 4))
    bags = deal(BagsConfig(vocabulary=3), 3, generator(0))
    for token in (0, 4):
        with pytest.raises(ConfigError, match=rf"^token={token}: must be from 1 to 3"):
            emit(bags, Strings.of([[1, token]]), generator(0))
