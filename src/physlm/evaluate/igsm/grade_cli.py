"""`physlm igsm grade`: problems and solutions from standard input, verdicts as lines of JSON."""

import argparse
import dataclasses
import json
import sys
from typing import Any

from physlm.config import ConfigError
from physlm.evaluate.igsm.grade import grade
from physlm.evaluate.igsm.reading import read
from physlm.evaluate.igsm.solve import solve
from physlm.evaluate.igsm.words import shown

DESCRIPTION = """\
Read lines of JSON from standard input and print a verdict for each, as JSON: whether the solution
is correct; kind, step and name of its first fault; the parameters it computed; the true answer and
what is needed for it. A line has problem, question and solution, as `physlm igsm sample` prints
them (it may have more). Its answer, if there is one, must be right too. items, the category of each
item, and modulus tell of a world that is not the package's own. Only the texts are read: the
solver and the grader share nothing with the generator.
"""


def add_grade_parser(verbs: Any) -> None:
    """Add `grade` to the subparsers of `physlm igsm`.

    The parsed arguments have `handler`, a function of them that returns the exit status.
    """
    parser = verbs.add_parser("grade", help="say which step is wrong", description=DESCRIPTION)
    parser.set_defaults(handler=print_verdicts)


def print_verdicts(args: argparse.Namespace) -> int:
    """Print a line for each and return 0; ConfigError, naming the line, for one that is none."""
    for number, line in enumerate(sys.stdin, 1):
        try:
            print(json.dumps(verdict(line)))
        except ValueError as error:
            raise ConfigError(f"line {number}: {error}") from None
    return 0


def verdict(line: str) -> dict[str, Any]:
    """The verdict on a line of JSON; ValueError if it has no problem that can be read."""
    values = _object(line)
    problem, question, solution = (
        _text(values, key) for key in ("problem", "question", "solution")
    )
    answer, items, modulus = (values.get(key) for key in ("answer", "items", "modulus"))
    given = isinstance(answer, int | str | None) and not isinstance(answer, bool)
    _check("answer", answer, given, "a number")
    mapping = isinstance(items, dict) and all(isinstance(value, str) for value in items.values())
    _check("items", items, items is None or mapping, "an object: item -> category")
    whole = isinstance(modulus, int) and not isinstance(modulus, bool) and modulus >= 2
    _check("modulus", modulus, modulus is None or whole, "a whole number from 2")
    # Lines of worlds without items have an empty object.
    reading = read(problem, question, items or None, modulus)
    solved = solve(reading)
    found = grade(reading, solution, None if answer is None else str(answer), solved)
    truth = {"true_answer": solved.answer, "op": solved.op, "necessary": sorted(solved.necessary)}
    return dataclasses.asdict(found) | truth


def _object(line: str) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except RecursionError:
        raise ValueError("not JSON: too many brackets within brackets") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{shown(line.strip())}: must be a JSON object")
    return values


def _text(values: dict[str, Any], key: str) -> str:
    if key not in values:
        raise ValueError(f"{key}: missing, expected a text")
    _check(key, values[key], isinstance(values[key], str), "a text")
    return values[key]


def _check(key: str, value: Any, good: bool, allowed: str) -> None:
    if not good:
        raise ValueError(f"{key}: {shown(repr(value))}: must be {allowed}")
