"""How models solve problems: by operations, with or without needless steps, short or long.

Source: Allen-Zhu and Li, Part 2.1 (arXiv 2407.20311), Figures 3 and 4. Solutions are written
greedily for test problems, whose templates are none of training, and graded strictly. Controls: the
commonest answer; a solver without a plan (level 0), which computes whatever it can; and the length
of the texts, for problems of more operations have longer ones. Of problems to which another
question is put (reask) most parameters are not needed.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.exams import as_table
from physlm.grammar_plots import POINTS, level_colours, spread
from physlm.plotting import MAJORITY_LOOK, PUBLISHED_LOOK, mark, seeds, whole_range
from physlm.problem_plots import (
    IN_RANGE,
    MARKERS,
    ORDERS,
    Cell,
    beside,
    cell_axis,
    dashes,
    diamonds,
    lines,
    order_look,
    order_marks,
    places,
)
from physlm.problem_runs import FACTS, flat, largest, pooled, presets, published, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/reasoning.csv",)
# What a row is of: the problems of an op, or those of them whose texts have a certain length.
OP, LENGTH = "op", "length"
CELL = ["part", "op", "reask", "n", "too_long", "accuracy", "answer_accuracy", "majority"]
WRITTEN = ["n_correct", "unnecessary", "unnecessary_op", "shortest", "written_steps", "unfinished"]
LEVEL0 = ["level0_unnecessary", "level0_unnecessary_correct"]
TEXTS = ["necessary", "parameters", "prompt_tokens", "gold_tokens", "tokens_from"]
COLUMNS = [*FACTS, "test_seed", *CELL, *WRITTEN, *LEVEL0, *TEXTS]
DESIGN = ["preset", "order", "n_params", "n_layers", "seed", "part", "reask", "op", "tokens_from"]
# Of the problems of an op, the share that is shown as a bin of lengths.
FEWEST = 0.02
LEVEL0_LOOK: dict[str, Any] = {"color": "0.35", "ls": "--", "marker": "_"}
# Names of a record that would not be understood beside those of the model.
RENAMED = {"correct": "n_correct", "steps": "written_steps"}


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows per run of the role `runs` (evaluate.json, measure reasoning): see `rows_of`."""
    rows = []
    for run in read(inputs.get("runs", []), "evaluate.json", "reasoning"):
        rows += rows_of(run)
    return as_table(rows, COLUMNS, DESIGN)


