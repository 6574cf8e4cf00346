"""The grader, against solutions into which one error each was put by hand."""

from dataclasses import replace

import pytest

from physlm.evaluate.igsm.grade import Verdict, grade
from physlm.evaluate.igsm.reading import read
from tests.evaluate.igsm.texts import EXAMPLES, Example


def graded(example: Example, solution: str, answer: str | None = None) -> Verdict:
    return grade(read(example.problem, example.question, example.items), solution, answer)


@pytest.mark.parametrize("language", EXAMPLES)
def test_accepts_the_gold_solution(language: str) -> None:
    example = EXAMPLES[language]
    found = graded(example, example.solution, example.answer)
    assert found.correct
    assert (found.kind, found.step, found.name) == (None, None, None)
    assert set(found.written) == example.necessary
    assert found.n_steps == len(found.written) == len(example.necessary)
    assert (found.unnecessary, found.n_backs) == ((), 0)
    query = example.question.removeprefix("? ")
    expected = {"english": 20, "plan": None}.get(language, example.values.get(query))
    assert found.answer == expected


# Language, what is replaced in the gold solution, by what, kind and sentence of the first fault.
PLANTED = [
    # A calculation, and the same error in the last value of a step.
    ("english", "7 * 20 = 2.", "7 * 20 = 3.", "wrong_value", 2),
    ("english", "c = a - b = 5 - 8 = 20", "c = a - b = 5 - 8 = 19", "wrong_value", 2),
    ("symbolic", "3 + 1 = 4 ;", "3 + 1 = 3 ;", "wrong_value", 3),
    ("compact", "a.f 4 = 4 ;", "a.f 4 = 2 ;", "wrong_value", 2),
    ("compact", "2 * 4 = e.i 3", "2 * 4 = e.i 2", "wrong_value", 2),
    # A number is not reduced.
    ("english", "h + e = 13 + 13 = 3;", "h + e = 13 + 13 = 26;", "wrong_value", 6),
    # A value is quoted wrongly, with a right calculation from it.
    ("english", "b = 3 + a = 3 + 5 = 8.", "b = 3 + a = 3 + 6 = 9.", "wrong_value", 1),
    ("symbolic", "2 * x = 2 * 3 = 1", "2 * x = 2 * 4 = 3", "wrong_value", 1),
    ("compact", "1 + a.e 3 = a.f 4", "1 + a.e 2 = a.f 3", "wrong_value", 1),
    ("english", "so f = d = 2.", "so f = d = 4.", "wrong_value", 4),
    # The result of an operation is dropped for another number.
    ("compact", "2 * 4 = e.i 3", "2 * 3 = e.i 1", "wrong_value", 2),
    ("compact", "4 + 4 = a#2 3", "4 + 1 = a#2 0", "wrong_value", 8),
    # Constant or operation of another sentence: right in itself, but not what the problem says.
    ("english", "so a = 5.", "so a = 6.", "wrong_value", 0),
    ("english", "b = 3 + a = 3 + 5 = 8.", "b = 4 + a = 4 + 5 = 9.", "wrong_value", 1),
    ("symbolic", "z = x - Y = 3 - 1 = 2", "z = x + Y = 3 + 1 = 4", "wrong_value", 2),
    ("compact", "f.j : 4 = f.j 4", "f.j : 3 = f.j 3", "wrong_value", 5),
    # A letter that nobody defined, or a name that is none of the problem.
    ("english", "so d = 7 * c =", "so d = 7 * q =", "undefined_symbol", 2),
    ("english", "so b = 3 + a =", "so b = 3 + b =", "undefined_symbol", 1),
    ("symbolic", "v = u + z =", "v = u + q =", "undefined_symbol", 3),
    ("compact", "f.i : a#1 2", "f.i : d#1 2", "undefined_symbol", 4),
    # Other parameters are used than the right ones; numbers agree.
    ("english", "so k = f + j = 2 + 5", "so k = d + j = 2 + 5", "wrong_dependency", 7),
    ("english", "so f = d = 2.", "so f = 2.", "wrong_dependency", 4),
    ("symbolic", "w = 4 + v = 4 + 1", "w = 4 + Y = 4 + 1", "wrong_dependency", 3),
    ("symbolic", "Y = 2 * x = 2 * 3 = 1", "Y = 1", "wrong_dependency", 1),
    ("compact", "e#2 : e.i 3", "e#2 : a.e 3", "wrong_dependency", 6),
    ("compact", "e#2 : e.i 3", "e#2 : 3", "wrong_dependency", 6),
    # In the compact language a quoted name must have been computed.
    ("compact", "a.f : 1 + a.e 3", "a.f : 1 + f.j 3", "not_ready", 1),
    # A sentence is left out, so that what needs it is too early.
    ("english", " Define Room's Shelf as e; so e = a + b = 5 + 8 = 13.", "", "not_ready", 5),
    ("symbolic", "DEF B1 C1 AS z ; z = x - Y = 3 - 1 = 2 . ", "", "not_ready", 2),
    ("compact", "f.j : 4 = f.j 4 . ", "", "not_ready", 6),
    ("plan", "7 2 5 4", "2 7 5 4", "not_ready", 0),
    ("plan", "7 2 5 4", "7 5 2 4", "not_ready", 1),
    # What is no parameter.
    ("english", "Define Room's Oak Shelf as", "Define Room's Jar as", "unknown", 0),
    ("symbolic", "DEF B1 C1 AS", "DEF B2 C2 AS", "unknown", 2),
    ("compact", "f.j : 4 = f.j 4", "f.k : 4 = f.k 4", "unknown", 5),
    ("plan", "7 2 5 4", "7 2 6 4", "unknown", 2),
    # Told twice: a parameter, a letter, a letter within its own step.
    ("english", " Define Room's Pine",
     " Define Room's Oak Shelf as z; so z = 5. Define Room's Pine", "repeated", 1),
    ("english", "as g; so g = d", "as b; so b = d", "repeated", 5),
    ("english", "d; c = a - b = 5 - 8 = 20; so d = 7 * c =",
     "d; d = a - b = 5 - 8 = 20; so d = 7 * d =", "repeated", 2),
    ("symbolic", "u = x + Y", "z = x + Y", "repeated", 3),
    ("compact", "a.f : 1", "a.e : 3 = a.e 3 . a.f : 1", "repeated", 1),
    ("plan", "7 2 5 4", "7 2 2 5 4", "repeated", 2),
    # Form.
    ("english", "Define Room's Shelf as e", "Let Room's Shelf be e", "syntax", 3),
    ("english", "; so b = 3 + a", "; b = 3 + a", "syntax", 1),
    ("english", "as b; so b =", "as bb; so bb =", "syntax", 1),
    ("english", "so e = a + b = 5 + 8 = 13", "so e = a + b = 5 * 8 = 13", "syntax", 3),
    ("english", "so e = a + b = 5 + 8 = 13", "so e = a + b = 13", "syntax", 3),
    ("english", "so g = d = 2", "so h = d = 2", "syntax", 5),
    ("symbolic", "x = 3 .", "x = .", "syntax", 0),
    ("symbolic", "AS x ; x = 3 .", "AS x .", "syntax", 0),
    ("compact", "a.e : 3 = a.e 3", "a.e : 3 = 3", "syntax", 0),
    ("compact", "a.f 4 = 4 ; 2", "a.f 4 = e.i 4 ; 2", "syntax", 2),
    ("compact", "a.f : 1 + a.e 3", "a.f : 1 + a.e", "syntax", 1),
    ("compact", "a.f : 1 + a.e 3", "a.f : 1 a.e 3", "syntax", 1),
    ("compact", "a.f : 1 + a.e 3", "a.f 1 + a.e 3", "syntax", 1),
    ("compact", "a.f : 1 + a.e 3", "a.f : 1 + 1 + a.e 3", "syntax", 1),
    # The end.
    ("symbolic", EXAMPLES["symbolic"].solution.rpartition("DEF")[2], "", "unfinished", 3),
    ("symbolic", "w = 4 + v = 4 + 1 = 0 .", "w = 4 +", "unfinished", 3),
    ("english", "; m = b * k = 8 * 7 = 10; so n = l + m = 10 + 10 = 20.", "", "unfinished", 8),
    ("compact", EXAMPLES["compact"].solution, "", "unfinished", 0),
    ("plan", "7 2 5 4", "", "unfinished", 0),
    ("compact", " a#2 : a.e 3 * e#2 3 = 4 ; a.f 4 * f#2 1 = 4 ; 4 + 4 = a#2 3 .", "",
     "wrong_query", 7),
    ("compact", "= a#2 3 .", "= a#2 3 . b.f : a.e 3 + f.j 4 = 2 ; 2 + 2 = b.f 4 .",
     "wrong_query", 9),
    ("plan", "7 2 5 4", "7 2 5", "wrong_query", 2),
    ("plan", "7 2 5 4", "7 2 5 4 9", "wrong_query", 4),
]  # fmt: skip


