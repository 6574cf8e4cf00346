"""The probability of a string under a grammar, and the number of its derivations (Part 1).

An inside chart, built from the terminals up: for every symbol and every place of the string the
short list of ends up to which the symbol may derive it. Charts of these grammars are very sparse,
so this is far faster than a table of all spans (benchmarks/grammar_chart.py), and its memory grows
with the entries that exist. Bodies of three or more symbols are read through auxiliary symbols for
their beginnings, shared within a level. Probabilities have exponents of their own (kernels.py), so
that no string is too improbable.
"""

from dataclasses import dataclass

import numpy as np

from physlm.data.grammars import kernels
from physlm.data.grammars.grammar import Body, Grammar, GrammarError
from physlm.data.grammars.strings import Strings


@dataclass(frozen=True)
class Scores:
    """Of n strings: grammatical [n] bool, log2_prob [n] float64 (-inf for probability 0), n_parses.

    n_parses [n] float64 counts derivations, exactly up to 2**53; inf beyond about 1e308. With
    implicit terminals, derivations of different terminals for the same tokens count each.
    """

    grammatical: np.ndarray
    log2_prob: np.ndarray
    n_parses: np.ndarray


def score(grammar: Grammar, strings: Strings, emission: np.ndarray | None = None) -> Scores:
    """Probability and number of derivations of each string (Part 1, section 2.1).

    emission [T + 1, V + 1] float64: P(token | terminal), row 0 and column 0 zero; None for tokens
    that are the terminals. GrammarError for an empty string, a token that is not in 1 to V, or an
    emission of another shape.
    """
    emission = emissions(grammar, emission)
    check(strings, emission, empty=False)
    log2_prob, n_parses = np.empty(len(strings)), np.empty(len(strings))
    kernels.scores(binary(grammar), emission, strings.tokens, strings.offsets, log2_prob, n_parses)
    return Scores(log2_prob > -np.inf, log2_prob, n_parses)


def emissions(grammar: Grammar, emission: np.ndarray | None) -> np.ndarray:
    """The emission, checked, or that of terminals seen as they are; [T + 1, V + 1] float64."""
    n = grammar.n_terminals
    if emission is None:
        seen = np.eye(n + 1)
        seen[0, 0] = 0.0
        return seen
    emission = np.ascontiguousarray(emission, np.float64)
    if emission.ndim != 2 or len(emission) != n + 1 or emission.shape[1] < 2:
        raise GrammarError(
            f"emission: shape {list(emission.shape)}: must be [{n + 1}, V + 1] for {n} terminals"
        )
    if emission[0].any() or emission[:, 0].any() or not (emission >= 0).all():
        raise GrammarError("emission: row 0 and column 0 must be 0, and no probability negative")
    sums = emission[1:].sum(axis=1)
    if not np.allclose(sums, 1.0, rtol=0, atol=1e-9):
        worst = int(np.abs(sums - 1).argmax())
        raise GrammarError(f"emission: row {worst + 1} has the sum {sums[worst]:.6g}: must be 1")
    return emission


def check(strings: Strings, emission: np.ndarray, *, empty: bool) -> None:
    """GrammarError for a token beyond the emission, and for an empty string unless `empty`."""
    n_tokens = emission.shape[1] - 1
    wrong = np.flatnonzero((strings.tokens < 1) | (strings.tokens > n_tokens))
    if len(wrong):
        place = int(wrong[0])
        string = int(np.searchsorted(strings.offsets, place, side="right")) - 1
        raise GrammarError(
            f"string {string}: tokens[{place - strings.offsets[string]}]="
            f"{strings.tokens[place]}: must be 1 to {n_tokens}"
        )
    if not empty and len(strings) and (strings.lengths == 0).any():
        string = int((strings.lengths == 0).argmax())
        raise GrammarError(f"string {string}: empty: must have a token, no symbol derives none")


def binary(grammar: Grammar) -> kernels.Binary:
    """The grammar in bodies of one or two symbols, for the compiled code."""
    numbers: dict[int | Body, int] = {}
    bodies: list[list[tuple[int, int]]] = []
    depths: list[tuple[int, int]] = []

    def add(symbol: int | Body, rules: list[tuple[int, int]], depth: int, column: int) -> None:
        numbers[symbol] = len(numbers)
        bodies.append(rules)
        depths.append((depth, column))

    for depth in reversed(range(grammar.n_levels)):
        level = grammar.levels[depth]
        all_bodies = [body for symbol in level for body in grammar.rules.get(symbol, ())]
        beginnings = {body[:k] for body in all_bodies for k in range(2, len(body))}
        for begin in sorted(beginnings, key=lambda body: (len(body), body)):
            head = begin[0] if len(begin) == 2 else begin[:-1]
            add(begin, [(numbers[head], numbers[begin[-1]])], -1, -1)
        for column, symbol in enumerate(level):
            rules = []
            for body in grammar.rules.get(symbol, ()):
                if len(body) == 1 or body in beginnings:
                    rules.append((numbers[body[0] if len(body) == 1 else body], -1))
                else:
                    head = body[0] if len(body) == 2 else body[:-1]
                    rules.append((numbers[head], numbers[body[-1]]))
            add(symbol, rules, depth, column)
    begun: list[set[int]] = [set() for _ in bodies]
    for symbol, rules in enumerate(bodies):
        for left, _ in rules:
            begun[left].add(symbol)
    flat = np.array([rule for rules in bodies for rule in rules], np.int32).reshape(-1, 2)
    return kernels.Binary(
        n_terminals=grammar.n_terminals,
        rules=np.cumsum([0, *map(len, bodies)]).astype(np.int32),
        left=flat[:, 0].copy(),
        right=flat[:, 1].copy(),
        parents=np.cumsum([0, *map(len, begun)]).astype(np.int32),
        parent=np.array([symbol for symbols in begun for symbol in sorted(symbols)], np.int32),
        weight=np.array([1 / max(len(rules), 1) for rules in bodies]),
        depth=np.array([depth for depth, _ in depths], np.int32),
        column=np.array([column for _, column in depths], np.int32),
    )
