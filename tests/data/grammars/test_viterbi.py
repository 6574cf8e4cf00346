"""The most likely tree, against lists of all trees."""

import numpy as np
import pytest
from hypothesis import given, settings

from physlm.data.grammars.chart import score
from physlm.data.grammars.grammar import Grammar, GrammarError, load
from physlm.data.grammars.strings import Strings
from physlm.data.grammars.viterbi import Node, brackets, most_likely
from physlm.random import generator
from tests.data.grammars import oracles


def plain(node: Node) -> oracles.Tree:
    """The tree as the oracle writes it, its spans checked."""
    if not node.children:
        assert node.end == node.start + 1
        return node.symbol
    ends = [node.start, *(child.end for child in node.children)]
    assert [child.start for child in node.children] == ends[:-1]
    assert node.end == ends[-1]
    return (node.symbol, *map(plain, node.children))


def check_all(grammar: Grammar, kind: str) -> None:
    emission = oracles.emission_of(kind, grammar.n_terminals)
    for word, trees in list(oracles.observed(grammar, kind).items())[:40]:
        tree, log2_prob = most_likely(grammar, word, emission)
        best = max(p for _, p in trees)
        assert log2_prob == pytest.approx(np.log2(best), abs=1e-12)
        # The same tree may come once for each terminal string, never twice for one.
        (mine,) = [p for t, p in trees if t == plain(tree)]
        assert mine == pytest.approx(best, rel=1e-12)
        assert (tree.start, tree.end) == (0, len(word))


@pytest.mark.parametrize("kind", ["terminals", "observed"])
@pytest.mark.parametrize("name", oracles.TINY)
def test_all_strings_of_tiny_grammars(name: str, kind: str) -> None:
    check_all(oracles.tiny(name), kind)


@settings(derandomize=True, max_examples=8, deadline=None)
@given(oracles.grammars())
def test_strings_of_drawn_grammars(grammar: Grammar) -> None:
    check_all(grammar, "terminals")


def test_the_likelier_of_two() -> None:
    # 1 1 is 3 3 (1/3 * 1/2 * 1/2) or 4 (1/3 * 1).
    grammar = Grammar.of("x", 2, {5: ((3, 3), (4,), (3,)), 3: ((1,), (2,)), 4: ((1, 1),)})
    tree, log2_prob = most_likely(grammar, [1, 1])
    assert tree == Node(5, 0, 2, (Node(4, 0, 2, (Node(1, 0, 1, ()), Node(1, 1, 2, ()))),))
    assert log2_prob == pytest.approx(-np.log2(3))
    assert brackets(tree) == "(5 (4 1 1))"
    assert brackets(most_likely(grammar, [1, 2])[0]) == "(5 (3 1) (3 2))"


def test_a_long_body() -> None:
    grammar = Grammar.of("x", 2, {3: ((1, 2) * 600, (1,) * 1200)})
    tree, log2_prob = most_likely(grammar, [1, 2] * 600)
    assert [child.symbol for child in tree.children] == [1, 2] * 600
    assert log2_prob == -1


@pytest.mark.parametrize("name", ["cfg3b", "cfg3f", "cfg3k"])
def test_whole_strings(name: str) -> None:
    grammar, rng = load(name), generator(0, "test viterbi", name)
    for text in (oracles.draw(grammar, rng), oracles.longest(grammar)):
        tree, log2_prob = most_likely(grammar, text)
        assert list(oracles.leaves(plain(tree))) == text
        used = 0.0
        todo = [tree]
        while todo:
            node = todo.pop()
            body = tuple(child.symbol for child in node.children)
            if body:
                assert body in grammar.rules[node.symbol]
                used -= np.log2(len(grammar.rules[node.symbol]))
            todo += node.children
        assert log2_prob == pytest.approx(used, rel=1e-12)
        result = score(grammar, Strings.of([text]))
        assert log2_prob <= result.log2_prob[0] + 1e-9
        assert log2_prob >= result.log2_prob[0] - np.log2(result.n_parses[0]) - 1e-9


def test_bad_strings() -> None:
    grammar = load("cfg3b", 7)  # 3 1 or 1 2 3
    for text, message in [
        ([1, 2], r"^string 0: of 2 tokens: no string of cfg3b from 7$"),
        ([], r"^string 0: empty: "),
        ([3, 4], r"^string 0: tokens\[1\]=4: must be 1 to 3$"),
    ]:
        with pytest.raises(GrammarError, match=message):
            most_likely(grammar, text)
