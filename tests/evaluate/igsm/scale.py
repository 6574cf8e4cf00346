"""The solver and the grader against the generator, at scale.

    python -m tests.evaluate.igsm.scale 100000

Draws so many problems over all presets and orders, with op in and out of the range of training and
with other questions, and stops at the first one on which the two sides differ.
"""

import sys
from collections import Counter
from typing import Any, NamedTuple

from physlm.config import build
from physlm.data.igsm import plan, source
from physlm.data.igsm.languages import spell
from physlm.data.igsm.problem import Problem
from physlm.evaluate.igsm.grade import grade
from physlm.evaluate.igsm.reading import Reading, read
from physlm.evaluate.igsm.solve import Solved, mentioned, solve
from physlm.random import generator

# Settings, op (None: mixed) and whether another question is put.
KINDS: list[tuple[dict[str, Any], int | None, bool]] = [
    ({"preset": "med"}, None, False),
    ({"preset": "med", "order": "qp"}, 15, False),
    ({"preset": "med", "products": "interleaved"}, 20, True),
    ({"preset": "hard", "bias": "unneeded", "rng": "leaves"}, None, False),
    ({"preset": "hard"}, 28, False),
    ({"preset": "tiny"}, None, False),
    ({"preset": "tiny", "empty": True}, 7, True),
    ({"preset": "micro"}, None, False),
    ({"preset": "micro", "products": "interleaved"}, 8, True),
    ({"preset": "micro", "empty": True}, None, False),
    ({"preset": "plan"}, None, False),
    ({"preset": "plan", "n_max": 20}, None, False),
]


class Drawn(NamedTuple):
    """A problem of the generator and its texts, each step of the solution by itself."""

    problem: Any
    told: str
    question: str
    steps: list[str]
    answer: str | None

    @property
    def solution(self) -> str:
        """The text of the solution."""
        return " ".join(self.steps)


def draw(settings: dict[str, Any], op: int | None, reask: bool, n: int, seed: int) -> list[Drawn]:
    """n problems of either side of the split."""
    if settings["preset"] == "plan":
        rest = {key: value for key, value in settings.items() if key != "preset"}
        made: Any = plan.Source(build(plan.Config, rest))
    else:
        made = source.Source(build(source.Config, settings))
    telling = getattr(made, "language", made)
    rng = generator(seed, "scale")
    drawn = []
    for problem in made.problems(n, rng, op=op, split="all", reask=reask):
        answer = telling.answer_words(problem)
        drawn.append(
            Drawn(
                problem,
                spell(telling.problem_words(problem)),
                spell(telling.question_words(problem)),
                [spell(step) for step in telling.solution_words(problem, rng)],
                spell(answer) if answer else None,
            )
        )
    return drawn


def check(drawn: Drawn) -> tuple[Reading, Solved]:
    """AssertionError unless solver and grader agree with the generator on all they tell."""
    problem = drawn.problem
    reading = read(drawn.told, drawn.question)
    solved = solve(reading)
    assert solved.op == problem.op, drawn
    if isinstance(problem, Problem):
        names = _check_world(drawn, problem, reading, solved)
    else:
        names = {vertex: problem.names[vertex] for vertex in problem.solution}
    assert solved.necessary == {names[p] for p in problem.solution}, drawn
    verdict = grade(reading, drawn.solution, drawn.answer, solved)
    assert verdict.correct, (verdict, drawn)
    assert verdict.kind is None
    assert verdict.written == tuple(names[p] for p in problem.solution)
    assert verdict.answer == solved.answer
    return reading, solved


def _check_world(
    drawn: Drawn, problem: Problem, reading: Reading, solved: Solved
) -> dict[Any, str]:
    """What plans do not have; gives the name of every parameter that the text can tell."""
    names: dict[Any, str] = {
        p: name for p, name in names_of(drawn).items() if name in reading.formulas
    }
    # Items that own nothing and that no sentence names have totals of 0, which nobody can read.
    unread = set(problem.needs) - set(names)
    assert all(problem.needs[p] == () and p.layer == 0 and p.abstract for p in unread), drawn
    assert solved.answer == problem.answer, drawn
    assert mentioned(reading) == {names[p] for p in problem.graph}, drawn
    for p, name in names.items():
        assert set(reading.needs(name)) == {names[q] for q in problem.needs[p]}, drawn
        assert solved.values[name] == problem.values[p], drawn
    # Operations of the text: one for every = of the compact language, every ; of others.
    mark = "=" if reading.language == "compact" else ";"
    assert drawn.solution.count(mark) == problem.op, drawn
    return names


def names_of(drawn: Drawn) -> dict[Any, str]:
    """Every parameter of a problem by its name, put together without the package's languages."""
    problem = drawn.problem
    compact, english = "." in drawn.told.split()[0], "'s" in drawn.told
    found = {}
    for parameter in problem.needs:
        owner = problem.names[parameter.layer][parameter.owner]
        if parameter.item < 0:
            counted = problem.categories[parameter.below]
        else:
            counted = problem.names[parameter.below][parameter.item]
        between = "'s " if english else " "
        if compact:
            between = "#" if parameter.item < 0 else "."
        found[parameter] = owner + between + counted
    return found


def check_many(n: int, seed: int = 0) -> Counter[str]:
    """n problems over all kinds; how many there were of each."""
    counts: Counter[str] = Counter()
    for number, (settings, op, reask) in enumerate(KINDS):
        share = n * (number + 1) // len(KINDS) - n * number // len(KINDS)
        for start in range(0, share, 500):
            size = min(500, share - start)
            for drawn in draw(settings, op, reask, size, seed * 1_000_000 + start):
                check(drawn)
        counts[f"{settings} op={op} reask={reask}"] += share
    return counts


if __name__ == "__main__":
    for what, count in check_many(int(sys.argv[1])).items():
        print(count, what)
