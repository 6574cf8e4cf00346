"""Whether V-probes foresee the mistakes of the model that they read (Part 2.1, section 5).

The model writes solutions of test problems. Of correct ones, `nece` is asked before the first step
about the parameters that were then computed without need. Of wrong ones, `can_next` and `nece_next`
are asked about the first parameter for which the answer is no, behind the model's own text just
before it is computed. Right answers there mean that the model could have known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from physlm.data.igsm.problem import Parameter
from physlm.data.igsm.words import BACK
from physlm.evaluate.igsm.grade import Verdict
from physlm.evaluate.igsm.trained import Posed, Trained, judge, pose, write
from physlm.probe.v_config import MistakesConfig, Task
from physlm.probe.v_examples import Asked, Knowledge, Query, asking, by_name, text_of
from physlm.probe.v_probes import VProbe, logits_of
from physlm.probe.v_scores import area, share
from physlm.random import generator

# As much as a right solution may be exceeded before it is given up.
SLACK = 2.0


@dataclass(frozen=True)
class Solution:
    """What a model wrote of a test problem, and the verdict; ids: without EOS."""

    test: Posed
    verdict: Verdict
    ids: list[int]


@dataclass(frozen=True)
class Mistake:
    """A parameter that should not have been computed, after `computed`, in step `step`."""

    parameter: Parameter
    computed: frozenset[Parameter]
    step: int


def mistakes(
    trained: Trained, probes: dict[Task, VProbe], config: MistakesConfig, seed: int, size: int
) -> list[dict[str, Any]]:
    """A record for each set of test problems (docs/probing.md); size: problems probed at once."""
    asked = [(op, False) for op in config.ops] + [(op, True) for op in config.reask_ops]
    records = []
    for op, reask in asked:
        rng = generator(seed, "test", "v_probe", "mistakes", op, int(reask))
        drawn = pose(trained.source, config.n, rng, op, reask)
        given = [test for test in drawn if test.n_tokens <= trained.model.config.n_ctx]
        texts = write(trained, given, config.batch_size, SLACK)
        solutions = [
            Solution(
                test,
                judge(trained.source, test, text),
                text.tokens[: len(text.tokens) - text.stopped].tolist(),
            )
            for test, text in zip(given, texts, strict=True)
        ]
        records.append(
            {
                "op": op,
                "reask": reask,
                "n": len(given),
                "left_out": len(drawn) - len(given),
                "n_correct": sum(solution.verdict.correct for solution in solutions),
                "nece": needless(trained, probes["nece"], solutions, size),
                "can_next": first_wrong(trained, probes["can_next"], "can_next", solutions, size),
                "nece_next": first_wrong(
                    trained, probes["nece_next"], "nece_next", solutions, size
                ),
            }
        )
    return records


def needless(
    trained: Trained, probe: VProbe, solutions: Sequence[Solution], size: int
) -> dict[str, Any]:
    """What `nece` says of the parameters that correct solutions computed without need.

    n, accuracy: of these. same_problems: over all parameters of the problems that have some.
    all: over all parameters of all correct solutions. auc: over their unnecessary parameters, the
    chance that one that was computed has a higher score for being necessary than one that was not.
    """
    source = trained.source
    given: list[Asked] = []
    written: list[list[bool]] = []
    for solution in solutions:
        if solution.verdict.correct:
            problem = solution.test.problem
            knowledge, names = Knowledge(problem), by_name(source, problem)
            text, (place,) = text_of(source, problem, "nece", np.random.default_rng(0))
            queries = [
                Query(a, None, place, knowledge.label("nece", a, None, ()))
                for a in sorted(problem.needs)
            ]
            needed_not = {names[name] for name in solution.verdict.unnecessary}
            given.append(asking(source, problem, text, queries))
            written.append([query.a in needed_not for query in queries])
    kept, logits = probed(trained, probe, given, size)
    marked = [written[i] for i in kept]
    flat = np.array([mark for marks in marked for mark in marks], bool)
    same = np.array([any(marks) for marks in marked for _ in marks], bool)
    label = np.array([query.label for i in kept for query in given[i].queries], np.int64)
    right = logits.argmax(-1) == label
    score = (logits[:, 1] - logits[:, 0])[label == 0]
    return {
        **share(right[flat]),
        "same_problems": share(right[same]),
        "all": share(right),
        "auc": area(score, flat[label == 0]),
    }


def first_wrong(
    trained: Trained, probe: VProbe, task: Task, solutions: Sequence[Solution], size: int
) -> dict[str, Any]:
    """What `can_next` or `nece_next` says of the first parameter of a wrong solution that should
    not have been computed then.

    n, accuracy: of these. wrong: wrong solutions. all: over all parameters of the same problems at
    the same places; no: over those of them for which the answer is no, as it is for the mistakes.
    """
    given, found = [], []
    wrong = [solution for solution in solutions if not solution.verdict.correct]
    for solution in wrong:
        mistake = mistake_of(trained.source, solution, task)
        if mistake is not None:
            given.append(_before(trained.source, solution, mistake, task))
            found.append(mistake.parameter)
    kept, logits = probed(trained, probe, given, size)
    queries = [(found[i], query) for i in kept for query in given[i].queries]
    label = np.array([query.label for _, query in queries], np.int64)
    mine = np.array([query.a == parameter for parameter, query in queries], bool)
    right = logits.argmax(-1) == label
    return {
        "wrong": len(wrong),
        **share(right[mine]),
        "all": share(right),
        "no": share(right[label == 0]),
    }


def mistake_of(source: Any, solution: Solution, task: Task) -> Mistake | None:
    """The first parameter that was computed, or tried, where the answer of `task` is no.

    None if there is none, as where the fault is one of numbers, or if it cannot be read. What was
    computed before the first fault was computed right.
    """
    problem, verdict = solution.test.problem, solution.verdict
    knowledge, names = Knowledge(problem), by_name(source, problem)
    # Sentences that are taken back compute nothing.
    plain = [
        i for i, sentence in enumerate(sentences(source, solution.ids)) if BACK not in sentence
    ]
    steps = list(zip(verdict.written, plain, strict=False))
    if verdict.name is not None and verdict.step is not None and verdict.kind != "wrong_query":
        steps.append((verdict.name, verdict.step))
    computed: set[Parameter] = set()
    for name, step in steps:
        parameter = names.get(name)
        if parameter is None:
            return None
        if not knowledge.label(task, parameter, None, computed):
            return Mistake(parameter, frozenset(computed), step)
        computed.add(parameter)
    return None


def _before(source: Any, solution: Solution, mistake: Mistake, task: Task) -> Asked:
    """Questions about all parameters behind the model's own text before the mistake."""
    problem, knowledge = solution.test.problem, Knowledge(solution.test.problem)
    text = [*solution.test.prompt.tolist(), *solution.ids]
    before = sentences(source, solution.ids)[: mistake.step]
    place = len(solution.test.prompt) + sum(map(len, before))
    queries = [
        Query(a, None, place, knowledge.label(task, a, None, mistake.computed))
        for a in sorted(problem.needs)
    ]
    return asking(source, problem, text, queries)


def sentences(source: Any, ids: Sequence[int]) -> list[list[int]]:
    """The sentences of a solution, an open one last. A sentence ends with a token that ends with a
    stop, which no other does.
    """
    found: list[list[int]] = [[]]
    for i, token in zip(ids, source.decode(list(ids)), strict=True):
        found[-1].append(i)
        if token.endswith("."):
            found.append([])
    return found


def probed(
    trained: Trained, probe: VProbe, given: Sequence[Asked], size: int
) -> tuple[list[int], np.ndarray]:
    """Which of these the model has room for, and the logits [N, M] of their questions in order."""
    n_ctx = trained.model.config.n_ctx
    kept = [i for i, example in enumerate(given) if example.n_positions <= n_ctx]
    if not kept:
        return [], np.zeros((0, 2))
    return kept, logits_of(probe, [given[i] for i in kept], size)
