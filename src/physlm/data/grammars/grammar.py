"""Layered context-free grammars (Part 1, section 2.1) and the text files that hold them.

Every symbol has a level, the root alone on the first and the terminals on the last, and rewrites
only to symbols of the next level. So all derivations end, all are equally deep, and no symbol
derives the empty string. A nonterminal takes each of its alternatives with the same probability.

A file names its terminals, 1 to T, and gives one line to each nonterminal; # begins a comment:

    terminals: 1 2
    6: 3 4 | 4 4 3
    3: 1 2 | 2
    4: 1 1
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from physlm.config import ConfigError

RESOURCES = ("tables/*.txt",)
TABLES = Path(__file__).parent / "tables"

Body = tuple[int, ...]
Rules = Mapping[int, tuple[Body, ...]]


class GrammarError(ConfigError):
    """A grammar breaks a rule of its kind; the message names the line or the rule."""


@dataclass(frozen=True)
class Flat:
    """A grammar as arrays, for compiled code.

    Symbols are numbered 0 to S - 1 from the last level to the first: terminals in ascending order
    (so terminal t is number t - 1), then every other level, ascending within it; the root is last.

    symbols [S] the published number of each, level [S] from 0 (root) to n_levels - 1 (terminals),
    rules [S + 1] (those of symbol s are rules[s] to rules[s + 1] - 1), children [R + 1] (those of
    rule r are child[children[r] : children[r + 1]]), child [C]; all int32.
    """

    symbols: np.ndarray
    level: np.ndarray
    rules: np.ndarray
    children: np.ndarray
    child: np.ndarray


@dataclass(frozen=True)
class Grammar:
    """A layered grammar. levels: the symbols of each level, root first, terminals last (1 to T).

    GrammarError for a grammar that is not layered: an undefined symbol, a rule to another level
    than the next, a cycle, a nonterminal that the root cannot reach, an alternative given twice.
    """

    name: str
    levels: tuple[tuple[int, ...], ...]
    rules: Rules

    @classmethod
    def of(cls, name: str, n_terminals: int, rules: Rules) -> "Grammar":
        """The grammar with these rules and the terminals 1 to n_terminals."""
        return cls(name, _levels(name, n_terminals, rules), rules)

    @property
    def root(self) -> int:
        """The symbol that every derivation starts from."""
        return self.levels[0][0]

    @property
    def n_terminals(self) -> int:
        """T; terminals are 1 to T."""
        return len(self.levels[-1])

    @property
    def n_levels(self) -> int:
        """L, the root's and the terminals' levels included."""
        return len(self.levels)

    @property
    def n_rules(self) -> int:
        """Alternatives of all nonterminals."""
        return sum(len(alternatives) for alternatives in self.rules.values())

    @cached_property
    def flat(self) -> Flat:
        """The arrays for compiled code."""
        symbols = [symbol for level in reversed(self.levels) for symbol in level]
        number = {symbol: i for i, symbol in enumerate(symbols)}
        depth = {symbol: d for d, level in enumerate(self.levels) for symbol in level}
        alternatives = [self.rules.get(symbol, ()) for symbol in symbols]
        bodies = [body for bodies in alternatives for body in bodies]

        def ends(sizes: list[int]) -> np.ndarray:
            return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)

        return Flat(
            symbols=np.array(symbols, np.int32),
            level=np.array([depth[symbol] for symbol in symbols], np.int32),
            rules=ends([len(bodies) for bodies in alternatives]),
            children=ends([len(body) for body in bodies]),
            child=np.array([number[s] for body in bodies for s in body], np.int32),
        )

    def below(self, root: int) -> "Grammar":
        """The grammar of what `root` derives; ConfigError if that is no nonterminal."""
        if root not in self.rules:
            allowed = ", ".join(map(str, sorted(self.rules)))
            raise GrammarError(f"{self.name}: root={root}: must be one of {allowed}")
        if root == self.root:
            return self
        kept, todo = {}, [root]
        while todo:
            symbol = todo.pop()
            if symbol in self.rules and symbol not in kept:
                kept[symbol] = self.rules[symbol]
                todo += [s for body in kept[symbol] for s in body]
        return Grammar.of(f"{self.name} from {root}", self.n_terminals, kept)

    def text(self) -> str:
        """The grammar as its file has it."""
        lines = ["terminals: " + " ".join(map(str, self.levels[-1]))]
        for level in self.levels[:-1]:
            for symbol in level:
                lines.append(f"{symbol}: {_alternatives(self.rules[symbol])}")
        return "\n".join(lines) + "\n"


def published() -> list[str]:
    """Names of the grammars that come with the package."""
    return sorted(path.stem for path in TABLES.glob("*.txt"))


def load(name: str, root: int | None = None) -> Grammar:
    """A published grammar by name, or one from a file; from `root` down if it is given.

    ConfigError if there is none of that name, GrammarError if it is not well formed.
    """
    path = TABLES / f"{name}.txt"
    if name not in published():
        path = Path(name)
        if not path.is_file():
            allowed = ", ".join(published())
            raise ConfigError(f"grammar={name!r}: must be one of {allowed}, or a file")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise GrammarError(f"{path}: not a text file") from None
    grammar = parse(text, path.stem, str(path))
    return grammar if root is None else grammar.below(root)


def parse(text: str, name: str, where: str = "") -> Grammar:
    """The grammar that a file's text gives; GrammarError names `where` (or name) and the line."""
    where = where or name
    terminals: int | None = None
    rules: dict[int, tuple[Body, ...]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        place = f"{where}: line {number}: {content!r}"
        head, colon, tail = content.partition(":")
        if not colon:
            raise GrammarError(f"{place}: must be 'terminals: 1 2 ...' or 'symbol: body | body'")
        if head.strip() == "terminals":
            if terminals is not None:
                raise GrammarError(f"{place}: the terminals are given twice")
            given = _numbers(tail, place)
            terminals = len(given)
            if given != tuple(range(1, terminals + 1)):
                raise GrammarError(f"{place}: terminals must be 1, 2, ... in order")
            continue
        (symbol,) = _numbers(head, place, single=True)
        if symbol in rules:
            raise GrammarError(f"{place}: symbol {symbol} has a line already")
        rules[symbol] = tuple(_numbers(body, place) for body in tail.split("|"))
    if terminals is None:
        raise GrammarError(f"{where}: no line 'terminals: 1 2 ...'")
    return Grammar.of(name, terminals, rules)


def _numbers(text: str, place: str, single: bool = False) -> Body:
    words = text.split()
    if not words:
        raise GrammarError(f"{place}: an empty body; every alternative needs at least one symbol")
    for word in words:
        if not (word.isascii() and word.isdigit()) or int(word) == 0 or len(word) > 9:
            raise GrammarError(f"{place}: {word!r} is no symbol; symbols are numbers from 1")
    if single and len(words) > 1:
        raise GrammarError(f"{place}: a rule has one symbol on its left")
    return tuple(map(int, words))


def _levels(name: str, n_terminals: int, rules: Rules) -> tuple[tuple[int, ...], ...]:
    """The levels of the symbols, checked."""
    terminals = range(1, n_terminals + 1)
    if not rules:
        raise GrammarError(f"{name}: no rules")
    for symbol, bodies in rules.items():
        if symbol in terminals:
            raise GrammarError(f"{name}: {_rule(symbol, bodies)}: {symbol} is a terminal")
        if not bodies:
            raise GrammarError(f"{name}: symbol {symbol} has no alternative")
        for body in bodies:
            for child in body:
                if child not in rules and child not in terminals:
                    raise GrammarError(f"{name}: {_rule(symbol, [body])}: {child} is undefined")
        if len(set(bodies)) < len(bodies):
            twice = next(body for body in bodies if bodies.count(body) > 1)
            raise GrammarError(f"{name}: {_rule(symbol, [twice])}: this alternative comes twice")
    height = _heights(name, rules, set(terminals))
    reached = {child for bodies in rules.values() for body in bodies for child in body}
    roots = [symbol for symbol in rules if symbol not in reached]
    # Of several symbols that nothing reaches, the highest is meant to be the root.
    root = max(roots, key=lambda symbol: (height[symbol], symbol))
    for other in roots:
        if other != root:
            raise GrammarError(
                f"{name}: {_rule(other, rules[other])}: dead, no derivation of {root} has {other}"
            )
    for terminal in terminals:
        if terminal not in reached:
            raise GrammarError(f"{name}: terminal {terminal} is dead, no rule has it")
    levels: list[list[int]] = [[] for _ in range(height[root] + 1)]
    for symbol in [*rules, *terminals]:
        levels[height[root] - height[symbol]].append(symbol)
    return tuple(tuple(sorted(level)) for level in levels)


def _heights(name: str, rules: Rules, terminals: set[int]) -> dict[int, int]:
    """The distance of each symbol from the terminals, the same along every path."""
    height = dict.fromkeys(terminals, 0)
    for start in rules:
        path = [start]
        while path:
            symbol = path[-1]
            children = [child for body in rules[symbol] for child in body]
            unknown = next((child for child in children if child not in height), None)
            if unknown is None:
                height[symbol] = _one_level(name, symbol, rules[symbol], height) + 1
                path.pop()
            elif unknown in path:
                cycle = [*path[path.index(unknown) :], unknown]
                raise GrammarError(f"{name}: a cycle, {' -> '.join(map(str, cycle))}")
            else:
                path.append(unknown)
    return height


def _one_level(name: str, symbol: int, bodies: Sequence[Body], height: dict[int, int]) -> int:
    """The height that all children of a symbol have; GrammarError if they differ."""
    counts = [height[child] for body in bodies for child in body]
    usual = max(set(counts), key=lambda h: (counts.count(h), h))
    for body in bodies:
        for child in body:
            if height[child] != usual:
                raise GrammarError(
                    f"{name}: {_rule(symbol, [body])}: {child} is on the wrong level, "
                    f"{height[child]} above the terminals and not {usual}"
                )
    return usual


def _alternatives(bodies: Sequence[Body]) -> str:
    return " | ".join(" ".join(map(str, body)) for body in bodies)


def _rule(symbol: int, bodies: Sequence[Body]) -> str:
    return f"rule {symbol}: {_alternatives(bodies)}"
