"""The strict grader of solutions: right, or which step is wrong first, and how.

The rules are those of Part 2.1 (its released grader, docs/igsm_grading.md): sentences
of the right form; letters defined before they are used, and once; quoted numbers as they were
stated; every calculation right; each parameter computed from exactly those that it needs, which
stand before it; the last one is the question's. A parameter that the question does not need does no
harm as long as it is right. Stricter than the released one in a single thing: every parameter must
have its true value, also where errors cancel until the last line.

Kinds of faults, in the order in which a step is looked at:

`syntax`            not of the form of the language
`unknown`           defines what the problem does not have
`repeated`          defines a parameter or a letter a second time
`not_ready`         defines (or in the compact language quotes) what cannot be known yet
`undefined_symbol`  uses a letter or name that stands for nothing
`wrong_value`       quotes or computes a wrong number
`wrong_dependency`  is computed from other parameters than it must
`wrong_query`       the end: the last step is not about the question
`unfinished`        the end: the text stops within a sentence, or before its answer
`unnecessary`       none: the solution is correct, but this step was not called for
"""

from dataclasses import dataclass

from physlm.evaluate.igsm.reading import Reading
from physlm.evaluate.igsm.solve import Solved, solve
from physlm.evaluate.igsm.steps import Fault, Stated, check_step, head, is_back, sentences_of
from physlm.evaluate.igsm.words import number


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a solution.

    correct: no fault. kind, step, name: of the first fault (kinds above), the sentence it is in,
        counted from 0 with those of BACK, and the parameter that this one defines, if it can be
        read. What comes after the last sentence counts as one more. All None if there is no fault;
        but for a correct solution with unnecessary steps, those of the first of these.
    n_steps: sentences without BACK; n_backs: those with it.
    written: the parameters that were computed right, in order, until the first fault; unnecessary:
        those of them that the question does not need.
    answer: the number that is given in the end, None without one.
    """

    correct: bool
    kind: str | None
    step: int | None
    name: str | None
    n_steps: int
    n_backs: int
    written: tuple[str, ...]
    unnecessary: tuple[str, ...]
    answer: int | None


def grade(
    reading: Reading, solution: str, answer: str | None = None, solved: Solved | None = None
) -> Verdict:
    """The verdict on a solution, in time that grows with its length alone.

    answer: what is given behind the solution; None where it is not asked for (the compact language
    and plans have none). solved: what `solve` says of the problem, if that is known already.
    """
    solved = solve(reading) if solved is None else solved
    sentences, tail = sentences_of(reading.language, solution)
    stated = Stated()
    fault = _first_fault(reading, solved, stated, sentences, bool(tail), answer)
    unnecessary = {name: n for name, n in stated.steps.items() if name not in solved.necessary}
    correct = fault is None
    if fault is None and unnecessary:
        name, step = next(iter(unnecessary.items()))
        fault = "unnecessary", step, name
    kind, step, name = fault or (None, None, None)
    n_backs = sum(map(is_back, sentences))
    return Verdict(
        correct=correct,
        kind=kind,
        step=step,
        name=name,
        n_steps=len(sentences) - n_backs,
        n_backs=n_backs,
        written=tuple(stated.steps),
        unnecessary=tuple(unnecessary),
        answer=_given(reading, sentences) if answer is None else number(answer.strip()),
    )


def _first_fault(
    reading: Reading,
    solved: Solved,
    stated: Stated,
    sentences: list[str],
    open_end: bool,
    answer: str | None,
) -> tuple[str, int, str | None] | None:
    """Kind, sentence and parameter of the first fault, None without; fills `stated` on its way."""
    last: tuple[int, str | None] = (0, None)
    for place, sentence in enumerate(sentences):
        if is_back(sentence):
            continue
        name = None
        try:
            name, letter, clauses = head(reading.language, sentence)
            check_step(reading, solved, stated, name, letter, clauses)
        except Fault as fault:
            return fault.kind, place, name
        stated.steps[name] = place
        last = place, name
    if open_end or last[1] is None:
        return "unfinished", len(sentences), None
    if last[1] != reading.query:
        return "wrong_query", *last
    if answer is None or solved.answer is None or number(answer.strip()) == solved.answer:
        return None
    return "wrong_value" if answer.strip() else "unfinished", len(sentences), None


def _given(reading: Reading, sentences: list[str]) -> int | None:
    """The number at the end of the last step, if that is about the question."""
    if not sentences or reading.language == "plan":
        return None
    try:
        name, _, clauses = head(reading.language, sentences[-1])
    except Fault:
        return None
    return number(clauses[-1].split(" ")[-1]) if name == reading.query else None
