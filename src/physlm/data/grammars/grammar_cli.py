"""`physlm grammar`: strings, trees, rules and exact statistics of a grammar, as text."""

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from physlm.config import require
from physlm.data.grammars.build import named
from physlm.data.grammars.grammar import Grammar
from physlm.data.grammars.statistics import derivation_entropy, expected_nodes, lengths
from physlm.random import generator

if TYPE_CHECKING:
    import numpy as np

# Strings that are drawn at a time, which bounds the memory.
BLOCK = 1000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def add_grammar_parser(subparsers: Any) -> None:
    """Add `grammar sample`, `grammar show` and `grammar score` to those of the command line.

    The parsed arguments have `handler`, a function of them that returns the exit status.
    """
    from physlm.data.grammars.score_cli import add_score_parser

    text = "look at a grammar of Part 1"
    parser = subparsers.add_parser("grammar", help=text, description=text)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    add_sample_parser(verbs)
    add_show_parser(verbs)
    add_score_parser(verbs)


def add_sample_parser(verbs: Any) -> None:
    """Add `sample`."""
    text = "print random strings, one a line; string i of a seed is the same for every N"
    command = verbs.add_parser("sample", help=text, description=text)
    add_grammar_arguments(command)
    # Numbers are read as text and checked here, so that an error is one line.
    command.add_argument("-n", default="10", metavar="N", help="strings (default: %(default)s)")
    command.add_argument("--seed", default="0", metavar="S", help="default: %(default)s")
    command.add_argument(
        "--tree", action="store_true", help="print the tree in brackets, (22 (21 (18 ...)))"
    )
    command.set_defaults(handler=print_sample)


def add_show_parser(verbs: Any) -> None:
    """Add `show`."""
    text = "print the rules, as a grammar file has them, and exact statistics as its comments"
    command = verbs.add_parser("show", help=text, description=text)
    add_grammar_arguments(command)
    command.set_defaults(handler=print_grammar)


def print_sample(args: argparse.Namespace) -> int:
    """Print the strings and return 0; ConfigError for an impossible argument."""
    n = _whole("n", args.n)
    seed = _whole("seed", args.seed)
    for line in sampled_lines(chosen_grammar(args), n, seed, args.tree):
        sys.stdout.write(line + "\n")
    return 0


def print_grammar(args: argparse.Namespace) -> int:
    """Print rules and statistics and return 0; ConfigError for an unknown grammar or root."""
    grammar = chosen_grammar(args)
    print(grammar.text() + statistics_text(grammar), end="")
    return 0


def sampled_lines(grammar: Grammar, n: int, seed: int, tree: bool) -> Iterator[str]:
    """n strings, or trees in brackets, as text; string i depends on seed, grammar and i alone.

    Tokens stand without separators if there are fewer than 10 different ones, else with spaces.
    """
    # Compiled code takes a second to load; the other verbs do without.
    from physlm.data.grammars.sample import sample, sample_trees

    for block in range(-(-n // BLOCK)):
        rng = generator(seed, "grammar sample", block)
        size = min(BLOCK, n - block * BLOCK)
        if tree:
            trees = sample_trees(grammar, size, rng)
            yield from map(trees.brackets, range(size))
        else:
            for string in sample(grammar, size, rng):
                yield _text(string, grammar.n_terminals)


def statistics_text(grammar: Grammar) -> str:
    """Exact statistics of strings and trees as comment lines of a grammar file."""
    law = lengths(grammar)
    quantiles = " ".join(str(law.quantile(share)) for share in QUANTILES)
    bits = derivation_entropy(grammar)
    lines = [
        f"levels {grammar.n_levels}, rules {grammar.n_rules}",
        f"length: mean {law.mean:.2f}, sd {law.sd:.2f}, min {law.min}, max {law.max}",
        f"length, percentiles {' '.join(f'{share:.0%}' for share in QUANTILES)}: {quantiles}",
        f"nodes of each level: {_row(expected_nodes(grammar))}",
        f"entropy of the derivation: {bits:.2f} bits",
    ]
    return "".join(f"# {line}\n" for line in lines)


def _text(string: "np.ndarray", n_terminals: int) -> str:
    if n_terminals < 10:
        return (string + ord("0")).astype("uint8").tobytes().decode("ascii")
    return " ".join(map(str, string.tolist()))


def _row(values: "np.ndarray") -> str:
    return " ".join(f"{value:.2f}" for value in values)


def add_grammar_arguments(command: argparse.ArgumentParser) -> None:
    """Add --grammar and --root."""
    command.add_argument(
        "--grammar", required=True, metavar="NAME", help="a published one (cfg3b, ...) or a file"
    )
    command.add_argument("--root", metavar="SYMBOL", help="start from this symbol")


def chosen_grammar(args: argparse.Namespace) -> Grammar:
    """The grammar that the arguments name; ConfigError if there is none."""
    return named(args.grammar, None if args.root is None else _whole("root", args.root))


def _whole(key: str, text: str) -> int:
    """A whole number from 0, or ConfigError."""
    ok = text.isascii() and text.isdigit() and len(text) < 19
    require(ok, key, text, "a whole number from 0")
    return int(text)
