"""Another question about the same problem (Part 2.1, section 4: reask)."""

import random
from dataclasses import replace

import numpy as np

from physlm.data.igsm.problem import Parameter, Problem, ancestors, random_order


def reask(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem with a new question, drawn from all parameters of its dependency graph."""
    return with_query(problem, problem.graph[int(rng.integers(len(problem.graph)))], rng)


def with_query(problem: Problem, query: Parameter, rng: np.random.Generator) -> Problem:
    """The problem with this question; its solution is in a random topological order.

    ValueError if there is no such parameter.
    """
    if query not in problem.needs:
        raise ValueError(f"query {tuple(query)}: the problem has no such parameter")
    rand = random.Random(int(rng.integers(2**63)))
    necessary = ancestors(problem.needs, [query])
    return replace(problem, solution=random_order(problem.needs, necessary, rand))
