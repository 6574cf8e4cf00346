"""What a problem of Part 2 asks for, computed from its text alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import numpy as np

from physlm.evaluate.igsm.formula import Formula
from physlm.evaluate.igsm.reading import Reading
from physlm.evaluate.igsm.words import shown


@dataclass(frozen=True)
class Solved:
    """answer: of the question, None in a plan. necessary: what it needs, itself included.

    values: of every parameter (none in a plan). op: binary operations of a shortest solution; the
    vertices of it in a plan.
    """

    answer: int | None
    necessary: frozenset[str]
    values: dict[str, int]
    op: int


def solve(reading: Reading) -> Solved:
    """The answer and what it takes. ValueError if the problem defines a number by itself."""
    order = in_order(reading)
    necessary = ancestors(reading, reading.query)
    op = operations(reading, necessary)
    if reading.language == "plan":
        return Solved(None, necessary, {}, op)
    values: dict[str, int] = {}
    for name in order:
        values[name] = evaluate(reading.formulas[name], values) % reading.modulus
    return Solved(values[reading.query], necessary, values, op)


def operations(reading: Reading, names: Iterable[str]) -> int:
    """Binary operations that compute these parameters; the vertices themselves in a plan."""
    plan = reading.language == "plan"
    return sum(1 if plan else reading.formulas[name].op for name in names)


def in_order(reading: Reading) -> list[str]:
    """All parameters, each after those that it needs."""
    graph = {name: formula.parts for name, formula in reading.formulas.items()}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ValueError(f"problem: {shown(error.args[1][0])} is needed for itself") from None


def ancestors(reading: Reading, name: str) -> frozenset[str]:
    """Everything that a parameter needs, directly or not, and itself."""
    found = {name}
    waiting = [name]
    while waiting:
        for part in reading.needs(waiting.pop()):
            if part not in found:
                found.add(part)
                waiting.append(part)
    return frozenset(found)


def evaluate(formula: Formula, values: dict[str, int]) -> int:
    """The number of a formula, not yet reduced, from the values of its parts."""
    parts = [values[part] for part in formula.parts]
    if not parts:
        return formula.constant or 0
    if formula.combined == "products":
        found = sum(a * b for a, b in zip(parts[::2], parts[1::2], strict=True))
    elif formula.combined == "difference":
        found = parts[0] - parts[1]
    else:
        found = sum(parts)
    if formula.constant is None:
        return found
    return formula.constant * found if formula.times else formula.constant + found


def mentioned(reading: Reading) -> frozenset[str]:
    """The parameters that sentences or the question name, and all that these need.

    The others are totals that nothing uses.
    """
    named = {reading.query, *reading.told}
    return frozenset(part for name in named for part in ancestors(reading, name))


def wander(reading: Reading, rng: np.random.Generator) -> tuple[str, ...]:
    """What a solver without a plan computes, in order (level 0 of Part 2.1, section 4).

    Always any one of the parameters that can be computed next, until it is that of the question.
    """
    waiting = {name: len(reading.needs(name)) for name in sorted(mentioned(reading))}
    users: dict[str, list[str]] = {name: [] for name in waiting}
    for name in waiting:
        for part in reading.needs(name):
            users[part].append(name)
    ready = [name for name, n in waiting.items() if n == 0]
    written: list[str] = []
    while ready:
        place = int(rng.integers(len(ready)))
        ready[place], ready[-1] = ready[-1], ready[place]
        written.append(ready.pop())
        if written[-1] == reading.query:
            break
        for user in users[written[-1]]:
            waiting[user] -= 1
            if waiting[user] == 0:
                ready.append(user)
    return tuple(written)
