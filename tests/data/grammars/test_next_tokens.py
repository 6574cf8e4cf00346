"""Next-token rows against lists of all strings, and the fact sheet's rows."""

import numpy as np
import pytest
from hypothesis import given, settings

from physlm.data.grammars.chart import score
from physlm.data.grammars.grammar import Grammar, GrammarError, load
from physlm.data.grammars.next_tokens import (
    next_rows,
    next_rows_of,
    possible_tokens,
    prefix_log2_prob,
)
from physlm.data.grammars.strings import Strings
from physlm.random import generator
from tests.data.grammars import oracles

# Rows after 0, 5, 20 and n tokens of the derivation that always takes one alternative.
VECTORS = [
    (
        "cfg3b",
        0,
        [(0, 0.15625, 0.125, 0.71875), (0, 0.5, 0, 0.5), (0, 0.5, 0.5, 0), (1, 0, 0, 0)],
    ),
    (
        "cfg3h",
        0,
        [
            (0, 0.630787, 0.204090, 0.165123),
            (0, 0.580247, 0.402006, 0.017747),
            (0, 0.601852, 0.3125, 0.085648),
            (1, 0, 0, 0),
        ],
    ),
    (
        "cfg3g",
        0,
        [
            (0, 0.395062, 0.482853, 0.122085),
            (0, 0.195767, 0.706349, 0.097884),
            (0, 0.119048, 0.821429, 0.059524),
            (0.473684, 0.187135, 0.233918, 0.105263),
        ],
    ),
    (
        "cfg3f",
        -1,
        [
            (0, 0.367863, 0.070385, 0.561753),
            (0, 0.843171, 0, 0.156829),
            (0, 0.096022, 0.578834, 0.325143),
            (0.5, 0, 0.5, 0),
        ],
    ),
    (
        "cfg3k",
        0,
        [
            (0, 0.414588, 0.292706, 0.292706),
            (0, 0.847413, 0.045594, 0.106993),
            (0, 0.5, 0, 0.5),
            (0.5, 0.194444, 0.152778, 0.152778),
        ],
    ),
]


@pytest.mark.parametrize(("name", "which", "expected"), VECTORS)
def test_published_vectors(name: str, which: int, expected: list[tuple[float, ...]]) -> None:
    rows = next_rows(load(name), oracles.always(name, which))
    np.testing.assert_allclose(rows[[0, 5, 20, -1]], expected, rtol=0, atol=5.1e-7)


def check_all(grammar: Grammar, kind: str) -> None:
    """Rows of every string of the language, and what no string begins with."""
    words = oracles.observed(grammar, kind)
    emission = oracles.emission_of(kind, grammar.n_terminals)
    n_tokens = grammar.n_terminals if emission is None else emission.shape[1] - 1
    beginning: dict[tuple[int, ...], float] = {}
    whole = {word: sum(float(p) for _, p in trees) for word, trees in words.items()}
    for word, p in whole.items():
        for k in range(len(word) + 1):
            beginning[word[:k]] = beginning.get(word[:k], 0.0) + p
    texts = list(words)[:60]
    strings = Strings.of(texts)
    found = next_rows_of(grammar, strings, emission)
    at = 0
    for text in texts:
        for k in range(len(text) + 1):
            after = [beginning.get((*text[:k], t), 0.0) for t in range(1, n_tokens + 1)]
            row = np.array([whole.get(text[:k], 0.0), *after]) / beginning[text[:k]]
            np.testing.assert_allclose(found[at], row, rtol=1e-12, atol=1e-15)
            at += 1
    assert at == len(found)
    text = texts[-1]
    exact = [np.log2(beginning[text[:k]]) for k in range(len(text) + 1)]
    np.testing.assert_allclose(prefix_log2_prob(grammar, text, emission), exact, atol=1e-12)
    # One impossible token behind every beginning that has one.
    wrong = [
        (*begin, t)
        for begin in list(beginning)[:40]
        for t in range(1, n_tokens + 1)
        if (*begin, t) not in beginning
    ]
    longer = Strings.of([(*text, 1) for text in wrong])
    possible = possible_tokens(grammar, longer, emission)
    assert possible.tolist() == [len(text) - 1 for text in wrong]
    for text in wrong[:3]:
        log2_prefix = prefix_log2_prob(grammar, text, emission)
        assert np.isfinite(log2_prefix[:-1]).all()
        assert log2_prefix[-1] == -np.inf


