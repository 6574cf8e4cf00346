"""The part of a dependency graph that the answer does not need (Part 2.1, algorithm 5)."""

import random

from physlm.data.igsm.necessary import RNG, Needs
from physlm.data.igsm.problem import Parameter
from physlm.data.igsm.structure import Structure


def add_unnecessary(
    needs: Needs, structure: Structure, most_parts: int, rand: random.Random
) -> None:
    """Add every edge that `needs` lacks, computed at random from others, and the totals they use.

    New keys come after all that they need.
    """
    left = [p for p in structure.edges if p not in needs]
    rand.shuffle(left)
    apart: list[
        Parameter
    ] = []  # computed from each other alone, so they can come early in a topological order
    for parameter in left:
        alone = rand.random() < 0.5
        pool = list(apart)
        if not alone:
            pool = list(needs)
            pool += [p for p in structure.whole if p not in needs and _known(p, needs, structure)]
        n = 1
        while n < min(len(pool) + 1, most_parts) and rand.random() < 0.5:
            n += 1
        if n == len(pool) + 1:
            parts = [*pool, RNG]
        else:
            parts = [RNG] if rand.random() < 0.5 else []
            parts += rand.sample(pool, n - len(parts))
        for part in parts:
            for new in structure.whole.get(part, ()):
                needs.setdefault(new, list(structure.needs[new]))
        needs[parameter] = parts
        if alone:
            apart.append(parameter)


def _known(total: Parameter, needs: Needs, structure: Structure) -> bool:
    """Whether all single counts in a total are in the graph, so that it can be computed."""
    return all(p.abstract or p in needs for p in structure.whole[total])
