"""Strings and trees drawn from a grammar (Part 1, sections 2.1 and 2.2).

Every nonterminal takes each of its alternatives with the same probability, independently. A call
takes one 64-bit key from its generator (`expand` says how a string is drawn from it). So string i
of a call does not depend on n, and `sample` and `sample_trees` give the same strings.
"""

from dataclasses import dataclass

import numpy as np

from physlm.config import require
from physlm.data.grammars import expand
from physlm.data.grammars.grammar import Grammar
from physlm.data.grammars.statistics import expected_nodes
from physlm.data.grammars.strings import Strings

__all__ = ["Strings", "Trees", "sample", "sample_depth", "sample_trees"]

MAX_TOKENS = 2**40


@dataclass(frozen=True, eq=False)
class Trees:
    """Strings and the trees that they were drawn with.

    ancestor [L, N] int32: which node of depth d, counted from 0 within the string, is above the
    token (the paper's p_l - 1). symbol [L, N] int32: the symbol of that node (the paper's s_l). The
    paper's level l is depth l - 1: depth 0 is the root, depth L - 1 the tokens themselves.
    """

    strings: Strings
    ancestor: np.ndarray
    symbol: np.ndarray

    def __len__(self) -> int:
        return len(self.strings)

    def boundary(self, depth: int) -> np.ndarray:
        """[N] bool: the token is the last one of its node of that depth (the paper's b_l)."""
        index = self.ancestor[depth]
        last = np.ones(index.size, bool)
        last[:-1] = index[1:] != index[:-1]
        # Neighbours of two strings may have the same index.
        last[self._ends()] = True
        return last

    @property
    def sharp(self) -> np.ndarray:
        """[N] int32: the smallest depth in 1 .. L - 2 whose node ends at the token, else L - 1.

        The paper's b# (as depth): of all constituents that end there, the closest to the root.
        """
        bottom = len(self.ancestor) - 1
        found = np.full(self.ancestor.shape[1], bottom, np.int32)
        for depth in range(bottom - 1, 0, -1):
            found[self.boundary(depth)] = depth
        return found

    def brackets(self, i: int) -> str:
        """The tree of string i in one line: "(22 (21 (18 ... (7 3 1)) ...))", tokens bare."""
        start, stop = self.strings.offsets[i], self.strings.offsets[i + 1]
        ancestor, symbol = self.ancestor[:, start:stop], self.symbol[:, start:stop]
        bottom = len(ancestor) - 1
        begins = np.ones(ancestor.shape, bool)
        begins[:, 1:] = ancestor[:, 1:] != ancestor[:, :-1]
        words: list[str] = []
        for top, column in zip(begins.argmax(0).tolist(), symbol.T.tolist(), strict=True):
            # The nodes from depth `top` on begin here, so those before it ended.
            if words:
                words[-1] += ")" * (bottom - top)
            words += [f"({s}" for s in column[top:bottom]]
            words.append(str(column[bottom]))
        return " ".join(words) + ")" * bottom

    def _ends(self) -> np.ndarray:
        """Where the last token of each string is; no string is empty."""
        return self.strings.offsets[1:] - 1


def sample(grammar: Grammar, n: int, rng: np.random.Generator) -> Strings:
    """n strings of the grammar, independent; ConfigError for an n that is negative or too large.

    Draws one number from `rng`, whatever n. Two calls with the same generator state and n < m give
    the same first n strings.
    """
    return _strings(grammar, n, _key(rng), grammar.n_levels - 1)


def sample_trees(grammar: Grammar, n: int, rng: np.random.Generator) -> Trees:
    """The strings that `sample` gives for the same `rng`, with their trees.

    A tree takes 8 L bytes per token; ConfigError as for `sample`.
    """
    key = _key(rng)
    strings = _strings(grammar, n, key, grammar.n_levels - 1)
    flat = grammar.flat
    shape = (grammar.n_levels, len(strings.tokens))
    ancestor, symbol = np.empty(shape, np.int32), np.empty(shape, np.int32)
    expand.write_trees(
        flat.rules,
        flat.children,
        flat.child,
        flat.level,
        flat.symbols,
        key,
        strings.offsets,
        ancestor,
        symbol,
    )
    return Trees(strings, ancestor, symbol)


def sample_depth(grammar: Grammar, n: int, depth: int, rng: np.random.Generator) -> Strings:
    """The symbols of one depth, 1 to L - 1, of n trees: published numbers, from left to right.

    With the same `rng` they are no part of what `sample` gives; the choices come in other order.
    """
    require(1 <= depth < grammar.n_levels, "depth", depth, f"from 1 to {grammar.n_levels - 1}")
    return _strings(grammar, n, _key(rng), depth)


def _key(rng: np.random.Generator) -> np.uint64:
    return np.uint64(rng.integers(2**64, dtype=np.uint64))


def _strings(grammar: Grammar, n: int, key: np.uint64, depth: int) -> Strings:
    """Strings 0 to n - 1 of a key, written into room that grows where it does not suffice."""
    expected = expected_nodes(grammar)[depth]
    most = int(MAX_TOKENS / expected)
    require(0 <= n <= most, "n", n, f"from 0 to {most} strings of {grammar.name}")
    flat = grammar.flat
    offsets = np.zeros(n + 1, np.int64)
    tokens = np.empty(_room(n, expected), np.int32)
    done = 0
    while done < n:
        done = expand.write_strings(
            flat.rules,
            flat.children,
            flat.child,
            flat.level,
            flat.symbols,
            depth,
            key,
            done,
            tokens,
            offsets,
        )
        if done < n:
            # The string that did not fit is drawn again from its own state, so it comes out alike.
            more = np.empty(tokens.size * 3 // 2 + 1, np.int32)
            more[: offsets[done]] = tokens[: offsets[done]]
            tokens = more
    tokens.resize(offsets[-1], refcheck=False)
    return Strings(tokens, offsets)


def _room(n: int, expected: float) -> int:
    """Room for n strings that hardly ever needs to grow: some deviations above the mean."""
    return int(expected * (n + 8 * n**0.5 + 8))
