"""Templates of problems, the split into training and test by their hash, and how many there are.

The template of a solution (Part 2.1 Section 2, Remark on data contamination) is its text with every
number replaced by 0, letters by their order of appearance, and the name of a parameter by its kind:
Inst (instance) or Inter (abstract). It says in which way the numbers are worked out, whatever they
are called. Ours is of the solution in English, whichever language tells the problem.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from physlm.data.igsm.letters import LETTERS
from physlm.data.igsm.problem import Definition, Parameter, Problem
from physlm.data.igsm.solution import Operand, Operation, Products, Result, steps

BINS = 23
# One-sided, in standard errors.
CONFIDENCE, ERRORS = 0.95, 1.645


def solution_template(problem: Problem, products: Products = "first") -> str:
    """E.g. `Define Inst as a; so a = 0. Define Inter as b; so b = a = 0.`"""
    letters: dict[Parameter, str] = {}
    n_letters = 0
    sentences = []
    for parameter, operations in steps(problem, products):
        own, *inner = map(_letter, range(n_letters, n_letters + len(operations)))
        n_letters += len(operations)
        letters[parameter] = own
        parts = [f"Define {_kind(parameter)} as {own}"]
        for operation, name in zip(operations, inner, strict=False):
            parts.append(f"{name} = {_calculation(operation, letters, inner)}")
        parts.append(f"so {own} = {_calculation(operations[-1], letters, inner)}")
        sentences.append("; ".join(parts))
    return ". ".join(sentences) + "."


def problem_template(problem: Problem) -> str:
    """The problem and its question with every number replaced by 0, items by order of appearance.

    E.g. `0.1 = 0. 2.3 = 0 + 0.1 - 2#1. ? 2.3`: `2#1` is the total over the next category. So two
    problems have the same template if they differ in numbers and in what the items are called.
    """
    numbers: dict[tuple[int, int], int] = {}

    def item(layer: int, index: int) -> int:
        return numbers.setdefault((layer, index), len(numbers))

    def name(parameter: Parameter) -> str:
        owner = item(parameter.layer, parameter.owner)
        if parameter.abstract:
            return f"{owner}#{parameter.level}"
        return f"{owner}.{item(parameter.below, parameter.item)}"

    def expression(definition: Definition) -> str:
        parts = (" - " if definition.difference else " + ").join(map(name, definition.parts))
        if definition.constant is None:
            return parts
        return f"0 {'*' if definition.times else '+'} {parts}" if parts else "0"

    sentences = [f"{name(of)} = {expression(how)}. " for of, how in problem.definitions.items()]
    return "".join(sentences) + f"? {name(problem.query)}"


def bin_of(template: str) -> int:
    """Which of the 23 bins the template is in: its SHA-256 as a number, modulo 23."""
    return int.from_bytes(hashlib.sha256(template.encode()).digest()) % BINS


@dataclass(frozen=True)
class Collisions:
    """How often two of n random templates were the same, and how many templates that speaks for.

    estimate: choose(n, 2) / pairs, about n^2 / (2 pairs), one over the chance that two templates
    agree. There are at least so many different ones, and just so many if all are equally likely.
    error: its standard error. Both are None where no pair agreed. at_least: a lower bound at 95 %
    confidence.
    """

    n: int
    distinct: int
    pairs: int
    estimate: float | None
    error: float | None
    at_least: float


def collisions(templates: Iterable[str]) -> Collisions:
    """Count pairs of equal templates (the birthday paradox, Part 2.1 Proposition 2.2).

    ValueError for less than two templates.
    """
    # SciPy takes half a second to load; the rest of the module does without.
    from scipy.special import gammaincinv

    counts = Counter(templates)
    n = counts.total()
    if n < 2:
        raise ValueError(f"collisions of {n} templates: at least 2 are needed")
    pairs, all_pairs = sum(math.comb(count, 2) for count in counts.values()), math.comb(n, 2)
    # Few pairs have a Poisson law: so many are expected at most.
    expected = float(gammaincinv(pairs + 1, CONFIDENCE))
    if not pairs:
        return Collisions(n, len(counts), 0, None, None, all_pairs / expected)
    # Variance of a U statistic: pairs that share a template are not independent.
    agree = pairs / all_pairs
    triples = sum(math.comb(count, 3) for count in counts.values())
    spread = math.sqrt(max(pairs * (1 - agree) + 6 * (triples - math.comb(n, 3) * agree**2), 0.0))
    at_least = all_pairs / max(expected, pairs + ERRORS * spread)
    return Collisions(n, len(counts), pairs, 1 / agree, spread / pairs / agree, at_least)


def _letter(index: int) -> str:
    return LETTERS[index] if index < len(LETTERS) else f"v{index}"


def _kind(parameter: Parameter) -> str:
    return "Inter" if parameter.abstract else "Inst"


def _calculation(operation: Operation, letters: dict[Parameter, str], inner: list[str]) -> str:
    left, symbol, right, _ = operation

    def name(operand: Operand | None) -> str:
        if isinstance(operand, Parameter):
            return letters[operand]
        return inner[operand.number] if isinstance(operand, Result) else "0"

    if symbol is not None:
        return f"{name(left)} {symbol} {name(right)} = 0 {symbol} 0 = 0"
    return f"{name(left)} = 0" if isinstance(left, Parameter) else "0"
