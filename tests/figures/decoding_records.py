"""Hand-made decoding.json for the tests of Part 2.2 (never shown as results)."""

from collections.abc import Mapping
from typing import Any

from tests.figures.problem_records import accuracy_at, facts, share

# What each arm has above greedy where that is not perfect, as a share of what is missing.
SPARED = {"beams": 0.04, "trained": 0.1, "perfect": 0.4}


def decoding(
    seed: int = 0,
    base: float = 0.99,
    fall: float = 0.1,
    ops: tuple[int, ...] = (3, 5, 7, 8),
    spared: Mapping[str, float] = SPARED,
    noticed: float = 0.6,
    overall: float = 0.99,
    alarms: float = 0.01,
    mistakes: int = 40,
    n: int = 500,
    probe: bool = True,
    **more: Any,
) -> dict[str, Any]:
    """Greedy, two widths of beams, and both detectors with 10 retries; the perfect one with 50.

    noticed: share of own mistakes that the probe tells; alarms: of right steps that it takes for
    mistakes; overall: of its questions that are answered right.
    """
    known = facts(seed, **more)
    cells = []
    for op in ops:
        right = accuracy_at(op, base, fall, known["op_max"])
        arms = [_arm(right, n, "greedy")]
        gain = {kind: (1 - right) * part for kind, part in spared.items()}
        arms += [_arm(right + gain["beams"] * w / 16, n, "beams", n_beams=w) for w in (4, 16)]
        for name, most in (("perfect", 10), ("perfect", 50), ("trained", 10)):
            if probe or name == "perfect":
                arm = {"detector": name, "most_retries": most}
                arms.append(_arm(right + gain[name], n, "regret", **arm))
        own = {"wrong": 2 * mistakes, "mistakes": share(mistakes, noticed)}
        own |= {"others": share(10 * mistakes, 0.97), "right": share(3 * n, 1 - alarms)}
        cell = {"op": op, "n": n, "too_long": 0, "arms": arms, "own": own if probe else None}
        cells.append(cell)
    settings = {"rank": 8, "n_steps": 500, "batch_size": 16, "n_test": 100}
    questions = [
        {"task": "can_next", "op": op, "reask": False, "n": 1000, "accuracy": overall,
         "majority": 0.6}
        for op in ops
    ]  # fmt: skip
    tested = {"test_seed": 0, "length_penalty": 0.0, "probe": settings if probe else None}
    return {**known, **tested, "questions": questions if probe else None, "cells": cells}


def _arm(right: float, n: int, arm: str, **named: Any) -> dict[str, Any]:
    correct = round(n * right)
    names = dict.fromkeys(("n_beams", "detector", "most_retries")) | named
    found = {"arm": arm, **names, "accuracy": correct / n, "answer_accuracy": None}
    found |= {"correct": correct, "kinds": {"not_ready": n - correct} if correct < n else {}}
    found |= {"unnecessary": 0.01, "unnecessary_op": 0.01, "shortest": 0.99, "steps": 4.0}
    retries = 0.5 if arm == "regret" else 0.0
    return found | {"backs": 0.0, "unfinished": 0.0, "retries": retries, "spent": retries / 10}
