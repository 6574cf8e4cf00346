"""Whether mistakes of a model can be read of it beforehand.

Source: Allen-Zhu and Li, Part 2.1 (arXiv 2407.20311), Section 4.3 and Figure 8. V-probes are asked
about what the model went on to write: about parameters that its right solutions have without need
(is it needed?), before the first word, and about the first wrong parameter of wrong solutions where
it cannot be computed yet (can it be next?) or is not to be (is it next and needed?), just before it
is written. The truth is no each time. Control: the same probes on all parameters of the same
problems.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.exams import as_table
from physlm.figures import reasoning
from physlm.grammar_plots import GREY, POINTS, spread
from physlm.plotting import colours, mark, seeds
from physlm.problem_plots import (
    IN_RANGE,
    MARKERS,
    Cell,
    beside,
    cell_axis,
    of_cell,
    order_look,
    order_marks,
    places,
)
from physlm.problem_runs import FACTS, flat, largest, pooled, presets, published, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/mistakes.csv",)
# What a row is of: parameters of a case, as the probe of a task tells them.
CASES = {
    ("unnecessary", "nece"): "needless, in a right solution:\nprobe of nece",
    ("first_wrong", "can_next"): "first wrong, not ready:\nprobe of can_next",
    ("first_wrong", "nece_next"): "first wrong, not ready or needless:\nprobe of nece_next",
}
# ... or how solutions came out.
SOLUTIONS = "solutions"
PROBE = ["probe_seed", "rank", "population", "n_steps_probe"]
RESULT = ["case", "task", "op", "reask", "n", "accuracy", "all_n", "all_accuracy"]
COLUMNS = [*FACTS, *PROBE, *RESULT, "alike_n", "alike_accuracy", "auc", "n_correct", "n_wrong"]
DESIGN = ["preset", "order", "n_params", "n_layers", "seed", "case", "task", "reask", "op"]
# Kinds of first faults (physlm.evaluate.igsm.grade) as figures name them; others are pooled.
KINDS = {
    "not_ready": "not ready",
    "wrong_value": "wrong value",
    "wrong_dependency": "wrong parts",
    "wrong_query": "wrong end",
    "repeated": "repeated",
}
BAND = "#d5e6c3"


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows of the role `runs` (v_probe.json, those that were asked about mistakes), per case (see
    CASES); and of the role `solutions` (evaluate.json, measure reasoning), case solutions.

    n: mistaken parameters; accuracy: the share of them of which the probe told the truth, which is
    no; all_: all parameters of these problems (nece: of right solutions), asked at the same places;
    alike_: of the problems with mistaken parameters alone (nece), those of which the truth is no,
    too (others). auc: the chance that nece gives a parameter that was written without need a higher
    score than one that was not. n_correct, n_wrong: solutions. error_<kind>: how many of n
    solutions were first wrong in this way.
    """
    rows = []
    for run in read(inputs.get("runs", []), "v_probe.json"):
        for cell in run["mistakes"] or []:
            asked = flat(run) | {"op": cell["op"], "reask": cell["reask"]}
            asked["n_correct"], asked["n_wrong"] = cell["n_correct"], cell["can_next"]["wrong"]
            rows += [asked | _case_of(cell, case, task) for case, task in CASES]
    for run in read(inputs.get("solutions", []), "evaluate.json", "reasoning"):
        for row in reasoning.rows_of(run):
            if row["part"] == reasoning.OP:
                kept = {key: row[key] for key in [*FACTS, "op", "reask", "n", "n_correct"]}
                kept |= {key: n for key, n in row.items() if key.startswith("error_")}
                kept["n_wrong"] = row["n"] - row["n_correct"]
                rows.append(kept | {"case": SOLUTIONS})
    return as_table(rows, COLUMNS, DESIGN)


def _case_of(cell: dict[str, Any], case: str, task: str) -> dict[str, Any]:
    found = cell[task]
    row = {"case": case, "task": task, "n": found["n"], "accuracy": found["accuracy"]}
    others = {"all": found["all"], "alike": found["same_problems" if task == "nece" else "no"]}
    for name, share in others.items():
        row |= {f"{name}_n": share["n"], f"{name}_accuracy": share["accuracy"]}
    return row | {"auc": found.get("auc")}


def draw(frame: pd.DataFrame) -> "Figure":
    """A row of panels per preset, of its largest models: a panel per case, and kinds of faults."""
    import matplotlib.pyplot as plt

    frame = largest(frame)
    shown = presets(frame)
    figure, axes = plt.subplots(
        max(len(shown), 1),
        4,
        figsize=(13.2, 2.9 * max(len(shown), 1) + 0.9),
        gridspec_kw={"width_ratios": [1, 1, 1, 1.5]},
        squeeze=False,
        layout="constrained",
    )
    for row, preset in zip(axes, shown, strict=False):
        own = frame[frame["preset"] == preset]
        probed = own[own["case"] != SOLUTIONS]
        at = places(probed)
        theirs = published("mistakes")
        if preset in set(theirs["preset"]):
            theirs = theirs[theirs["preset"] == preset]
        for axis, ((case, task), title) in zip(row, CASES.items(), strict=False):
            runs = probed[(probed["case"] == case) & (probed["task"] == task)]
            _case(axis, runs, theirs[(theirs["case"] == case) & (theirs["task"] == task)], at)
            cell_axis(axis, at, int(own["op_max"].iloc[0]))
            axis.set_title(title, loc="left")
        count = seeds(probed, ["order", "op", "reask"])
        row[0].set_title(f"{preset}, {count}\n{row[0].get_title(loc='left')}", loc="left")
        solutions = own[own["case"] == SOLUTIONS]
        _kinds(row[3], solutions, list(places(solutions)))
    figure.legend(handles=_handles(frame), loc="outside lower center", ncol=4, frameon=False)
    return figure


