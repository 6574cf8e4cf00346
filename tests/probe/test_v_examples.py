"""Questions of V-probes, against a reader of the texts that knows nothing of how they are made."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from physlm.data.igsm.problem import Problem
from physlm.evaluate.igsm.reading import Reading, read
from physlm.evaluate.igsm.solve import solve
from physlm.probe.v_config import TASKS, Task
from physlm.probe.v_examples import Knowledge, ask, population, rows
from physlm.random import generator
from physlm.train.losses import IGNORED
from tests.probe import v_toy

WORLDS = [("micro", "pq"), ("micro", "qp"), ("tiny", "pq"), ("tiny", "qp"), ("med", "pq")]


def spelled(words: list[str]) -> str:
    return "".join(words).strip()


def read_again(source: Any, problem: Problem) -> Reading:
    told, asked = source.problem_words(problem), source.question_words(problem)
    items = {
        name: category
        for category, names in zip(problem.categories, problem.names, strict=True)
        for name in names
    }
    return read(spelled(told), spelled(asked), items, problem.modulus)


def needs(reading: Reading, name: str) -> tuple[str, ...]:
    """Of a total that no text tells of there is nothing."""
    return reading.needs(name) if name in reading.formulas else ()


def needed_by(reading: Reading, name: str) -> set[str]:
    """All that a parameter is computed from, by going on until nothing is added."""
    found = set(needs(reading, name))
    while True:
        more = {part for other in found for part in needs(reading, other)} | found
        if more == found:
            return found
        found = more


def truth(reading: Reading, task: Task, a: str, b: str, before: set[str]) -> int:
    """The label of a question by its definition; before: names computed so far."""
    solved = solve(reading)
    ready = a not in before and set(needs(reading, a)) <= before
    value = solved.values[a] if a in before else reading.modulus
    return {
        "nece": a in solved.necessary,
        "dep": b in needed_by(reading, a),
        "known": a in before,
        "value": value,
        "can_next": ready,
        "nece_next": ready and a in solved.necessary,
    }[task]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("preset", "order"), WORLDS)
def test_labels_are_what_the_text_says(task: Task, preset: str, order: str) -> None:
    source = v_toy.source(preset, order=order)
    rng = generator(0, "labels")
    n, seen = 0, Counter()
    for problem in source.problems(12, rng, split="all"):
        reading = read_again(source, problem)
        steps = source.solution_words(problem, generator(0))
        given = ask(source, problem, task, "graph", 10, rng)
        assert len(set(given.queries)) == len(given.queries) <= 10
        for query, ids in zip(given.queries, given.suffixes, strict=True):
            words = source.decode(given.text[: query.place])
            assert words[0] == "EOS"
            told, asked = source.problem_words(problem), source.question_words(problem)
            whole = [*(told + asked if order == "pq" else asked + told), "sol"]
            if task == "dep":
                assert words[1:] == (told if order == "pq" else asked + told)
            elif task == "nece":
                assert words[1:] == whole[:-1]
            else:
                assert words[1 : 1 + len(whole)] == whole
            # Letters of a solution are drawn, so its steps are told apart by their number alone.
            n_words = len(words) - 1 - len(whole)
            k = next((k for k in range(len(steps) + 1) if sum(map(len, steps[:k])) == n_words), 0)
            first, *names, last = source.decode(ids)
            assert (first, last) == ("start", "end")
            a, *b = spelled(["|" if word == "mid" else word for word in names]).split("|")
            assert len(b) == (task == "dep")
            assert not b or a != b[0].strip()
            before = {spelled(source.name_words(problem, p)) for p in problem.solution[:k]}
            assert query.label == truth(reading, task, a, b[0].strip() if b else "", before)
            seen[query.label] += 1
            n += 1
    assert n > 60
    assert len(seen) > 1


@pytest.mark.parametrize("preset", ["micro", "tiny"])
def test_distances_are_shortest_ways(preset: str) -> None:
    source = v_toy.source(preset)
    for problem in source.problems(10, generator(1, "far"), op=5, split="all"):
        reading = read_again(source, problem)
        ring, far, t = {reading.query}, {}, 0
        while ring:
            far |= dict.fromkeys(ring, t)
            ring = {part for name in ring for part in reading.needs(name)} - set(far)
            t += 1
        found = Knowledge(problem).distances
        named = {spelled(source.name_words(problem, p)): d for p, d in found.items()}
        assert named == far
        assert set(found) == set(problem.solution)


def test_all_questions_of_a_problem_are_as_likely() -> None:
    source = v_toy.source()
    (problem,) = source.problems(1, generator(3, "one"), op=2, split="all")
    rng = generator(0, "many")
    found = Counter()
    for _ in range(2000):
        for query in ask(source, problem, "known", "graph", 3, rng).queries:
            found[query.a, query.place] += 1
    wanted = len(problem.needs) * (len(problem.solution) + 1)
    assert len(found) == wanted
    counts = np.array(list(found.values()))
    mean = 2000 * 3 / wanted
    assert ((counts - mean) ** 2 / mean).sum() < wanted + 5 * np.sqrt(2 * wanted)
    every = ask(source, problem, "dep", "graph", 10**6, rng).queries
    n = len(problem.needs)
    assert {(q.a, q.b) for q in every} == {
        (a, b) for a in problem.needs for b in problem.needs if a != b
    }
    assert len(every) == n * (n - 1)


def test_pairs_have_the_parameters_that_do_not_exist() -> None:
    source = v_toy.source()
    for problem in source.problems(20, generator(5, "pairs"), split="all"):
        sizes = list(map(len, problem.names))
        pairs = population(problem, "pairs")
        n = sum(a * b for a, b in pairwise(sizes))
        n += sum(size * (len(sizes) - 1 - layer) for layer, size in enumerate(sizes))
        assert len(pairs) == len(set(pairs)) == n
        assert set(problem.needs) <= set(pairs)
        knowledge = Knowledge(problem)
        for a in set(pairs) - set(problem.needs):
            told = [knowledge.label(task, a, pairs[0], problem.solution) for task in TASKS]
            assert told == [0, 0, 0, problem.modulus, 1, 0]
        source.encode([word for a in pairs for word in source.name_words(problem, a)])


def test_rows_hold_the_text_once_and_every_question() -> None:
    source = v_toy.source()
    rng = generator(2, "rows")
    found = source.problems(3, rng, split="all")
    given = [ask(source, problem, "can_next", "graph", 4, rng) for problem in found]
    batch = rows(given)
    for example, (tokens, labels, places, groups, seen) in zip(given, batch, strict=True):
        end = max(query.place for query in example.queries)
        assert tokens[:end].tolist() == example.text[:end]
        assert (groups[:end] == 0).all()
        assert seen[:end].tolist() == [place + 1 for place in places[:end]]
        assert labels[labels != IGNORED].tolist() == [query.label for query in example.queries]
        for q, (query, ids) in enumerate(zip(example.queries, example.suffixes, strict=True)):
            own = groups == q + 1
            assert tokens[own].tolist() == ids
            assert places[own].tolist() == [query.place + i for i in range(len(ids))]
            assert (seen[own] == query.place).all()
            assert (labels[own] != IGNORED).tolist() == [False] * (len(ids) - 1) + [True]
        assert (labels[groups == -1] == IGNORED).all()