@pytest.mark.parametrize(("language", "old", "new", "kind", "step"), PLANTED)
def test_names_a_planted_error(language: str, old: str, new: str, kind: str, step: int) -> None:
    example = EXAMPLES[language]
    assert example.solution.count(old) == 1
    found = graded(example, example.solution.replace(old, new), example.answer)
    assert (found.correct, found.kind, found.step) == (False, kind, step)
    # What is written before the fault counts; what a wrong end comes after does too.
    whole = kind in ("wrong_query", "unfinished")
    assert len(found.written) == (found.n_steps if whole else step)


@pytest.mark.parametrize(
    ("language", "before", "extra", "name"),
    [
        ("english", " Define Oak Shelf's Tin", " Define Attic's Pine Shelf as z; so z = 11.",
         "Attic's Pine Shelf"),
        ("symbolic", "DEF B2 C1", "DEF A1 B AS q ; q = Y + x = 1 + 3 = 4 . ", "A1 B"),
        ("symbolic", "DEF B2 C1", "DEF B3 C AS q ; q = 0 . ", "B3 C"),
        ("compact", "a#2 :", "b.f : f.j 4 + a.e 3 = 2 ; 2 + 2 = b.f 4 . ", "b.f"),
        ("plan", "2 5 4", "9 ", "9"),
    ],
)  # fmt: skip
def test_an_unnecessary_step_is_told_and_does_no_harm(
    language: str, before: str, extra: str, name: str
) -> None:
    example = EXAMPLES[language]
    head, found, tail = example.solution.partition(before)
    assert found
    verdict = graded(example, head + extra + found + tail, example.answer)
    assert verdict.correct
    assert verdict.unnecessary == (name,)
    assert (verdict.kind, verdict.name) == ("unnecessary", name)
    assert verdict.step is not None
    assert verdict.written[verdict.step] == name


