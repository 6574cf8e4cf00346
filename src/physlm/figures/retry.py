"""What pretraining on retry data gains, against the retry rate p, and how often is retried then.

Source: Allen-Zhu and Li, Part 2.2 (arXiv 2408.16293), Section 4, Figures 4b, 5a and 6. Before each
step of a training solution, with the chance p and repeatedly, a parameter that cannot be computed
yet is begun and taken back. Arms have the same seeds, steps of training and test problems, so that
gains are differences seed by seed. The op at which they are compared follows from the error-free
models alone (physlm.retry_runs.reported_op).
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from physlm.figures.base import PUBLISHED
from physlm.grammar_plots import level_colours
from physlm.plotting import colours, mark
from physlm.retry_plots import (
    BAND,
    GREY,
    PUBLISHED_CELLS,
    THEIRS,
    accuracies,
    curve,
    gains,
    name_panels,
    op_name,
    points_mark,
    rate_axis,
    regime_note,
    retries,
    retries_axis,
    size_title,
    task_panels,
    theirs,
    training_band,
)
from physlm.retry_runs import (
    COLUMNS,
    arm,
    arms_table,
    asked,
    comparable,
    error_free,
    read_arms,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLUMNS", "RESOURCES", "draw", "table"]

RESOURCES = ("published/retry.csv",)
# What of the mistakes is not learned -> its marker and where it is drawn beside the rate.
MASKS = {"none": ("o", 0.0), "name": ("s", 0.008), "begun": ("^", 0.016)}
MASK_NAMES = {"name": "their names masked", "begun": "all before BACK masked"}


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows of the role `runs` (evaluate.json, measure reasoning) that are error-free (rate 0) or
    trained with kind perfect: per op (empty: mixed as in training) and reask.

    backs: sentences taken back per right solution; necessary: parameters of the right solution,
    before each of which training made mistakes.
    """
    rows = read_arms(inputs.get("runs", []))
    return arms_table([row for row in rows if row["rate"] == 0 or row["kind"] == "perfect"])


def draw(frame: pd.DataFrame) -> "Figure":
    """A row per task: accuracy by p at several op, gain and retries at the reported op."""
    frame = comparable(frame)
    figure, rows = task_panels(frame)
    for row, name, task, op in rows:
        rates = sorted(task["rate"].unique())
        _accuracies(row[0], task, op)
        _gains(row[1], task, op)
        _retries(row[2], task, op)
        for axis in row:
            rate_axis(axis, rates)
        titles = (
            f"{name}: right solutions\n{size_title(task, ['order', 'rate', 'masked', 'op'])}",
            f"gain at {op_name(task, op)}\n{regime_note(task)}",
            f"retries of the model\nat {op_name(task, op)}",
        )
        name_panels(row, titles)
    figure.legend(handles=_handles(frame), loc="outside lower center", ncol=4, frameon=False)
    return figure


def shown_ops(task: pd.DataFrame, op: int) -> list[int]:
    """The last op in range, the reported one, and the first and the last one out of range."""
    ops = sorted(int(value) for value in asked(task)["op"].unique())
    top = task["op_max"].iloc[0]
    within, beyond = [o for o in ops if o <= top], [o for o in ops if o > top]
    return sorted({*within[-1:], op, *beyond[:1], *beyond[-1:]})


def published_cells(column: str) -> pd.DataFrame:
    """Published values of the hardest op of each preset and order, unmasked [rate, cell]."""
    values = pd.read_csv(PUBLISHED / "retry.csv")
    hardest = values["op"].isin([23, 32]) & (values["masked"] == "none")
    return values[hardest].pivot_table(index="rate", columns=["preset", "order"], values=column)


def _accuracies(axis: "Axes", task: pd.DataFrame, op: int) -> None:
    """A line per op; dashed beyond the range of training. Level lines: the error-free model."""
    values = 100 * published_cells("accuracy")
    theirs(axis, {rate - 0.008: values.loc[rate] for rate in values.index})
    ops = shown_ops(task, op)
    rows = pd.concat([error_free(task), arm(task, "perfect")])
    for o, colour in zip(ops, level_colours(len(ops)), strict=True):
        points = accuracies(rows, o)
        marker, ls = ("^", "--") if o > task["op_max"].iloc[0] else ("o", "-")
        curve(axis, points, colour, marker, ls=ls)
        if 0.0 in points:
            axis.axhline(points[0.0].mean(), color=colour, ls=":", lw=1, zorder=1)
        label = f"op {o}{' (reported)' if o == op else ''}"
        axis.plot([], [], color=colour, lw=1, ms=4, label=label, ls=ls, marker=marker)
    axis.legend(frameon=False, fontsize=6.5, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set(ylim=(-4, 106), ylabel="Right (%)")


def _gains(axis: "Axes", task: pd.DataFrame, op: int) -> None:
    cells = 100 * published_cells("accuracy")
    above = cells - cells.loc[0]
    theirs(axis, {rate - 0.008: above.loc[rate] for rate in above.index if rate > 0})
    axis.axhline(0, color=GREY, lw=1, zorder=2)
    for masked, (marker, aside) in MASKS.items():
        points = gains(arm(task, "perfect", masked), task, op)
        colour = colours()[list(MASKS).index(masked)]
        curve(axis, points, colour, marker, aside, hollow=masked != "none")
    axis.set(ylabel="Gain over error-free (points)")


def _retries(axis: "Axes", task: pd.DataFrame, op: int) -> None:
    training_band(axis, task, op, sorted(task["rate"].unique()))
    values = published_cells("backs")
    theirs(axis, {rate - 0.008: values.loc[rate] for rate in values.index if rate > 0})
    for masked, (marker, aside) in MASKS.items():
        rows = arm(task, "perfect", masked)
        if masked == "none":
            rows = pd.concat([error_free(task), rows])
        colour = colours()[list(MASKS).index(masked)]
        curve(axis, retries(rows, op), colour, marker, aside, hollow=masked != "none")
    retries_axis(axis)


def _handles(frame: pd.DataFrame) -> list[Any]:
    colour = dict(zip(MASKS, colours(), strict=False))
    masks = [name for name in MASK_NAMES if (frame["masked"] == name).any()]
    return [
        mark("retry data, nothing masked", marker="o", color=colour["none"], ls="-", lw=1),
        *(
            mark(MASK_NAMES[m], marker=MASKS[m][0], color=colour[m], mfc="white", ls="-", lw=1)
            for m in masks
        ),
        points_mark(),
        mark("left: error-free", ls=":", lw=1, marker=""),
        mark("right: per solution of the training texts", marker="s", ms=8, color=BAND),
        mark(PUBLISHED_CELLS, **{**THEIRS, "ls": ":", "lw": 1}),
    ]
