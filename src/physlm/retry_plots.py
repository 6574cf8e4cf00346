"""Pieces that the figures of retry data share: curves over the rate, looks of arms."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from physlm.grammar_plots import POINTS, spread
from physlm.plotting import PUBLISHED_LOOK, colours, mark, seeds, whole_range
from physlm.retry_runs import asked, by_seed, error_free, gain, reported_op, shown_op, tasks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "0.35"
BAND = "0.88"
TITLE_SIZE = 8.5
THEIRS: dict[str, Any] = {**PUBLISHED_LOOK, "color": GREY, "zorder": 4}
PUBLISHED_CELLS = "published (85M): mean and range of med op 23 and hard op 32, both orders"
# Kind of mistakes -> what figures call it, in their order.
KINDS = {
    "perfect": "not ready (retry)",
    "weak": "of a later step (weak)",
    "weak_self": "of this or a later step",
    "miss": "any not used yet (miss)",
    "right": "the right step itself",
}
MARKERS = dict(zip(KINDS, ("o", "s", "P", "^", "X"), strict=True))


def kind_look(kind: str) -> dict[str, Any]:
    """Colour and marker of a kind of mistakes, the same in every figure."""
    return {"color": colours()[list(KINDS).index(kind)], "marker": MARKERS[kind]}


def curve(
    axis: "Axes",
    points: Mapping[float, "pd.Series"],
    color: Any,
    marker: str = "o",
    aside: float = 0.0,
    ls: str = "-",
    hollow: bool = False,
) -> None:
    """Means over seeds at each rate, joined, with 95 % intervals and a dot per seed.

    points: the rate, or another place on the x axis, -> values per seed. hollow: empty markers.
    """
    kept = {x + aside: values for x, values in sorted(points.items()) if len(values)}
    for x, values in kept.items():
        spread(axis, x, values, color, marker, 0.006)
    means = [values.mean() for values in kept.values()]
    axis.plot(list(kept), means, color=color, ls=ls, lw=1, zorder=3)
    if hollow:
        empty = {"marker": marker, "ls": "", "ms": 2.8, "color": "white", "zorder": 6}
        axis.plot(list(kept), means, **empty)


def by_rate(rows: "pd.DataFrame") -> dict[float, "pd.DataFrame"]:
    """The rows of each rate."""
    return {float(rate): rows[rows["rate"] == rate] for rate in sorted(rows["rate"].unique())}


def accuracies(rows: "pd.DataFrame", op: int) -> dict[float, "pd.Series"]:
    """Per rate of `rows`, accuracy at op per seed, in per cent."""
    own = asked(rows[rows["op"] == op])
    return {rate: 100 * by_seed(part) for rate, part in by_rate(own).items()}


def gains(rows: "pd.DataFrame", task: "pd.DataFrame", op: int) -> dict[float, "pd.Series"]:
    """Per rate of `rows`, accuracy at op minus that of the error-free model of the same seed, in
    points.
    """
    own, base = asked(rows[rows["op"] == op]), asked(error_free(task[task["op"] == op]))
    return {rate: 100 * gain(part, base) for rate, part in by_rate(own).items()}


def retries(rows: "pd.DataFrame", op: int) -> dict[float, "pd.Series"]:
    """Per rate of `rows`, sentences taken back per right solution at op, per seed."""
    own = asked(rows[rows["op"] == op])
    return {rate: by_seed(part, "backs") for rate, part in by_rate(own).items()}


def training_band(axis: "Axes", task: "pd.DataFrame", op: int, rates: list[float]) -> None:
    """Between how many mistakes texts of training with so many operations have on average.

    A step has p / (1 - p) mistakes where candidates abound. At least one candidate is there before
    every step but the last, so p for each of these is the least.
    """
    steps = asked(task[task["op"] == op])["necessary"].mean()
    if not rates or np.isnan(steps):
        return
    p = np.linspace(0, max(rates), 101)
    axis.fill_between(p, p * max(0, steps - 1), p / (1 - p) * steps, color=BAND, lw=0, zorder=1)


def retries_axis(axis: "Axes") -> None:
    """A scale on which none, a few and many are told apart."""
    axis.set_yscale("symlog", linthresh=0.1)
    axis.set_yticks([0, 0.05, 0.1, 0.3, 1, 3, 10])
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(_no_ticks())
    axis.set(ylim=(-0.015, 20), ylabel="Retries per right solution")


def _no_ticks() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def rate_axis(axis: "Axes", rates: list[float]) -> None:
    """Name the rates, of which 0 is error-free."""
    found = sorted({0.0, *rates})
    axis.set_xticks(found, [f"{rate:g}".removeprefix("0") or "0" for rate in found])
    axis.tick_params(axis="x", labelsize=7)
    axis.set_xlim(-0.03, max(found) + 0.03)
    axis.grid(visible=False, axis="x")
    axis.set_xlabel("Retry rate p of training")


def theirs(axis: "Axes", points: Mapping[float, "pd.Series"], **look: Any) -> None:
    """Published values at each place: their mean, and the range of the cells."""
    kept = {x: values.dropna() for x, values in sorted(points.items())}
    kept = {x: values for x, values in kept.items() if len(values)}
    style = {**THEIRS, "ls": ":", "lw": 1, **look}
    for x, values in kept.items():
        axis.vlines(x, values.min(), values.max(), color=style["color"], lw=0.7, zorder=2)
    axis.plot(list(kept), [values.mean() for values in kept.values()], **style)


def task_panels(
    frame: "pd.DataFrame",
) -> tuple["Figure", list[tuple["np.ndarray", str, "pd.DataFrame", int]]]:
    """A figure with a row of three panels per task; and of each its axes, the name of the task, its
    rows and the op that is shown.
    """
    import matplotlib.pyplot as plt

    shown = tasks(frame)
    n_rows = max(len(shown), 1)
    figure, axes = plt.subplots(
        n_rows,
        3,
        figsize=(11.2, 3.0 * n_rows + 0.9),
        gridspec_kw={"width_ratios": [1.15, 1, 1]},
        squeeze=False,
        layout="constrained",
    )
    own = [frame[frame["task"] == name] for name in shown]
    ops = map(shown_op, own)
    return figure, list(zip(axes, shown, own, ops, strict=False))


def name_panels(row: "np.ndarray", titles: tuple[str, ...]) -> None:
    """Titles of the panels of a row."""
    for axis, title in zip(row, titles, strict=True):
        axis.set_title(title, loc="left", fontsize=TITLE_SIZE)


def op_name(task: "pd.DataFrame", op: int) -> str:
    """An op as titles name it, with its place relative to training."""
    place = "in range" if op <= task["op_max"].iloc[0] else f"trained to {task['op_max'].iloc[0]}"
    return f"op {op} ({place})"


def size_title(task: "pd.DataFrame", groups: list[str]) -> str:
    """Size and training of the models that are compared; seeds and problems of a row's points."""
    rows = asked(task)
    pretrained = error_free(rows)
    millions, tokens = pretrained["n_params"].mean() / 1e6, pretrained["tokens"].mean() / 1e6
    size = f"{millions:.2g}M parameters, {tokens:.3g}M tokens"
    return f"{size}, {seeds(rows, groups)}, {whole_range(rows, 'n')} problems"


def regime_note(task: "pd.DataFrame") -> str:
    """How well the error-free model does at the op that a figure shows."""
    op = shown_op(task)
    base = 100 * asked(error_free(task[task["op"] == op]))["accuracy"].mean()
    within = "" if reported_op(task) else ", where no gain can show"
    return f"error-free {base:.1f} %{within}"


def masked_mark() -> Any:
    """The handle of masked arms."""
    return mark("mistakes masked", marker="o", mfc="white")


def points_mark() -> Any:
    """The handle of points with their seeds."""
    return mark(POINTS, marker="|", ms=8)
