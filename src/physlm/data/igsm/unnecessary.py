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
    # Computed from each other alone, so that they can come early in a topological order.
    apart: list[Parameter] = []
    for parameter in left:
        alone = rand.random() < 0.5
        pool = list(apart if alone else needs)
        if not alone:
            # And the totals that can be computed, all their counts being there.
            totals = [p for level in structure.levels for p in level if p not in needs]
            pool += [p for p in totals if all(q.abstract for q in structure.missing(p, needs))]
        n = 1
        while n < min(len(pool) + 1, most_parts) and rand.random() < 0.5:
            n += 1
        if n == len(pool) + 1:
            parts = [*pool, RNG]
        else:
            parts = [RNG] if rand.random() < 0.5 else []
            parts += rand.sample(pool, n - len(parts))
        for part in parts:
            if part != RNG:
                needs.update((p, list(structure.needs[p])) for p in structure.missing(part, needs))
        needs[parameter] = parts
        if alone:
            apart.append(parameter)
