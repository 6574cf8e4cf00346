"""How many test problems a model solves, in and out of the range of its training, and how.

Part 2.1, sections 3 and 4.1 (Results 2 and 3). The model writes greedily and the grader, which
shares nothing with the generator, judges every step. Two things stand beside the accuracy:

What a solver without a plan would write (level 0): it computes any parameter that can be computed
next until it has that of the question. A solution without unnecessary parameters means something
only where that solver has some.

And the accuracy by length: a problem of more operations is longer, so part of what a model loses on
it may be due to positions it has not seen. Problems within the range that are as long, by reason of
parameters that nobody needs, tell how much.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from physlm.evaluate.igsm.config import ReasoningConfig
from physlm.evaluate.igsm.grade import Verdict
from physlm.evaluate.igsm.solve import mentioned, operations, wander
from physlm.evaluate.igsm.trained import Posed, Trained, judge, load_trained, pose, write
from physlm.random import generator


def measure(folder: Path, config: ReasoningConfig) -> dict[str, Any]:
    """The content of reasoning.json (docs/igsm_grading.md). ValueError for a model of no problems."""
    trained = load_trained(folder)
    asked = [(op, False) for op in config.ops] + [(op, True) for op in config.reask_ops]
    cells = [cell(trained, config, op, reask) for op, reask in asked]
    return {
        **trained.facts,
        "test_seed": config.seed,
        "n": sum(found["n"] for found in cells),
        "cells": cells,
    }


def cell(trained: Trained, config: ReasoningConfig, op: int | None, reask: bool) -> dict[str, Any]:
    """What is told of n problems of one op. Those that do not fit into the context with their right
    solution are left out, and counted.
    """
    name = ("reask" if reask else "asked", "mixed" if op is None else op)
    rng = generator(config.seed, "reasoning", *name)
    drawn = pose(trained.source, config.n, rng, op, reask)
    fitting = [posed for posed in drawn if posed.n_tokens <= trained.model.config.n_ctx]
    texts = write(trained, fitting, config.batch_size, config.slack)
    verdicts = [
        judge(trained.source, posed, text) for posed, text in zip(fitting, texts, strict=True)
    ]
    return {
        "op": op,
        "reask": reask,
        "n": len(fitting),
        "too_long": len(drawn) - len(fitting),
        **outcome(fitting, verdicts),
        "unfinished": _mean([not text.stopped for text in texts]),
        "problems": described(fitting),
        "level0": without_plan(fitting, verdicts, rng),
        "lengths": by_length(fitting, verdicts, config.length_bins),
    }


def outcome(given: Sequence[Posed], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """How the solutions came out; what is told of correct ones is null without any.

    answer_accuracy: by the final number alone (null in plans, which have none). kinds: of the first
    faults of wrong solutions. unnecessary: parameters in a correct solution that the question does
    not need; unnecessary_op: their operations; shortest: share of correct solutions without any.
    """
    right = [(t, v) for t, v in zip(given, verdicts, strict=True) if v.correct]
    extra = [len(v.unnecessary) for _, v in right]
    answers = [v.answer == t.solved.answer for t, v in zip(given, verdicts, strict=True)]
    planned = any(posed.solved.answer is None for posed in given)
    kinds = Counter(v.kind for v in verdicts if not v.correct)
    return {
        "accuracy": _mean([v.correct for v in verdicts]),
        "answer_accuracy": None if planned else _mean(answers),
        "correct": len(right),
        "kinds": {str(kind): n for kind, n in sorted(kinds.items(), key=lambda item: str(item[0]))},
        "unnecessary": _mean(extra),
        "unnecessary_op": _mean([operations(t.reading, v.unnecessary) for t, v in right]),
        "shortest": _mean([n == 0 for n in extra]),
        "steps": _mean([v.n_steps for v in verdicts]),
        "backs": _mean([v.n_backs for _, v in right]),
    }


def described(given: Sequence[Posed]) -> dict[str, Any]:
    """Means over the problems; majority: share of the commonest answer, which knows nothing."""
    answers = Counter(t.solved.answer for t in given)
    planned = None in answers
    return {
        "op": _mean([t.solved.op for t in given]),
        "necessary": _mean([len(t.solved.necessary) for t in given]),
        "parameters": _mean([len(mentioned(t.reading)) for t in given]),
        "prompt_tokens": _mean([len(t.prompt) for t in given]),
        "gold_tokens": _mean([t.n_gold for t in given]),
        "majority": max(answers.values()) / len(given) if given and not planned else None,
    }


def without_plan(
    given: Sequence[Posed], verdicts: Sequence[Verdict], rng: np.random.Generator
) -> dict[str, Any]:
    """Unnecessary parameters and operations of a solver without a plan, over all problems and over
    those that the model solved (_correct).
    """
    extra = [
        [name for name in wander(t.reading, rng) if name not in t.solved.necessary] for t in given
    ]
    counts = [len(names) for names in extra]
    ops = [operations(t.reading, names) for t, names in zip(given, extra, strict=True)]
    solved = [i for i, verdict in enumerate(verdicts) if verdict.correct]
    return {
        "unnecessary": _mean(counts),
        "unnecessary_op": _mean(ops),
        "unnecessary_correct": _mean([counts[i] for i in solved]),
        "unnecessary_op_correct": _mean([ops[i] for i in solved]),
        "shortest": _mean([n == 0 for n in counts]),
    }


def by_length(
    given: Sequence[Posed], verdicts: Sequence[Verdict], bins: Sequence[int]
) -> list[dict[str, int]]:
    """Problems and correct solutions in each bin of tokens (problem and right solution); `from` is
    where a bin begins. Empty bins are left out.
    """
    if not bins:
        return []
    edges = [0, *bins]
    places = np.searchsorted(bins, [t.n_tokens for t in given], side="right").tolist()
    n, right = (
        Counter(places),
        Counter(i for i, v in zip(places, verdicts, strict=True) if v.correct),
    )
    return [{"from": edges[i], "n": n[i], "correct": right[i]} for i in sorted(n)]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
