"""Hand-made records of models of problems for the tests of Part 2 (never shown as results)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OP_MAX = 5


def facts(seed: int = 0, **more: Any) -> dict[str, Any]:
    """What every record says of its model."""
    world = {"world": "igsm", "preset": "micro", "order": "pq", "op_max": OP_MAX}
    shape = {"arch": "gpt2_rot", "n_layers": 4, "n_heads": 4, "d_model": 96}
    training = {"n_ctx": 160, "n_params": 450_000, "steps": 1000, "problems": 300_000}
    training |= {"tokens": 20_000_000, "final_loss_nats": 0.8}
    return {**world, **shape, **training, "seed": seed, **more}


def folder(root: Path, record: Mapping[str, Any], file: str, **names: Any) -> str:
    """A run folder named by what tells it from others, with its record."""
    keys = ("preset", "order", "n_layers", "d_model", "steps", "seed")
    variables = {key: record[key] for key in keys} | names
    path = root / ",".join(f"{key}={value}" for key, value in variables.items())
    path.mkdir(parents=True)
    (path / file).write_text(json.dumps(record))
    return str(path)


def accuracy_at(op: int, base: float = 0.99, fall: float = 0.1, op_max: int = OP_MAX) -> float:
    """`base` in range, and `fall` less for every operation beyond it."""
    return max(0.0, base - fall * max(0, op - op_max))


def reasoning(
    seed: int = 0,
    base: float = 0.99,
    fall: float = 0.1,
    needless: float = 0.01,
    ops: tuple[int | None, ...] = (None, 1, 2, 3, 4, 5, 6, 7, 8),
    n: int = 500,
    **more: Any,
) -> dict[str, Any]:
    """evaluate.json: so many ops, and two of problems asked again.

    needless: unnecessary parameters per right solution, four times as many in the latter.
    """
    known = facts(seed, **more)
    top = known["op_max"]
    cells = []
    for op, reask in [*((op, False) for op in ops), (top, True), (top + 2, True)]:
        # Another question to a problem is mostly an easier one.
        right = accuracy_at((op or 1) - 2 if reask else op or 1, base, fall, top)
        correct = round(n * right)
        cell: dict[str, Any] = {"op": op, "reask": reask, "n": n, "too_long": 0}
        cell |= {"accuracy": correct / n, "answer_accuracy": right + 0.1 * (1 - right)}
        kinds = {"not_ready": n - correct - (n - correct) // 4, "wrong_value": (n - correct) // 4}
        cell |= {"correct": correct, "kinds": kinds if correct < n else {}}
        extra = needless * (4 if reask else 1) if correct else None
        cell |= {"unnecessary": extra, "unnecessary_op": extra, "shortest": 0.99}
        cell |= {"steps": 0.7 * (op or 2), "backs": 0.0, "unfinished": 0.0}
        texts = {"op": 3.0, "necessary": 2.5, "parameters": 7.0, "prompt_tokens": 40.0}
        cell["problems"] = texts | {"gold_tokens": 20.0, "majority": 0.3}
        level0 = 4.0 if reask else 2.5
        cell["level0"] = {"unnecessary": level0, "unnecessary_op": 3.0, "shortest": 0.2}
        cell["level0"] |= {"unnecessary_correct": level0 if correct else None}
        bins = [{"from": start, "n": 100, "correct": round(100 * right)} for start in (0, 60, 80)]
        cell["lengths"] = bins if op != 1 else bins[:1]
        cells.append(cell)
    return {"measure": "reasoning", **known, "test_seed": 0, "n": n * len(cells), "cells": cells}


# Majority, and how well untrained models do above it, by task.
GUESS = {"nece": 0.55, "dep": 0.8, "known": 0.75, "value": 0.78, "can_next": 0.6, "nece_next": 0.9}


def v_probe(
    seed: int = 0,
    control: str = "none",
    accuracy: float = 0.985,
    layer: int | None = None,
    ops: tuple[int, ...] = (3, 5, 7, 8),
    tasks: tuple[str, ...] = tuple(GUESS),
    mistakes: list[dict[str, Any]] | None = None,
    distances: Mapping[int, float] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """v_probe.json. distances: accuracy of nece by distance from the question."""
    known = facts(seed, **more)
    results = []
    for task in tasks:
        for op, reask in [*((op, False) for op in ops), (5, True)]:
            right = GUESS[task] + 0.01 if control == "model" else accuracy - 0.005 * max(0, op - 5)
            labels = (0, 1, 5) if task == "value" else (0, 1)
            # An untrained model says what is commonest.
            by_label = [
                {"label": label, "n": 400, "accuracy": right}
                if control == "none"
                else {"label": label, "n": 400, "accuracy": 0.95 if label == 0 else 0.1}
                for label in labels
            ]
            result: dict[str, Any] = {"task": task, "op": op, "reask": reask, "n": 2000}
            result |= {"accuracy": right, "majority": GUESS[task], "matthews": 0.9}
            part = {"n": 800, "accuracy": right, "by_label": by_label}
            result |= {"by_label": by_label, "necessary": part, "unnecessary": part}
            if task == "nece":
                by_distance = distances or {t: right - 0.01 * t for t in range(5)}
                result["by_distance"] = [
                    {"distance": t, "n": 300, "accuracy": value} for t, value in by_distance.items()
                ]
            results.append(result)
    probe = {"probe_seed": 0, "control": control, "layer": layer, "population": "graph"}
    probe |= {"rank": 8, "n_steps_probe": 500}
    return {**known, **probe, "results": results, "mistakes": mistakes}


def share(n: int, accuracy: float | None) -> dict[str, Any]:
    """As records have it: null of nothing."""
    return {"n": n, "accuracy": accuracy if n else None}


def mistakes(
    right: float = 0.4, overall: float = 0.98, n: int = 60, not_ready: float = 0.7
) -> list[dict[str, Any]]:
    """The record `mistakes`: of the normal problems of two ops, and of two with other questions."""
    cells = []
    for op, reask in ((5, False), (8, False), (5, True), (7, True)):
        wrong = n if reask else 2 * n
        alike = share(1500, overall - 0.02)
        needless = share(n if reask else n // 4, right)
        cell = {"op": op, "reask": reask, "n": 1000, "left_out": 0, "n_correct": 1000 - wrong}
        cell["nece"] = {**needless, "same_problems": alike, "all": share(5000, overall)}
        cell["nece"]["auc"] = 0.9 if needless["n"] else None
        for task, extra in (("can_next", 0.2), ("nece_next", 0.1)):
            found = share(round(not_ready * wrong), right + extra)
            cell[task] = {"wrong": wrong, **found, "all": share(5000, overall), "no": alike}
        cells.append(cell)
    return cells
