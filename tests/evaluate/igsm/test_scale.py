"""Drawn problems: solver and grader agree with the generator, and planted errors are named."""

import random
import re
from dataclasses import replace

import pytest

from physlm.data.igsm.compact import Compact
from physlm.data.igsm.config import Config
from physlm.data.igsm.languages import spell
from physlm.data.igsm.letters import LETTERS
from physlm.evaluate.igsm.grade import grade
from physlm.random import generator
from tests.evaluate.igsm.scale import KINDS, Drawn, check, check_many, draw, names_of

IGSM = [kind for kind in KINDS if kind[0]["preset"] != "plan"]


def test_agrees_with_the_generator() -> None:
    assert sum(check_many(5000, seed=3).values()) == 5000


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_a_step_left_out_makes_its_first_user_not_ready(kind: int) -> None:
    settings, op, reask = KINDS[kind]
    rand = random.Random(kind)
    n = 0
    for drawn in draw(settings, op, reask, 40, kind):
        reading, solved = check(drawn)
        if len(drawn.steps) < 2:
            continue
        out = rand.randrange(len(drawn.steps) - 1)
        problem = drawn.problem
        needs, gone = problem.needs, problem.solution[out]
        first = min(i for i, p in enumerate(problem.solution) if gone in needs[p])
        text = " ".join(drawn.steps[:out] + drawn.steps[out + 1 :])
        verdict = grade(reading, text, drawn.answer, solved)
        assert (verdict.correct, verdict.kind, verdict.step) == (False, "not_ready", first - 1)
        # And a step that is told twice is told once too often.
        text = " ".join([*drawn.steps[: out + 1], drawn.steps[out], *drawn.steps[out + 1 :]])
        verdict = grade(reading, text, drawn.answer, solved)
        assert (verdict.correct, verdict.kind, verdict.step) == (False, "repeated", out + 1)
        n += 1
    assert n >= 15


@pytest.mark.parametrize("kind", range(len(IGSM)))
def test_any_number_that_is_changed_is_wrong(kind: int) -> None:
    settings, op, reask = IGSM[kind]
    rand = random.Random(kind)
    for drawn in draw(settings, op, reask, 40, kind):
        reading, solved = check(drawn)
        step = rand.randrange(len(drawn.steps))
        # Numbers that stand by themselves: not those within a name.
        found = rand.choice(list(re.finditer(r"(?<= )\d+(?=[ ;.])", drawn.steps[step])))
        others = set(range(drawn.problem.modulus)) - {int(found[0])}
        text = drawn.steps[step]
        changed = f"{text[: found.start()]}{rand.choice(sorted(others))}{text[found.end() :]}"
        text = " ".join([*drawn.steps[:step], changed, *drawn.steps[step + 1 :]])
        verdict = grade(reading, text, drawn.answer, solved)
        # A constant may be told once in letters' place and once as a number: both must agree. In
        # the compact language it stands there once, and times 0 any does.
        if verdict.correct:
            assert reading.language == "compact"
            assert " * 0 " in f"{changed} " or " 0 = " in changed
            continue
        assert (verdict.kind, verdict.step) == ("wrong_value", step)


@pytest.mark.parametrize("kind", range(len(IGSM)))
def test_letters_and_names_that_are_exchanged_are_wrong(kind: int) -> None:
    """One quoted parameter becomes another of the same value, or one that does not exist."""
    settings, op, reask = IGSM[kind]
    n = {"wrong_dependency": 0, "undefined_symbol": 0}
    for drawn in draw(settings, op, reask, 60, kind):
        reading, solved = check(drawn)
        for step, parameter in enumerate(drawn.problem.solution):
            needs = drawn.problem.needs[parameter]
            earlier = drawn.problem.solution[:step]
            values = drawn.problem.values
            pairs = [
                (old, new)
                for old in needs
                for new in earlier
                if new not in needs and values[old] == values[new]
            ]
            for kind_of, (old, new) in [
                *(("wrong_dependency", pair) for pair in pairs[:1]),
                *(("undefined_symbol", (old, None)) for old in needs[:1]),
            ]:
                changed = _exchanged(drawn, step, old, new)
                text = " ".join([*drawn.steps[:step], changed, *drawn.steps[step + 1 :]])
                verdict = grade(reading, text, drawn.answer, solved)
                assert (verdict.correct, verdict.kind, verdict.step) == (False, kind_of, step)
                n[kind_of] += 1
    assert min(n.values()) >= 5


def _exchanged(drawn: Drawn, step: int, old: object, new: object) -> str:
    """The step with what stands for a parameter exchanged; new None: by what stands for nothing."""
    if "." in drawn.told.split()[0]:
        names = names_of(drawn)
        head, colon, rest = drawn.steps[step].partition(" : ")
        name = names[new] if new is not None else "z.z"
        return head + colon + f" {rest}".replace(f" {names[old]} ", f" {name} ").strip()
    letters = [re.search(r" (as|AS) (\w) ?;", text) for text in drawn.steps]
    of = {p: found[2] for p, found in zip(drawn.problem.solution, letters, strict=True) if found}
    unused = next(c for c in LETTERS if not re.search(rf"\b{c}\b", drawn.solution))
    by = of[new] if new is not None else unused
    head, colon, rest = drawn.steps[step].partition(";")
    return head + colon + re.sub(rf"(?<= ){of[old]}(?= )", by, rest)


@pytest.mark.parametrize("kind", [7, 8, 9])
def test_an_unnecessary_step_is_told(kind: int) -> None:
    settings, op, reask = KINDS[kind]
    assert settings["preset"] == "micro"
    n = 0
    for drawn in draw(settings, op, reask, 100, kind):
        reading, solved = check(drawn)
        problem = drawn.problem
        done = set(problem.solution[:-1])
        others = [p for p in problem.graph if p not in problem.solution]
        for parameter in [p for p in others if set(problem.needs[p]) <= done][:1]:
            other = replace(problem, solution=(parameter,))
            (words,) = Compact(Config(**settings)).solution_words(other, generator(0))
            text = " ".join([*drawn.steps[:-1], spell(words), drawn.steps[-1]])
            verdict = grade(reading, text, None, solved)
            assert verdict.correct
            assert verdict.unnecessary == (names_of(drawn)[parameter],)
            assert (verdict.kind, verdict.step) == ("unnecessary", len(drawn.steps) - 1)
            n += 1
    assert n >= 20
