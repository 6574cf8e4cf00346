"""Slow and plain: what grammars derive, by writing all of it down, and a sampler."""

import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

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
