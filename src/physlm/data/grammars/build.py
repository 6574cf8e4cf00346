"""Random grammars of the papers' family, and grammars by name (Part 1, section 2.1, appendix A).

Bodies are drawn level by level. For every nonterminal: the number of its alternatives uniformly,
for every alternative its length uniformly and its symbols uniformly from the next level. A body
that is not allowed (taken already) is drawn again as a whole.

A level whose bodies leave a symbol of the next level dead, in no body, is drawn again. Levels are
independent, so this is the law of the whole grammar given that no symbol is dead. The published
builder has no such rule; it matters where a level is much larger than the one above.
"""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from physlm.config import ConfigError, require
from physlm.data.grammars.grammar import Body, Grammar, load, published
from physlm.random import generator

# The papers number end of text, mask and separator between terminals and nonterminals.
N_SPECIAL = 3
MAX_DRAWS = 20_000


@dataclass(frozen=True, kw_only=True)
class BuilderConfig:
    """What to draw: sizes of the levels, root (1) first, terminals last, and the kind of bodies.

    distinct_symbols: no symbol twice in a body (cfg3b). distinct_bodies: no body twice in a level
    (all cfg3); without it, none twice in a symbol. length_one_chain: the first symbol of each level
    but the root's has one alternative, the first symbol of the next level, so terminal 1 can hang
    under every level (cfg9).

    ConfigError names the setting that is out of range, asks for more bodies than exist, or leaves
    more symbols dead than the bodies have room for.
    """

    level_sizes: tuple[int, ...]
    min_alternatives: int = 2
    max_alternatives: int = 3
    min_length: int = 2
    max_length: int = 3
    distinct_symbols: bool = False
    distinct_bodies: bool = True
    length_one_chain: bool = False

    def __post_init__(self) -> None:
        sizes = self.level_sizes
        ok = len(sizes) >= 2 and sizes[0] == 1 and min(sizes) >= 1
        require(ok, "level_sizes", sizes, "1 (the root) and then one or more sizes from 1")
        require(self.min_alternatives >= 1, "min_alternatives", self.min_alternatives, "at least 1")
        least = self.min_alternatives
        ok = self.max_alternatives >= least
        require(ok, "max_alternatives", self.max_alternatives, f"at least {least}")
        require(self.min_length >= 1, "min_length", self.min_length, "at least 1")
        ok = self.max_length >= self.min_length
        require(ok, "max_length", self.max_length, f"at least {self.min_length}")
        if self.distinct_symbols:
            most = min(sizes[1:])
            allowed = f"at most {most} with distinct symbols, the smallest level has no more"
            require(self.max_length <= most, "max_length", self.max_length, allowed)
        for depth in range(len(sizes) - 1):
            self._check_level(depth)

    def chained(self, depth: int) -> bool:
        """Whether the first symbol of this depth has the one alternative of the chain."""
        return self.length_one_chain and depth > 0

    def _check_level(self, depth: int) -> None:
        size, below = self.level_sizes[depth], self.level_sizes[depth + 1]
        free = size - self.chained(depth)
        count = math.perm if self.distinct_symbols else pow
        exist = sum(count(below, n) for n in range(self.min_length, self.max_length + 1))
        # The chain's body is one of the short ones, and where bodies are distinct it is taken.
        if self.distinct_bodies and self.chained(depth) and self.min_length == 1:
            exist -= 1
        wanted = self.max_alternatives * (free if self.distinct_bodies else min(free, 1))
        if wanted > exist:
            raise ConfigError(
                f"max_alternatives={self.max_alternatives}: level {depth + 1} may need {wanted} "
                f"distinct bodies, only {exist} exist over the {below} symbols of the next level"
            )
        room = free * self.max_alternatives * self.max_length + self.chained(depth)
        if room < below:
            raise ConfigError(
                f"level_sizes={self.level_sizes!r}: level {depth + 2} may have at most {room} "
                f"symbols, or the bodies of level {depth + 1} cannot hold all of them"
            )


# Part 1's two grammars of many symbols. Their tables are not in the paper: these have their sizes.
LIKE = {
    "cfg3e1-like": BuilderConfig(
        level_sizes=(1, 3, 9, 27, 81, 27, 9), min_alternatives=3, max_alternatives=3
    ),
    "cfg3e2-like": BuilderConfig(
        level_sizes=(1, 3, 9, 27, 27, 9, 4), min_alternatives=3, max_alternatives=3
    ),
}


