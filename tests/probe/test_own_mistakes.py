"""What is asked about the model's own steps, planted in solutions of plans and of iGSM."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physlm.data.igsm.words import BACK, END, START
from physlm.data.problems import source
from physlm.evaluate.igsm.regret import Draft
from physlm.evaluate.igsm.trained import Posed, Trained, judged, pose
from physlm.probe import detector, v_mistakes
from physlm.probe.own_mistakes import first_early, own_mistakes, places
from physlm.probe.v_examples import Asked, by_name
from physlm.probe.v_mistakes import Solution
from physlm.random import generator
from tests.probe import v_toy

WORLDS = {"plan": source("plan", {"n_max": 6}), "micro": v_toy.source("micro")}


@pytest.fixture(params=WORLDS)
def trained(request: pytest.FixtureRequest) -> Trained:
    of = WORLDS[request.param]
    return Trained(Path(), v_toy.model(of), {}, of)


def ids_of(of: Any, problem: Any, order: Sequence[Any]) -> list[list[int]]:
    words = of.solution_words(replace(problem, solution=tuple(order)), None)
    return [of.encode(step) for step in words]


def written(of: Any, test: Posed, order: Sequence[Any]) -> Solution:
    """A solution that computes these parameters."""
    ids = [i for step in ids_of(of, test.problem, order) for i in step]
    return Solution(test, judged(of, test, np.array(ids, int), True), ids)


def swapped(problem: Any) -> list[Any]:
    """The query before the step that goes before it."""
    *first, last, query = problem.solution
    return [*first, query, last]


class Told:
    """A probe that answers by a rule, and keeps what it was asked."""

    def __init__(self, rule: Any) -> None:
        self.rule, self.asked = rule, []

    def logits_of(self, probe: Any, examples: Sequence[Asked], size: int) -> np.ndarray:
        self.asked.append(list(examples))
        yes = [self.rule(example, query) for example in examples for query in example.queries]
        return np.array([[0.0, 1.0 if said else -1.0] for said in yes])


def test_mistakes_and_right_steps_are_asked_where_they_are_written(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, probe = trained.source, Any
    given = pose(of, 20, generator(0, "planted"), 4, False)
    early = [t for t in given if t.problem.solution[-2] in t.problem.needs[t.problem.query]]
    assert len(early) > 5
    right = [written(of, test, test.problem.solution) for test in given[:8]]
    wrong = [written(of, test, swapped(test.problem)) for test in early]
    assert all(one.verdict.correct for one in right)

    def rule(example: Asked, query: Any) -> bool:
        """Takes queries for ready, and the first step of a solution for not ready."""
        start = example.text.index(1) + 1
        ready = query.a == example.problem.query or bool(query.label)
        return ready and query.place > start

    told = Told(rule)
    monkeypatch.setattr(v_mistakes, "logits_of", told.logits_of)
    found = own_mistakes(trained, probe, [*right, *wrong], 8)  # type: ignore[arg-type]
    assert found["wrong"] == found["mistakes"]["n"] == len(early)
    # It says yes of all of them: they are queries, and none stands first.
    assert found["mistakes"]["accuracy"] == 0
    assert found["others"]["accuracy"] == 1
    of_mistakes, of_right = told.asked
    others = sum(not query.label for example in of_mistakes for query in example.queries)
    assert found["others"]["n"] == others - len(early)
    for example, test in zip(of_mistakes, early, strict=True):
        before = [i for step in ids_of(of, test.problem, swapped(test.problem))[:-2] for i in step]
        place = len(test.prompt) + len(before)
        assert {query.place for query in example.queries} == {place}
        assert example.text[:place] == [*test.prompt.tolist(), *before]
    steps = sum(len(one.test.problem.solution) for one in right)
    assert found["right"]["n"] == steps
    assert round(found["right"]["accuracy"] * steps) == steps - len(right)
    for example, one in zip(of_right, right, strict=True):
        assert [query.a for query in example.queries] == list(one.test.problem.solution)
        starts = [query.place for query in example.queries]
        lengths = [len(step) for step in ids_of(of, example.problem, example.problem.solution)]
        assert np.diff(starts).tolist() == lengths[:-1]
        assert starts[0] == len(one.test.prompt)


def test_other_faults_are_no_mistakes_of_this_kind(trained: Trained) -> None:
    of = trained.source
    for test in pose(of, 5, generator(1, "faults"), 3, False):
        first, *_ = test.problem.solution
        assert first_early(of, written(of, test, [first, first])) is None
        assert first_early(of, written(of, test, [first])) is None
        assert first_early(of, written(of, test, test.problem.solution)) is None
        assert first_early(of, written(of, test, [])) is None


def test_sentences_that_are_taken_back_keep_their_places(trained: Trained) -> None:
    of = trained.source
    (test,) = pose(of, 1, generator(2, "back"), 3, False)
    first, *rest = ids_of(of, test.problem, test.problem.solution)
    back = [first[0], BACK, *([] if len(first) == 1 else [first[-1]])]
    ids = [*back, *first, *(i for step in rest for i in step)]
    one = Solution(test, judged(of, test, np.array(ids, int), True), ids)
    assert one.verdict.correct
    assert one.verdict.n_backs == 1
    begin = len(test.prompt)
    assert places(of, one)[:3] == [begin, begin + len(back), begin + len(back) + len(first)]


def test_a_trained_detector_asks_behind_the_text_before(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = trained.source
    told = Told(lambda example, query: query.a == example.problem.solution[0])
    monkeypatch.setattr(detector, "logits_of", told.logits_of)
    keeps = detector.by_probe(trained, Any, 4)  # type: ignore[arg-type]
    drafts, texts = [], []
    for test in pose(of, 4, generator(3, "asked"), 3, False):
        steps = ids_of(of, test.problem, test.problem.solution)
        for k in range(2):
            ids = [i for step in steps[: k + 1] for i in step]
            start = len(ids) - len(steps[k])
            drafts.append(Draft(test, 99, generator(0), ids, start))
            name = of.encode(of.name_words(test.problem, test.problem.solution[k]))
            texts.append(([*test.prompt.tolist(), *ids[:start]], [START, *name, END]))
    odd = Draft(drafts[0].test, 99, generator(0), [4] if len(texts[0][1]) < 3 else [4, 5, 6])
    assert keeps([*drafts, odd])[:-1] == [True, False] * 4
    (asked,) = told.asked
    assert [(a.text, a.suffixes[0]) for a in asked] == texts
    assert [a.queries[0].place for a in asked] == [len(text) for text, _ in texts]


def test_what_the_problem_does_not_have_is_refused_unasked(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = trained.source
    told = Told(lambda *_: True)
    monkeypatch.setattr(detector, "logits_of", told.logits_of)
    keeps = detector.by_probe(trained, Any, 4)  # type: ignore[arg-type]
    (test,) = pose(of, 1, generator(4, "unknown"), 3, False)
    mine = {i for a in test.problem.needs for i in of.encode(of.name_words(test.problem, a))}
    words = [i for i, word in enumerate(of.vocabulary) if word[1:2] in "va" and i > 9]
    foreign = next(i for i in words if i not in mine)
    step = ids_of(of, test.problem, test.problem.solution[:1])[0]
    assert keeps([Draft(test, 99, generator(0), [foreign, *step[1:]])]) == [False]
    assert told.asked == []
    # Where the context has no room for the question the sentence stays.
    small = Trained(Path(), v_toy.model(of, n_ctx=len(test.prompt) + 1), {}, of)
    keeps = detector.by_probe(small, Any, 4)  # type: ignore[arg-type]
    assert keeps([Draft(test, 99, generator(0), step)]) == [True]
    assert told.asked == []


def test_totals_that_a_problem_lacks_are_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text may speak of totals that need what does not exist; what is not there is zero."""
    of = WORLDS["micro"]
    early, stated = [], []
    for test in pose(of, 100, generator(3, "lacking"), 4, False):
        formulas = test.reading.formulas
        for name in set(formulas).difference(by_name(of, test.problem)):
            extra = of.encode([f" {name}", " :", " 0", " =", f" {name}", " 0", " ."])
            for order in (test.problem.solution, swapped(test.problem)):
                ids = [*extra, *(i for step in ids_of(of, test.problem, order) for i in step)]
                one = Solution(test, judged(of, test, np.array(ids, int), True), ids)
                (early if formulas[name].parts else stated).append((one, len(extra)))
    assert len(early) > 10
    for one, _ in early:
        assert (one.verdict.kind, one.verdict.step) == ("not_ready", 0)
    right = [(one, n) for one, n in stated if one.verdict.correct]
    unready = [(one, n) for one, n in stated if one.verdict.kind == "not_ready"]
    assert min(len(right), len(unready)) > 2
    told = Told(lambda example, query: True)
    monkeypatch.setattr(v_mistakes, "logits_of", told.logits_of)
    trained = Trained(Path(), v_toy.model(of), {}, of)
    found = own_mistakes(trained, Any, [one for one, _ in [*early, *right]], 8)  # type: ignore[arg-type]
    assert found["mistakes"]["n"] == 0
    for (one, n_extra), asked in zip(right, told.asked[-1], strict=True):
        assert [query.a for query in asked.queries] == list(one.test.problem.solution)
        assert asked.queries[0].place == len(one.test.prompt) + n_extra
    for one, _ in unready:
        found = first_early(of, one)
        assert found is not None
        assert found[1] == one.test.problem.query
