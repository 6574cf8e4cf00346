"""Slow and plain: what a problem says, worked out from its sentences and its edges alone."""

import ast
from collections.abc import Iterable, Mapping

from physlm.data.igsm.problem import Parameter, Problem


def children(edges: Iterable[Parameter], layer: int, item: int) -> list[Parameter]:
    """Edges from an item to those below it."""
    return sorted(edge for edge in edges if (edge.layer, edge.owner) == (layer, item))


def needs(edges: Iterable[Parameter], parameter: Parameter) -> list[Parameter]:
    """What a total is computed from, by the rule."""
    layer, owner, below, _ = parameter
    found: list[Parameter] = []
    for child in children(edges, layer, owner):
        found.append(child)
        if below > layer + 1:
            found.append(Parameter(layer + 1, child.item, below, -1))
    return found


def exists(edges: Iterable[Parameter], total: Parameter) -> bool:
    """Whether a total and all totals under it are over at least one item."""
    below = children(edges, total.layer, total.owner)
    deeper = [Parameter(total.layer + 1, child.item, total.below, -1) for child in below]
    return bool(below) and (
        total.below == total.layer + 1 or all(exists(edges, other) for other in deeper)
    )


def totals(edges: Iterable[Parameter], sizes: list[int]) -> list[Parameter]:
    """Every item with every category below it."""
    return [
        Parameter(layer, owner, below, -1)
        for layer, size in enumerate(sizes)
        for owner in range(size)
        for below in range(layer + 1, len(sizes))
    ]


def expression(problem: Problem, parameter: Parameter, names: Mapping[Parameter, str]) -> str:
    """How the parameter is computed, as an expression of Python over the names of others."""
    if parameter.abstract:
        parts = [names[part] for part in needs(problem.definitions, parameter)]
        if parameter.below == parameter.layer + 1:
            return " + ".join(parts) or "0"
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return " + ".join(f"{a} * {b}" for a, b in pairs) or "0"
    definition = problem.definitions[parameter]
    inner = [names[part] for part in definition.parts]
    if definition.constant is None:
        return (" - " if definition.difference else " + ").join(inner)
    if not inner:
        return str(definition.constant)
    joined = (" - " if definition.difference else " + ").join(inner)
    return f"{definition.constant} {'*' if definition.times else '+'} ({joined})"


def operations(text: str) -> int:
    """Binary operations of an expression, a bare value or name counting as one."""
    return max(1, sum(isinstance(node, ast.BinOp) for node in ast.walk(ast.parse(text))))


def closure(problem: Problem, query: Parameter) -> set[Parameter]:
    """All that a parameter depends on and itself, by growing a set until nothing is new."""
    found = {query}
    while True:
        new = set(found)
        for p in found:
            if p.abstract:
                new.update(needs(problem.definitions, p))
            else:
                new.update(problem.definitions[p].parts)
        if new == found:
            return found
        found = new
