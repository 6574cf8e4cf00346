"""Samples against laws found by listing, and trees against the rules."""

import hashlib
import re
from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from physlm.config import ConfigError
from physlm.data.grammars import sample as module
from physlm.data.grammars.expand import choose
from physlm.data.grammars.grammar import Grammar, load, parse
from physlm.data.grammars.sample import Trees, sample, sample_depth, sample_trees
from physlm.data.grammars.statistics import lengths
from physlm.random import generator
from tests.data.grammars.enumeration import TINY, law, p_value


def test_strings_have_the_probabilities_of_the_grammar() -> None:
    strings = sample(TINY, 30_000, generator(0, "tiny"))
    assert p_value(strings, law(TINY)) > 1e-3
    # The test would notice: the same strings, were the first alternative of the root rarer.
    wrong = parse(TINY.text().replace("12: 10 11 |", "12: 10 11 | 10 10 |"), "wrong")
    assert p_value(strings, law(wrong)) < 1e-9


@pytest.mark.parametrize("depth", [1, 2])
def test_symbols_of_a_depth_have_theirs(depth: int) -> None:
    strings = sample_depth(TINY, 20_000, depth, generator(0, "tiny", depth))
    assert p_value(strings, law(TINY, depth)) > 1e-3


def test_choices_are_those_of_splitmix64() -> None:
    # The published sequence of seed 1234567.
    state = 1234567
    for word in (6457827717110365317, 3203168211198807973, 9817491932198370423):
        state, choice = choose(np.uint64(state), 2**16)
        assert choice == word >> 48


def test_choices_are_not_biased() -> None:
    # Without rejection, half of the choices among 3 * 2^30 would be multiples of 3.
    state, counts = 5, np.zeros(3)
    for _ in range(6000):
        state, choice = choose(np.uint64(state), 3 * 2**30)
        assert 0 <= choice < 3 * 2**30
        counts[choice % 3] += 1
    assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("name", ["cfg3b", "cfg3f"])
def test_length_moments(name: str) -> None:
    grammar, n = load(name), 40_000
    law = lengths(grammar)
    found = sample(grammar, n, generator(1, name)).lengths
    assert abs(found.mean() - law.mean) < 4 * law.sd / n**0.5
    deviation = (np.arange(law.probability.size) - law.mean) ** 2
    sigma = (law.probability @ deviation**2 - law.sd**4) ** 0.5
    assert abs(((found - law.mean) ** 2).mean() - law.sd**2) < 4 * sigma / n**0.5


def test_strings_do_not_change_with_numba_or_numpy() -> None:
    tokens = sample(load("cfg3f"), 100, generator(0)).tokens
    digest = hashlib.sha1("".join(map(str, tokens.tolist())).encode()).hexdigest()[:12]
    assert digest == "fa3ae1725614"


def test_a_string_depends_on_the_generator_and_its_place_alone() -> None:
    grammar = load("cfg3f")
    many, few = (sample(grammar, n, generator(2)) for n in (50, 7))
    assert [s.tolist() for s in few] == [s.tolist() for s in many][:7]
    rng = generator(2)
    assert (sample(grammar, 50, rng).tokens == many.tokens).all()
    assert len({tuple(s.tolist()) for s in (*many, *sample(grammar, 50, rng))}) == 100
    # One number is taken from the generator, whatever n.
    one, other = generator(3), generator(3)
    sample(grammar, 1, one)
    sample(grammar, 9, other)
    assert one.random() == other.random()


