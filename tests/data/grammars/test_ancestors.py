"""Posteriors of the tree, against sums over lists of all trees."""

import numpy as np
import pytest
from hypothesis import given, settings

from physlm.data.grammars.ancestors import Posterior, ceilings, given_prefix, given_string
from physlm.data.grammars.grammar import Grammar, GrammarError, load
from physlm.data.grammars.strings import Strings
from physlm.random import generator
from tests.data.grammars import oracles

Word = tuple[int, ...]
Words = dict[Word, list[tuple[oracles.Tree, float]]]


class Sums:
    """Probabilities of nodes above tokens, summed over the trees of a language."""

    def __init__(self, grammar: Grammar, words: Words) -> None:
        width = max(map(len, grammar.levels))
        self.whole: dict[Word, list[np.ndarray]] = {}
        self.prefix: dict[Word, list[np.ndarray]] = {}
        self.total: dict[Word, float] = {}
        for word, trees in words.items():
            n = len(word)
            sums = [np.zeros((grammar.n_levels, n, width)) for _ in range(2)]
            for tree, p in trees:
                for depth, symbol, start, end in oracles.spans(tree):
                    column = grammar.levels[depth].index(symbol)
                    sums[0][depth, start:end, column] += p
                    sums[1][depth, end - 1, column] += p
            mass = sum(p for _, p in trees)
            self.whole[word] = [s / mass for s in sums]
            for k in range(1, n + 1):
                begin = word[:k]
                old = self.prefix.setdefault(begin, [np.zeros((grammar.n_levels, width))] * 2)
                self.prefix[begin] = [a + s[:, k - 1] for a, s in zip(old, sums, strict=True)]
                self.total[begin] = self.total.get(begin, 0.0) + mass

    def given_prefix(self, word: Word) -> list[np.ndarray]:
        begins = [word[: k + 1] for k in range(len(word))]
        return [
            np.stack([self.prefix[b][i] / self.total[b] for b in begins], axis=1) for i in (0, 1)
        ]


