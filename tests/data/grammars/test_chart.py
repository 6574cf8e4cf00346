"""Probabilities and numbers of derivations, against lists of all trees and exact numbers."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

from physlm.data.grammars import kernels
from physlm.data.grammars.chart import Scores, binary, score
from physlm.data.grammars.grammar import Grammar, GrammarError, load
from physlm.data.grammars.sample import sample
from physlm.data.grammars.strings import Strings
from physlm.random import generator
from tests.data.grammars import oracles

# The derivation that always takes one alternative: its -log2 probability and derivations.
VECTORS = [
    ("cfg3b", 0, 157.0, 1),
    ("cfg3h", 0, 223.345875, 1),
    ("cfg3g", 0, 202.8752, 1),
    ("cfg3f", -1, 275.21505, 1),
    ("cfg3k", 0, 537.165362, 3),
]
KINDS = ["terminals", "observed"]


def one(grammar: Grammar, text: list[int]) -> tuple[bool, float, float]:
    result = score(grammar, Strings.of([text]))
    return bool(result.grammatical[0]), float(result.log2_prob[0]), float(result.n_parses[0])


@pytest.mark.parametrize(("name", "which", "bits", "n_parses"), VECTORS)
def test_published_vectors(name: str, which: int, bits: float, n_parses: int) -> None:
    grammatical, log2_prob, found = one(load(name), oracles.always(name, which))
    assert grammatical
    assert -log2_prob == pytest.approx(bits, abs=5e-7)
    assert found == n_parses


def check_all(grammar: Grammar, kind: str) -> Scores:
    """Every string of tokens up to one longer than the longest of the language."""
    words = oracles.observed(grammar, kind)
    emission = oracles.emission_of(kind, grammar.n_terminals)
    n_tokens = grammar.n_terminals if emission is None else emission.shape[1] - 1
    longest = max(map(len, words))
    texts = list(words)
    for n in range(1, longest + 2):
        if n_tokens**n > 500:
            break
        texts += [t for t in itertools.product(range(1, n_tokens + 1), repeat=n) if t not in words]
    result = score(grammar, Strings.of(texts), emission)
    for i, text in enumerate(texts):
        trees = words.get(text, [])
        assert result.grammatical[i] == bool(trees)
        assert result.n_parses[i] == len(trees)
        assert 2 ** result.log2_prob[i] == pytest.approx(sum(float(p) for _, p in trees), rel=1e-12)
    assert (2.0**result.log2_prob).sum() == pytest.approx(1, rel=1e-12)
    return result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", oracles.TINY)
def test_all_strings_of_tiny_grammars(name: str, kind: str) -> None:
    result = check_all(oracles.tiny(name), kind)
    if name == "ambiguous":
        assert result.n_parses.max() > 1
    if kind == "terminals" or name != "one":
        assert not result.grammatical.all()


@settings(derandomize=True, max_examples=8, deadline=None)
@given(oracles.grammars())
def test_all_strings_of_drawn_grammars(grammar: Grammar) -> None:
    check_all(grammar, "terminals")


@pytest.mark.parametrize("name", ["cfg3i", "cfg3f", "cfg3k"])
def test_strings_and_corrupted_strings(name: str) -> None:
    """Whole strings of published grammars, and with a token changed; exact numbers agree."""
    grammar, rng = load(name), generator(0, "test chart", name)
    texts = [oracles.draw(grammar, rng) for _ in range(4)]
    for text in texts[:]:
        wrong = text.copy()
        place = int(rng.integers(len(text)))
        wrong[place] = wrong[place] % 3 + 1
        texts.append(wrong)
    texts.append(rng.integers(1, 4, size=300).tolist())
    texts.append([1] * 300)
    result = score(grammar, Strings.of(texts))
    assert result.grammatical[:4].all()
    assert not result.grammatical[4:].all()
    for i, text in enumerate(texts):
        p, n_parses = oracles.spanned(grammar, text)
        assert result.n_parses[i] == n_parses
        assert result.log2_prob[i] == (pytest.approx(oracles.log2(p)) if p else -np.inf)


@pytest.mark.parametrize("name", ["cfg3j", "cfg3k"])
def test_probabilities_below_the_least_double(name: str) -> None:
    grammar = load(name)
    text = oracles.longest(grammar)
    p, n_parses = oracles.spanned(grammar, text)
    assert oracles.log2(p) < -1022, "an ordinary double would be 0 or lose digits"
    _, log2_prob, found = one(grammar, text)
    assert log2_prob == pytest.approx(oracles.log2(p), rel=1e-13)
    assert found == n_parses


def test_sums_of_very_different_probabilities() -> None:
    # Terminal 1 emits token 1 so rarely that the exponents of the two derivations are far apart.
    grammar = Grammar.of("x", 2, {4: ((3, 3), (5,)), 3: ((1, 1),), 5: ((2, 2, 2, 2),)})
    emission = np.array([[0, 0, 0], [0, 1e-300, 1 - 1e-300], [0, 0.5, 0.5]])
    small, half = score(grammar, Strings.of([[1, 1, 1, 1], [2, 2, 2, 2]]), emission).log2_prob
    assert small == pytest.approx(np.log2(0.5**5), rel=1e-15)
    assert half == pytest.approx(np.log2(0.5 + 0.5**5), rel=1e-15)


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
@pytest.mark.parametrize("bits", [(250, 257), (3, 250), (255, 513), (257, 258), (300, 1000)])
def test_sums_across_units_of_the_exponent(bits: tuple[int, int], order: tuple[int, int]) -> None:
    grammar = Grammar.of("x", 2, {3: tuple((t,) for t in order)})
    emission = np.array([[0, 0, 0], *([0, 2.0**-b, 1 - 2.0**-b] for b in bits)])
    found = score(grammar, Strings.of([[1]]), emission).log2_prob[0]
    exact = Fraction(1, 2 ** (bits[0] + 1)) + Fraction(1, 2 ** (bits[1] + 1))
    assert found == pytest.approx(oracles.log2(exact), abs=1e-12)


def test_products_of_tiny_probabilities() -> None:
    grammar = Grammar.of("x", 1, {4: ((3, 3),), 3: ((1, 1),)})
    emission = np.array([[0, 0, 0], [0, 1e-300, 1 - 1e-300]])
    found = score(grammar, Strings.of([[1, 1, 1, 1]]), emission).log2_prob[0]
    assert found == pytest.approx(4 * np.log2(1e-300), rel=1e-14)


def test_pairs_stay_within_their_bounds() -> None:
    """So no sum and no product can overflow, however many derivations add up."""
    grammar = Grammar.of("x", 1, {3: ((2,) * 40,), 2: ((1,), (1, 1))})
    emission = np.array([[0, 0, 0], [0, 2.0**-9, 1 - 2.0**-9]])
    rules, tokens = binary(grammar), np.ones(60, np.int32)
    chart = kernels.empty_chart(rules, 60, 1)
    chart = kernels.inside(rules, emission, tokens, chart)
    used = slice(chart.first[len(rules.weight)])
    value, exponent = chart.value[used], chart.exponent[used]
    assert (value >= kernels.SMALL).all()
    assert ((value <= 1) | (exponent == 0)).all()
    assert exponent.min() < -1
    exact = oracles.log2(Fraction(math.comb(40, 20), 2 ** (40 + 60 * 9)))
    assert score(grammar, Strings.of([tokens]), emission).log2_prob[0] == pytest.approx(exact)


def test_a_string_is_scored_the_same_alone_and_among_others() -> None:
    grammar, rng = load("cfg3f"), generator(0, "test chart")
    texts = [oracles.draw(grammar, rng) for _ in range(5)]
    together = score(grammar, Strings.of(texts))
    for i, text in enumerate(texts):
        assert one(grammar, text) == (True, together.log2_prob[i], together.n_parses[i])
    assert len(score(grammar, Strings.of([])).log2_prob) == 0


def test_many_derivations_are_counted() -> None:
    # Every split of 40 ones over 20 pairs of one or two: the counts are binomial coefficients.
    grammar = Grammar.of("x", 1, {3: ((2,) * 20,), 2: ((1,), (1, 1))})
    grammatical, log2_prob, n_parses = one(grammar, [1] * 30)
    assert (grammatical, n_parses) == (True, 184756)
    assert 2**log2_prob == pytest.approx(184756 / 2**20)


def test_bad_strings() -> None:
    grammar = load("cfg3f")
    for texts, message in [
        ([[1, 2], [3, 4]], r"^string 1: tokens\[1\]=4: must be 1 to 3$"),
        ([[1, 2], [], [0]], r"^string 2: tokens\[0\]=0: must be 1 to 3$"),
        ([[1], [], [2]], r"^string 1: empty: must have a token, no symbol derives none$"),
    ]:
        with pytest.raises(GrammarError, match=message):
            score(grammar, Strings.of(texts))


BAD = {
    "shape": (np.eye(3), r"^emission: shape \[3, 3\]: must be \[4, V \+ 1\] for 3 terminals$"),
    "column": (np.eye(4), r"^emission: row 0 and column 0 must be 0"),
    "negative": (
        np.array([[0, 0, 0], [0, 2, -1], [0, 1, 0], [0, 1, 0]]),
        r"and no probability negative$",
    ),
    "sum": (
        np.array([[0, 0, 0], [0, 1, 0], [0, 0.5, 0.4], [0, 1, 0]]),
        r"^emission: row 2 has the sum 0\.9: must be 1$",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_emissions(case: str) -> None:
    emission, message = BAD[case]
    with pytest.raises(GrammarError, match=message):
        score(load("cfg3f"), Strings.of([[1]]), emission)


def test_strings_end_to_end() -> None:
    strings = Strings.of([[1, 2], [], np.array([3])])
    assert len(strings) == 3
    assert [text.tolist() for text in strings] == [[1, 2], [], [3]]
    assert strings[-1].tolist() == [3]
    assert strings.lengths.tolist() == [2, 0, 1]
    assert (strings.tokens.dtype, strings.offsets.dtype) == (np.int32, np.int64)
    for i in (3, -4):
        with pytest.raises(IndexError, match=f"^string {i} of 3$"):
            strings[i]
    for offsets in ([0, 2], [1, 3], [0, 3, 2, 3], []):
        with pytest.raises(ValueError, match="offsets must rise from 0 to the 3 tokens"):
            Strings(np.ones(3, np.int32), np.array(offsets, np.int64))


# Entropy of a string in bits, share with one derivation, mean log2 of derivations: the fact sheet,
# by 100,000 strings (Part 1 prints the entropies, rounded, as the truth of Figure 4).
AMBIGUITY = {
    "cfg3b": (169.3, 1.0, 0.0),
    "cfg3i": (184.8, 0.169, 2.23),
    "cfg3h": (204.8, 0.864, 0.149),
    "cfg3g": (268.0, 0.180, 1.95),
    "cfg3f": (267.6, 0.605, 0.513),
}


@pytest.mark.parametrize("name", AMBIGUITY)
def test_sampled_strings_are_as_improbable_and_ambiguous_as_they_should_be(name: str) -> None:
    n, (bits, single, log2_parses) = 1500, AMBIGUITY[name]
    found = score(load(name), sample(load(name), n, generator(0, "test ambiguity", name)))
    assert found.grammatical.all()
    for values, expected, printed in (
        (-found.log2_prob, bits, 0.1),
        (found.n_parses == 1, single, 0.001),
        (np.log2(found.n_parses), log2_parses, 0.01),
    ):
        error = values.std() / n**0.5
        assert values.mean() == pytest.approx(expected, abs=4.5 * error + printed)
