"""Which mistakes help: true ones, cheap fake ones, and none at all, against the rate p.

Source: Allen-Zhu and Li, Part 2.2 (arXiv 2408.16293), Section 6, Figure 8. Fake mistakes need no
knowledge of what can be computed: a parameter of a later step (weak), or any of the problem that
was not used yet (miss). Control, not in the paper: the right step itself, begun, taken back and
begun again, which teaches nothing but to write BACK. See physlm.figures.retry for the rest.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from physlm.figures.base import PUBLISHED
from physlm.plotting import mark
from physlm.retry_plots import (
    BAND,
    GREY,
    KINDS,
    curve,
    gains,
    kind_look,
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
    comparable,
    read_arms,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLUMNS", "RESOURCES", "draw", "table"]

RESOURCES = ("published/retry_fake.csv",)
WIDTH = 0.007


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows of the roles `runs` (fake mistakes) and `retried` (true ones and none), evaluate.json of
    the measure reasoning, in which nothing is masked: per op (empty: mixed as in training) and
    reask. Columns: see physlm.figures.retry.
    """
    rows = [row for role in ("runs", "retried") for row in read_arms(inputs.get(role, []))]
    return arms_table([row for row in rows if row["masked"] == "none"])


def draw(frame: pd.DataFrame) -> "Figure":
    """A row per task: gains at the reported op, the published ones, and retries."""
    frame = comparable(frame)
    figure, rows = task_panels(frame)
    for row, name, task, op in rows:
        rates = sorted(task["rate"].unique())
        row[1].sharey(row[0])
        _gains(row[0], task, op)
        _published(row[1])
        _retries(row[2], task, op)
        for axis in (row[0], row[2]):
            rate_axis(axis, rates)
        titles = (
            f"{name}: gain at {op_name(task, op)},\n{regime_note(task)}\n"
            f"{size_title(task, ['order', 'kind', 'rate', 'op'])}",
            "published (85M): gain at med op 23 and\nhard op 32, both orders, mean and range",
            f"retries of the model\nat {op_name(task, op)}",
        )
        name_panels(row, titles)
    figure.legend(handles=_handles(frame), loc="outside lower center", ncol=4, frameon=False)
    return figure


def _asides(task: pd.DataFrame) -> dict[str, float]:
    """The kinds that were trained on, and how far from its rate each is drawn."""
    found = [kind for kind in KINDS if len(arm(task, kind))]
    return {kind: WIDTH * (i - (len(found) - 1) / 2) for i, kind in enumerate(found)}


def _gains(axis: "Axes", task: pd.DataFrame, op: int) -> None:
    axis.axhline(0, color=GREY, lw=1, zorder=2)
    for kind, aside in _asides(task).items():
        curve(axis, gains(arm(task, kind), task, op), aside=aside, **kind_look(kind))
    axis.set(ylabel="Gain over error-free (points)")


def published_cells(kind: str, column: str) -> pd.DataFrame:
    """Published values of the hardest op of each preset and order [rate, cell]; rate 0: error-free,
    which counts as kind perfect.
    """
    values = pd.read_csv(PUBLISHED / "retry_fake.csv")
    own = values[values["op"].notna() & (values["kind"] == kind)]
    return own.pivot_table(index="rate", columns=["preset", "order"], values=column)


def _published(axis: "Axes") -> None:
    """The published gains, on an axis of their own."""
    base = published_cells("perfect", "accuracy").loc[0]
    rates: set[float] = set()
    axis.axhline(0, color=GREY, lw=1, zorder=2)
    for i, kind in enumerate(("perfect", "weak", "miss")):
        cells = 100 * (published_cells(kind, "accuracy") - base)
        points = {rate + WIDTH * (i - 1): cells.loc[rate] for rate in cells.index if rate > 0}
        rates |= set(cells.index)
        theirs(axis, points, color=kind_look(kind)["color"])
    rate_axis(axis, sorted(rates))
    axis.set(ylabel="Gain over error-free (points)")


def _retries(axis: "Axes", task: pd.DataFrame, op: int) -> None:
    training_band(axis, task, op, sorted(task["rate"].unique()))
    for kind, aside in _asides(task).items():
        curve(axis, retries(arm(task, kind), op), aside=aside, **kind_look(kind))
    for kind in ("perfect", "weak", "miss"):
        cells = published_cells(kind, "backs")
        look = {"color": kind_look(kind)["color"]}
        theirs(axis, {rate: cells.loc[rate] for rate in cells.index if rate > 0}, **look)
    retries_axis(axis)


def _handles(frame: pd.DataFrame) -> list[Any]:
    found = [kind for kind in KINDS if len(arm(frame, kind))]
    return [
        *(mark(KINDS[kind], ls="-", lw=1, **kind_look(kind)) for kind in found),
        points_mark(),
        mark("right: per solution of the training texts", marker="s", ms=8, color=BAND),
        mark("published (85M); right: med op 23", marker="D", mfc="none", ls=":", lw=1),
    ]