def assert_is(found: Posterior, expected: list[np.ndarray]) -> None:
    np.testing.assert_allclose(found.symbol, expected[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.ending, expected[1], rtol=1e-12, atol=1e-14)
    ends = expected[1].sum(axis=2)
    np.testing.assert_allclose(found.boundary, ends, rtol=1e-12, atol=1e-14)
    at_end = found.symbol_at_end
    np.testing.assert_allclose(
        at_end[ends > 0], (expected[1] / np.maximum(ends, 1e-300)[:, :, None])[ends > 0], atol=1e-12
    )
    assert np.isnan(at_end[ends == 0]).all()


def check_all(grammar: Grammar, kind: str) -> None:
    words = oracles.observed(grammar, kind)
    emission = oracles.emission_of(kind, grammar.n_terminals)
    sums = Sums(grammar, words)
    for word in list(words)[:20]:
        assert_is(given_string(grammar, word, emission), sums.whole[word])
        assert_is(given_prefix(grammar, word, emission), sums.given_prefix(word))


@pytest.mark.parametrize("kind", ["terminals", "observed"])
@pytest.mark.parametrize("name", oracles.TINY)
def test_all_strings_of_tiny_grammars(name: str, kind: str) -> None:
    check_all(oracles.tiny(name), kind)


@settings(derandomize=True, max_examples=8, deadline=None)
@given(oracles.grammars())
def test_strings_of_drawn_grammars(grammar: Grammar) -> None:
    check_all(grammar, "terminals")


def test_a_string_that_is_not_complete() -> None:
    grammar = oracles.tiny("ambiguous")
    sums = Sums(grammar, oracles.observed(grammar, "terminals"))
    for begin in sums.prefix:
        assert_is(given_prefix(grammar, begin), sums.given_prefix(begin))


@pytest.mark.parametrize("given", ["string", "prefix"])
@pytest.mark.parametrize("name", ["ambiguous", "unary"])
def test_ceilings_are_what_the_best_guesses_reach(name: str, given: str) -> None:
    """Guess from the sums over trees, look at every tree, count; no strings are drawn at all."""
    grammar = oracles.tiny(name)
    words = oracles.observed(grammar, "terminals")
    sums = Sums(grammar, words)
    for word, trees in list(words.items())[:20]:
        symbol, ending = sums.whole[word] if given == "string" else sums.given_prefix(word)
        found = ceilings(grammar, Strings.of([word]), "string" if given == "string" else "prefix")
        # What the guesser expects of this string; the whole string also says what happens.
        expected = [
            symbol.max(axis=2).mean(axis=1),
            ending.max(axis=2).sum(axis=1) / ending.sum(axis=(1, 2)),
            np.maximum(ending.sum(axis=2), 1 - ending.sum(axis=2)).mean(axis=1),
        ]
        arrays = (found.symbol, found.symbol_at_ends, found.boundary)
        for array, exact in zip(arrays, expected, strict=True):
            np.testing.assert_allclose(array, exact, rtol=1e-12)
        if given == "string":
            mass = sum(p for _, p in trees)
            right = np.zeros((2, grammar.n_levels))
            for tree, p in trees:
                for depth, node, start, end in oracles.spans(tree):
                    column = grammar.levels[depth].index(node)
                    guess = symbol[depth, start:end].argmax(axis=1)
                    right[0, depth] += p * (guess == column).sum() / mass / len(word)
                    at_end = ending[depth, end - 1].argmax() == column
                    right[1, depth] += p * at_end / mass / ending[depth].sum()
            np.testing.assert_allclose(found.symbol, right[0], rtol=1e-12)
            np.testing.assert_allclose(found.symbol_at_ends, right[1], rtol=1e-12)


def test_over_the_language_prefix_guesses_reach_what_they_expect() -> None:
    """The mean over all strings, by their probabilities, is the accuracy against the true trees."""
    grammar = oracles.tiny("ambiguous")
    words = oracles.observed(grammar, "terminals")
    expected, right = np.zeros((2, grammar.n_levels)), np.zeros((2, grammar.n_levels))
    for word, trees in words.items():
        posterior = given_prefix(grammar, word)
        mass = sum(p for _, p in trees)
        expected[0] += mass * posterior.symbol.max(axis=2).sum(axis=1)
        expected[1] += mass * posterior.ending.max(axis=2).sum(axis=1)
        for tree, p in trees:
            for depth, node, start, end in oracles.spans(tree):
                column = grammar.levels[depth].index(node)
                guess = posterior.symbol[depth, start:end].argmax(axis=1)
                right[0, depth] += p * (guess == column).sum()
                right[1, depth] += p * (posterior.ending[depth, end - 1].argmax() == column)
    np.testing.assert_allclose(expected, right, rtol=1e-12)
    assert (right[0, 1:-1] < expected[0, 0] - 0.01).all(), "there is something to be unsure of"


def test_ceilings_weigh_tokens_and_ends() -> None:
    grammar, rng = load("cfg3f", 16), generator(0, "test ceilings")
    texts = [oracles.draw(grammar, rng) for _ in range(4)]
    found = ceilings(grammar, Strings.of(texts), "prefix")
    posteriors = [given_prefix(grammar, text) for text in texts]
    symbol = np.concatenate([p.symbol.max(axis=2) for p in posteriors], axis=1)
    np.testing.assert_allclose(found.symbol, symbol.mean(axis=1))
    ending = np.concatenate([p.ending for p in posteriors], axis=1)
    at_ends = ending.max(axis=2).sum(axis=1) / ending.sum(axis=(1, 2))
    np.testing.assert_allclose(found.symbol_at_ends, at_ends)
    boundary = np.concatenate([p.boundary for p in posteriors], axis=1)
    np.testing.assert_allclose(found.boundary, np.maximum(boundary, 1 - boundary).mean(axis=1))


@pytest.mark.parametrize("name", ["cfg3i", "cfg3k"])
def test_long_strings(name: str) -> None:
    """Sums that must hold at any length; the longest string is too improbable for a double."""
    grammar, rng = load(name), generator(0, "test long", name)
    for text in (oracles.draw(grammar, rng), oracles.longest(grammar)):
        whole, prefix = given_string(grammar, text), given_prefix(grammar, text)
        for posterior in (whole, prefix):
            np.testing.assert_allclose(posterior.symbol.sum(axis=2), 1, atol=1e-9)
            assert (posterior.ending <= posterior.symbol + 1e-12).all()
            # A node that ends takes the last of its children along, so ends nest.
            assert (np.diff(posterior.boundary, axis=0) >= -1e-9).all()
        np.testing.assert_allclose(whole.boundary[:, -1], 1, atol=1e-9)
        np.testing.assert_allclose(prefix.symbol[:, 0][-1], whole.symbol[:, 0][-1], atol=1e-12)


def test_unambiguous_strings_are_certain() -> None:
    """cfg3b is unambiguous (its published fraction of strings with one parse is 1)."""
    grammar, rng = load("cfg3b"), generator(0, "test certain")
    found = ceilings(grammar, Strings.of([oracles.draw(grammar, rng)]), "string")
    np.testing.assert_allclose([found.symbol, found.symbol_at_ends, found.boundary], 1, rtol=1e-12)


def test_bad_strings() -> None:
    grammar = load("cfg3b", 7)  # 3 1 or 1 2 3
    for function, text, message in [
        (given_string, [1, 2], r"^string 0: of 2 tokens: no string of cfg3b from 7$"),
        (given_string, [], r"^string 0: empty: "),
        (given_string, [7], r"^string 0: tokens\[0\]=7: must be 1 to 3$"),
        (given_prefix, [1, 3], r"^string 0: tokens\[1\]=3: no string of cfg3b from 7 goes on so$"),
        (given_prefix, [], r"^string 0: empty: "),
    ]:
        with pytest.raises(GrammarError, match=message):
            function(grammar, text)
    with pytest.raises(GrammarError, match=r"^string 1: of 1 tokens: no string of cfg3b from 7$"):
        ceilings(grammar, Strings.of([[3, 1], [3]]), "string")
    with pytest.raises(GrammarError, match=r"^strings: none: must be at least 1"):
        ceilings(grammar, Strings.of([]), "prefix")