def rows_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per op and reask (part op), and for each a row per bin of lengths (part length).

    op: empty for the mix of the training. unnecessary: parameters that the question does not need,
    per correct solution; level0_: the same of a solver without a plan, over all problems or
    (_correct) those that the model solved. error_<kind>: how many solutions were first wrong in
    this way. tokens_from: tokens of prompt and right solution at which the bin begins.
    """
    known = {key: value for key, value in flat(run).items() if key != "n"}
    rows = []
    for cell in run["cells"]:
        row = known | {RENAMED.get(key, key): value for key, value in flat(cell).items()}
        row |= {f"level0_{key}": value for key, value in cell["level0"].items()}
        row |= {f"error_{kind}": n for kind, n in cell["kinds"].items()}
        row |= {key: value for key, value in cell["problems"].items() if key != "op"}
        rows.append(row | {"part": OP})
        for part in cell["lengths"]:
            share = {"n": part["n"], "accuracy": part["correct"] / part["n"]}
            asked = {"op": cell["op"], "reask": cell["reask"], "tokens_from": part["from"]}
            rows.append(known | {"part": LENGTH, "n_correct": part["correct"]} | share | asked)
    return rows


def draw(frame: pd.DataFrame) -> "Figure":
    """A row of panels per preset, of its largest trained models: accuracy, steps, lengths."""
    import matplotlib.pyplot as plt

    frame = largest(frame)
    shown = presets(frame)
    figure, axes = plt.subplots(
        max(len(shown), 1),
        3,
        figsize=(11.2, 2.7 * max(len(shown), 1) + 0.9),
        gridspec_kw={"width_ratios": [1.25, 1.1, 1]},
        squeeze=False,
        layout="constrained",
    )
    for row, preset in zip(axes, shown, strict=False):
        own = frame[frame["preset"] == preset]
        by_op, by_length = own[own["part"] == OP], own[own["part"] == LENGTH]
        op_max = int(own["op_max"].iloc[0])
        at = places(by_op)
        theirs = published("reasoning", preset, op_max)
        if preset == "plan":
            theirs = theirs.iloc[:0]
        _accuracies(row[0], by_op, theirs, at)
        _needless(row[1], by_op, theirs, at)
        for axis in row[:2]:
            cell_axis(axis, at, op_max)
        _lengths(row[2], by_length, op_max)
        count = seeds(by_op.fillna({"op": 0}), ["order", "op", "reask"])
        written = whole_range(by_op, "n")
        row[0].set_title(f"{preset}: right solutions\n{count}, {written} problems", loc="left")
        row[1].set_title("needless parameters\nin a right solution", loc="left")
        row[2].set_title(
            f"right solutions by length of text\n({ORDERS[_first(by_length)]})", loc="left"
        )
    figure.legend(handles=_handles(frame), loc="outside lower center", ncol=4, frameon=False)
    return figure


def _accuracies(
    axis: "Axes", runs: pd.DataFrame, theirs: pd.DataFrame, at: dict[Cell, float]
) -> None:
    orders = [order for order in MARKERS if (runs["order"] == order).any()]
    for order, aside in beside(orders).items():
        own = runs[runs["order"] == order]
        lines(axis, own, "accuracy", at, aside, 100, **order_look(order))
        values = theirs[(theirs["order"] == order) & theirs["accuracy"].notna()]
        x = _published_at(values, at) + aside
        diamonds(axis, x, 100 * values["accuracy"], order)
    dashes(axis, runs, "majority", at, **MAJORITY_LOOK)
    axis.set(ylim=(-4, 106), ylabel="Right (%)")


def _needless(
    axis: "Axes", runs: pd.DataFrame, theirs: pd.DataFrame, at: dict[Cell, float]
) -> None:
    orders = [order for order in MARKERS if (runs["order"] == order).any()]
    for order, aside in beside(orders).items():
        own = runs[runs["order"] == order]
        lines(axis, own, "unnecessary", at, aside, **order_look(order))
        values = theirs[(theirs["order"] == order) & theirs["unnecessary"].notna()]
        diamonds(axis, _published_at(values, at) + aside, values["unnecessary"], order)
    lines(axis, runs, "level0_unnecessary_correct", at, **LEVEL0_LOOK)
    axis.set_yscale("symlog", linthresh=0.1)
    axis.set_yticks([0, 0.05, 0.1, 0.5, 1, 2, 5, 10])
    axis.yaxis.set_major_formatter("{x:g}")
    top = runs[["level0_unnecessary_correct", "unnecessary"]].max().max()
    axis.set(ylim=(-0.01, 1.4 * np.nanmax([1, top])), ylabel="Parameters per solution")


def _published_at(values: pd.DataFrame, at: dict[Cell, float]) -> np.ndarray:
    """The x of published values: op as a multiple of the range; reask: the nearest such cell.

    NaN, which is not drawn, for values beyond what was tested.
    """
    again = [op for op, reask in at if reask]
    asked = [op for op, reask in at if not reask]
    found = []
    for x, reask in zip(values["at"], values["reask"].astype(bool), strict=True):
        if reask and again:
            found.append(at[min(again, key=lambda op: abs(op - x)), True])
        elif not reask and asked and x <= max(asked) + 0.5:
            found.append(x)
        else:
            found.append(np.nan)
    return np.array(found, dtype=float)


def _first(runs: pd.DataFrame) -> str:
    """The order of texts whose lengths are drawn."""
    return "pq" if (runs["order"] == "pq").any() or runs.empty else "qp"


def _lengths(axis: "Axes", runs: pd.DataFrame, op_max: int) -> None:
    """A line per op over the bins; dashed beyond the range of training. Bins with few of the
    problems of an op are left out.
    """
    asked = runs["op"].notna() & ~runs["reask"].astype(bool) & (runs["n"] > 0)
    runs = runs[(runs["order"] == _first(runs)) & asked]
    n = runs.groupby(["op", "tokens_from"])["n"].transform("sum")
    runs = runs[n >= FEWEST * runs.groupby("op")["n"].transform("sum")]
    edges = sorted(runs["tokens_from"].unique())
    ops = sorted(runs["op"].unique())
    for op, colour in zip(ops, level_colours(len(ops)), strict=True):
        own = runs[runs["op"] == op]
        marker, ls = ("o", "-") if op <= op_max else ("^", "--")
        joined = []
        for edge, part in own.groupby("tokens_from"):
            values = 100 * pooled(part, ["seed"])
            spread(axis, edges.index(edge), values, colour, marker)
            joined.append((edges.index(edge), values.mean()))
        x, y = zip(*joined, strict=True)
        axis.plot(x, y, color=colour, ls=ls, lw=1, marker=marker, ms=4, label=f"op {int(op)}")
    if ops:
        axis.legend(frameon=False, fontsize=6.5, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set_xticks(range(len(edges)), [f"{int(edge)}" for edge in edges])
    axis.set(ylim=(-4, 106), xlabel="Tokens of text, from", ylabel="Right (%)")


def _handles(frame: pd.DataFrame) -> list[Any]:
    return [
        *order_marks(frame),
        mark("in the range of training", marker="s", ms=8, color=IN_RANGE["color"]),
        mark("commonest answer", **MAJORITY_LOOK),
        mark("without a plan (level 0)", **LEVEL0_LOOK),
        mark(POINTS, marker="|", ms=8),
        mark("published (85M), at the same multiple of the range", **PUBLISHED_LOOK),
        mark("*: another question put to problems of so many op", marker=""),
    ]
