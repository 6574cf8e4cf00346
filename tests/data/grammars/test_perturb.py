"""Perturbed strings against their exact law, found by listing."""

import itertools
from collections import defaultdict
from typing import Literal

import numpy as np
import pytest
from scipy.stats import chisquare

from physlm.config import ConfigError
from physlm.data.grammars.grammar import Grammar, load, parse
from physlm.data.grammars.perturb import RATES, Perturbation, corrupt, sample_perturbed
from physlm.data.grammars.sample import sample
from physlm.data.grammars.strings import Strings
from physlm.random import generator
from tests.data.grammars.enumeration import Word, law, p_value

Kind = Literal["token", "symbol", "symbol-fixed"]

GRAMMAR = parse("terminals: 1 2 3\n9: 6 7 | 8 7 6\n6: 1 | 2\n7: 3\n8: 1 3 | 2", "three")
KINDS: tuple[Kind, ...] = ("token", "symbol", "symbol-fixed")
NEXT = {6: 7, 7: 8, 8: 6}


def replaced(word: Word, symbols: tuple[int, ...], kind: Kind, rate: float) -> dict[Word, float]:
    """The law of a word after its symbols were replaced."""
    total: dict[Word, float] = defaultdict(float)
    for new in itertools.product(symbols, repeat=len(word)):
        p = 1.0
        for i, (old, now) in enumerate(zip(word, new, strict=True)):
            if kind == "symbol-fixed":
                changed = {NEXT[old]: rate, old: 1 - rate} if i else {old: 1.0}
            else:
                changed = {s: rate / (len(symbols) - 1) for s in symbols} | {old: 1 - rate}
            p *= changed.get(now, 0.0)
        total[new] += p
    return {new: p for new, p in total.items() if p}


def expanded(word: Word, grammar: Grammar) -> dict[Word, float]:
    """The law of the tokens below a word."""
    total: dict[Word, float] = defaultdict(float)
    for bodies in itertools.product(*(grammar.rules[symbol] for symbol in word)):
        p = np.prod([1 / len(grammar.rules[symbol]) for symbol in word])
        total[tuple(itertools.chain(*bodies))] += float(p)
    return total


def perturbed_law(kind: Kind, rate: float) -> dict[Word, float]:
    """The law of a perturbed string of GRAMMAR."""
    total: dict[Word, float] = defaultdict(float)
    if kind == "token":
        for word, p in law(GRAMMAR).items():
            for new, q in replaced(word, (1, 2, 3), kind, rate).items():
                total[new] += p * q
        return total
    for word, p in law(GRAMMAR, 1).items():
        for new, q in replaced(word, (6, 7, 8), kind, rate).items():
            for tokens, r in expanded(new, GRAMMAR).items():
                total[tokens] += p * q * r
    return total


@pytest.mark.parametrize("kind", KINDS)
def test_perturbed_strings_have_their_law_and_the_others_the_grammars(kind: Kind) -> None:
    perturbation = Perturbation(kind=kind, gamma=0.7, rate=0.3)
    strings, perturbed = sample_perturbed(GRAMMAR, 20_000, perturbation, generator(0, kind))
    assert abs(perturbed.mean() - 0.7) < 4 * (0.21 / 20_000) ** 0.5
    changed = [s for s, p in zip(strings, perturbed, strict=True) if p]
    clean = [s for s, p in zip(strings, perturbed, strict=True) if not p]
    assert p_value(changed, perturbed_law(kind, 0.3)) > 1e-3
    assert p_value(clean, law(GRAMMAR)) > 1e-3
    # The kinds can be told apart at this rate, and so can other rates.
    for other in KINDS:
        if other != kind:
            assert p_value(changed, perturbed_law(other, 0.3)) < 1e-9
    assert p_value(changed, perturbed_law(kind, 0.25)) < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_no_share_or_no_rate_changes_nothing(kind: Kind) -> None:
    grammar = load("cfg3b")
    for gamma, rate in [(0.0, 0.5), (1.0, 0.0)]:
        perturbation = Perturbation(kind=kind, gamma=gamma, rate=rate)
        strings, perturbed = sample_perturbed(grammar, 20, perturbation, generator(1))
        assert len(strings) == 20
        assert (perturbed == bool(gamma)).all()
        if kind == "token":
            assert (strings.tokens == sample(grammar, 20, generator(1)).tokens).all()
        assert 138 <= strings.lengths.min() <= strings.lengths.max() <= 432


def test_every_token_changed_at_rate_one() -> None:
    grammar = load("cfg3b")
    perturbation = Perturbation(kind="token", gamma=1.0, rate=1.0)
    strings, _ = sample_perturbed(grammar, 20, perturbation, generator(2))
    assert (strings.tokens != sample(grammar, 20, generator(2)).tokens).all()


def test_corrupted_prefixes() -> None:
    clean = Strings.of([string[:50] for string in sample(load("cfg3b"), 400, generator(3))])
    found = corrupt(clean, 3, 0.15, generator(4))
    changed = found.tokens != clean.tokens
    n = len(changed)
    assert abs(changed.mean() - 0.15) < 4 * (0.15 * 0.85 / n) ** 0.5
    assert (found.offsets == clean.offsets).all()
    # Both other tokens are as likely, and it makes no difference where in a string.
    steps = (found.tokens - clean.tokens)[changed] % 3
    assert chisquare(np.bincount(steps, minlength=3)[1:]).pvalue > 1e-3
    assert chisquare(changed.reshape(400, 50).sum(axis=0)).pvalue > 1e-3
    assert (corrupt(clean, 3, 0.0, generator(4)).tokens == clean.tokens).all()
    assert set(corrupt(clean, 3, 1.0, generator(4)).tokens.tolist()) == {1, 2, 3}
    assert len(corrupt(Strings.of([]), 3, 0.5, generator(4))) == 0


def test_the_papers_rates() -> None:
    assert RATES == {"token": 0.15, "symbol": 0.1, "symbol-fixed": 0.05}
    assert set(RATES) == set(KINDS)


def test_impossible_perturbations() -> None:
    for key, value in [("gamma", -0.1), ("gamma", 1.1), ("rate", -1.0), ("rate", 2.0)]:
        with pytest.raises(ConfigError, match=rf"^{key}={value}: must be from 0 to 1$"):
            Perturbation(**{"kind": "token", "gamma": 0.5, "rate": 0.1} | {key: value})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^kind='word': must be one of token, symbol, symbol-f"):
        Perturbation(kind="word", gamma=0.5, rate=0.1)  # type: ignore[arg-type]
    flat = parse("terminals: 1 2\n6: 1 | 2", "flat")
    for kind in KINDS[1:]:
        perturbation = Perturbation(kind=kind, gamma=0.5, rate=0.1)
        with pytest.raises(ConfigError, match=f"^kind='{kind}': must be token, 6 has no other"):
            sample_perturbed(flat, 1, perturbation, generator(0))
    single = parse("terminals: 1\n5: 1 | 1 1", "single")
    with pytest.raises(ConfigError, match=r"^symbols=1: must be at least 2"):
        sample_perturbed(single, 1, Perturbation(kind="token", gamma=1, rate=1), generator(0))
    for rate, n, message in [(2.0, 3, "rate=2.0"), (0.1, 2, "token=3")]:
        with pytest.raises(ConfigError, match=f"^{message}: must be from"):
            corrupt(Strings.of([[3]]), n, rate, generator(0))
