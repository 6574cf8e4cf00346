"""Mistakes that are taken back, checked by the reader and the grader, who share no code with us."""

import itertools
from collections import Counter
from typing import Any, get_args

import numpy as np
import pytest
from scipy import stats

from physlm.config import ConfigError
from physlm.data.igsm.languages import spell
from physlm.data.igsm.retries import KINDS, Kind, Problem, candidates, retries
from physlm.data.igsm.words import BACK
from physlm.data.igsm.worlds.retry import told
from physlm.data.problems import source
from physlm.evaluate.igsm.grade import grade
from physlm.evaluate.igsm.reading import Reading, read
from physlm.evaluate.igsm.solve import solve
from physlm.evaluate.igsm.steps import is_back, sentences_of
from physlm.random import generator

# b and c need a, d needs both, e needs d and f; g stands alone. d is asked for.
HAND = Problem(
    needs={"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c"), "f": (), "e": ("d", "f"), "g": ()},
    solution=("a", "b", "c", "d"),
    stated=("d", "c", "b", "a", "e"),
)
WIDE = Problem(
    needs={0: (), **dict.fromkeys(range(1, 40), (0,)), 40: tuple(range(40))},
    solution=(0, *range(1, 6)),
    stated=(),
)
WORLDS: dict[str, dict[str, Any]] = {
    "english": {"of": "igsm", "settings": {"preset": "med", "op_max": 10}},
    "symbolic": {"of": "igsm", "settings": {"preset": "tiny"}},
    "compact": {"of": "igsm", "settings": {"preset": "micro"}},
    "plan": {"of": "plan", "settings": {"n_min": 6}},
    "boxes": {"of": "boxes", "settings": {"n_min": 6}},
}


def test_candidates_by_hand() -> None:
    expected: dict[Kind, list[str]] = {
        "perfect": ["bcde", "de", "de", "e"],
        "weak": ["bcd", "cd", "d", ""],
        "weak_self": ["abcd", "bcd", "cd", "d"],
        "miss": ["abcde", "bcde", "cde", "de"],
        "right": ["a", "b", "c", "d"],
    }
    assert set(expected) == set(KINDS)
    for kind, places in expected.items():
        assert ["".join(candidates(HAND, kind, i)) for i in range(4)] == places


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5])
def test_coins_are_thrown_until_they_show_tails(rate: float) -> None:
    rng = generator(0, "retries")
    found = [retries(WIDE, "perfect", rate, rng)[0] for _ in range(20_000)]
    counts = Counter(map(len, found))
    # Over 40 candidates the law is geometric, with mean p / (1 - p).
    most = max(k for k in range(20) if 20_000 * rate**k >= 20)
    expected = [20_000 * (1 - rate) * rate**k for k in range(most)] + [20_000 * rate**most]
    seen = [counts[k] for k in range(most)] + [sum(counts[k] for k in counts if k >= most)]
    assert stats.chisquare(seen, expected).pvalue > 1e-4
    mean = sum(map(len, found)) / 20_000
    assert abs(mean - rate / (1 - rate)) < 5 * np.sqrt(rate / (1 - rate) ** 2 / 20_000)
    assert all(len(set(begun)) == len(begun) for begun in found)
    first = Counter(begun[0] for begun in found if begun)
    assert set(first) == set(range(1, 41))
    assert stats.chisquare(list(first.values())).pvalue > 1e-4


def test_few_candidates_run_out_but_that_of_right_does_not() -> None:
    rng = generator(0, "few")
    perfect = [len(retries(HAND, "perfect", 0.9, rng)[3]) for _ in range(500)]
    # Only e is left, and cannot be taken back twice.
    assert set(perfect) == {0, 1}
    assert abs(np.mean(perfect) - 0.9) < 5 * np.sqrt(0.09 / 500)
    right = [retries(HAND, "right", 0.9, rng)[3] for _ in range(500)]
    assert {step for begun in right for step in begun} == {"d"}
    assert max(map(len, right)) > 10
    assert retries(HAND, "perfect", 0.0, rng) == [[], [], [], []]


def texts(world: str, n: int, **settings: Any) -> Any:
    made = source("retry", {**WORLDS[world], "rate": 0.4, **settings})
    for i in range(n):
        (problem,) = made.problems(1, generator(i, "problem"), split="train")
        yield made, problem, made.retried(problem, generator(i, "letters"))


def reading_of(made: Any, problem: Any) -> Reading:
    asked, told = made.question_words(problem), made.problem_words(problem)
    return read("".join(told), "".join(asked), modulus=getattr(problem, "modulus", None))


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("world", WORLDS)
def test_what_is_taken_back_is_what_the_kind_says(world: str, kind: Kind) -> None:
    n_backs = 0
    for made, problem, parts in texts(world, 150, kind=kind):
        reading = reading_of(made, problem)
        solved = solve(reading)
        text = spell([word for words, _ in parts for word in words])
        sentences, tail = sentences_of(reading.language, text)
        assert not tail
        gold = [spell(made.name_words(problem, a)) for a in problem.solution]
        names = {spell(made.name_words(problem, a)) for a in problem.needs}
        said = spell([*made.problem_words(problem), *made.question_words(problem)])
        stated = {name for name in names if mentioned(name, said, reading)}
        assert {spell(made.name_words(problem, a)) for a in told(problem).stated} == stated
        done: list[str] = []
        before: list[str] = []
        for sentence in sentences:
            if not is_back(sentence):
                done.append(gold[len(done)])
                before = []
                continue
            n_backs += 1
            (name,) = [name for name in names if told_back(reading.language, name) == sentence]
            later = gold[len(done) + 1 :]
            ready = set(reading.needs(name)) <= set(done)
            ok = {
                "perfect": name not in done and not ready,
                "weak": name in later,
                "weak_self": name in gold[len(done) :],
                "miss": name in stated - set(done),
                "right": name == gold[len(done)],
            }
            assert ok[kind], (sentence, sentences)
            assert kind == "right" or name not in before
            before.append(name)
        assert done == gold
        assert grade(reading, text, answer_of(made, problem), solved).correct
    assert n_backs > 60


