"""Mistakes that are taken back at once, put into right solutions (Part 2.2, sections 3, 4 and 6).

Before a step of the solution a coin is thrown, whose heads have the chance `rate`: as long as it
shows heads, some parameter is begun and taken back. The step itself follows unchanged, so whatever
is taken back, the solution that is left is the right one, and no wrong value is ever written.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

Kind = Literal["perfect", "weak", "weak_self", "miss", "right"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Problem:
    """What of a problem decides where mistakes can be made. Parameters are whatever names them.

    needs: of every parameter, those that it is computed from. solution: in the order in which they
    are computed. stated: those that problem and question name.
    """

    needs: Mapping[Any, Sequence[Any]]
    solution: Sequence[Any]
    stated: Collection[Any]


def candidates(problem: Problem, kind: Kind, place: int) -> list[Any]:
    """The parameters that can be begun by mistake before step `place`, in a fixed order.

    perfect: those that cannot be computed yet, needed or not. weak: those of later steps,
    weak_self: and of this one, ready or not. miss: those that problem and question name and no
    earlier step has computed, ready or not. right: that of this step, which is no mistake at all.
    """
    if kind == "right":
        return [problem.solution[place]]
    if kind in ("weak", "weak_self"):
        return list(problem.solution[place + (kind == "weak") :])
    done = set(problem.solution[:place])
    if kind == "miss":
        return [a for a in sorted(problem.stated) if a not in done]
    return [
        a
        for a, parts in problem.needs.items()
        if a not in done and any(part not in done for part in parts)
    ]


def retries(problem: Problem, kind: Kind, rate: float, rng: np.random.Generator) -> list[list[Any]]:
    """For every step of the solution, the parameters that are taken back before it, in order.

    So many as the coin shows heads, at most all candidates: each is any of those that are not taken
    back before this step already. The one candidate of `right` can be taken back again and again,
    so that as many sentences are taken back as elsewhere.
    """
    found = []
    for place in range(len(problem.solution)):
        # The first tails is throw number `heads` + 1; most throws are no heads, and cost no list.
        heads = int(rng.geometric(1 - rate)) - 1
        if not heads:
            found.append([])
            continue
        some = candidates(problem, kind, place)
        if kind == "right":
            found.append(some * heads)
            continue
        order = rng.permutation(len(some))[:heads]
        found.append([some[i] for i in order])
    return found
