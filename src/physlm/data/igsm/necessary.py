"""The part of a dependency graph that the answer needs (Part 2.1, algorithms 2 to 4).

Drawn in three stages: which parameters, in which order, and what else each is computed from. What a
parameter is computed from is a list here, in which RNG stands for a fresh constant.
"""

import math
import random

from physlm.data.igsm.config import Config
from physlm.data.igsm.problem import Parameter
from physlm.data.igsm.structure import Structure

RNG = Parameter(-1, -1, -1, -1)

Needs = dict[Parameter, list[Parameter]]


class Refused(Exception):
    """The attempt cannot become a problem of the wanted operations.

    most_op: how many it could have had, 0 where it failed for another reason.
    """

    def __init__(self, most_op: int = 0) -> None:
        super().__init__()
        self.most_op = most_op


def draw_parameters(structure: Structure, n: int, m: int, rand: random.Random) -> Needs:
    """Stage 1: totals with all they need, at most n operations, then single counts, at most m.

    Each round adds one total, of the highest level whose candidate (one a level) has room.
    """
    needs: Needs = {}
    op = 0
    added = True
    while added:
        added = False
        for totals in reversed(structure.levels):
            left = [p for p in totals if p not in needs]
            if not left:
                continue
            new = structure.missing(rand.choice(left), needs)
            cost = sum([max(1, len(structure.needs[p]) - 1) for p in new])
            if op + cost <= n:
                needs.update((p, list(structure.needs[p])) for p in new)
                op += cost
                added = True
                break
    left = [p for p in structure.edges if p not in needs]
    needs.update((p, []) for p in rand.sample(left, min(m - op, len(left))))
    return needs


def draw_order(needs: Needs, bias: str, rand: random.Random) -> list[Parameter]:
    """Stage 2: a topological order whose last parameter needs all others, adding needs for that.

    Works from the query backwards. `needs` is changed: an instance parameter gets at most one.
    Empty where a total would have to be computed from more than it is the total of.
    """
    rest = list(needs)
    users = dict.fromkeys(needs, 0)  # those in `rest` that need it
    for parts in needs.values():
        for part in parts:
            users[part] += 1
    needed: set[Parameter] = set()  # by one that has its place
    order: list[Parameter] = []
    p_extra, strength = rand.random(), abs(rand.gauss(0, 1))

    def biased(pool: list[Parameter]) -> Parameter:
        liked = [p.abstract + ((p in needed) == (bias == "needed")) for p in pool]
        return rand.choices(pool, [math.exp(strength * n) for n in liked])[0]

    parameter = rand.choice([p for p in rest if users[p] == 0])
    while True:
        order.append(parameter)
        rest.remove(parameter)
        for part in needs[parameter]:
            users[part] -= 1
            needed.add(part)
        if not rest:
            return order[::-1]
        free = [p for p in rest if users[p] == 0]
        ready = [p for p in free if p in needed]
        new = None
        if not ready:
            if parameter.abstract:
                return []
            new = biased(free)
        elif not parameter.abstract and rand.random() < p_extra:
            new = biased(rest)
        if new is not None:
            needs[parameter].append(new)
            needed.add(new)
            ready = [p for p in free if p in needed]
        parameter = rand.choice(ready)


def draw_parts(needs: Needs, op: int, config: Config, rand: random.Random) -> Needs:
    """Stage 3: what else each instance parameter is computed from, so that operations sum to `op`.

    `needs` is in topological order and changed. Raises Refused.
    """
    order = list(needs)
    room = {
        p: min(place + 1, config.most_parts) - 2 for place, p in enumerate(order) if not p.abstract
    }
    room = {p: n for p, n in room.items() if n > 0}
    extra = dict.fromkeys(order, 0)
    missing = op - sum(max(1, len(parts) - 1) for parts in needs.values())
    if missing > sum(room.values()):
        raise Refused(op - missing + sum(room.values()))
    for _ in range(missing):
        p = rand.choice(list(room))
        extra[p] += 1
        if extra[p] == room[p]:
            del room[p]
    for place, (p, parts) in enumerate(needs.items()):
        if p.abstract:
            continue
        pool = [RNG, *order[:place]]
        wanted = extra[p] + 2 if extra[p] else rand.randint(1, 2)
        wanted = min(wanted, len(pool), config.most_parts)
        left = [part for part in pool if part not in parts]
        wanted -= len(parts)
        if wanted < len(left) and wanted > 0:
            constant = rand.random() < 0.5
            if constant:
                parts.append(RNG)
                wanted -= 1
            if constant or config.rng == "leaves":
                left.remove(RNG)
        parts.extend(rand.sample(left, wanted))
    return needs
