"""What holds of the problems of iGSM: two sides agree on them, and their templates are many.

Source: Allen-Zhu and Li, Part 2.1 (arXiv 2407.20311), Section 2 and Proposition 2.2. Problems are
drawn (physlm.data.igsm), told, and read again by a solver and a grader that know the text alone
(physlm.evaluate.igsm) and share no code with what drew them. Solutions with a step left out are the
control of the grader. Templates are counted by how often two are the same.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from physlm.config import build
from physlm.data.igsm.languages import spell
from physlm.data.igsm.split import SplitSource
from physlm.data.igsm.templates import bin_of, collisions
from physlm.data.igsm.worlds import igsm, plan
from physlm.evaluate.igsm.grade import grade
from physlm.evaluate.igsm.reading import Reading, read
from physlm.evaluate.igsm.solve import Solved, solve
from physlm.random import generator

SEED = 0
# Settings of problems that both sides look at: world, op (None: mixed, as in training), reask.
KINDS: list[tuple[str, int | None, bool]] = [
    ("med", None, False),
    ("med", 15, False),
    ("med", 20, True),
    ("hard", None, False),
    ("hard", 28, True),
    ("tiny", None, False),
    ("tiny", 8, False),
    ("tiny", 5, True),
    ("micro", None, False),
    ("micro", 8, False),
    ("micro", 5, True),
    ("plan", None, False),
    ("plan", None, True),
]
ORDERS = ("pq", "qp")
N_CHECKED = 800  # of each kind and order
# World, op and how many templates are drawn. Of med at op 15 no two agreed in the paper of about as
# many, whose square is the published number of templates.
COUNTED = [
    *(("med", op, 1500) for op in (2, 4, 6, 8)),
    ("med", 15, 84_000),
    ("med", 20, 1500),
    ("med", 23, 1500),
    ("hard", 21, 5000),
    ("hard", 28, 1500),
    ("tiny", 5, 1500),
    ("micro", 5, 1500),
]
N_SPLIT = 800  # texts to train on and as many test problems, of each world and order

MEASURED = ["answers", "necessary", "ops", "accepted", "in_limits", "placed"]
CONTROL = ["spoiled_accepted"]
CONTENT = ["direct", "implicit", "instance", "dependencies", "told_in_order"]
TEMPLATES = ["distinct", "pairs", "estimate", "error", "at_least", "test_share"]
SPLIT = ["distinct_train", "distinct_test", "shared"]
COLUMNS = ["check", "world", "order", "op", "reask", "n"]
COLUMNS += [*MEASURED, *CONTROL, *CONTENT, *TEMPLATES, *SPLIT]


class Told(NamedTuple):
    """A problem as text. steps: of its solution. answer: as it is given behind, None without."""

    problem: str
    question: str
    steps: list[str]
    answer: str | None


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows of three checks; `inputs` is empty. What a check does not have is left empty.

    oracle: of n problems drawn, how many the solver gives the generator's answer for (plans have
        none and count), the necessary set, the number of operations in all three ways of counting;
        how many gold solutions the grader accepts; how many keep the limits on op and ip and ask
        at the right end of the prompt; spoiled_accepted: solutions without one of their steps.
        direct, implicit, instance: problems whose solution has a dependency on a stated number, on
        a total, and a total over totals. dependencies: of stated numbers on each other;
        told_in_order: those of which the needed one is told first.
    templates: of n solutions (or problems, where these are split by), see
        physlm.data.igsm.templates.Collisions; test_share: share in test bins.
    split: templates of n texts to train on and of n test problems, and those in both.
    """
    del inputs
    rows: list[dict[str, Any]] = []
    for world, op, reask in KINDS:
        rows += [_oracle(world, order, op, reask, N_CHECKED) for order in ORDERS]
    rows += [_templates(world, op, n) for world, op, n in COUNTED]
    for world in dict.fromkeys(world for world, *_ in KINDS):
        rows += [_split(world, order, N_SPLIT) for order in ORDERS]
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def make(world: str, order: str = "pq") -> SplitSource[Any]:
    """The source of a world: a preset of iGSM, or plan."""
    if world == "plan":
        return plan.Source(build(plan.Config, {"order": order}))
    return igsm.Source(build(igsm.Config, {"preset": world, "order": order}))


def tell(made: Any, problem: Any, rng: np.random.Generator) -> Told:
    """The texts of a problem, with letters from `rng`."""
    telling = getattr(made, "language", made)
    answer = telling.answer_words(problem)
    return Told(
        spell(telling.problem_words(problem)),
        spell(telling.question_words(problem)),
        [spell(step) for step in telling.solution_words(problem, rng)],
        spell(answer) if answer else None,
    )


