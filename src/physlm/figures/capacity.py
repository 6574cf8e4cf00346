"""The capacity law: learned bits per parameter against model size and against bits of data.

Source: Allen-Zhu and Li, Part 3.3 (arXiv 2404.05405), Figure 1 and Results 1 and 4. A row of panels
per number of exposures; the left column has the model's size on the axis, the right one the bits of
data per parameter, on which models of every scale can be compared. Untrained models (zero
exposures) are the control and are in the table only.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.figures.base import PUBLISHED, read_runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/capacity.csv",)
COLUMNS = [
    "world",
    "arch",
    "n_people",
    "exposures_nominal",
    "exposures",
    "n_layers",
    "d_model",
    "n_params",
    "seed",
    "steps",
    "loss_name_nats",
    "loss_value_nats",
    "loss_first_chunk_nats",
    "value_accuracy",
    "learned_bits",
    "max_learned_bits",
    "total_bits",
    "bits_per_param",
    "max_bits_per_param",
]
# The published peak of bits per parameter, by exposures (Results 1 and 4).
LAW = {1000: 2.0, 100: 1.0}
CONFIGURATION = ["world", "arch", "exposures_nominal", "n_people", "n_layers", "d_model"]
MARKERS: dict[Any, str] = {1: "^", 2: "o", 3: "s", 4: "D"}


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per run of the input role `runs` (folders with measure.json), sorted by design."""
    frame = pd.DataFrame(read_runs(inputs["runs"], "measure.json"))
    frame = frame.reindex(columns=[*COLUMNS, *sorted(set(frame.columns) - set(COLUMNS))])
    scalar = [c for c in frame.columns if not frame[c].map(lambda v: isinstance(v, dict)).any()]
    return frame[scalar].sort_values([*CONFIGURATION, "seed"], ignore_index=True)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean, 95 % interval (Student's t over seeds) and n of bits_per_param per configuration.

    Columns: CONFIGURATION, n_params, max_bits_per_param (mean), mean, low, high, n.
    """
    from physlm.statistics import interval

    rows = []
    for key, group in frame.groupby(CONFIGURATION, sort=True):
        mean, low, high = interval(group["bits_per_param"].to_numpy())
        rows.append(
            dict(zip(CONFIGURATION, key, strict=True))
            | {
                "n_params": int(group["n_params"].iloc[0]),
                "max_bits_per_param": group["max_bits_per_param"].mean(),
                "mean": mean,
                "low": low,
                "high": high,
                "n": len(group),
            }
        )
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame) -> "Figure":
    """The figure: rows are exposures (most first), columns size and bits of data per parameter."""
    import matplotlib.pyplot as plt
    import seaborn as sns

    trained = frame[frame["exposures_nominal"] > 0]
    exposures = sorted(trained["exposures_nominal"].unique(), reverse=True)
    people = sorted(trained["n_people"].unique())
    colours = dict(zip(people, sns.color_palette("colorblind", len(people)), strict=True))
    published = pd.read_csv(PUBLISHED / "capacity.csv")
    figure, axes = plt.subplots(
        len(exposures), 2, figsize=(8.6, 3.1 * len(exposures) + 0.7), squeeze=False, sharey="row"
    )
    for row, n in zip(axes, exposures, strict=True):
        runs = trained[trained["exposures_nominal"] == n]
        reference = published[published["exposures_nominal"] == n]
        _by_size(row[0], runs, colours, LAW.get(n))
        _by_data(row[1], runs, colours, LAW.get(n), reference)
        row[0].set_title(f"{n:,} exposures ({_describe(runs)})", loc="left")
        top = max(1.25 * LAW.get(n, 0), 1.15 * runs["bits_per_param"].max())
        if not reference.empty:
            top = max(top, 1.08 * (reference["learned_bits"] / reference["n_params"]).max())
        row[0].set_ylim(min(0, 1.1 * runs["bits_per_param"].min()), top)
    _legend(figure, people, colours, sorted(trained["n_layers"].unique()), not published.empty)
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    return figure


def _describe(runs: pd.DataFrame) -> str:
    seeds = runs.groupby(CONFIGURATION).size()
    span = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
    return f"{', '.join(sorted(runs['world'].unique()))}, {len(runs)} runs, {span} seeds each"


def _law(axis: "Axes", law: float | None) -> None:
    if law is not None:
        axis.axhline(law, color="black", lw=1, ls="-", zorder=1)
        axis.annotate(
            f"published law: {law:g} bit/param",
            (0.99, law),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=7,
        )


def _points(axis: "Axes", runs: pd.DataFrame, colours: dict[Any, Any], x: str) -> None:
    means = summary(runs)
    for (n_people, depth), group in means.groupby(["n_people", "n_layers"]):
        axis.errorbar(
            group[x],
            group["mean"],
            yerr=[group["mean"] - group["low"], group["high"] - group["mean"]],
            fmt=MARKERS.get(depth, "v"),
            ms=4.5,
            lw=1,
            capsize=2,
            color=colours[n_people],
            zorder=4,
        )
    for n_people, group in runs.groupby("n_people"):
        axis.scatter(
            group[x], group["bits_per_param"], s=5, color=colours[n_people], alpha=0.5, zorder=3
        )


def _by_size(axis: "Axes", runs: pd.DataFrame, colours: dict[Any, Any], law: float | None) -> None:
    sizes = np.geomspace(runs["n_params"].min() / 1.3, runs["n_params"].max() * 1.3, 100)
    for n_people, group in runs.groupby("n_people"):
        bits = (group["max_bits_per_param"] * group["n_params"]).mean()
        axis.plot(sizes, bits / sizes, ls="--", lw=0.8, color=colours[n_people], zorder=2)
    _points(axis, runs, colours, "n_params")
    _law(axis, law)
    axis.set(xscale="log", xlabel="Parameters", ylabel="Learned bits per parameter")


def _by_data(
    axis: "Axes",
    runs: pd.DataFrame,
    colours: dict[Any, Any],
    law: float | None,
    reference: pd.DataFrame,
) -> None:
    offered = runs["max_bits_per_param"]
    if not reference.empty:
        x = reference["max_learned_bits"] / reference["n_params"]
        y = reference["learned_bits"] / reference["n_params"]
        axis.scatter(x, y, s=14, color="0.75", marker="D", zorder=2)
        offered = pd.concat([offered, x])
    span = np.geomspace(offered.min() / 1.2, offered.max() * 1.2, 100)
    axis.plot(span, span, ls="--", lw=0.8, color="0.4", zorder=2)
    _points(axis, runs, colours, "max_bits_per_param")
    _law(axis, law)
    axis.set(xscale="log", xlabel="Bits of data per parameter")
    ticks = [t for t in (0.25, 0.5, 1, 2, 4, 8) if span[0] <= t <= span[-1]]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks], minor=False)
    axis.minorticks_off()


def _legend(
    figure: "Figure", people: list[int], colours: dict[Any, Any], depths: list[int], published: bool
) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colours[n], lw=3, label=f"{n:,} people") for n in people]
    handles += [
        Line2D([], [], color="0.3", marker=MARKERS.get(d, "v"), ls="", ms=5, label=f"{d} layers")
        for d in depths
    ]
    handles.append(Line2D([], [], color="0.4", ls="--", lw=0.8, label="ceiling: all bits of data"))
    if published:
        handles.append(
            Line2D([], [], color="0.75", marker="D", ls="", ms=4, label="published, 0.8M to 255M")
        )
    handles.append(
        Line2D([], [], color="0.3", marker="|", ls="", ms=8, label="95 % interval; dots: seeds")
    )
    figure.legend(handles=handles, loc="lower center", ncol=5, frameon=False)
