"""Boxes within boxes, checked by hand, by counting ways, and by the reader and the grader."""

import io
import itertools
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pytest
from scipy import stats

from physlm.cli import main
from physlm.config import ConfigError
from physlm.data.igsm.languages import spell
from physlm.data.igsm.worlds.boxes import Boxes, Config, Source, most_operations
from physlm.evaluate.igsm.grade import grade
from physlm.evaluate.igsm.reading import Reading, read
from physlm.evaluate.igsm.solve import mentioned, solve, wander
from physlm.random import generator

# a.e has b.g and c.f within it, b.g has c.f; nobody asks for d.h, which has both.
HAND = Boxes(
    names=("a.e", "d.h", "b.g", "c.f"),
    own=(2, 9, 4, 7),
    contents=((2, 3), (3, 2), (3,), ()),
    written=(0, 3, 1, 2),
    solution=(3, 2, 0),
    modulus=10,
)
TOLD = "a.e = 2 + b.g + c.f . c.f = 7 . d.h = 9 + c.f + b.g . b.g = 4 + c.f ."
SOLVED = "c.f : 7 = c.f 7 . b.g : 4 + c.f 7 = b.g 1 . a.e : b.g 1 + c.f 7 = 8 ; 2 + 8 = a.e 0 ."

# Settings, op and whether another box is asked for. Those of the paper have 26 boxes.
PAPER = {"n_min": 26, "n_max": 26, "n_names": 32, "most": 4, "op_max": 95}
KINDS: list[tuple[dict[str, Any], int | None, bool]] = [
    ({}, None, False),
    ({}, 10, False),
    ({}, 15, False),
    ({"order": "qp"}, 6, True),
    ({"modulus": 5, "most": 4, "op_max": 16}, None, False),
    ({"modulus": 2, "n_min": 2, "n_max": 2, "op_max": 2}, None, False),
    ({"modulus": 23, "most": 1, "n_names": 32, "op_max": 5}, 6, False),
    (PAPER, None, True),
    (PAPER | {"modulus": 1000}, None, False),
]


def drawn(kind: int, n: int) -> tuple[Source, list[Boxes]]:
    settings, op, reask = KINDS[kind]
    made = Source(Config(**settings))
    return made, made.problems(n, generator(kind, "boxes"), op=op, split="all", reask=reask)


def reading_of(made: Source, problem: Boxes) -> Reading:
    told, asked = made.problem_words(problem), made.question_words(problem)
    return read("".join(told), "".join(asked), modulus=problem.modulus)


def test_text_by_hand() -> None:
    told = Source(Config(n_names=16))
    assert HAND.values == (0, 7, 1, 7)
    assert (HAND.query, HAND.answer, HAND.op) == (0, 0, 4)
    assert HAND.needs == {0: (2, 3), 1: (3, 2), 2: (3,), 3: ()}
    assert spell(told.problem_words(HAND)) == TOLD
    text = spell(told.decode(told.text(HAND, generator(0))))
    assert text == f"{TOLD} ? a.e sol {SOLVED}"
    late = Source(Config(n_names=16, order="qp"))
    assert spell(late.decode(late.prompt(HAND))) == f"? a.e {TOLD} sol"
    assert told.answer_words(HAND) == []
    assert spell(told.name_words(HAND, 2)) == "b.g"
    # a.e 0, b.g 1, c.f 2, d.h 3.
    assert told.template(HAND) == "0 = 0 + 1 + 2 . 2 = 0 . 3 = 0 + 2 + 1 . 1 = 0 + 2 . ? 0"
    other = replace(HAND, names=("d.e", "d.f", "d.g", "d.h"), own=(0, 0, 0, 0))
    assert told.template(other) == told.template(HAND)
    assert told.template(replace(HAND, written=(3, 0, 1, 2))) != told.template(HAND)


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_a_box_weighs_what_the_ways_into_it_bring(kind: int) -> None:
    made, problems = drawn(kind, 100)
    config = made.config
    for boxes in problems:
        n = len(boxes.names)
        assert len(set(boxes.names)) == len(boxes.own) == len(boxes.contents) == n
        assert sorted(boxes.written) == list(range(n))
        for box, contents in enumerate(boxes.contents):
            assert len(set(contents)) == len(contents) <= config.most
            assert all(box < inner < n for inner in contents)
            assert bool(contents) == (box < n - 1)
        assert set(boxes.own) <= set(range(min(10, config.modulus)))
        # Ways from each box to each other one of any length: I + A + A^2 + ...
        step = np.zeros((n, n), object)
        for box, contents in enumerate(boxes.contents):
            step[box, list(contents)] = 1
        ways = now = np.diag([1] * n).astype(object)
        for _ in range(n):
            now = now @ step
            ways = ways + now
        total = ways @ np.array(boxes.own, object)
        assert boxes.values == tuple(weight % config.modulus for weight in total)
        assert set(boxes.solution) == {box for box in range(n) if ways[boxes.query, box]}
        place = {box: i for i, box in enumerate(boxes.solution)}
        assert len(place) == len(boxes.solution)
        for box in boxes.solution:
            assert all(place[inner] < place[box] for inner in boxes.contents[box])


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_reader_and_grader_agree_with_the_generator(kind: int) -> None:
    made, problems = drawn(kind, 100)
    for problem in problems:
        reading = reading_of(made, problem)
        solved = solve(reading)
        names = problem.names
        assert reading.language == "compact"
        assert set(reading.told) == mentioned(reading) == set(names)
        for box, name in enumerate(names):
            assert reading.needs(name) == tuple(names[i] for i in problem.contents[box])
            assert solved.values[name] == problem.values[box]
        assert solved.necessary == {names[box] for box in problem.solution}
        assert (solved.op, solved.answer) == (problem.op, problem.answer)
        solution = spell(
            [word for step in made.solution_words(problem, generator(0)) for word in step]
        )
        assert solution.count("=") == problem.op
        verdict = grade(reading, solution, None, solved)
        assert verdict.correct
        assert (verdict.kind, verdict.answer) == (None, problem.answer)
        assert verdict.written == tuple(names[box] for box in problem.solution)
        # A solver without a plan is right, and names boxes that nobody asked for.
        order = [names.index(name) for name in wander(reading, generator(1))]
        wandered = replace(problem, solution=tuple(order))
        words = made.solution_words(wandered, generator(0))
        other = grade(reading, spell([word for step in words for word in step]), None, solved)
        assert other.correct
        assert set(other.unnecessary) == {names[box] for box in order} - solved.necessary
        # One step in the place of the one after it is too early whenever that one needs it.
        for i, (one, two) in enumerate(itertools.pairwise(problem.solution)):
            if one in problem.contents[two]:
                swapped = list(problem.solution)
                swapped[i : i + 2] = [two, one]
                words = made.solution_words(replace(problem, solution=tuple(swapped)), generator(0))
                text = spell([word for step in words for word in step])
                fault = grade(reading, text, None, solved)
                assert (fault.kind, fault.step, fault.name) == ("not_ready", i, names[two])


