"""The capacity law: learned bits per parameter against model size and against bits of data.

Source: Allen-Zhu and Li, Part 3.3 (arXiv 2404.05405), Figure 1 and Results 1 and 4. A row of panels
per number of exposures; the left column has the model's size on the axis, the right one the bits of
data per parameter, on which models of every scale can be compared. Untrained models (zero
exposures) are the control.
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
    "lr_peak",
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
WORLD_NAMES = {"biod": "bioD", "bios": "bioS"}
MARKERS: dict[Any, str] = {1: "^", 2: "o", 3: "s", 4: "D"}


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per run of the input role `runs` (folders with measure.json), sorted by design."""
    frame = pd.DataFrame(read_runs(inputs["runs"], "measure.json"))
    frame = frame.reindex(columns=[*COLUMNS, *sorted(set(frame.columns) - set(COLUMNS))])
    scalar = [c for c in frame.columns if not frame[c].map(lambda v: isinstance(v, dict)).any()]
    return frame[scalar].sort_values([*CONFIGURATION, "lr_peak", "seed"], ignore_index=True)


def best_learning_rates(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs at the learning rate that stores most, of every configuration; the others are left.

    That is the rate with the highest mean bits_per_param over its seeds (the lower rate of two
    alike). Part 3.3 shows the best of three where it compares architectures (Appendix B) and lists
    several at 100 exposures from 2M people (Parameter 2).
    """
    keys = [*CONFIGURATION, "lr_peak"]
    rates = pd.DataFrame(frame.groupby(keys, as_index=False)["bits_per_param"].mean())
    rates = rates.sort_values(by=["bits_per_param", "lr_peak"], ascending=[False, True])
    return frame.merge(rates.drop_duplicates(CONFIGURATION)[keys], on=keys)


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean, 95 % interval (Student's t over seeds) and n of bits_per_param per configuration.

    `frame` has one learning rate for each, see best_learning_rates. Columns: CONFIGURATION,
    n_params, max_bits_per_param (mean), mean, low, high, n.
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

    frame = best_learning_rates(frame)
    trained = frame[frame["exposures_nominal"] > 0]
    untrained = frame[frame["exposures_nominal"] == 0]
    exposures = sorted(trained["exposures_nominal"].unique(), reverse=True)
    people = sorted(trained["n_people"].unique())
    colours = dict(zip(people, sns.color_palette("colorblind", len(people)), strict=True))
    published = pd.read_csv(PUBLISHED / "capacity.csv")
    figure, axes = plt.subplots(
        len(exposures), 2, figsize=(8.6, 3.1 * len(exposures) + 0.6), squeeze=False, sharey="row"
    )
    for row, n in zip(axes, exposures, strict=True):
        runs = trained[trained["exposures_nominal"] == n]
        reference = published[published["exposures_nominal"] == n]
        _by_size(row[0], runs, untrained, colours)
        _by_data(row[1], runs, untrained, colours, reference)
        _law(row[0], LAW.get(n), "right")
        _law(row[1], LAW.get(n), "left")
        row[0].set_title(f"{n:,} exposures: {_describe(runs)}", loc="left")
        row[0].set_ylim(*_limits(pd.concat([runs, untrained]), reference, LAW.get(n, 0.0)))
    depths = sorted(trained["n_layers"].unique())
    handles = _handles(colours, depths, not published.empty, not untrained.empty)
    figure.legend(handles=handles, loc="lower center", ncol=4, frameon=False)
    figure.tight_layout(rect=(0, 0.55 / figure.get_figheight(), 1, 1))
    return figure


def _describe(runs: pd.DataFrame) -> str:
    seeds = sorted(runs.groupby(CONFIGURATION).size().unique())
    span = " to ".join(map(str, seeds[:: max(1, len(seeds) - 1)]))
    worlds = ", ".join(WORLD_NAMES.get(w, w) for w in sorted(set(map(str, runs["world"]))))
    return f"{worlds}, {len(runs)} runs, n = {span} seed{'s' if seeds != [1] else ''} per point"


def _limits(runs: pd.DataFrame, reference: pd.DataFrame, law: float) -> tuple[float, float]:
    top = max(1.2 * law, 1.08 * summary(runs)[["mean", "high"]].max().max())
    if not reference.empty:
        top = max(top, 1.08 * (reference["learned_bits"] / reference["n_params"]).max())
    return min(0.0, 1.2 * runs["bits_per_param"].min()), top


def _law(axis: "Axes", law: float | None, side: str) -> None:
    if law is None:
        return
    axis.axhline(law, color="black", lw=1, zorder=1)
    axis.annotate(
        f"published: {law:g} bit/param",
        (0.985 if side == "right" else 0.015, law),
        xycoords=("axes fraction", "data"),
        ha=side,
        va="bottom",
        fontsize=7,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        zorder=2.5,
    )


def _points(
    axis: "Axes", runs: pd.DataFrame, untrained: pd.DataFrame, colours: dict[Any, Any], x: str
) -> None:
    means = summary(runs).sort_values(x)
    for n_people, group in means.groupby("n_people"):
        axis.plot(group[x], group["mean"], color=colours[n_people], lw=0.8, alpha=0.5, zorder=3)
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
            zorder=5,
        )
    for n_people, group in runs.groupby("n_people"):
        axis.scatter(group[x], group["bits_per_param"], s=6, color=colours[n_people], zorder=4)
    axis.scatter(untrained[x], untrained["bits_per_param"], s=14, color="0.45", marker="x")


def _by_size(
    axis: "Axes", runs: pd.DataFrame, untrained: pd.DataFrame, colours: dict[Any, Any]
) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    sizes = np.geomspace(runs["n_params"].min() / 1.3, runs["n_params"].max() * 1.3, 100)
    for n_people, group in runs.groupby("n_people"):
        bits = (group["max_bits_per_param"] * group["n_params"]).mean()
        axis.plot(sizes, bits / sizes, ls="--", lw=0.8, color=colours[n_people], zorder=2)
    _points(axis, runs, untrained, colours, "n_params")
    axis.set(xscale="log", xlabel="Parameters", ylabel="Learned bits per parameter")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _by_data(
    axis: "Axes",
    runs: pd.DataFrame,
    untrained: pd.DataFrame,
    colours: dict[Any, Any],
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
    _points(axis, runs, untrained, colours, "max_bits_per_param")
    axis.set(xscale="log", xlabel="Bits of data per parameter")
    ticks = [t for t in 2.0 ** np.arange(-10, 11) if span[0] <= t <= span[-1]]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks], minor=False)
    axis.minorticks_off()


def _handles(
    colours: dict[Any, Any], depths: list[int], published: bool, untrained: bool
) -> list[Any]:
    from matplotlib.lines import Line2D

    def mark(label: str, **look: Any) -> Line2D:
        return Line2D([], [], label=label, **{"ls": "", "color": "0.3", "ms": 5, **look})

    handles = [mark(f"{n:,} people", color=c, ls="-", lw=3) for n, c in colours.items()]
    handles += [
        mark(f"{d} layer{'s' if d > 1 else ''}", marker=MARKERS.get(d, "v")) for d in depths
    ]
    handles.append(mark("mean, 95 % interval; dots: seeds", marker="|", ms=8))
    handles.append(mark("ceiling: all bits of the data", ls="--", lw=0.8, color="0.4"))
    if untrained:
        handles.append(mark("untrained (control)", marker="x", color="0.45"))
    if published:
        handles.append(mark("published, 0.8M to 255M", marker="D", color="0.75", ms=4))
    return handles