@pytest.mark.parametrize("room", [0, 1, 1000])
def test_growing_changes_nothing(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = load("cfg3b")
    enough = sample(grammar, 30, generator(4))
    monkeypatch.setattr(module, "_room", lambda n, expected: room)
    grown = sample(grammar, 30, generator(4))
    assert (grown.tokens == enough.tokens).all()
    assert (grown.offsets == enough.offsets).all()


def bodies(trees: Trees, i: int) -> set[tuple[int, tuple[int, ...]]]:
    """Every node of tree i and what it was rewritten to, read off the arrays."""
    start, stop = trees.strings.offsets[i : i + 2]
    index, symbol = trees.ancestor[:, start:stop], trees.symbol[:, start:stop]
    found = set()
    for depth in range(len(index) - 1):
        for node in range(index[depth].max() + 1):
            under = index[depth] == node
            (label,) = set(symbol[depth, under].tolist())
            children = dict(
                zip(
                    index[depth + 1, under].tolist(), symbol[depth + 1, under].tolist(), strict=True
                )
            )
            found.add((label, tuple(children.values())))
    return found


@pytest.mark.parametrize("grammar", [TINY, load("cfg3f"), load("cfg3k")], ids=lambda g: g.name)
def test_children_of_every_node_are_a_body_of_it(grammar: Grammar) -> None:
    trees = sample_trees(grammar, 20, generator(5))
    assert (trees.symbol[0] == grammar.root).all()
    assert (trees.symbol[-1] == trees.strings.tokens).all()
    assert len(trees) == 20
    for i in range(20):
        for label, body in bodies(trees, i):
            assert body in grammar.rules[label]
        start, stop = trees.strings.offsets[i : i + 2]
        index = trees.ancestor[:, start:stop]
        assert (index[:, 0] == 0).all()
        assert np.isin(np.diff(index, axis=1), (0, 1)).all()
        assert index[-1].tolist() == list(range(stop - start))


def test_every_node_takes_its_alternatives_equally_often() -> None:
    grammar = load("cfg3b")
    counts: Counter[tuple[int, tuple[int, ...]]] = Counter()
    trees = sample_trees(grammar, 300, generator(6))
    for i in range(300):
        for node in re.findall(r"\((\d+) ([\d ]+)\)", trees.brackets(i)):
            counts[int(node[0]), tuple(map(int, node[1].split()))] += 1
    for symbol in (7, 8, 9):
        found = [counts[symbol, body] for body in grammar.rules[symbol]]
        assert chisquare(found).pvalue > 1e-3
    assert sum(counts.values()) == trees.ancestor[-2][trees.boundary(5)].size


def test_trees_have_the_strings_that_sample_gives() -> None:
    for grammar in (TINY, load("cfg3j")):
        trees = sample_trees(grammar, 25, generator(7))
        strings = sample(grammar, 25, generator(7))
        assert (trees.strings.tokens == strings.tokens).all()
        assert (trees.strings.offsets == strings.offsets).all()


def test_boundaries_nest_and_sharp_is_the_highest() -> None:
    grammar = load("cfg3f")
    trees = sample_trees(grammar, 30, generator(8))
    levels = np.array([trees.boundary(depth) for depth in range(grammar.n_levels)])
    assert (levels[0].nonzero()[0] == trees.strings.offsets[1:] - 1).all()
    assert levels[-1].all()
    assert (levels[:-1] <= levels[1:]).all()
    for at, sharp in enumerate(trees.sharp.tolist()):
        inner = [d for d in range(1, grammar.n_levels - 1) if levels[d, at]]
        assert sharp == min(inner, default=grammar.n_levels - 1)
    # Counted by nodes: a node of each depth ends as often as there are nodes.
    for depth in range(grammar.n_levels):
        nodes = sum(
            trees.ancestor[depth, trees.strings.offsets[i + 1] - 1] + 1 for i in range(len(trees))
        )
        assert levels[depth].sum() == nodes


def test_trees_of_two_levels_and_single_tokens() -> None:
    grammar = parse("terminals: 1 2\n6: 1 | 2", "flat")
    trees = sample_trees(grammar, 9, generator(9))
    assert trees.boundary(0).all()
    assert (trees.sharp == 1).all()
    assert {trees.brackets(i) for i in range(9)} == {"(6 1)", "(6 2)"}


def test_brackets_show_the_tree() -> None:
    grammar = load("cfg3f")
    trees = sample_trees(grammar, 5, generator(10))
    for i in range(5):
        text, found = trees.brackets(i), set()
        while "(" in text:
            for label, children in re.findall(r"\((\d+)((?: \d+)+)\)", text):
                found.add((int(label), tuple(map(int, children.split()))))
            if text.count("(") == trees.brackets(i).count("("):
                bare = re.sub(r"\(\d+|\)", "", text).split()
                assert list(map(int, bare)) == trees.strings[i].tolist()
            text = re.sub(r"\((\d+)(?: \d+)+\)", r"\1", text)
        assert text == "22"
        assert found == bodies(trees, i)


def test_no_strings_and_impossible_numbers() -> None:
    assert len(sample(TINY, 0, generator(0))) == 0
    assert sample_trees(TINY, 0, generator(0)).ancestor.shape == (4, 0)
    for n in (-1, 2**41):
        with pytest.raises(ConfigError, match=rf"^n={n}: must be from 0 to \d+ strings of tiny$"):
            sample(TINY, n, generator(0))
    for depth in (0, 4):
        with pytest.raises(ConfigError, match=rf"^depth={depth}: must be from 1 to 3$"):
            sample_depth(TINY, 1, depth, generator(0))