@pytest.mark.parametrize(
    ("old", "new", "kind", "step"),
    [
        ("7 = c.f 7", "6 = c.f 6", "wrong_value", 0),
        ("4 + c.f 7 = b.g 1", "4 + c.f 7 = b.g 2", "wrong_value", 1),
        ("4 + c.f 7 = b.g 1", "4 + c.f 7 = b.g 11", "wrong_value", 1),
        ("4 + c.f 7 = b.g 1", "4 + c.f 6 = b.g 0", "wrong_value", 1),
        ("b.g 1 + c.f 7 = 8", "b.g 1 + c.f 7 = 9", "wrong_value", 2),
        ("2 + 8 = a.e 0", "3 + 8 = a.e 1", "wrong_value", 2),
        ("2 + 8 = a.e 0", "2 + 7 = a.e 9", "wrong_value", 2),
        ("b.g 1 + c.f 7 = 8 ; 2 + 8 =", "3 + c.f 7 =", "wrong_dependency", 2),
        ("4 + c.f 7 = b.g 1", "1 = b.g 1", "wrong_dependency", 1),
        ("b.g 1 + c.f 7", "d.h 1 + c.f 7", "not_ready", 2),
        ("b.g 1 + c.f 7", "d.e 1 + c.f 7", "undefined_symbol", 2),
        ("b.g : 4 + c.f 7 = b.g 1 . ", "", "not_ready", 1),
        ("c.f : 7 = c.f 7", "d.e : 7 = d.e 7", "unknown", 0),
        (" b.g : 4", " c.f : 7 = c.f 7 . b.g : 4", "repeated", 1),
        ("4 + c.f 7 = b.g 1", "4 + c.f = b.g 1", "syntax", 1),
        (" a.e : b.g 1 + c.f 7 = 8 ; 2 + 8 = a.e 0 .", "", "wrong_query", 1),
        ("= a.e 0 .", "= a.e 0", "unfinished", 2),
    ],
)
def test_a_planted_fault_is_found(old: str, new: str, kind: str, step: int) -> None:
    reading = reading_of(Source(Config()), HAND)
    assert grade(reading, SOLVED).correct
    assert SOLVED.count(old) == 1
    found = grade(reading, SOLVED.replace(old, new))
    assert (found.correct, found.kind, found.step) == (False, kind, step)


