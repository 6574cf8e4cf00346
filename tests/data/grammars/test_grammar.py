"""The published tables against the fact sheet, and every error of a grammar file."""

import hashlib
from pathlib import Path

import pytest

from physlm.config import ConfigError
from physlm.data.grammars.grammar import Grammar, GrammarError, load, parse, published

# Rules, levels, alternatives of a nonterminal: the papers' structure of each family.
SHAPES = {
    "cfg3b": (32, 7, {2}),
    "cfg3i": (32, 7, {2}),
    "cfg3h": (39, 7, {2, 3}),
    "cfg3g": (48, 7, {3}),
    "cfg3f": (54, 7, {3, 4}),
    "cfg3j": (57, 8, {3}),
    "cfg3k": (68, 8, {2, 3, 4}),
}

# The derivation that always takes the first (0) or the last (-1) alternative: length and SHA-1.
DERIVATIONS = [
    ("cfg3b", 0, 238, "76f53e2c29cc"),
    ("cfg3h", 0, 262, "236d16a43e1b"),
    ("cfg3g", 0, 225, "450fdd1ab8d0"),
    ("cfg3f", -1, 260, "9c9595398d6b"),
    ("cfg3k", 0, 385, "67cf87377d4c"),
]


def test_published_are_those_with_tables() -> None:
    assert set(published()) == set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_shape_of_the_published(name: str) -> None:
    grammar = load(name)
    n_rules, n_levels, degrees = SHAPES[name]
    assert grammar.n_rules == n_rules
    assert [len(level) for level in grammar.levels] == [1] + [3] * (n_levels - 1)
    assert grammar.n_levels == n_levels
    assert {len(bodies) for s, bodies in grammar.rules.items() if s != grammar.root} <= degrees
    for level in grammar.levels[:-1]:
        bodies = [body for symbol in level for body in grammar.rules[symbol]]
        assert len(set(bodies)) == len(bodies), "no body comes twice in a level"
        assert {len(body) for body in bodies} <= {2, 3}
        if name == "cfg3b":
            assert all(len(set(body)) == len(body) for body in bodies)


@pytest.mark.parametrize(("name", "which", "n", "digest"), DERIVATIONS)
def test_one_derivation_of_the_published(name: str, which: int, n: int, digest: str) -> None:
    grammar = load(name)
    text = [grammar.root]
    for _ in range(grammar.n_levels - 1):
        text = [child for symbol in text for child in grammar.rules[symbol][which]]
    assert len(text) == n
    assert hashlib.sha1("".join(map(str, text)).encode()).hexdigest()[:12] == digest


@pytest.mark.parametrize("name", SHAPES)
def test_text_and_back(name: str, tmp_path: Path) -> None:
    grammar = load(name)
    path = tmp_path / f"{name}.txt"
    path.write_text("# a copy\n\n" + grammar.text().replace(" | ", "|"))
    assert load(str(path)) == grammar


def test_arrays_say_what_the_rules_say() -> None:
    grammar = load("cfg3f")
    flat = grammar.flat
    assert flat.symbols[:3].tolist() == [1, 2, 3]
    assert flat.symbols[-1] == 22
    for i, symbol in enumerate(flat.symbols.tolist()):
        assert symbol in grammar.levels[flat.level[i]]
        bodies = [
            tuple(flat.symbols[flat.child[flat.children[r] : flat.children[r + 1]]].tolist())
            for r in range(flat.rules[i], flat.rules[i + 1])
        ]
        assert tuple(bodies) == grammar.rules.get(symbol, ())


def test_below_a_symbol() -> None:
    grammar = load("cfg3f", 13)
    assert grammar.levels == ((13,), (10, 11, 12), (7, 8, 9), (1, 2, 3))
    assert grammar.rules[11] == load("cfg3f").rules[11]
    with pytest.raises(ConfigError, match=r"^cfg3f: root=3: must be one of 7, 8, .* 22$"):
        load("cfg3f", 3)


TOP = "terminals: 1 2\n6: 3 4 | 4 4 3\n"

ERRORS = {
    "undefined": (TOP + "3: 1 2\n4: 1 5", "x: rule 4: 1 5: 5 is undefined"),
    "cycle": (TOP + "3: 1 2\n4: 3 6", "x: a cycle, 6 -> 4 -> 6"),
    "own child": (TOP + "3: 1 2\n4: 4", "x: a cycle, 4 -> 4"),
    "dead": (TOP + "3: 1 2\n4: 1\n5: 2", "x: rule 5: 2: dead, no derivation of 6 has 5"),
    "dead terminal": (TOP + "3: 1\n4: 1 1", "x: terminal 2 is dead, no rule has it"),
    "wrong level": (
        TOP + "3: 1 2\n4: 1 2 | 1 3",
        "x: rule 4: 1 3: 3 is on the wrong level, 1 above the terminals and not 0",
    ),
    "twice": (TOP + "3: 1 2 | 2\n4: 1 | 1", "x: rule 4: 1: this alternative comes twice"),
    "empty body": (
        TOP + "3: 1 2 |\n4: 1",
        "x: line 3: '3: 1 2 |': an empty body; every alternative needs at least one symbol",
    ),
    "line twice": (TOP + "3: 1\n3: 2", "x: line 4: '3: 2': symbol 3 has a line already"),
    "a word": (
        TOP + "3: one",
        "x: line 3: '3: one': 'one' is no symbol; symbols are numbers from 1",
    ),
    "zero": (TOP + "3: 0", "x: line 3: '3: 0': '0' is no symbol; symbols are numbers from 1"),
    "no colon": (
        TOP + "3 1",
        "x: line 3: '3 1': must be 'terminals: 1 2 ...' or 'symbol: body | body'",
    ),
    "two heads": (TOP + "3 4: 1", "x: line 3: '3 4: 1': a rule has one symbol on its left"),
    "no terminals": ("3: 1", "x: no line 'terminals: 1 2 ...'"),
    "terminals twice": (
        TOP + "terminals: 1",
        "x: line 3: 'terminals: 1': the terminals are given twice",
    ),
    "terminals not from 1": (
        "terminals: 2 3",
        "x: line 1: 'terminals: 2 3': terminals must be 1, 2, ... in order",
    ),
    "rule of a terminal": (TOP + "3: 1 2\n4: 1\n2: 1", "x: rule 2: 1: 2 is a terminal"),
    "no rules": ("terminals: 1", "x: no rules"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_grammars(case: str) -> None:
    text, message = ERRORS[case]
    with pytest.raises(GrammarError) as error:
        parse(text, "x")
    assert str(error.value) == message


def test_a_symbol_without_alternatives() -> None:
    with pytest.raises(GrammarError, match=r"^x: symbol 2 has no alternative$"):
        Grammar.of("x", 1, {2: ()})


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^grammar='cfg3z': must be one of cfg3b, .*, or a file"):
        load("cfg3z")
    (tmp_path / "bad").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GrammarError, match=r"/bad: not a text file$"):
        load(str(tmp_path / "bad"))
    (tmp_path / "line").write_text("what\n")
    with pytest.raises(GrammarError, match=r"/line: line 1: 'what': must be"):
        load(str(tmp_path / "line"))
