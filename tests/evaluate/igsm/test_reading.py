"""What is read of a text, against problems worked out by hand."""

import numpy as np
import pytest

from physlm.evaluate.igsm.reading import read
from physlm.evaluate.igsm.solve import in_order, mentioned, solve, wander
from tests.evaluate.igsm.texts import EXAMPLES, Example


@pytest.mark.parametrize("language", EXAMPLES)
def test_reads_what_the_text_says(language: str) -> None:
    example = EXAMPLES[language]
    reading = read(example.problem, example.question, example.items)
    assert reading.language == language
    assert {name: set(reading.needs(name)) for name in reading.formulas} == example.needs


@pytest.mark.parametrize("language", EXAMPLES)
def test_solves(language: str) -> None:
    example = EXAMPLES[language]
    solved = solve(read(example.problem, example.question, example.items))
    assert solved.values == example.values
    assert solved.necessary == example.necessary
    assert solved.op == example.op
    if language != "plan":
        assert solved.answer == int(example.answer or example.values[example.question[2:]])


def test_modulus_and_categories_may_be_told() -> None:
    items = {"a": "box", "b": "box", "x": "ball"}
    reading = read("a.x = 4 . b.x = 3 * a.x .", "? b.x", items, 11)
    assert solve(reading).answer == 1
    assert set(reading.formulas) == {"a.x", "b.x", "a#ball", "b#ball"}
    with pytest.raises(ValueError, match="items: 'y' has no category"):
        read("a.y = 4 .", "? a.y", items)


@pytest.mark.parametrize(
    ("problem", "question", "message"),
    [
        ("", "? a.e", "problem: ''"),
        ("Once upon a time .", "? a.e", "no sentence of English"),
        ("a.e = 3", "? a.e", "must end with the word '.'"),
        ("a.e = 3 . a.f = x .", "? a.e", "sentence 2: 'a.f = x': must have names"),
        ("a.e = 3 . a.f = 2 a.e .", "? a.e", "sentence 2: .*after the constant 2"),
        ("a.e = 3 . a.f = a.e + a.e .", "? a.e", "names a number twice"),
        ("a.e = 3 . a.f = a.e - a.g - a.h .", "? a.e", "difference must be of 2"),
        ("a.e = 3 . a.e = 4 .", "? a.e", "sentence 2: 'a.e' is told a second time"),
        ("a.e = 3 . a#1 = 4 .", "? a.e", "sentence 2: 'a#1 = 4': must be"),
        ("a.e = a.f .", "? a.e", "'a.e' needs 'a.f'"),
        ("a.e = 3 .", "? b.e", "question: 'b.e' is no number"),
        ("a.e = 3 .", "a.e", "must be '\\?' and a name"),
        ("a.e = 3 . a.i = 1 .", "? a.e", "must be one category"),
        ("a.e = 3 . i.a = 3 . e.i = 3 .", "? a.e", "must be a chain"),
        ("A1 B1 = SUM A1 .", "? A1 B1", "must have one name of two words"),
        ("A1 B = 3 .", "? A1 B", "'B' is no item"),
        ("7 > 7 .", "? 7", "must be 'u > v'"),
        ("7 > 2 . 7 > 2 .", "? 7", "told twice"),
        (" The number of each A's B is 3.", " How many B does A have?", "equals"),
        (" The number of each A's B equals 3.", " How many C does A have?", "no number|no item"),
        (" The number of each A's B equals 3", "", "must end with a full stop"),
        ("a.e = 3 . " * 20_000, "? a.e", "problem: 200000 characters"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line(problem: str, question: str, message: str) -> None:
    items = {"A": "x", "B": "y"} if "The" in problem else None
    with pytest.raises(ValueError, match=message) as caught:
        read(problem, question, items)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("problem", "question"),
    [("a.e = a.f . a.f = 1 + a.e .", "? a.e"), ("1 > 2 . 2 > 3 . 3 > 1 .", "? 2")],
)
def test_a_circle_has_no_solution(problem: str, question: str) -> None:
    with pytest.raises(ValueError, match="is needed for itself"):
        solve(read(problem, question))


def test_a_long_chain_is_no_harder_than_a_short_one() -> None:
    n = 8000
    text = "".join(f"{i} > {i + 1} . " for i in range(n))[:99_000].rpartition(" . ")[0] + " ."
    last = text.split()[-2]
    assert len(solve(read(text, f"? {last}")).necessary) == int(last) + 1


@pytest.mark.parametrize("language", EXAMPLES)
def test_wandering_computes_what_it_can_until_the_question(language: str) -> None:
    example: Example = EXAMPLES[language]
    reading = read(example.problem, example.question, example.items)
    rng = np.random.default_rng(0)
    extra = set()
    for _ in range(50):
        written = wander(reading, rng)
        assert written[-1] == reading.query
        assert example.necessary <= set(written)
        for place, name in enumerate(written):
            assert example.needs[name] <= set(written[:place])
        extra |= set(written) - example.necessary
    # All that can stand before the question does so at times, but no total that nothing uses.
    after = {name for name in in_order(reading) if reading.query in _needed(example, name)}
    assert extra == mentioned(reading) - example.necessary - after


def test_totals_that_nothing_uses_are_not_mentioned() -> None:
    example = EXAMPLES["symbolic"]
    reading = read(example.problem, example.question)
    assert mentioned(reading) == {"A1 B1", "A1 B2", "B1 C1", "B2 C1", "A2 B3", "A1 B"}


def test_wandering_has_every_order_equally_often() -> None:
    # Four vertices without parents, the last of which is asked for: how many come before it is
    # uniform on 0 to 3.
    reading = read("1 > 9 . 2 > 9 . 3 > 9 . 4 > 9 .", "? 4")
    rng = np.random.default_rng(1)
    counts = np.bincount([len(wander(reading, rng)) for _ in range(2000)], minlength=6)
    # 9 never comes before 4.
    assert counts.tolist()[0] == counts.tolist()[5] == 0
    assert np.abs(counts[1:5] - 500).max() < 4 * (2000 * 0.25 * 0.75) ** 0.5


def _needed(example: Example, name: str) -> set[str]:
    found = set(example.needs[name])
    for part in example.needs[name]:
        found |= _needed(example, part)
    return found
