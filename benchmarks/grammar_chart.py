"""Exact probabilities and next-token rows: physlm's sparse charts beside dense tables in Python.

The dense side is the algorithm of the published tools, written here: tables of all spans of all
symbols as Python lists, filled by increasing length, with a table more for the beginning of every
body of three, and a list of the places where each symbol may begin that ends at a place. It takes
seconds for a string, so it gets the strings of a sample that are nearest to its mean length, and
physlm the whole sample. Both run in this process, one thread, in turns; times are CPU seconds. The
results must agree on the strings that both have.

    python benchmarks/grammar_chart.py

Rates are strings per second. A ratio is ours to theirs in the same turn; the table gives its median
and range over the turns.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from physlm.data.grammars.chart import score
from physlm.data.grammars.grammar import Grammar, load
from physlm.data.grammars.next_tokens import next_rows_of
from physlm.data.grammars.strings import Strings
from physlm.random import generator

Table = list[list[float]]


@dataclass(frozen=True)
class Dense:
    """tables: P(symbol derives i..j) as tables[symbol][i][j]; firsts: the same for the first two
    of a body of three."""

    tables: dict[int, Table]
    firsts: dict[tuple[int, ...], Table]


def dense(grammar: Grammar, text: list[int]) -> Dense:
    """All spans of a string, by increasing length; bodies of two or three symbols."""
    n = len(text)
    bodies = grammar.rules
    symbols = [s for level in reversed(grammar.levels) for s in level]
    tables = {s: [[0.0] * (n + 1) for _ in range(n + 1)] for s in symbols}
    firsts = {
        (s, *body): [[0.0] * (n + 1) for _ in range(n + 1)]
        for s in bodies
        for body in bodies[s]
        if len(body) == 3
    }
    # Where a symbol may begin that ends at j, and the same for the first two of a body.
    begins: dict[int, list[list[int]]] = {s: [[] for _ in range(n + 1)] for s in symbols}
    for length in range(1, n + 1):
        for i in range(n - length + 1):
            j = i + length
            for s in symbols:
                total = 0.0
                if s not in bodies:
                    total = float(length == 1 and text[i] == s)
                for body in bodies.get(s, ()):
                    found = pairs(tables[body[0]][i], tables[body[1]], begins[body[1]][j], i, j)
                    if len(body) == 3:
                        mine = firsts[s, *body]
                        mine[i][j] = found
                        found = pairs(mine[i], tables[body[2]], begins[body[2]][j], i, j)
                    total += found / len(bodies[s])
                if total > 0:
                    tables[s][i][j] = total
                    begins[s][j].append(i)
    return Dense(tables, firsts)


def pairs(left: list[float], right: Table, begins: list[int], i: int, j: int) -> float:
    """The sum over the places between i and j where the right part may begin."""
    return sum(left[k] * right[k][j] for k in begins if k > i)


def dense_score(grammar: Grammar, texts: list[list[int]]) -> list[float]:
    """log2 of the probability of each string."""
    return [
        float(np.log2(dense(grammar, text).tables[grammar.root][0][len(text)])) for text in texts
    ]


def dense_rows(grammar: Grammar, texts: list[list[int]]) -> np.ndarray:
    """The next-token rows of each string, one after another."""
    rows = []
    for text in texts:
        n, found = len(text), dense(grammar, text)
        reach = [dict.fromkeys(found.tables, 0.0) for _ in range(n + 1)]
        reach[0][grammar.root] = 1.0
        prefix = 1.0
        for k in range(n + 1):
            if k > 0:
                prefix = reach[k - 1][text[k - 1]]
            for s in [s for level in grammar.levels[:-1] for s in level]:
                for body in grammar.rules[s]:
                    share = reach[k][s] / len(grammar.rules[s])
                    if share == 0:
                        continue
                    reach[k][body[0]] += share
                    first, both = found.tables[body[0]][k], found.firsts.get((s, *body))
                    for e in range(k + 1, n + 1):
                        reach[e][body[1]] += share * first[e]
                        if both is not None:
                            reach[e][body[2]] += share * both[k][e]
            end = found.tables[grammar.root][0][k]
            rows.append([p / prefix for p in (end, *(reach[k][t] for t in grammar.levels[-1]))])
    return np.array(rows)


def draw(grammar: Grammar, n: int) -> list[list[int]]:
    """n strings, each alternative as likely; those nearest to their mean length first."""
    rng, texts = generator(0, "strings", grammar.name), []
    for _ in range(n):
        text = [grammar.root]
        for _ in range(grammar.n_levels - 1):
            text = [c for s in text for c in grammar.rules[s][rng.integers(len(grammar.rules[s]))]]
        texts.append(text)
    mean = sum(map(len, texts)) / n
    return sorted(texts, key=lambda text: abs(len(text) - mean))


def timed(function: Callable, *arguments: object) -> tuple[float, np.ndarray]:
    """CPU seconds and the result."""
    start = time.process_time()
    result = function(*arguments)
    return time.process_time() - start, np.asarray(result)


def compare(name: str, what: str, n_ours: int, n_theirs: int, n_turns: int) -> str:
    """A row of the table."""
    grammar = load(name)
    texts = draw(grammar, n_ours)
    strings, few = Strings.of(texts), texts[:n_theirs]

    def our_score(grammar: Grammar, strings: Strings) -> np.ndarray:
        return score(grammar, strings).log2_prob

    ours = our_score if what == "score" else next_rows_of
    theirs = dense_score if what == "score" else dense_rows
    ours(grammar, Strings.of(few))  # compiled before the clock starts
    rates = []
    for turn in range(n_turns):
        sides = {}
        for side in ("ours", "theirs") if turn % 2 else ("theirs", "ours"):
            run = (ours, grammar, strings) if side == "ours" else (theirs, grammar, few)
            sides[side] = timed(*run)
        expected = sides["theirs"][1]
        np.testing.assert_allclose(sides["ours"][1][: len(expected)], expected, rtol=0, atol=1e-9)
        rates.append((n_ours / sides["ours"][0], n_theirs / sides["theirs"][0]))
    ratios = [a / b for a, b in rates]
    best = [max(side) for side in zip(*rates, strict=True)]
    n_tokens = sum(map(len, few)) / n_theirs
    return (
        f"| {name} | {what} | {n_ours}, {n_theirs} | {len(strings.tokens) / n_ours:.0f}, "
        f"{n_tokens:.0f} | {best[0]:,.0f} | {best[1]:.3f} | {statistics.median(ratios):,.0f} "
        f"| {min(ratios):,.0f} to {max(ratios):,.0f} | {n_turns} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--grammars", nargs="+", default=["cfg3b", "cfg3f", "cfg3k"])
    parser.add_argument("--strings", type=int, default=1000, help="strings of physlm's side")
    parser.add_argument("--dense", type=int, default=1, help="strings of the dense side")
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    print(
        "| grammar | what | strings (ours, theirs) | mean tokens | ours, best | theirs, best "
        "| ratio, median | ratio, range | turns |\n" + "|---" * 9 + "|"
    )
    for name in args.grammars:
        for what in ("score", "next rows"):
            print(compare(name, what, args.strings, args.dense, args.turns), flush=True)


if __name__ == "__main__":
    main()