@pytest.mark.parametrize("kind", ["terminals", "observed"])
@pytest.mark.parametrize("name", oracles.TINY)
def test_all_strings_of_tiny_grammars(name: str, kind: str) -> None:
    check_all(oracles.tiny(name), kind)


@settings(derandomize=True, max_examples=8, deadline=None)
@given(oracles.grammars())
def test_strings_of_drawn_grammars(grammar: Grammar) -> None:
    check_all(grammar, "terminals")


@pytest.mark.parametrize("name", ["cfg3f", "cfg3k"])
def test_rows_of_a_string_multiply_to_its_probability(name: str) -> None:
    grammar, rng = load(name), generator(0, "test next tokens", name)
    texts = [oracles.draw(grammar, rng) for _ in range(3)] + [oracles.longest(grammar)]
    strings = Strings.of(texts)
    rows = next_rows_of(grammar, strings)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=0, atol=1e-12)
    at = 0
    for text, log2_prob in zip(texts, score(grammar, strings).log2_prob, strict=True):
        mine = rows[at : at + len(text) + 1]
        chosen = mine[np.arange(len(text) + 1), [*text, 0]]
        assert np.log2(chosen).sum() == pytest.approx(log2_prob, rel=1e-12)
        prefix = prefix_log2_prob(grammar, text)
        np.testing.assert_allclose(prefix[1:], np.log2(chosen[:-1]).cumsum(), atol=1e-9)
        np.testing.assert_array_equal(next_rows(grammar, text), mine)
        at += len(text) + 1


def test_strings_that_are_not_complete() -> None:
    grammar, rng = load("cfg3f"), generator(0, "test beginnings")
    text = oracles.draw(grammar, rng)
    rows = next_rows(grammar, text)
    for n in (0, 1, 17, len(text) - 1):
        np.testing.assert_array_equal(next_rows(grammar, text[:n]), rows[: n + 1])


def test_many_unlikely_tokens() -> None:
    # The probability of a beginning falls by 2 ** -100 a token, far below what a double has.
    grammar = Grammar.of("x", 2, {4: ((3,) * 30, (3,) * 31), 3: ((1,), (2,))})
    emission = np.array([[0, 0, 0], [0, 2.0**-100, 1 - 2.0**-100], [0, 2.0**-101, 1 - 2.0**-101]])
    rows = next_rows(grammar, [1] * 31, emission)
    np.testing.assert_allclose(rows[29], [0, 0.75 * 2.0**-100, 1], rtol=1e-13)
    np.testing.assert_allclose(rows[30], [0.5, 0.375 * 2.0**-100, 0.5], rtol=1e-13)
    np.testing.assert_allclose(rows[31], [1, 0, 0])
    log2_prefix = prefix_log2_prob(grammar, [1] * 31, emission)
    assert log2_prefix[30] == pytest.approx(30 * (np.log2(0.75) - 100))


def test_bad_strings() -> None:
    grammar = load("cfg3b", 7)  # 3 1 or 1 2 3
    for text, message in [
        ([1, 2, 1], r"^string 0: tokens\[2\]=1: no string of cfg3b from 7 goes on so$"),
        ([3, 1, 1], r"^string 0: tokens\[2\]=1: no string of cfg3b from 7 goes on so$"),
        ([2], r"^string 0: tokens\[0\]=2: no string of cfg3b from 7 goes on so$"),
        ([1, 4], r"^string 0: tokens\[1\]=4: must be 1 to 3$"),
    ]:
        with pytest.raises(GrammarError, match=message):
            next_rows(grammar, text)
    with pytest.raises(GrammarError, match=r"^string 1: tokens\[1\]=2: no string of"):
        next_rows_of(grammar, Strings.of([[1], [3, 2], [2]]))
    assert possible_tokens(grammar, Strings.of([[1], [3, 2], [2], []])).tolist() == [1, 1, 0, 0]
    with pytest.raises(GrammarError, match=r"^string 0: tokens\[0\]=9: must be 1 to 3$"):
        prefix_log2_prob(grammar, [9])
