"""Pieces that the figures of problems share: operations on the x axis, looks of orders of texts."""

from typing import TYPE_CHECKING, Any

import numpy as np

from physlm.grammar_plots import spread
from physlm.plotting import PUBLISHED_LOOK, by_seed, colours, mark

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# What problems are: their operations, and whether another question was put to them.
Cell = tuple[int, bool]
# In a cell: as many operations as in training, an empty `op` in tables.
MIX = 0
ORDERS = {"pq": "problem, question", "qp": "question, problem"}
MARKERS = {"pq": "o", "qp": "s"}
IN_RANGE = {"color": "0.93", "lw": 0, "zorder": 0}


def order_look(order: str) -> dict[str, Any]:
    """Colour and marker of an order of texts, the same in every figure."""
    return {"color": colours()[list(MARKERS).index(order)], "marker": MARKERS[order]}


def order_marks(frame: "pd.DataFrame") -> list[Any]:
    """Legend handles of the orders of a table."""
    found = [order for order in MARKERS if (frame["order"] == order).any()]
    return [mark(ORDERS[order], **order_look(order), ls="-", lw=1) for order in found]


def beside(orders: list[str], width: float = 0.24) -> dict[str, float]:
    """How far from its tick each of these orders is drawn."""
    return {o: width * (i - (len(orders) - 1) / 2) for i, o in enumerate(orders)}


def of_cell(frame: "pd.DataFrame", cell: Cell) -> "pd.DataFrame":
    """The rows of a cell."""
    op, reask = cell
    asked = frame["op"].isna() if op == MIX else frame["op"] == op
    return frame[asked & (frame["reask"].astype(bool) == reask)]


def places(frame: "pd.DataFrame") -> dict[Cell, float]:
    """Where each of the cells (columns op and reask) is on the x axis.

    That is op, one step before the first for the mix, and after the last for those of reask.
    """
    cells = frame[["op", "reask"]].fillna({"op": MIX}).drop_duplicates()
    again = sorted(int(op) for op in cells.loc[cells["reask"].astype(bool), "op"])
    asked = sorted(int(op) for op in cells.loc[~cells["reask"].astype(bool), "op"])
    ops = [op for op in asked if op != MIX]
    step = max(1.0, (ops[-1] - ops[0]) / 9) if ops else 1.0
    found: dict[Cell, float] = {(op, False): float(op) for op in ops}
    if MIX in asked:
        found = {(MIX, False): (ops[0] if ops else 1) - step} | found
    start = (ops[-1] if ops else 0) + 1.3 * step
    return found | {(op, True): start + 1.2 * i * step for i, op in enumerate(again)}


def cell_axis(axis: "Axes", at: dict[Cell, float], op_max: int) -> None:
    """Name the cells along the x axis, shade the range of training, part reask from the others."""
    if not at:
        return
    names = [f"{op or 'mix'}{'*' if reask else ''}" for op, reask in at]
    axis.set_xticks(list(at.values()), names)
    low, high = min(at.values()) - 0.6, max(at.values()) + 0.6
    asked = [x for (_, reask), x in at.items() if not reask]
    if asked:
        axis.axvspan(low, op_max + 0.5, **IN_RANGE)
        if len(asked) < len(at):
            axis.axvline(max(asked) + 0.6, color="0.6", lw=0.8)
    axis.set_xlim(low, high)
    axis.grid(visible=False, axis="x")
    axis.set_xlabel("Operations of the solution")


def lines(
    axis: "Axes",
    frame: "pd.DataFrame",
    column: str,
    at: dict[Cell, float],
    aside: float = 0.0,
    scale: float = 1.0,
    **look: Any,
) -> None:
    """Mean of a column over seeds in each cell, joined over op; 95 % intervals, a dot per seed.

    look: color, marker, and ls of the joining line. `scale`: 100 for per cent.
    """
    style = {"ls": "-", **look}
    joined = []
    for cell, x in at.items():
        values = scale * by_seed(of_cell(frame, cell), column)
        dots = {"marker": style["marker"], "aside": 0.07}
        spread(axis, x + aside, values, style["color"], **dots)
        if values.size and cell[0] != MIX and not cell[1]:
            joined.append((x + aside, values.mean()))
    if joined:
        x, y = zip(*joined, strict=True)
        axis.plot(x, y, color=style["color"], ls=style["ls"], lw=1, zorder=3)


def dashes(
    axis: "Axes", frame: "pd.DataFrame", column: str, at: dict[Cell, float], **look: Any
) -> None:
    """A level line over each cell at the mean of a share, in per cent."""
    for cell, x in at.items():
        value = of_cell(frame, cell)[column].mean()
        if not np.isnan(value):
            axis.hlines(100 * value, x - 0.42, x + 0.42, zorder=2, **look)


def diamonds(axis: "Axes", x: Any, y: Any, order: str, **look: Any) -> None:
    """Published values of an order of texts."""
    style = {**PUBLISHED_LOOK, "color": order_look(order)["color"], "zorder": 4, **look}
    axis.plot(np.asarray(x, dtype=float), np.asarray(y, dtype=float), **style)
