"""Problems of iGSM: what they state, how their numbers depend on each other, and the solution."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

Names = tuple[tuple[str, ...], ...]


class Parameter(NamedTuple):
    """A number of the problem: how many of something an item has."""

    layer: int  # of the owner, from 0 (top)
    owner: int  # item within its layer
    below: int  # layer of what is counted
    item: int  # item within that layer; -1: all of that category

    @property
    def abstract(self) -> bool:
        """Whether it is the total over a category, which no sentence states."""
        return self.item < 0

    @property
    def level(self) -> int:
        """Layers from the owner down to what is counted."""
        return self.below - self.layer


class Definition(NamedTuple):
    """Of an instance parameter, as its sentence tells it."""

    constant: int | None  # drawn integer, None without
    times: bool  # constant * inner rather than constant + inner
    difference: bool  # inner = first - second (of exactly two parts) rather than the sum
    parts: tuple[Parameter, ...]  # in the order of the sentence; empty: the constant alone

    @property
    def op(self) -> int:
        """Operations that compute it: its parts and constant less one, but 1 for a bare value."""
        return max(1, len(self.parts) + (self.constant is not None) - 1)

    def value(self, values: Mapping[Parameter, int], modulus: int) -> int:
        """Its number, given those of its parts."""
        inner = [values[part] for part in self.parts]
        total = inner[0] - inner[1] if self.difference else sum(inner)
        if self.constant is None:
            return total % modulus
        return (self.constant * total if self.times else self.constant + total) % modulus


@dataclass(frozen=True)
class Problem:
    """A problem and its shortest solution. All numbers are from 0 to modulus - 1."""

    names: Names  # of items, layer by layer
    categories: tuple[str, ...]  # name of each layer's category
    modulus: int
    # Of every instance parameter, which is every edge of the structure graph, as written.
    definitions: dict[Parameter, Definition]
    # What every parameter is computed from, in the order it is computed (constants left out): of
    # all instance parameters, and of all abstract ones whose own needs exist, used or not. Keys are
    # in a topological order. A total over totals needs its pairs: an item's count, its total.
    needs: dict[Parameter, tuple[Parameter, ...]]
    values: dict[Parameter, int]
    # The necessary parameters in a topological order; the last is asked for.
    solution: tuple[Parameter, ...]

    @property
    def query(self) -> Parameter:
        """The parameter that is asked for."""
        return self.solution[-1]

    @property
    def answer(self) -> int:
        """Its value."""
        return self.values[self.query]

    @property
    def ip(self) -> int:
        """Edges of the structure graph."""
        return len(self.definitions)

    @cached_property
    def op(self) -> int:
        """Binary operations of the solution; a bare value counts as one (definition D.1)."""
        return sum(map(self.cost, self.solution))

    @cached_property
    def graph(self) -> tuple[Parameter, ...]:
        """The dependency graph: all that the solution or a sentence uses (remark D.5)."""
        used = set(self.definitions).union(self.solution)
        for definition in self.definitions.values():
            used |= ancestors(self.needs, definition.parts)
        return tuple(parameter for parameter in self.needs if parameter in used)

    def cost(self, parameter: Parameter) -> int:
        """Operations that compute the parameter from what it needs."""
        if parameter.abstract:
            return max(1, len(self.needs[parameter]) - 1)
        return self.definitions[parameter].op


def ancestors(
    needs: Mapping[Parameter, Sequence[Parameter]], of: Iterable[Parameter]
) -> set[Parameter]:
    """These parameters and all that they need, directly or not."""
    found: set[Parameter] = set()
    waiting = list(of)
    while waiting:
        parameter = waiting.pop()
        if parameter not in found:
            found.add(parameter)
            waiting.extend(needs[parameter])
    return found


def random_order(
    needs: Mapping[Parameter, Sequence[Parameter]], among: set[Parameter], rand: random.Random
) -> tuple[Parameter, ...]:
    """A topological order of these parameters: each time one of those that can be next, at random.

    What one of them needs must be among them.
    """
    missing = {parameter: len(needs[parameter]) for parameter in needs if parameter in among}
    ready = [parameter for parameter, n in missing.items() if n == 0]
    users: dict[Parameter, list[Parameter]] = {parameter: [] for parameter in missing}
    for parameter in missing:
        for part in needs[parameter]:
            users[part].append(parameter)
    order: list[Parameter] = []
    while ready:
        parameter = ready.pop(rand.randrange(len(ready)))
        order.append(parameter)
        for user in users[parameter]:
            missing[user] -= 1
            if missing[user] == 0:
                ready.append(user)
    return tuple(order)