def _oracle(world: str, order: str, op: int | None, reask: bool, n: int) -> dict[str, Any]:
    made = make(world, order)
    rng = generator(SEED, "igsm_checks", world, order, op or 0, int(reask))
    names = [*MEASURED, *CONTROL, *CONTENT]
    row: dict[str, Any] = {"check": "oracle", "world": world, "order": order, "op": op}
    row |= {"reask": reask, "n": n, **dict.fromkeys(names, 0)}
    for problem in made.problems(n, rng, op=op, split="all", reask=reask):
        told = tell(made, problem, rng)
        reading = read(told.problem, told.question)
        solved = solve(reading)
        found = _agreement(made, problem, told, reading, solved)
        found["in_limits"] = _in_limits(made, problem, op, reask)
        prompt = spell(made.prompt_words(problem)).removesuffix(" sol")
        parts = [told.problem, told.question]
        found["placed"] = prompt == " ".join(parts if order == "pq" else parts[::-1])
        for name, value in (found | _content(reading, solved)).items():
            row[name] += int(value)
        left_out = int(rng.integers(len(told.steps)))
        spoiled = told.steps[:left_out] + told.steps[left_out + 1 :]
        verdict = grade(reading, " ".join(spoiled), told.answer, solved)
        row["spoiled_accepted"] += verdict.correct
    return row


def _agreement(
    made: Any, problem: Any, told: Told, reading: Reading, solved: Solved
) -> dict[str, bool]:
    if reading.language == "plan":
        names = {problem.names[vertex] for vertex in problem.solution}
        return {
            "answers": True,
            "necessary": names == solved.necessary,
            "ops": len(told.steps) == problem.op == solved.op,
            "accepted": grade(reading, " ".join(told.steps), None, solved).correct,
        }
    names = {spell(made.language.name_words(problem, p)) for p in problem.solution}
    # An operation has one = in the compact language and one ; in the others.
    mark = "=" if reading.language == "compact" else ";"
    solution = " ".join(told.steps)
    return {
        "answers": problem.answer == solved.answer,
        "necessary": names == solved.necessary,
        "ops": solution.count(mark) == problem.op == solved.op,
        "accepted": grade(reading, solution, told.answer, solved).correct,
    }


def _in_limits(made: Any, problem: Any, op: int | None, reask: bool) -> bool:
    config = made.config
    if isinstance(problem, plan.Plan):
        most, fits = config.n_max, len(problem.names) <= config.n_max
    else:
        most, fits = op or config.op_max, problem.ip <= config.ip_max
    # Another question has another number of operations, up to those of the whole graph.
    exact = op is None or problem.op == op
    return fits and (reask or (exact and problem.op <= most))


def _content(reading: Reading, solved: Solved) -> dict[str, int]:
    place = {name: i for i, name in enumerate(reading.told)}
    stated = [name for name in solved.necessary if name in place]
    parts = [part for name in stated for part in reading.needs(name)]
    totals = [name for name in solved.necessary if name not in place]
    pairs = [(p, name) for name in place for p in reading.needs(name) if p in place]
    if reading.language == "plan":
        pairs = []  # of no vertex does one sentence tell all that it needs
    return {
        "direct": any(part in place for part in parts),
        "implicit": any(part not in place for part in parts) or reading.query not in place,
        "instance": any(reading.formulas[name].combined == "products" for name in totals),
        "dependencies": len(pairs),
        "told_in_order": sum(place[part] < place[name] for part, name in pairs),
    }


def _templates(world: str, op: int, n: int) -> dict[str, Any]:
    made = make(world)
    rng = generator(SEED, "igsm_checks", "templates", world, op)
    drawn = [made.template(problem) for problem in made.problems(n, rng, op=op, split="all")]
    found = collisions(drawn)
    in_test = np.mean([bin_of(template) >= made.train_bins for template in drawn])
    row = {"check": "templates", "world": world, "order": "pq", "op": op, "reask": False, "n": n}
    row |= {key: getattr(found, key) for key in TEMPLATES[:-1]}
    return row | {"test_share": float(in_test)}


def _split(world: str, order: str, n: int) -> dict[str, Any]:
    made = make(world, order)
    rng = generator(SEED, "igsm_checks", "split", world, order)

    def seen(split: str) -> set[str]:
        return templates_of(made, made.problems(n, rng, split=split))  # type: ignore[arg-type]

    train, test = seen("train"), seen("test")
    row = {"check": "split", "world": world, "order": order, "reask": False, "n": n}
    row |= {"distinct_train": len(train), "distinct_test": len(test)}
    return row | {"shared": len(train & test)}


def templates_of(made: SplitSource[Any], problems: Sequence[Any]) -> set[str]:
    """What the split of a world hashes, of these problems."""
    return {made.template(problem) for problem in problems}
