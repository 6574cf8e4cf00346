import re

import numpy as np
import pytest

from physlm.data.igsm.config import Config
from physlm.data.igsm.draw import draw
from physlm.data.igsm.languages import language, spell
from physlm.data.igsm.problem import Problem
from physlm.random import generator
from tests.data.igsm import hand

ENGLISH_NAMES = (("Old Quay", "Pier"), ("Brig", "Long Ship"), ("Tea", "Oil"))


class Alphabet:
    """A generator that hands letters out in the order of the alphabet."""

    def permutation(self, n: int) -> np.ndarray:
        return np.arange(n)


def spelt(config: Config, problem: Problem) -> tuple[str, str, list[str], str]:
    told = language(config)
    steps = told.solution_words(problem, Alphabet())  # type: ignore[arg-type]
    return (
        spell(told.problem_words(problem)),
        spell(told.question_words(problem)),
        [spell(step) for step in steps],
        spell(told.answer_words(problem)),
    )


def test_compact_by_hand():
    problem, question, steps, answer = spelt(Config(preset="micro"), hand.one())
    assert problem == (
        "f.j = a.e + f.i + e.i . b.f = 4 * f#2 . a.e = 3 . e.i = 2 + a.e - a.f . a.f = a.e . "
        "f.i = 3 * e.i + a.f ."
    )
    assert question == "? a#2"
    assert steps == [
        "a.e : 3 = a.e 3 .",
        "a.f : a.e 3 = a.f 3 .",
        "e.i : a.e 3 - a.f 3 = 0 ; 2 + 0 = e.i 2 .",
        "f.i : e.i 2 + a.f 3 = 0 ; 3 * 0 = f.i 0 .",
        "e#2 : e.i 2 = e#2 2 .",
        "f.j : a.e 3 + f.i 0 = 3 ; 3 + e.i 2 = f.j 0 .",
        "f#2 : f.i 0 + f.j 0 = f#2 0 .",
        "a#2 : a.e 3 * e#2 2 = 1 ; a.f 3 * f#2 0 = 0 ; 1 + 0 = a#2 1 .",
    ]
    assert answer == ""


def test_symbolic_by_hand():
    names = (("A1", "A2"), ("B1", "B2"), ("C1", "C2"))
    problem, question, steps, answer = spelt(Config(preset="tiny"), hand.one(names, "ABC"))
    assert problem == (
        "B2 C2 = SUM A1 B1 B2 C1 B1 C1 . A2 B2 = 4 * B2 C . A1 B1 = 3 . "
        "B1 C1 = 2 + DIF A1 B1 A1 B2 . A1 B2 = A1 B1 . B2 C1 = 3 * SUM B1 C1 A1 B2 ."
    )
    assert question == "? A1 C"
    assert steps == [
        "DEF A1 B1 AS a ; a = 3 .",
        "DEF A1 B2 AS b ; b = a = 3 .",
        "DEF B1 C1 AS d ; c = a - b = 3 - 3 = 0 ; d = 2 + c = 2 + 0 = 2 .",
        "DEF B2 C1 AS f ; e = d + b = 2 + 3 = 0 ; f = 3 * e = 3 * 0 = 0 .",
        "DEF B1 C AS g ; g = d = 2 .",
        "DEF B2 C2 AS i ; h = a + f = 3 + 0 = 3 ; i = h + d = 3 + 2 = 0 .",
        "DEF B2 C AS j ; j = f + i = 0 + 0 = 0 .",
        "DEF A1 C AS m ; k = a * g = 3 * 2 = 1 ; l = b * j = 3 * 0 = 0 ; m = k + l = 1 + 0 = 1 .",
    ]
    assert answer == "1"


def test_english_by_hand():
    config = Config(preset="med")
    drawn = hand.one(ENGLISH_NAMES, "XYZ")
    problem, question, steps, answer = spelt(config, drawn)
    assert problem == (
        "The number of each Long Ship's Oil equals the sum of each Old Quay's Brig, "
        "each Long Ship's Tea and each Brig's Tea. "
        "The number of each Pier's Long Ship equals 4 times as much as each Long Ship's Z. "
        "The number of each Old Quay's Brig equals 3. "
        "The number of each Brig's Tea equals 2 more than the difference of each Old Quay's Brig "
        "and each Old Quay's Long Ship. "
        "The number of each Old Quay's Long Ship equals each Old Quay's Brig. "
        "The number of each Long Ship's Tea equals 3 times as much as the sum of each Brig's Tea "
        "and each Old Quay's Long Ship."
    )
    assert question == "How many Z does Old Quay have?"
    assert steps[:3] == [
        "Define Old Quay's Brig as a; so a = 3.",
        "Define Old Quay's Long Ship as b; so b = a = 3.",
        "Define Brig's Tea as d; c = a - b = 3 - 3 = 0; so d = 2 + c = 2 + 0 = 2.",
    ]
    assert steps[-1] == (
        "Define Old Quay's Z as m; k = a * g = 3 * 2 = 1; l = b * j = 3 * 0 = 0; "
        "so m = k + l = 1 + 0 = 1."
    )
    assert answer == "1"


