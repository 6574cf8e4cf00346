"""Perturbed training strings, and corrupted prefixes to test with (Part 1, Results 11 to 13).

What the paper is reported to say: a share gamma of the training strings is perturbed, in one of
three ways. On the level of tokens, each is replaced by a random one with probability 0.15. On the
last level of nonterminals, each symbol is replaced by a random one of its level with probability
0.10. Or, deterministically, "the symbol following a symbol" is changed with probability 0.05
through a fixed permutation of that level. The rates are fairly certain, the mechanics are not: the
paper's code leaves them out.

Our reading, in all places where it matters:

* A random replacement is always another token or symbol, uniform among the others. (If it may be
  the same, the rate here corresponds to a higher one there, by T / (T - 1) for tokens.)
* `symbol` and `symbol-fixed` change symbols of the level above the tokens before they are expanded;
  the new symbol then takes one of its own alternatives.
* `symbol-fixed` changes every symbol but the first of a string, with probability `rate` each and
  independently, to its image under the cycle of its level in ascending order (7 to 8, 8 to 9, 9 to
  7 in cfg3b). So whether is random, and to what is fixed. The image is of the symbol itself; it
  might also be meant of the symbol before it.
* Whether a string is perturbed is drawn for each string alone. A perturbed one in which, by chance,
  nothing was replaced still counts as perturbed; it may also happen to be grammatical.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from physlm.config import require
from physlm.data.grammars.grammar import Grammar
from physlm.data.grammars.sample import sample, sample_depth
from physlm.data.grammars.strings import Strings

# The rates of the paper, as reported, and that of the prefixes of its test.
RATES = {"token": 0.15, "symbol": 0.10, "symbol-fixed": 0.05}
CORRUPTION_RATE = 0.15


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """How training strings are perturbed; ConfigError for a share outside 0 to 1.

    gamma: the share of strings that are. rate: the probability that a token (or symbol) of such a
    string is replaced; RATES has the paper's.
    """

    kind: Literal["token", "symbol", "symbol-fixed"]
    gamma: float
    rate: float

    def __post_init__(self) -> None:
        require(self.kind in RATES, "kind", self.kind, "one of " + ", ".join(RATES))
        require(0 <= self.gamma <= 1, "gamma", self.gamma, "from 0 to 1")
        require(0 <= self.rate <= 1, "rate", self.rate, "from 0 to 1")


def sample_perturbed(
    grammar: Grammar, n: int, perturbation: Perturbation, rng: np.random.Generator
) -> tuple[Strings, np.ndarray]:
    """n strings, and which of them are perturbed, [n] bool; the others are plain samples.

    ConfigError for a grammar with a single terminal (kind `token`) or a single symbol on the level
    above (other kinds): there is nothing to replace it by.
    """
    if perturbation.kind == "token":
        strings = sample(grammar, n, rng)
        perturbed = rng.random(n) < perturbation.gamma
        rates = perturbation.rate * np.repeat(perturbed, strings.lengths)
        return _replace(strings, grammar.levels[-1], rates, rng), perturbed
    level = grammar.levels[-2]
    # A level of a single symbol may be the root's, which is no string to sample.
    require(len(level) > 1, "kind", perturbation.kind, f"token, {level[0]} has no other symbol")
    above = sample_depth(grammar, n, grammar.n_levels - 2, rng)
    perturbed = rng.random(n) < perturbation.gamma
    rates = perturbation.rate * np.repeat(perturbed, above.lengths)
    if perturbation.kind == "symbol":
        above = _replace(above, level, rates, rng)
    else:
        rates[above.offsets[:-1]] = 0
        places = np.searchsorted(level, above.tokens)
        places = (places + (rng.random(len(places)) < rates)) % len(level)
        above = Strings(np.array(level, np.int32)[places], above.offsets)
    return _expand(grammar, above, rng), perturbed


def corrupt(strings: Strings, n_terminals: int, rate: float, rng: np.random.Generator) -> Strings:
    """The strings with each token replaced, with probability `rate`, by another of 1 to T.

    For the corrupted prefixes of the robustness test: the first 50 tokens, CORRUPTION_RATE.
    ConfigError for a rate outside 0 to 1, a single terminal, or a token above T.
    """
    require(0 <= rate <= 1, "rate", rate, "from 0 to 1")
    highest = int(strings.tokens.max(initial=0))
    require(highest <= n_terminals, "token", highest, f"from 1 to {n_terminals}")
    terminals = tuple(range(1, n_terminals + 1))
    return _replace(strings, terminals, np.full(len(strings.tokens), rate), rng)


def _replace(
    strings: Strings, symbols: tuple[int, ...], rates: np.ndarray, rng: np.random.Generator
) -> Strings:
    """Each symbol replaced with its own probability, rates [N], by another of the ascending set."""
    require(len(symbols) > 1, "symbols", len(symbols), "at least 2, to replace one by another")
    at = np.flatnonzero(rng.random(len(strings.tokens)) < rates)
    places = np.searchsorted(symbols, strings.tokens[at])
    # A step of 1 to S - 1 around the set: uniform among the others.
    places = (places + rng.integers(1, len(symbols), size=len(at))) % len(symbols)
    tokens = strings.tokens.copy()
    tokens[at] = np.array(symbols, np.int32)[places]
    return Strings(tokens, strings.offsets)


def _expand(grammar: Grammar, above: Strings, rng: np.random.Generator) -> Strings:
    """Strings of terminals for strings of symbols of the level above them."""
    flat = grammar.flat
    # The flat numbers: terminals first, then that level in ascending order.
    nodes = grammar.n_terminals + np.searchsorted(grammar.levels[-2], above.tokens)
    rule = flat.rules[nodes] + rng.integers(flat.rules[nodes + 1] - flat.rules[nodes])
    sizes = np.diff(flat.children)[rule].astype(np.int64)
    ends = np.concatenate([[0], sizes.cumsum()])
    # The k-th token of a node is the k-th child of its rule.
    places = np.arange(ends[-1]) + np.repeat(flat.children[rule] - ends[:-1], sizes)
    tokens = flat.symbols[flat.child[places]]
    return Strings(tokens, ends[above.offsets])
