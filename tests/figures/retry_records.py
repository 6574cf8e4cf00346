"""Hand-made records of models of retry data for the tests of Part 2.2 (never shown as results)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.figures import problem_records as made_up
from tests.figures.problem_records import folder

# A record, and the variables of its run's name that it lacks.
Made = tuple[dict[str, Any], dict[str, Any]]


def record(
    seed: int = 0,
    kind: str = "perfect",
    rate: float = 0.0,
    masked: str = "none",
    gain: float = 0.0,
    backs: float = 0.0,
    names: Mapping[str, Any] | None = None,
    **more: Any,
) -> Made:
    """A model that is `gain` better than `more` says (base, fall, and facts of the model).

    gain: the share of the errors that are gone, at every op. backs: retries per right solution.
    Right solutions of so many operations have as many steps.
    """
    run = made_up.reasoning(seed, **{"world": "retry", **more})
    run |= {"kind": kind, "rate": rate, "masked": masked}
    for cell in run["cells"]:
        accuracy = cell["accuracy"] + gain * (1 - cell["accuracy"])
        cell |= {"accuracy": accuracy, "correct": round(cell["n"] * accuracy)}
        cell |= {"backs": backs if cell["correct"] else None}
        cell["problems"] = {**cell["problems"], "necessary": float(cell["op"] or 3)}
        cell["lengths"] = []
    task = run["preset"] if run["op_max"] == made_up.OP_MAX else f"{run['preset']}{run['op_max']}"
    return run, {"task": task, "canon": "AC", "lr_peak": 0.003, **(names or {})}


def place(root: Path, made: Made) -> str:
    """The run folder of a record, as physlm names it."""
    run, names = made
    arm = {key: run[key] for key in ("kind", "rate", "masked")}
    return folder(root, run, "evaluate.json", **arm, **names)


def sweep(
    gains: Mapping[float, float],
    kind: str = "perfect",
    masked: str = "none",
    backs: float = 0.05,
    seeds: tuple[int, ...] = (0, 1, 2),
    noise: float = 0.004,
    **more: Any,
) -> list[Made]:
    """A record per rate and seed: `gains` is rate -> share of the errors that are gone."""
    return [
        record(
            seed,
            kind,
            rate,
            masked,
            gain + noise * (seed - 1) * (rate > 0),
            backs * rate / 0.2,
            **{"fall": 0.1 + 0.003 * seed, **more},
        )
        for rate, gain in gains.items()
        for seed in seeds
    ]