def told_back(language: str, name: str) -> str:
    begin, middle = {
        "english": ("Define ", " as"),
        "symbolic": ("DEF ", " AS"),
        "compact": ("", ""),
        "plan": ("", ""),
    }[language]
    return f"{begin}{name}{middle} BACK"


def mentioned(name: str, said: str, reading: Reading) -> bool:
    """Whether problem or question name it."""
    if reading.language == "english":
        owner, counted = name.split("'s ")
        ends = (" equals", ",", " and", ".")
        asked = said.endswith(f"How many {counted} does {owner} have?")
        return asked or any(f" {name}{end}" in said for end in ends)
    return f" {name} " in f" {said} "


def answer_of(made: Any, problem: Any) -> str | None:
    words = made.answer_words(problem)
    return spell(words[1:]) if words else None


@pytest.mark.parametrize("world", WORLDS)
def test_without_what_is_taken_back_the_right_solution_is_left(world: str) -> None:
    marks = {"english": "Define", "symbolic": "DEF"}
    for i, (made, problem, parts) in enumerate(texts(world, 100)):
        gold = made.solution_words(problem, generator(i, "letters"))
        words = [word for part, _ in parts for word in part]
        left: list[str] = []
        for word in words:
            left.append(word)
            if word == "BACK":
                # Back to where this step was begun.
                del left[-2:]
                while world in marks and left.pop() != f" {marks[world]}":
                    pass
                left.append("taken back")
        ends = {"english": ".", "symbolic": " .", "compact": " .", "boxes": " ."}
        if world in ends:
            pairs = list(itertools.pairwise([*left, ""]))
            assert all(after == ends[world] for word, after in pairs if word == "taken back")
            left = [
                word
                for i, word in enumerate(left)
                if word != "taken back" and (i == 0 or left[i - 1] != "taken back")
            ]
        left = [word for word in left if word != "taken back"]
        assert left == [word for step in gold for word in step]


@pytest.mark.parametrize("masked", ["name", "begun"])
@pytest.mark.parametrize("world", WORLDS)
def test_masks_cover_the_mistakes_and_nothing_else(world: str, masked: str) -> None:
    made = source("retry", {**WORLDS[world], "rate": 0.4, "masked": masked})
    drawn = made.draw(100, generator(0, "masks"))
    plain = source("retry", {**WORLDS[world], "rate": 0.4}).draw(100, generator(0, "masks"))
    assert plain.masked is None
    assert (plain.tokens == drawn.tokens).all()
    assert (plain.n_prompt == drawn.n_prompt).all()
    words = made.decode(drawn.tokens.tolist())
    # Of a mistake the words before BACK, from the last one: those of the language, then the name.
    after, name, before = {
        "english": (1, 3, 1),
        "symbolic": (1, 2, 1),
        "compact": (0, 1, 0),
        "plan": (0, 1, 0),
        "boxes": (0, 1, 0),
    }[world]
    expected = np.zeros(len(words), bool)
    for place in np.flatnonzero(drawn.tokens == BACK):
        last = place - (after if masked == "name" else 0)
        n = name if masked == "name" else before + name + after
        expected[last - n : last] = True
    assert (drawn.masked == expected).all()
    assert expected.sum() > 100


@pytest.mark.parametrize("world", WORLDS)
def test_at_rate_0_the_texts_are_those_of_the_other_world(world: str) -> None:
    of, settings = WORLDS[world]["of"], WORLDS[world]["settings"]
    plain = source(of, settings)
    none = source("retry", {**WORLDS[world], "rate": 0})
    some = source("retry", {**WORLDS[world], "rate": 0.5})
    assert none.vocabulary == some.vocabulary == plain.vocabulary
    drawn, same = plain.draw(40, generator(3, "x")), none.draw(1, generator(3, "x"))
    assert same[0].tolist() == drawn[0].tolist()
    tests = [made.problems(20, generator(4, "y"), split="test") for made in (plain, none, some)]
    assert tests[0] == tests[1] == tests[2]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rate": 1.0}, "rate=1.0"),
        ({"rate": -0.1}, "rate=-0.1"),
        ({"kind": "bad"}, "kind='bad'"),
        ({"masked": "all"}, "masked='all'"),
        ({"of": "sums"}, "of='sums'"),
        ({"settings": {"preset": "micro", "op_max": 0}}, "op_max=0"),
        ({"settings": {}}, "preset"),
    ],
)
def test_bad_settings_are_named(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as error:
        source("retry", {**WORLDS["compact"], "rate": 0.2, **changes})
    assert "\n" not in str(error.value)
