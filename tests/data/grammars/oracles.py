"""Slow and plain: what grammars derive, by writing all of it down, and a sampler."""

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from physlm.data.grammars.grammar import Grammar, load, parse

# A tree: a terminal, or a symbol with its children.
Tree = int | tuple


# Bodies of 1 to 4 symbols, strings of several derivations, strings that are beginnings of others.
TINY = {
    "ambiguous": "terminals: 1 2\n6: 3 4 | 4 3 | 3 3\n3: 1 | 1 2 | 1 1\n4: 2 | 1 2 | 2 1",
    "unary": "terminals: 1 2\n9: 7\n7: 5 | 5 6\n5: 3 | 3 4\n6: 4 | 3 3\n3: 1 | 1 2\n4: 2 | 2 1",
    "long": "terminals: 1 2\n5: 3 4 3 4 | 3 3 4 | 3 3\n3: 1 | 1 1 | 2\n4: 1 2 | 2",
    "flat": "terminals: 1 2 3\n4: 1 2 3 1 2 | 1 2 3 | 1 2 | 3",
    "one": "terminals: 1\n3: 2 2 | 2 2 2\n2: 1 | 1 1",
}


def tiny(name: str) -> Grammar:
    return parse(TINY[name], name)


def derivations(grammar: Grammar, symbol: int | None = None) -> Iterator[tuple[Tree, Fraction]]:
    """All trees of a symbol (the root) and their probabilities."""
    symbol = grammar.root if symbol is None else symbol
    if symbol not in grammar.rules:
        yield symbol, Fraction(1)
        return
    bodies = grammar.rules[symbol]
    for body in bodies:
        for children in itertools.product(*(list(derivations(grammar, c)) for c in body)):
            p = Fraction(1, len(bodies))
            for _, q in children:
                p *= q
            yield (symbol, *(tree for tree, _ in children)), p


def leaves(tree: Tree) -> tuple[int, ...]:
    if isinstance(tree, int):
        return (tree,)
    return tuple(leaf for child in tree[1:] for leaf in leaves(child))


def language(grammar: Grammar) -> dict[tuple[int, ...], list[tuple[Tree, Fraction]]]:
    """Every string with its trees."""
    found: dict[tuple[int, ...], list[tuple[Tree, Fraction]]] = {}
    for tree, p in derivations(grammar):
        found.setdefault(leaves(tree), []).append((tree, p))
    return found


def emitted(
    words: dict[tuple[int, ...], list[tuple[Tree, Fraction]]], emission: np.ndarray
) -> dict[tuple[int, ...], list[tuple[Tree, float]]]:
    """The language of observable tokens: every token string with its trees of terminals."""
    found: dict[tuple[int, ...], list[tuple[Tree, float]]] = {}
    for word, trees in words.items():
        bags = [np.flatnonzero(emission[t]).tolist() for t in word]
        for tokens in itertools.product(*bags):
            p = float(np.prod([emission[t, x] for t, x in zip(word, tokens, strict=True)]))
            found.setdefault(tokens, []).extend((tree, float(q) * p) for tree, q in trees)
    return found


def spans(tree: Tree, start: int = 0, depth: int = 0) -> Iterator[tuple[int, int, int, int]]:
    """(depth, symbol, start, end) of every node."""
    if isinstance(tree, int):
        yield depth, tree, start, start + 1
        return
    yield depth, tree[0], start, start + len(leaves(tree))
    for child in tree[1:]:
        yield from spans(child, start, depth + 1)
        start += len(leaves(child))


def draw(grammar: Grammar, rng: np.random.Generator) -> list[int]:
    """A string at random."""
    text = [grammar.root]
    for _ in range(grammar.n_levels - 1):
        text = [c for s in text for c in grammar.rules[s][rng.integers(len(grammar.rules[s]))]]
    return text


def always(name: str, which: int) -> list[int]:
    """The derivation that takes alternative `which` of every symbol of a published grammar."""
    grammar = load(name)
    text = [grammar.root]
    for _ in range(grammar.n_levels - 1):
        text = [child for symbol in text for child in grammar.rules[symbol][which]]
    return text


