"""Mistakes that are planted in right solutions, and what is asked about them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physlm.config import build
from physlm.evaluate.generation import Text
from physlm.evaluate.igsm.trained import Posed, Trained
from physlm.probe import v_mistakes
from physlm.probe.v_config import MistakesConfig, Task
from physlm.probe.v_examples import Asked
from physlm.probe.v_mistakes import Solution, mistake_of, mistakes, sentences
from physlm.probe.v_probing import probe_solver
from tests.probe import v_toy

EOS = 0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return v_toy.solver(tmp_path_factory.mktemp("model"))


def steps(source: Any, problem: Any, solution: Sequence[Any]) -> list[list[int]]:
    """The steps of a solution that computes these parameters, as token ids."""
    words = source.solution_words(replace(problem, solution=tuple(solution)), None)
    return [source.encode(step) for step in words]


class Planted:
    """Solutions with what is planted in them: `written` by problem, and the texts that they are."""

    def __init__(self, source: Any, plant: Any) -> None:
        self.source, self.plant = source, plant
        self.orders: list[list[Any]] = []

    def write(self, trained: Trained, given: Sequence[Posed], *rest: Any) -> list[Text]:
        texts = []
        for test in given:
            order = self.plant(test.problem)
            self.orders.append(order)
            ids = [i for step in steps(self.source, test.problem, order) for i in step]
            texts.append(Text(np.array([*ids, EOS]), np.zeros(len(ids) + 1), stopped=True))
        return texts


class Told:
    """Probes that answer by a rule: (example, query) -> score of yes. Keeps what was asked."""

    def __init__(self, rule: Any) -> None:
        self.rule, self.asked = rule, []

    def logits_of(self, probe: Any, examples: Sequence[Asked], size: int) -> np.ndarray:
        self.asked.append(examples)
        scores = [self.rule(example, query) for example in examples for query in example.queries]
        return np.array([[0.0, score] for score in scores])


def idle(problem: Any) -> list[Any]:
    """Unnecessary parameters that need nothing."""
    free = [a for a in problem.definitions if not problem.needs[a]]
    return [a for a in free if a not in problem.solution]


def records(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, planted: Planted, told: Told
) -> dict[str, Any]:
    monkeypatch.setattr(v_mistakes, "write", planted.write)
    monkeypatch.setattr(v_mistakes, "logits_of", told.logits_of)
    probes: Any = dict.fromkeys(["nece", "can_next", "nece_next"])
    config = build(MistakesConfig, {"n": 25, "ops": [4]})
    (record,) = mistakes(trained, probes, config, 0, 8)
    assert (record["op"], record["reask"], record["n"], record["left_out"]) == (4, False, 25, 0)
    return record


def truth(example: Asked, query: Any) -> float:
    return 1.0 if query.label else -1.0


def test_needless_steps_of_correct_solutions(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = trained.source
    planted = Planted(source, lambda problem: [*idle(problem)[:1], *problem.solution])
    extra = {}

    def rule(example: Asked, query: Any) -> float:
        """Takes the planted one for necessary, and all else for what it is."""
        mine = query.a in idle(example.problem)[:1]
        extra[id(example.problem)] = len(idle(example.problem)[:1])
        return 0.5 if mine else truth(example, query)

    record = records(trained, monkeypatch, planted, Told(rule))
    assert record["n_correct"] == 25
    n = sum(extra.values())
    assert 5 < n < 25
    assert record["nece"]["n"] == n
    assert record["nece"]["accuracy"] == 0
    # All others are right, in the same problems and in all.
    same = record["nece"]["same_problems"]
    assert round(same["n"] * (1 - same["accuracy"])) == n
    whole = record["nece"]["all"]
    assert whole["n"] > same["n"]
    assert round(whole["n"] * (1 - whole["accuracy"])) == n
    assert record["nece"]["auc"] == 1
    assert record["can_next"]["wrong"] == record["nece_next"]["wrong"] == 0
    assert record["can_next"]["n"] == 0
    assert record["can_next"]["accuracy"] is None


@pytest.mark.parametrize("order", ["early", "idle"])
def test_first_wrong_steps(trained: Trained, monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    source = trained.source

    def plant(problem: Any) -> list[Any]:
        """The query before the step that goes before it; and an idle one first if there is one."""
        *first, last, query = problem.solution
        more = idle(problem)[:1] if order == "idle" else []
        return [*more, *first, query, last]

    def wrong(problem: Any) -> bool:
        return problem.solution[-2] in problem.needs[problem.solution[-1]]

    planted, told = Planted(source, plant), Told(truth)
    record = records(trained, monkeypatch, planted, told)
    # Where the two are not in the way of each other the solution ends with another parameter.
    assert record["n_correct"] == 0
    assert record["can_next"]["wrong"] == 25
    _, ready, both = told.asked if len(told.asked) == 3 else ([], *told.asked)
    n = sum(wrong(example.problem) for example in ready)
    assert record["can_next"]["n"] == n == len(ready) > 10
    assert record["can_next"]["accuracy"] == record["can_next"]["all"]["accuracy"] == 1
    for example in ready:
        problem = example.problem
        before = plant(problem)[:-2]
        ids = [i for step in steps(source, problem, before) for i in step]
        place = 1 + len(source.prompt(problem)) + len(ids)
        assert example.text[place - len(ids) : place] == ids
        assert {query.place for query in example.queries} == {place}
        assert [query.a for query in example.queries] == sorted(problem.needs)
        labels = {query.a: query.label for query in example.queries}
        assert labels[problem.solution[-1]] == 0
        assert labels[problem.solution[-2]] == 1
        assert all(labels[a] == 0 for a in before)
    early = [example for example in both if order == "idle" and idle(example.problem)]
    assert (len(early) > 5) == (order == "idle")
    assert record["nece_next"]["n"] == len(both) >= n
    for example in early:
        # The idle one is what is not needed, and it stands first.
        start = 1 + len(source.prompt(example.problem))
        assert {query.place for query in example.queries} == {start}
    no = record["nece_next"]["no"]
    assert no["n"] == sum(not query.label for example in both for query in example.queries)


def test_faults_of_numbers_are_no_mistakes_of_plans(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = trained.source
    planted = Planted(source, lambda problem: list(problem.solution))
    write = planted.write

    def spoiled(*given: Any) -> list[Text]:
        texts = write(*given)
        for text in texts:
            # The last word before the stop and EOS is the answer.
            digit = int(source.decode([text.tokens[-3]])[0])
            text.tokens[-3] = source.encode([f" {(digit + 1) % 5}"])[0]
        return texts

    monkeypatch.setattr(planted, "write", spoiled)
    record = records(trained, monkeypatch, planted, Told(truth))
    assert record["n_correct"] == 0
    assert record["can_next"] == {
        "wrong": 25,
        "n": 0,
        "accuracy": None,
        "all": {"n": 0, "accuracy": None},
        "no": {"n": 0, "accuracy": None},
    }


@pytest.mark.parametrize("preset", ["micro", "tiny", "med"])
def test_sentences_are_the_steps(preset: str) -> None:
    source = v_toy.source(preset)
    rng = np.random.default_rng(0)
    for problem in source.problems(10, rng, split="all"):
        words = source.solution_words(problem, rng)
        ids = [source.encode(step) for step in words]
        flat = [i for step in ids for i in step]
        assert sentences(source, flat) == [*ids, []]
        assert sentences(source, flat[:-1]) == [*ids[:-1], ids[-1][:-1]]


def test_taken_back_steps_do_not_count(trained: Trained) -> None:
    source = trained.source
    rng = np.random.default_rng(1)
    for test in v_mistakes.pose(source, 10, rng, 4, False):
        problem = test.problem
        a, b = source.encode([source.name_words(problem, problem.query)[0], " ."])
        back = [a, 3, b]
        order = [*problem.solution[:-2], problem.solution[-1], problem.solution[-2]]
        ids = [*back, *(i for step in steps(source, problem, order) for i in step)]
        text = Text(np.array([*ids, EOS]), np.zeros(len(ids) + 1), stopped=True)
        verdict = v_mistakes.judge(source, test, text)
        assert verdict.n_backs == 1
        mistake = mistake_of(source, Solution(test, verdict, ids), "can_next")
        if problem.solution[-2] in problem.needs[problem.query]:
            assert mistake is not None
            assert mistake.parameter == problem.query
            assert mistake.step == len(order) - 1
            assert mistake.computed == set(order[:-2])
        else:
            assert mistake is None


def test_a_whole_job_has_them(tmp_path: Path) -> None:
    tasks: list[Task] = ["nece", "can_next", "nece_next"]
    settings = {"n": 6, "ops": [1], "reask_ops": [2], "batch_size": 3}
    config = v_toy.built(tasks=tasks, n_steps=2, mistakes=settings)
    record = probe_solver(v_toy.solver(tmp_path / "model"), config, tmp_path)
    # An untrained model writes nothing that is right.
    assert [(r["op"], r["reask"], r["n_correct"]) for r in record["mistakes"]] == [
        (1, False, 0),
        (2, True, 0),
    ]
    assert all(r["can_next"]["wrong"] == 6 for r in record["mistakes"])
