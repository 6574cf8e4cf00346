"""Pieces that several figures draw: estimates with their seeds, maps with numbers, legends.

Accuracies are shares in the tables and per cent on the axes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from physlm.statistics import interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Published values are hollow diamonds, majority guesses dotted lines, in every figure.
PUBLISHED_LOOK = {"marker": "D", "ms": 4.5, "mfc": "none", "mew": 1.0, "ls": ""}
MAJORITY_LOOK = {"color": "0.35", "ls": ":", "lw": 1.2}


def colours() -> list[Any]:
    """Ten colours that the colour-blind can tell apart."""
    import seaborn as sns

    return list(sns.color_palette("colorblind", 10))


def estimate(
    axis: "Axes",
    at: float,
    values: "np.ndarray | pd.Series",
    colour: Any,
    marker: str = "o",
    across: bool = False,
    aside: float = 0.0,
) -> None:
    """Mean of `values` [n seeds] (shares) with its 95 % interval, in per cent, and a dot per seed.

    `at` is the place on the other axis: x, or y if `across`; the dots are `aside` of it. One seed
    has no interval.
    """
    values = 100 * np.asarray(values, dtype=float)
    values = values[~np.isnan(values)]
    if values.size == 0:
        return
    mean, low, high = interval(values)
    half = 0.0 if np.isnan(low) else (high - low) / 2
    look = {"fmt": marker, "color": colour, "ms": 4.5, "lw": 1, "capsize": 2, "zorder": 5}
    places = np.full(values.size, at + aside)
    if across:
        axis.errorbar([mean], [at], xerr=[half], **look)
    else:
        axis.errorbar([at], [mean], yerr=[half], **look)
    if values.size > 1:
        x, y = (values, places) if across else (places, values)
        axis.scatter(x, y, s=6, color=colour, alpha=0.7, zorder=4, linewidths=0)


def by_seed(frame: "pd.DataFrame", column: str) -> "np.ndarray":
    """Mean of `column` over the rows of each seed [n seeds]; seeds without a value are left out."""
    return frame.groupby("seed")[column].mean().dropna().to_numpy()


def heat_map(
    axis: "Axes",
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    size: float = 6.5,
) -> None:
    """Shares [rows, columns] as colours with the per cent written in; NaN is left blank."""
    from matplotlib import colormaps

    colour_map = colormaps["cividis"].with_extremes(bad="white")
    axis.imshow(values, cmap=colour_map, vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.grid(visible=False)
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value):
            shade = "white" if value < 0.55 else "black"
            text = f"{100 * value:.0f}"
            axis.text(j, i, text, ha="center", va="center", fontsize=size, color=shade)


def name(attribute: str) -> str:
    """An attribute as it is written on an axis, short: "empl. city"."""
    return attribute.replace("_", " ").replace("employer ", "empl. ")


def seeds(frame: "pd.DataFrame", groups: Sequence[str]) -> str:
    """How many seeds the points of a panel have, e.g. "n = 3 seeds" or "n = 1 to 3 seeds"."""
    counts = sorted(set(frame.groupby(list(groups), dropna=False)["seed"].nunique()))
    if not counts:
        return "no runs"
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"n = {span} seed{'' if counts == [1] else 's'}"


def whole_range(frame: "pd.DataFrame", column: str) -> str:
    """The values of a count, e.g. "250" or "250 to 1,000"."""
    found = frame[column].dropna()
    if found.empty:
        return "?"
    low, high = int(found.min()), int(found.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def mark(label: str, **look: Any) -> Any:
    """A handle of a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **{"ls": "", "color": "0.3", "ms": 5, **look})


def ladder(found: Sequence[str], published: Sequence[str]) -> list[str]:
    """The variants found, in the published order; others after them, by name."""
    first = [variant for variant in dict.fromkeys(published) if variant in set(found)]
    return first + sorted(set(found) - set(first))


def attribute_panel(
    axis: "Axes",
    series: Sequence[tuple["pd.DataFrame", "pd.DataFrame", Any, str]],
    scores: Sequence[str],
) -> None:
    """Test accuracy of each series side by side, for the mean and every attribute.

    A series is (runs, published rows, colour, marker); series without runs leave their place empty
    and nothing is drawn of what was published. `scores` are "mean" and names of attributes.
    """
    import pandas as pd

    present = [part for part in series if len(part[0])]
    step = 0.8 / max(len(present), 1)
    everything = pd.concat([runs for runs, *_ in present])
    for x, score in enumerate(scores):
        suffix = "" if score == "mean" else f"_{score}"
        for i, (runs, published, colour, marker) in enumerate(present):
            at = x + step * (i - (len(present) - 1) / 2)
            values = by_seed(runs, f"test_accuracy{suffix}")
            estimate(axis, at, values, colour, marker, aside=0.3 * step)
            y = 100 * published[f"test_accuracy{suffix}"].dropna()
            axis.plot(np.full(len(y), at), y, color=colour, zorder=3, **PUBLISHED_LOOK)
        guess = 100 * everything[f"majority_accuracy{suffix}"].mean()
        axis.hlines(guess, x - 0.45, x + 0.45, **MAJORITY_LOOK, zorder=2)
    for edge in np.arange(len(scores) - 1) + 0.5:
        axis.axvline(edge, color="0.6" if edge < 1 else "0.88", lw=0.8)
    axis.grid(visible=False, axis="x")
    axis.set_xticks(range(len(scores)), [name(score) for score in scores])
    axis.set(xlim=(-0.5, len(scores) - 0.5), ylim=(-4, 106), ylabel="Right answers (%)")