def draw(config: BuilderConfig, rng: np.random.Generator, name: str = "drawn") -> Grammar:
    """A random grammar. With T terminals, nonterminals are T + 4 and up, the last level's first.

    ConfigError if none of many draws of a level had all symbols of the next.
    """
    levels = _symbols(config.level_sizes)
    rules: dict[int, tuple[Body, ...]] = {}
    for depth in reversed(range(len(levels) - 1)):
        below = levels[depth + 1]
        for symbol, bodies in zip(levels[depth], _level(config, depth, rng), strict=True):
            rules[symbol] = tuple(tuple(below[i] for i in body) for body in bodies)
    return Grammar.of(name, config.level_sizes[-1], rules)


def named(name: str, root: int | None = None) -> Grammar:
    """A grammar by name: published, one of LIKE (always the same draw), or a file's.

    From the symbol `root` down if it is given. ConfigError for an unknown name or root,
    GrammarError (a ConfigError) for a file that is not well formed.
    """
    if name in LIKE:
        grammar = _like(name)
        return grammar if root is None else grammar.below(root)
    if name not in published() and not Path(name).is_file():
        allowed = ", ".join([*published(), *LIKE])
        raise ConfigError(f"grammar={name!r}: must be one of {allowed}, or a file")
    return load(name, root)


@cache
def _like(name: str) -> Grammar:
    return draw(LIKE[name], generator(0, "grammar", name), name)


def _symbols(sizes: tuple[int, ...]) -> list[range]:
    """The numbers of each level, root first."""
    levels = [range(1, sizes[-1] + 1)]
    first = sizes[-1] + N_SPECIAL + 1
    for size in reversed(sizes[:-1]):
        levels.insert(0, range(first, first + size))
        first += size
    return levels


def _level(config: BuilderConfig, depth: int, rng: np.random.Generator) -> list[list[Body]]:
    """Bodies of each symbol of a level, as places in the next level, all of which are in some."""
    below = config.level_sizes[depth + 1]
    for _ in range(MAX_DRAWS):
        level = _level_once(config, depth, rng)
        if len({place for bodies in level for body in bodies for place in body}) == below:
            return level
    raise ConfigError(
        f"level_sizes={config.level_sizes!r}: none of {MAX_DRAWS} draws of level {depth + 1} had "
        f"all {below} symbols of the next; give it more symbols or alternatives"
    )


def _level_once(config: BuilderConfig, depth: int, rng: np.random.Generator) -> list[list[Body]]:
    size, below = config.level_sizes[depth], config.level_sizes[depth + 1]
    low, high = config.min_alternatives, config.max_alternatives
    degrees = rng.integers(low, high, size=size, endpoint=True)
    level: list[list[Body]] = []
    if config.chained(depth):
        level.append([(0,)])
        degrees = degrees[1:]
    taken = {body for bodies in level for body in bodies}
    if config.distinct_bodies:
        bodies = _bodies(config, below, int(degrees.sum()), taken, rng)
        ends = degrees.cumsum().tolist()
        starts = [0, *ends[:-1]] if ends else []
        return level + [bodies[i:j] for i, j in zip(starts, ends, strict=True)]
    return level + [_bodies(config, below, int(n), set(), rng) for n in degrees]


def _bodies(
    config: BuilderConfig, below: int, n: int, taken: set[Body], rng: np.random.Generator
) -> list[Body]:
    """The first n bodies of a random sequence that are not taken and not yet among them."""
    found: list[Body] = []
    taken = set(taken)
    while len(found) < n:
        lengths = rng.integers(config.min_length, config.max_length, size=n, endpoint=True)
        if config.distinct_symbols:
            places = rng.permuted(np.tile(np.arange(below), (n, 1)), axis=1)
        else:
            places = rng.integers(below, size=(n, config.max_length))
        for row, length in zip(places.tolist(), lengths.tolist(), strict=True):
            body = tuple(row[:length])
            if body not in taken and len(found) < n:
                taken.add(body)
                found.append(body)
    return found
