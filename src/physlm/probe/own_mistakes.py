"""Whether a probe of can_next tells the mistakes of the model that it reads (Part 2.2, Result 0).

The model has written a solution of its own. What the solution goes on to define is asked about
behind the text before that sentence: the first parameter of a wrong solution that could not be
computed yet, where a probe that detects mistakes says no; and those of right solutions, where it
says yes. Works for plans and iGSM alike.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from physlm.data.igsm.problem import Parameter
from physlm.data.igsm.words import BACK
from physlm.evaluate.igsm.regret import sentence_ends
from physlm.evaluate.igsm.trained import Trained
from physlm.probe.v_examples import Asked, Knowledge, Query, asking, by_name
from physlm.probe.v_mistakes import Solution, probed
from physlm.probe.v_probes import VProbe
from physlm.probe.v_scores import share


def own_mistakes(
    trained: Trained, probe: VProbe, written: Sequence[Solution], size: int
) -> dict[str, Any]:
    """What the probe says of the model's own steps.

    wrong: wrong solutions. mistakes: of those whose first fault is a parameter that is not ready,
    the share for which it says no. others: the same at the same places of all other parameters that
    cannot be computed next. right: the share of yes for the steps of right solutions. size: texts
    that are probed at once.
    """
    source = trained.source
    early = [a for one in written if (a := first_early(source, one)) is not None]
    right = [_steps(source, one) for one in written if one.verdict.correct]
    kept, logits = probed(trained, probe, [asked for asked, _ in early], size)
    queries = [(early[i][1], query) for i in kept for query in early[i][0].queries]
    no = logits.argmax(-1) == 0
    mine = np.array([query.a == parameter for parameter, query in queries], bool)
    other = np.array([query.label == 0 for _, query in queries], bool) & ~mine
    _, of_right = probed(trained, probe, right, size)
    return {
        "wrong": sum(not one.verdict.correct for one in written),
        "mistakes": share(no[mine]),
        "others": share(no[other]),
        "right": share(of_right.argmax(-1) == 1),
    }


def first_early(source: Any, written: Solution) -> tuple[Asked, Parameter] | None:
    """Questions about all parameters behind the text before the first wrong sentence, and what this
    one defines; None unless that could not be computed yet.

    Before the first fault everything was computed right. The text may speak of totals that the
    problem does not have, as not all that they need exists; a probe cannot be asked about these.
    """
    problem, verdict = written.test.problem, written.verdict
    names, knowledge = by_name(source, problem), Knowledge(problem)
    if verdict.kind != "not_ready" or verdict.name is None or verdict.step is None:
        return None
    parameter = names.get(verdict.name)
    computed = {names[name] for name in verdict.written if name in names}
    # In the compact language it may be a wrong part that is not ready.
    if parameter is None or knowledge.label("can_next", parameter, None, computed):
        return None
    place = places(source, written)[verdict.step]
    queries = [
        Query(a, None, place, knowledge.label("can_next", a, None, computed))
        for a in sorted(problem.needs)
    ]
    return asking(source, problem, _text(written), queries), parameter


def _steps(source: Any, written: Solution) -> Asked:
    """Questions about what each sentence of a right solution defines, behind the text before it."""
    problem, names = written.test.problem, by_name(source, written.test.problem)
    starts = [
        start
        for start, end in zip(places(source, written), places(source, written)[1:], strict=False)
        if BACK not in _text(written)[start:end]
    ]
    queries = [
        Query(names[name], None, start, 1)
        for name, start in zip(written.verdict.written, starts, strict=True)
        if name in names
    ]
    return asking(source, problem, _text(written), queries)


def places(source: Any, written: Solution) -> list[int]:
    """Where each sentence of the solution begins in the text, and where the last whole one ends."""
    ends = sentence_ends(source, written.test.reading.language)
    found = [len(written.test.prompt)]
    for i, (token, following) in enumerate(
        zip(written.ids, [*written.ids[1:], None], strict=True), found[0] + 1
    ):
        # In a plan BACK belongs to the vertex before it.
        if token in ends and following != BACK:
            found.append(i)
    return found


def _text(written: Solution) -> list[int]:
    return [*written.test.prompt.tolist(), *written.ids]
