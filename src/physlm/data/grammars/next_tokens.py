"""The exact distribution of the next token after every prefix of a string (Part 1).

The probability that x_1..x_k has been produced and that symbol s is the next to be expanded follows
from left to right, with the inside chart of the string for the symbols that were completed. Both
are exact but for rounding; probabilities of any size are fine (kernels.py).
"""

import numpy as np

from physlm.data.grammars import kernels
from physlm.data.grammars.chart import binary, check, emissions
from physlm.data.grammars.grammar import Grammar, GrammarError
from physlm.data.grammars.strings import Strings

String = np.ndarray | list[int] | tuple[int, ...]


def next_rows(grammar: Grammar, string: String, emission: np.ndarray | None = None) -> np.ndarray:
    """P(next token | x_1..x_k) for k = 0 to n; [n + 1, V + 1] float64, rows sum to 1.

    Column 0 is the end of the string, column v token v. The string need not be complete, and may be
    empty. emission as in `score`. GrammarError for a token that is not in 1 to V, or after which no
    string of the grammar goes on.
    """
    return next_rows_of(grammar, Strings.of([string]), emission)


def next_rows_of(
    grammar: Grammar, strings: Strings, emission: np.ndarray | None = None
) -> np.ndarray:
    """The rows of `next_rows` of n strings of N tokens, string after string; [N + n, V + 1].

    Those of string i begin at row offsets[i] + i. Errors as for one string, with its number.
    """
    rows, _, possible = _run(grammar, strings, emission)
    _require(grammar, strings, possible)
    return rows


def prefix_log2_prob(
    grammar: Grammar, string: String, emission: np.ndarray | None = None
) -> np.ndarray:
    """log2 of P(a string of the grammar begins x_1..x_k) for k = 0 to n; [n + 1] float64.

    The first is 0. -inf from the first prefix on that no string of the grammar has. GrammarError
    for a token that is not in 1 to V.
    """
    return _run(grammar, Strings.of([string]), emission)[1]


def possible_tokens(
    grammar: Grammar, strings: Strings, emission: np.ndarray | None = None
) -> np.ndarray:
    """How many first tokens of each string begin some string of the grammar; [n] int64.

    All of them in a string of the grammar; fewer if one is impossible after those before it.
    GrammarError for a token that is not in 1 to V.
    """
    return _run(grammar, strings, emission)[2]


def _run(
    grammar: Grammar, strings: Strings, emission: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, log2 probabilities of prefixes, numbers of possible tokens."""
    emission = emissions(grammar, emission)
    check(strings, emission, empty=True)
    n_rows = len(strings.tokens) + len(strings)
    rows = np.empty((n_rows, emission.shape[1]))
    log2_prefix = np.full(n_rows, -np.inf)
    possible = np.empty(len(strings), np.int64)
    kernels.next_rows(
        binary(grammar), emission, strings.tokens, strings.offsets, rows, log2_prefix, possible
    )
    return rows, log2_prefix, possible


def _require(grammar: Grammar, strings: Strings, possible: np.ndarray) -> None:
    wrong = np.flatnonzero(possible < strings.lengths)
    if len(wrong):
        string, place = int(wrong[0]), int(possible[wrong[0]])
        raise GrammarError(
            f"string {string}: tokens[{place}]={strings[string][place]}: "
            f"no string of {grammar.name} goes on so"
        )