def test_a_total_over_three_and_one_over_nothing():
    first, interleaved = (
        spelt(Config(preset="micro", products=products, modulus=7), hand.three())[2][-3:]
        for products in ("first", "interleaved")
    )
    assert first == [
        "a#2 : a.e 2 * e#2 5 = 3 ; a.f 3 * f#2 5 = 1 ; a.g 4 * g#2 5 = 6 ; 3 + 1 = 4 ; "
        "4 + 6 = a#2 3 .",
        "h#2 : 0 = h#2 0 .",
        "b.h : a#2 3 + h#2 0 = 3 ; 3 + a.e 2 = 5 ; 6 + 5 = b.h 4 .",
    ]
    assert interleaved[0] == (
        "a#2 : a.e 2 * e#2 5 = 3 ; a.f 3 * f#2 5 = 1 ; 3 + 1 = 4 ; a.g 4 * g#2 5 = 6 ; "
        "4 + 6 = a#2 3 ."
    )


@pytest.mark.parametrize("preset", ["med", "hard", "tiny", "micro"])
@pytest.mark.parametrize("products", ["first", "interleaved"])
def test_every_operation_of_drawn_solutions_is_right(preset, products):
    config = Config(preset=preset, products=products)
    told = language(config)
    known = set(told.vocabulary)
    for i in range(60):
        rng = generator(i, "texts")
        problem = draw(config, rng)
        steps = told.solution_words(problem, rng)
        words = [word for step in steps for word in step]
        assert known.issuperset(told.problem_words(problem) + told.question_words(problem) + words)
        assert len(steps) == len(problem.solution)
        text = spell(words)
        mark = "=" if preset == "micro" else ";"
        assert text.count(mark) == problem.op
        if preset == "micro":
            # Names are left out of `a.f 3 + 2 = b.g 0`: the values remain.
            parts = re.sub(r"\w[.#]\w ", "", text)
            assert parts.rsplit("= ", 1)[1] == f"{problem.answer} ."
        else:
            parts = text
            letters = re.findall(r"(?: as| AS) (\w)\b", text)
            inner = re.findall(r"; (\w) = ", text)
            assert len(set(letters)) == len(letters) == len(problem.solution)
            assert len({*letters, *inner}) == problem.op
        sums = re.findall(r"(?<!\w)(\d+) ([-+*]) (\d+) = (\d+)", parts)
        assert len(sums) >= problem.op - len(problem.solution)
        for a, symbol, b, result in sums:
            exact = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b)}[symbol]
            assert exact % problem.modulus == int(result)


def test_letters_are_drawn_uniformly_and_may_run_out():
    config = Config(preset="tiny")
    told = language(config)
    rng = generator(0, "letters")
    first = [told.solution_words(hand.one(), rng)[0][4] for _ in range(2600)]
    counts = np.array([first.count(letter) for letter in sorted(set(first))])
    assert counts.size == 52
    # Chi-square with 51 degrees of freedom: the 99.99 % quantile is 96.
    assert ((counts - 50) ** 2 / 50).sum() < 96
    many = Config(preset="med", ip_max=60, layers=(4,), items=(4,))
    problem = draw(many, rng, 53)
    with pytest.raises(ValueError, match="op=53: a solution of letters has at most 52"):
        language(many).solution_words(problem, rng)


def test_words_of_names():
    micro = language(Config(preset="micro"))
    assert micro.name_words(hand.one(), hand.A2) == [" a#2"]
    assert micro.name_words(hand.one(), hand.FJ) == [" f.j"]
    english = language(Config(preset="med"))
    problem = hand.one(ENGLISH_NAMES, "XYZ")
    assert english.name_words(problem, hand.BF) == [" Pier", "'s", " Long Ship"]
    assert spell([*english.name_words(problem, hand.B2), "BACK"]) == "Pier's Z BACK"
