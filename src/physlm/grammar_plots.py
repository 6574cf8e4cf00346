"""Pieces that the figures of grammars share: looks of architectures, levels, and points."""

from typing import TYPE_CHECKING, Any

import numpy as np

from physlm.grammar_runs import ARCHITECTURES, UNTRAINED, label
from physlm.plotting import colours, mark
from physlm.statistics import interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

GREY = "0.5"
# Of the architectures, in their order, and of any other; colour 7 is the grey of controls.
MARKERS = ("o", "s", "^", "v", "P", "X", "h", "*", "d")
PLACES = (0, 1, 2, 3, 4, 5, 6, 9, 8)
POINTS = "mean, 95 % interval; dots: seeds"


def look(arch: str) -> dict[str, Any]:
    """Colour and marker of an architecture, the same in every figure."""
    if arch == UNTRAINED:
        return {"color": GREY, "marker": "x"}
    known = list(ARCHITECTURES)
    place = known.index(arch) if arch in known else len(known)
    return {"color": colours()[PLACES[place]], "marker": MARKERS[place]}


def level_colours(n: int) -> list[Any]:
    """Colours of the heights 1 to n above the tokens, from light to dark."""
    import seaborn as sns

    return list(sns.color_palette("flare", n))


def spread(
    axis: "Axes",
    at: float,
    values: "np.ndarray | pd.Series",
    colour: Any,
    marker: str = "o",
    aside: float = 0.0,
    log: bool = False,
) -> None:
    """Mean of `values` [n seeds] with its 95 % interval, and a dot per seed `aside` of it.

    log: mean and interval are those of the logarithms, for values above 0 on such an axis.
    """
    values = np.asarray(values, dtype=float)
    values = values[~np.isnan(values) & ((values > 0) | (not log))]
    if values.size == 0:
        return
    mean, low, high = interval(np.log(values) if log else values)
    low, high = (mean, mean) if np.isnan(low) else (low, high)
    if log:
        mean, low, high = np.exp([mean, low, high])
    style = {"fmt": marker, "color": colour, "ms": 4.5, "lw": 1, "capsize": 2, "zorder": 5}
    axis.errorbar([at], [mean], yerr=[[mean - low], [high - mean]], **style)
    if values.size > 1:
        place = np.full(values.size, at + aside)
        axis.scatter(place, values, s=6, color=colour, alpha=0.7, zorder=4, linewidths=0)


def offsets(n: int, width: float = 0.8) -> list[float]:
    """Places beside a tick for n series that share it."""
    return [width / n * (i - (n - 1) / 2) for i in range(n)] if n else []


def arch_ticks(axis: "Axes", arches: list[str]) -> None:
    """Name the architectures along the x axis."""
    axis.set_xticks(range(len(arches)), [label(a).replace(" ", "\n") for a in arches])
    axis.tick_params(axis="x", labelsize=7, rotation=30 if len(arches) > 3 else 0)
    axis.set_xlim(-0.5, len(arches) - 0.5)
    axis.grid(visible=False, axis="x")


def arch_marks(arches: list[str]) -> list[Any]:
    """Legend handles of architectures."""
    return [mark(label(a), **look(a)) for a in arches]


def height_ticks(axis: "Axes", heights: list[int]) -> None:
    """Number the heights along the x axis, which runs from 1, next to the tokens."""
    axis.set_xticks(heights, [str(h) for h in heights])
    axis.set_xlim(min(heights) - 0.5, max(heights) + 0.5)
    axis.grid(visible=False, axis="x")