def _case(axis: "Axes", runs: pd.DataFrame, theirs: pd.DataFrame, at: dict[Cell, float]) -> None:
    """Shares right about mistaken and about all parameters; below, how many mistaken of all runs"""
    if len(theirs):
        low, high = 100 * theirs["low"].min(), 100 * theirs["high"].max()
        axis.axhspan(low, high, color=BAND, lw=0, zorder=1)
    orders = [order for order in MARKERS if (runs["order"] == order).any()]
    for order, aside in beside(orders).items():
        own = runs[runs["order"] == order]
        look = order_look(order)
        for cell, x in at.items():
            part = of_cell(own, cell)
            spread(axis, x + aside, 100 * part["accuracy"], look["color"], look["marker"], 0.07)
            for column, marker in (("all_accuracy", "_"), ("alike_accuracy", "x")):
                every = 100 * part[column].dropna()
                shape = {"marker": marker, "ls": "", "color": look["color"], "ms": 6, "zorder": 4}
                axis.plot([x + aside] * len(every), every, **shape)
    for cell, x in at.items():
        counts = [f"{of_cell(runs[runs['order'] == o], cell)['n'].sum():.0f}" for o in orders]
        axis.text(x, -13, "\n".join(counts), ha="center", va="center", fontsize=6.5)
    axis.set(ylim=(-22, 106), ylabel="Probe right (%)")
    axis.set_yticks(range(0, 101, 20))


def _kinds(axis: "Axes", solutions: pd.DataFrame, cells: list[Cell]) -> None:
    """What was wrong first in wrong solutions, of all runs together, by cell."""
    wrong = [of_cell(solutions, cell)["n_wrong"].sum() for cell in cells]
    bottom = np.zeros(len(cells))
    for i, (kind, name) in enumerate([*KINDS.items(), ("", "other")]):
        counts = np.array([_count(of_cell(solutions, cell), kind) for cell in cells])
        height = 100 * counts / np.maximum(wrong, 1)
        colour = colours()[i + 2] if kind else "0.75"
        style = {"color": colour, "label": name, "lw": 0, "zorder": 3}
        axis.bar(range(len(cells)), height, 0.7, bottom=bottom, **style)
        bottom += height
    names = [f"{op or 'mix'}{'*' if reask else ''}" for op, reask in cells]
    ticks = [f"{name}\n{n:.0f}" for name, n in zip(names, wrong, strict=True)]
    axis.set_xticks(range(len(cells)), ticks, fontsize=6.5)
    axis.legend(frameon=False, fontsize=6.5, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set(ylim=(0, 101), ylabel="Wrong solutions (%)")
    axis.set_xlabel("Operations; number of wrong solutions")
    axis.grid(visible=False, axis="x")
    axis.set_title("what is wrong first", loc="left")


def _count(solutions: pd.DataFrame, kind: str) -> float:
    """How many solutions were first wrong in this way; "": in a way that is none of KINDS."""
    errors = solutions.filter(like="error_").sum()
    if kind:
        return float(errors.get(f"error_{kind}", 0))
    return float(errors.drop([f"error_{k}" for k in KINDS], errors="ignore").sum())


def shares(frame: pd.DataFrame, case: str, task: str) -> pd.DataFrame:
    """Per seed, all cells and orders together: n mistaken, and the shares right of these (accuracy)
    and of all parameters (all_accuracy).
    """
    rows = frame[(frame["case"] == case) & (frame["task"] == task)]
    every = rows.drop(columns=["n", "accuracy"])
    every = every.rename(columns={"all_n": "n", "all_accuracy": "accuracy"})
    found = {
        "n": rows.groupby("seed")["n"].sum(),
        "accuracy": pooled(rows, ["seed"]),
        "all_accuracy": pooled(every, ["seed"]),
    }
    return pd.DataFrame(found)


def _handles(frame: pd.DataFrame) -> list[Any]:
    return [
        *order_marks(frame),
        mark("all parameters of these problems", marker="_", ms=9, color=GREY),
        mark("left: of problems with mistaken ones; others: truth is no", marker="x", color=GREY),
        mark(POINTS, marker="|", ms=8),
        mark("published (85M): all in this band", marker="s", ms=8, color=BAND),
        mark("in the range of training", marker="s", ms=8, color=IN_RANGE["color"]),
        mark("numbers: mistaken parameters of all runs", marker=""),
        mark("*: another question put to problems of so many op", marker=""),
    ]