def spanned(grammar: Grammar, text: list[int]) -> tuple[Fraction, int]:
    """Probability and number of derivations of a long string, from the top, in exact numbers."""
    ends: dict[tuple[int, int], dict[int, tuple[Fraction, int]]] = {}

    def derive(symbol: int, start: int) -> dict[int, tuple[Fraction, int]]:
        if symbol not in grammar.rules:
            seen = start < len(text) and text[start] == symbol
            return {start + 1: (Fraction(1), 1)} if seen else {}
        if (symbol, start) not in ends:
            total: dict[int, tuple[Fraction, int]] = {}
            for body in grammar.rules[symbol]:
                states = {start: (Fraction(1, len(grammar.rules[symbol])), 1)}
                for child in body:
                    after: dict[int, tuple[Fraction, int]] = {}
                    for place, (p, n) in states.items():
                        for end, (q, m) in derive(child, place).items():
                            old = after.get(end, (Fraction(0), 0))
                            after[end] = (old[0] + p * q, old[1] + n * m)
                    states = after
                for end, (p, n) in states.items():
                    old = total.get(end, (Fraction(0), 0))
                    total[end] = (old[0] + p, old[1] + n)
            ends[symbol, start] = total
        return ends[symbol, start]

    return derive(grammar.root, 0).get(len(text), (Fraction(0), 0))


def log2(p: Fraction) -> float:
    """log2 of a number of any size."""
    return math.log2(p.numerator) - math.log2(p.denominator)


def longest(grammar: Grammar) -> list[int]:
    """A derivation of the greatest length."""
    text: dict[int, list[int]] = {t: [t] for t in grammar.levels[-1]}
    for level in reversed(grammar.levels[:-1]):
        for symbol in level:
            bodies = grammar.rules[symbol]
            text[symbol] = max(([t for c in body for t in text[c]] for body in bodies), key=len)
    return text[grammar.root]


@st.composite
def grammars(draw_from: st.DrawFn) -> Grammar:
    """Small grammars: a root over three levels, up to some thousand trees."""
    # Nonterminals of two levels, terminals: each level's names, and the longest body over it.
    below = [((20, 21), 3), ((10, 11), 2), ((1, 2), 3)]
    rules: dict[int, tuple[tuple[int, ...], ...]] = {}
    todo = [(30, 0)]
    while todo:
        symbol, depth = todo.pop()
        if symbol in rules or depth == len(below):
            continue
        names, most = below[depth]
        bodies = st.lists(st.sampled_from(names), min_size=1, max_size=most).map(tuple)
        rules[symbol] = tuple(draw_from(st.lists(bodies, min_size=1, max_size=2, unique=True)))
        todo += [(child, depth + 1) for body in rules[symbol] for child in body]
    used = sorted({c for bodies in rules.values() for body in bodies for c in body if c < 10})
    number = {t: used.index(t) + 1 for t in used}
    renamed = {
        s: tuple(tuple(number.get(c, c) for c in body) for body in bodies)
        for s, bodies in rules.items()
    }
    return Grammar.of("drawn", len(used), renamed)


def emission_of(kind: str, n_terminals: int) -> np.ndarray | None:
    """Terminals as they are, or each as one of two tokens, one of which it shares with the next."""
    if kind == "terminals":
        return None
    emission = np.zeros((n_terminals + 1, n_terminals + 2))
    for t in range(1, n_terminals + 1):
        emission[t, t : t + 2] = (0.25, 0.75)
    return emission


def observed(grammar: Grammar, kind: str) -> dict[tuple[int, ...], list[tuple[Tree, float]]]:
    """The language of a small grammar as it is seen through `emission_of(kind)`."""
    emission = emission_of(kind, grammar.n_terminals)
    if emission is None:
        emission = np.diag([0.0] + [1.0] * grammar.n_terminals)
    return emitted(language(grammar), emission)
