"""`physlm grammar score`: strings from standard input, their probabilities as lines of JSON."""

import argparse
import json
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from physlm.config import ConfigError
from physlm.data.grammars.grammar import Grammar
from physlm.data.grammars.grammar_cli import add_grammar_arguments, chosen_grammar
from physlm.data.grammars.strings import Strings

BATCH = 1000
DESCRIPTION = """\
Read strings of terminals from standard input, one a line, and print a line of JSON for each:
grammatical, log2_prob (null if it is not grammatical) and n_parses, the number of derivations. A
line with spaces has a terminal in each word, one without has a terminal in each digit; with more
than 9 terminals a line is always of words.
"""
NEXT_HELP = """\
add "next": after each prefix, from the empty one on, the probabilities of the end of the string and
of every terminal; a string that cannot go on has the rows up to its first impossible token
"""


def add_score_parser(verbs: Any) -> None:
    """Add `score` to the subparsers of `physlm grammar`.

    The parsed arguments have `handler`, a function of them that returns the exit status.
    """
    parser = verbs.add_parser(
        "score", help="print the exact probability of strings", description=DESCRIPTION
    )
    add_grammar_arguments(parser)
    parser.add_argument("--next", action="store_true", help=NEXT_HELP)
    parser.set_defaults(handler=print_scores)


def print_scores(args: argparse.Namespace) -> int:
    """Print a line for each string and return 0; ConfigError for a line that is no string."""
    grammar = chosen_grammar(args)
    batch: list[np.ndarray] = []
    for number, line in enumerate(sys.stdin, 1):
        try:
            batch.append(_string(line, number, grammar.n_terminals))
        except ConfigError:
            _print(grammar, batch, args.next)  # the lines before it were in order
            raise
        if len(batch) == BATCH:
            _print(grammar, batch, args.next)
            batch = []
    _print(grammar, batch, args.next)
    return 0


def _string(line: str, number: int, n_terminals: int) -> np.ndarray:
    """The terminals of a line; ConfigError names the line and the position, both from 1."""
    words: Iterable[str] = line.split()
    if not words:
        raise ConfigError(f"line {number}: empty: must be a string of terminals")
    if len(line.split()) == 1 and n_terminals < 10:
        words = line.strip()
    allowed = {str(t): t for t in range(1, n_terminals + 1)}
    for place, word in enumerate(words, 1):
        if word not in allowed:
            raise ConfigError(
                f"line {number}: position {place}: {word!r}: must be 1 to {n_terminals}"
            )
    return np.array([allowed[word] for word in words], np.int32)


def _print(grammar: Grammar, batch: list[np.ndarray], with_next: bool) -> None:
    """A line of JSON for each string; the compiled code is loaded here, after the first checks."""
    from physlm.data.grammars.chart import score
    from physlm.data.grammars.next_tokens import next_rows_of, possible_tokens

    strings = Strings.of(batch)
    scores = score(grammar, strings)
    rows, offsets = np.empty((0, 0)), np.zeros(1, np.int64)
    if with_next:
        possible = possible_tokens(grammar, strings)
        cut = Strings.of([string[:n] for string, n in zip(strings, possible, strict=True)])
        rows, offsets = next_rows_of(grammar, cut), cut.offsets
    for i in range(len(strings)):
        grammatical = bool(scores.grammatical[i])
        result: dict[str, Any] = {
            "grammatical": grammatical,
            "log2_prob": float(scores.log2_prob[i]) if grammatical else None,
            "n_parses": _count(float(scores.n_parses[i])),
        }
        if with_next:
            result["next"] = rows[offsets[i] + i : offsets[i + 1] + i + 1].tolist()
        print(json.dumps(result))


def _count(n: float) -> int | float | None:
    """A number that JSON has: an integer where it is exact, null beyond the range of a double."""
    if n == float("inf"):
        return None
    return int(n) if n <= 2**53 else n