def test_sizes_contents_and_orders_have_their_laws() -> None:
    n = 6000
    full = Config(n_max=6, op_max=most_operations(6, 3))
    drawn = Source(full).problems(n, generator(0, "sizes"), split="all")
    sizes = Counter(len(boxes.names) for boxes in drawn)
    assert set(sizes) == {3, 4, 5, 6}
    assert stats.chisquare(list(sizes.values())).pvalue > 1e-4
    # Any number from 1 to the most within a box, then any boxes.
    for size, most in ((3, 2), (4, 3), (6, 3)):
        within = [boxes.contents[0] for boxes in drawn if len(boxes.names) == size]
        counts = Counter(map(len, within))
        assert set(counts) == set(range(1, most + 1))
        assert stats.chisquare(list(counts.values())).pvalue > 1e-4
        single = Counter(contents for contents in within if len(contents) == 1)
        assert set(single) == {(box,) for box in range(1, size)}
        assert stats.chisquare(list(single.values())).pvalue > 1e-4
        pairs = Counter(contents for contents in within if len(contents) == 2)
        assert set(pairs) == set(itertools.permutations(range(1, size), 2))
        assert stats.chisquare(list(pairs.values())).pvalue > 1e-4
    own = Counter(weight for boxes in drawn for weight in boxes.own)
    assert set(own) == set(range(10))
    assert stats.chisquare(list(own.values())).pvalue > 1e-4
    first = Counter(boxes.written for boxes in drawn if len(boxes.names) == 3)
    assert set(first) == set(itertools.permutations(range(3)))
    assert stats.chisquare(list(first.values())).pvalue > 1e-4
    names = Counter(name for boxes in drawn for name in boxes.names)
    assert len(names) == full.n_names
    assert stats.chisquare(list(names.values())).pvalue > 1e-4
    # A diamond: both orders of its middle are as likely.
    diamonds = Counter(
        boxes.solution
        for boxes in drawn
        if [*map(sorted, boxes.contents)] == [[1, 2], [3], [3], []]
    )
    assert set(diamonds) == {(3, 1, 2, 0), (3, 2, 1, 0)}
    assert stats.chisquare(list(diamonds.values())).pvalue > 1e-4


@pytest.mark.parametrize(("n", "most"), [(2, 3), (3, 1), (4, 2), (4, 3)])
def test_the_most_operations_are_those_of_all_boxes_there_are(n: int, most: int) -> None:
    found = set()
    choices = [
        [
            inner
            for size in range(1, min(most, n - 1 - box) + 1)
            for inner in itertools.combinations(range(box + 1, n), size)
        ]
        for box in range(n - 1)
    ]
    for contents in itertools.product(*choices, [()]):
        graph = nx.DiGraph([(box, inner) for box in range(n) for inner in contents[box]])
        needed = nx.descendants(graph, 0) | {0}
        found.add(sum(max(1, len(contents[box])) for box in needed))
    assert found == set(range(2, most_operations(n, most) + 1))


def test_op_may_exceed_that_of_training() -> None:
    told = Source(Config(n_max=6, op_max=7, n_names=10))
    rng = generator(0, "op")
    for op in (2, 7, 8, 14):
        found = told.problems(20, rng, op=op)
        assert {boxes.op for boxes in found} == {op}
        assert {told.split_of(boxes) for boxes in found} == {"test"}
        assert all(len(boxes.names) <= (6 if op <= 7 else 10) for boxes in found)
    mixed = told.problems(400, rng, split="train")
    assert {boxes.op for boxes in mixed} == {2, 3, 4, 5, 6, 7}
    assert {len(boxes.names) for boxes in mixed} == {3, 4, 5, 6}
    with pytest.raises(ConfigError, match="op=26: must be from 2 to 25, those of 10 boxes"):
        told.problems(1, rng, op=26)


def test_another_question_may_be_put_for_any_box() -> None:
    found = Source(Config(n_min=6, n_max=6)).problems(
        300, generator(0, "reask"), op=8, split="all", reask=True
    )
    assert {boxes.query for boxes in found} == set(range(6))
    assert {boxes.op for boxes in found} >= {1, 2, 8}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"n_min": 1}, "n_min=1: must be 2 or more"),
        ({"n_max": 2}, "n_max=2: must be at least n_min=3"),
        ({"most": 0}, "most=0: must be 1 or more"),
        ({"op_max": 1}, "op_max=1: must be from 2 to 19, those of 8 boxes"),
        ({"n_max": 3}, "op_max=10: must be from 2 to 4, those of 3 boxes"),
        ({"n_names": 7}, "n_names=7: must be from n_max=8 to 32"),
        ({"n_names": 33}, "n_names=33: must be from n_max=8 to 32"),
        ({"modulus": 1}, "modulus=1: must be between 2 and 1000"),
        ({"train_bins": 23}, "train_bins=23: must be between 1 and 22"),
    ],
)
def test_impossible_settings(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Config(**settings)


def test_lines_that_are_printed_can_be_graded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["igsm", "sample", "--preset", "boxes", "-n", "20", "--retry", "0.3"]) == 0
    lines = capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert main(["igsm", "grade"]) == 0
    verdicts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(verdicts) == 20
    for verdict, record in zip(verdicts, map(json.loads, lines.splitlines()), strict=True):
        assert verdict["correct"]
        assert verdict["n_backs"] == record["solution"].count("BACK")
        assert (verdict["true_answer"], verdict["op"]) == (record["answer"], record["op"])
