"""Other questions about the same problem: which they are, and how they are solved."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from physlm.data.igsm.config import Config
from physlm.data.igsm.draw import numbered
from physlm.data.igsm.problem import Definition, Parameter, Problem
from physlm.data.igsm.reask import reask, with_query
from physlm.random import generator
from tests.data.igsm import oracles

A, B, C, D, E = (
    Parameter(0, owner, 1, item) for owner, item in ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2))
)
TOTAL, UNUSED = Parameter(0, 0, 1, -1), Parameter(0, 1, 1, -1)


def bare(number: int) -> Definition:
    return Definition(number, False, False, ())


# C needs the total of A and B; D needs C, the question. E stands alone, the total of C, D and E is
# in no sentence.
PROBLEM = Problem(
    names=(("x", "y"), ("u", "v", "w")),
    categories=("upper", "lower"),
    modulus=5,
    definitions={
        D: Definition(2, True, False, (C,)),
        C: Definition(None, False, False, (TOTAL,)),
        B: bare(4),
        A: bare(3),
        E: bare(1),
    },
    needs={A: (), B: (), TOTAL: (A, B), C: (TOTAL,), D: (C,), E: (), UNUSED: (C, D, E)},
    values={A: 3, B: 4, TOTAL: 2, C: 2, D: 4, E: 1, UNUSED: 2},
    solution=(A, B, TOTAL, C, D),
)


def test_a_problem_by_hand() -> None:
    assert (PROBLEM.query, PROBLEM.answer, PROBLEM.op, PROBLEM.ip) == (D, 4, 5, 5)
    assert PROBLEM.graph == (A, B, TOTAL, C, D, E)
    total = with_query(PROBLEM, UNUSED, generator(0))
    assert (total.op, total.answer) == (8, 2)
    assert UNUSED in total.graph


def test_questions_are_uniform_over_the_graph() -> None:
    rng = generator(1)
    found = Counter(reask(PROBLEM, rng).query for _ in range(6000))
    assert set(found) == {A, B, TOTAL, C, D, E}
    assert chisquare(list(found.values())).pvalue > 1e-3


def test_law_of_the_order() -> None:
    # Of A, B and E one comes first; so on with those whose needs are there.
    rng = generator(2)
    found = Counter(with_query(PROBLEM, UNUSED, rng).solution for _ in range(6000))
    law: dict[tuple[Parameter, ...], float] = {}

    def extend(order: tuple[Parameter, ...], p: float) -> None:
        ready = [q for q in PROBLEM.needs if q not in order and set(PROBLEM.needs[q]) <= set(order)]
        if not ready:
            law[order] = p
        for q in ready:
            extend((*order, q), p / len(ready))

    extend((), 1.0)
    assert set(found) == set(law)
    assert chisquare([found[o] for o in law], [6000 * p for p in law.values()]).pvalue > 1e-3


def test_solutions_are_of_what_the_question_needs() -> None:
    for preset in ("med", "micro"):
        for i in range(150):
            problem = numbered(Config(preset=preset), 4, i)
            other = reask(problem, generator(5, i))
            assert replace(other, solution=problem.solution) == problem
            assert set(other.solution) == oracles.closure(problem, other.query)
            for place, p in enumerate(other.solution):
                assert set(other.needs[p]) <= set(other.solution[:place])


def test_operations_are_those_of_the_released_code() -> None:
    # Measured there on questions about problems of 20 operations: mean 8.0, quartiles 2, 6 and 13.
    config = Config(preset="med", bias="unneeded", products="interleaved")
    n = 600
    op = np.array([reask(numbered(config, 6, i, 20), generator(7, i)).op for i in range(n)])
    error = 4 * op.std() * (1 / n + 1 / 1000) ** 0.5 + 0.05
    assert abs(op.mean() - 8.0) < error
    # Each quartile: the share below it and the share up to it enclose the quarter.
    for share, value in ((0.25, 2), (0.5, 6), (0.75, 13)):
        slack = 4 * (share * (1 - share) * (1 / n + 1 / 1000)) ** 0.5
        assert (op < value).mean() - slack < share < (op <= value).mean() + slack


def test_a_question_about_nothing() -> None:
    with pytest.raises(
        ValueError, match=r"query \(0, 0, 1, 2\): the problem has no such parameter"
    ):
        with_query(PROBLEM, Parameter(0, 0, 1, 2), generator(0))