def test_a_wrong_unnecessary_step_is_wrong() -> None:
    example = EXAMPLES["compact"]
    extra = "b.f : f.j 4 + a.e 3 = 2 ; 1 + 2 = b.f 3 . a#2 :"
    verdict = graded(example, example.solution.replace("a#2 :", extra))
    assert (verdict.correct, verdict.kind, verdict.name) == (False, "wrong_value", "b.f")


def test_the_first_of_two_faults_is_named() -> None:
    example = EXAMPLES["compact"]
    text = example.solution.replace("f.j : 4 = f.j 4", "f.j : 3 = f.j 3").replace(
        "a.f 4 = 4 ;", ";"
    )
    assert (graded(example, text).kind, graded(example, text).step) == ("syntax", 2)


@pytest.mark.parametrize(
    ("answer", "kind"), [("19", "wrong_value"), ("", "unfinished"), ("twenty", "wrong_value")]
)
def test_the_answer_must_be_right_too(answer: str, kind: str) -> None:
    example = EXAMPLES["english"]
    found = graded(example, example.solution, answer)
    assert (found.correct, found.kind, found.step, found.name) == (False, kind, 9, None)
    assert found.answer == (19 if answer == "19" else None)
    assert graded(example, example.solution, " 20").correct


def test_a_right_answer_after_a_wrong_step_is_read() -> None:
    example = EXAMPLES["compact"]
    found = graded(example, example.solution.replace("e.i : a.e 3", "e.i : a.e 2"))
    assert (found.correct, found.answer) == (False, 3)
    # But not where the last step is about something else.
    assert graded(example, "f.j : 3 = f.j 3 .").answer is None


@pytest.mark.parametrize(
    ("language", "before", "back"),
    [
        ("english", " Define Room's Pine", " Define Room's Vessel as BACK."),
        ("symbolic", "DEF A1 B2", "DEF A1 C AS BACK . "),
        ("compact", "a.f : 1", "a#2 : BACK . "),
        ("plan", "2 5 4", "5 BACK "),
    ],
)
def test_sentences_that_are_taken_back_are_counted_only(
    language: str, before: str, back: str
) -> None:
    example = EXAMPLES[language]
    text = example.solution.replace(before, back + back + before)
    found = graded(example, text, example.answer)
    gold = graded(example, example.solution, example.answer)
    assert found == replace(gold, n_backs=2)


def test_solutions_of_megabytes() -> None:
    example = EXAMPLES["compact"]
    step = "a.e : 3 = a.e 3 . "
    assert graded(example, step * 600_000).kind == "repeated"
    assert graded(example, "x" * 10_000_000).kind == "unfinished"
    assert (
        graded(example, "a.e : " + "3 + 3 = 1 ; " * 800_000 + "3 = a.e 3 .").kind == "wrong_value"
    )
    assert graded(example, "a.e : " + "3 " * 1_000_000 + ".").kind == "syntax"
    english = EXAMPLES["english"]
    assert graded(english, " Define" * 300_000 + ".").kind == "syntax"
    assert graded(EXAMPLES["plan"], "7 " * 1_000_000).kind == "repeated"
