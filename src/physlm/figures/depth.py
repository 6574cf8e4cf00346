"""Whether depth matters for reasoning more than width, and what each layer knows of the question.

Source: Allen-Zhu and Li, Part 2.1 (arXiv 2407.20311), Section 5, Figures 9 and 10. Models of about
equal size, from shallow and wide to deep and narrow, with the same problems; and probes of whether
a parameter is needed, asked of each layer, by how far the parameter is from the question in the
dependency graph. Needed parameters alone are counted there: a layer that knows nothing says no.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from physlm.exams import as_table
from physlm.figures import reasoning, v_probing
from physlm.grammar_plots import POINTS, level_colours, spread
from physlm.plotting import MAJORITY_LOOK, mark, seeds
from physlm.problem_plots import IN_RANGE, MARKERS, cell_axis, dashes, lines, places
from physlm.problem_runs import (
    FACTS,
    SHAPE,
    best_rates,
    pooled,
    presets,
    published,
    read,
    shapes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/depth.csv",)
# What a row is of: solutions of an op, or needed parameters at a distance as a layer knows them.
SOLVED, PROBED = "solved", "probed"
COLUMNS = [*FACTS, "part", "op", "reask", "layer", "distance", "control", "n", "accuracy"]
# Parameters at a distance, in a seed and layer, of which a share can still be read off a drawing.
FEWEST = 20
DESIGN = ["preset", "order", *SHAPE, "seed", "part", "reask", "op", "layer", "distance"]


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows of models of the role `runs` (evaluate.json, measure reasoning), part solved: per op and
    reask; and of the role `probes` (v_probe.json), part probed: per layer (from 0; empty: the last
    one's, normed), op, reask and distance of needed parameters, task nece.
    """
    rows = []
    for run in read(inputs.get("runs", []), "evaluate.json", "reasoning"):
        found = [row for row in reasoning.rows_of(run) if row["part"] == reasoning.OP]
        rows += [row | {"part": SOLVED} for row in found]
    for run in read(inputs.get("probes", []), "v_probe.json"):
        found = [row for row in v_probing.rows_of(run) if row.get("distance") is not None]
        rows += [row | {"part": PROBED} for row in found]
    return as_table(rows, COLUMNS, DESIGN)


def layer_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns seed, layer, distance, n, accuracy: of trained models' needed parameters, all op
    together but those of reask, without the query itself (distance 0).

    The last layer's normed output counts as the last layer where that was not asked itself.
    """
    rows = frame[(frame["part"] == PROBED) & (frame["control"] == "none") & (frame["steps"] > 0)]
    rows = rows[~rows["reask"].astype(bool) & (rows["distance"] > 0)]
    last = rows["n_layers"] - 1
    rows = rows[rows["layer"].notna() | ~last.isin(rows["layer"])]
    rows = rows.assign(layer=rows["layer"].fillna(last))
    keys = ["seed", "layer", "distance"]
    shares = pooled(rows, keys)
    return pd.DataFrame({"accuracy": shares, "n": rows.groupby(keys)["n"].sum()}).reset_index()


def draw(frame: pd.DataFrame) -> "Figure":
    """A row per preset: accuracy by op, by layers, the published, and what the layers know."""
    import matplotlib.pyplot as plt

    shown = presets(frame)
    figure, axes = plt.subplots(
        max(len(shown), 1),
        4,
        figsize=(12.4, 2.9 * max(len(shown), 1) + 0.7),
        gridspec_kw={"width_ratios": [1.3, 0.9, 1, 1.2]},
        squeeze=False,
        layout="constrained",
    )
    for row, preset in zip(axes, shown, strict=False):
        own = frame[(frame["preset"] == preset) & (frame["steps"] > 0)]
        solved = own[(own["part"] == SOLVED) & ~own["reask"].astype(bool)]
        solved = best_rates(solved)
        if len(solved):
            _by_op(row[0], solved)
            _by_depth(row[1], solved)
            title = f"{preset}: right solutions\n{seeds(solved, ['order', *SHAPE])}"
            row[0].set_title(title, loc="left")
        _published(row[2])
        _layers(row[3], own[own["part"] == PROBED])
    handles = _handles()
    figure.legend(handles=handles, loc="outside lower center", ncol=len(handles), frameon=False)
    return figure


def _by_op(axis: "Axes", solved: pd.DataFrame) -> None:
    at = places(solved)
    found = shapes(solved)
    for i, ((n_layers, d_model), colour) in enumerate(
        zip(found, level_colours(len(found)), strict=True)
    ):
        own = solved[(solved["n_layers"] == n_layers) & (solved["d_model"] == d_model)]
        aside = 0.12 * (i - (len(found) - 1) / 2)
        lines(axis, own, "accuracy", at, aside, 100, color=colour, marker="o")
        millions = own["n_params"].mean() / 1e6
        label = f"{n_layers} x {d_model} ({millions:.2g}M)"
        if "lr_peak" in solved and solved["lr_peak"].nunique() > 1:
            label += f", lr {own['lr_peak'].iloc[0]:g}"
        axis.plot([], [], color=colour, marker="o", ms=4, lw=1, label=label)
    dashes(axis, solved, "majority", at, **MAJORITY_LOOK)
    cell_axis(axis, at, int(solved["op_max"].iloc[0]))
    # Between the curves, which begin near 100 %, and the line of the commonest answer.
    look = {"frameon": False, "fontsize": 6.5, "title_fontsize": 6.5}
    axis.legend(title="layers x width", loc="center left", **look)
    axis.set(ylim=(-4, 106), ylabel="Right (%)")


def _by_depth(axis: "Axes", solved: pd.DataFrame) -> None:
    """Beyond the range of training, all op together; runs of one seed are joined."""
    beyond = solved[solved["op"] > solved["op_max"]]
    values = pooled(beyond, ["n_layers", "seed"]).reset_index(name="share")
    ticks = sorted(values["n_layers"].unique())
    for _, own in values.groupby("seed"):
        axis.plot(own["n_layers"], 100 * own["share"], color="0.6", lw=0.7, zorder=2)
    for n_layers, own in values.groupby("n_layers"):
        spread(axis, float(n_layers), 100 * own["share"], "black")  # type: ignore[arg-type]
    axis.set_xscale("log")
    axis.set_xticks(ticks, [str(int(n)) for n in ticks])
    axis.set_xticks([], minor=True)
    axis.set(ylim=(-4, 106), xlabel="Layers", ylabel="Right (%)")
    axis.set_title("the same, beyond\nthe range of training", loc="left")


def _published(axis: "Axes") -> None:
    """The hardest set of each preset and order, by layers, two sizes."""
    theirs = published("depth")
    for (preset, order), own in theirs.groupby(["preset", "order"]):
        hardest = own[own["op"] == own["op"].max()]
        for size, part in hardest.groupby("size"):
            look = {"ls": "-" if size == 1 else ":", "lw": 0.8, "ms": 4}
            look |= {"color": "C0" if preset == "med" else "C3"}
            look |= {"marker": MARKERS[str(order)], "mfc": "none"}
            label = f"{preset} {order}, op {hardest['op'].max()}" if size == 1 else None
            axis.plot(part["n_layers"], 100 * part["accuracy"], label=label, **look)
    axis.set_xticks(sorted(theirs["n_layers"].unique()))
    axis.legend(frameon=False, fontsize=6.5)
    axis.set(ylim=(-4, 106), xlabel="Layers", ylabel="Right (%)")
    axis.set_title("published, hardest op\n(-: 80 to 90M; dotted: 170M)", loc="left")


def _layers(axis: "Axes", probed: pd.DataFrame) -> None:
    """Lines per layer of the deepest shape over the distance from the question."""
    deepest = probed[probed["n_layers"] == probed["n_layers"].max()]
    shares = layer_shares(deepest)
    shares = shares[shares.groupby("distance")["n"].transform("min") >= FEWEST]
    layers = sorted(shares["layer"].unique())
    for layer, colour in zip(layers, level_colours(len(layers)), strict=True):
        own = shares[shares["layer"] == layer]
        for distance, part in own.groupby("distance"):
            spread(axis, float(distance), 100 * part["accuracy"], colour)  # type: ignore[arg-type]
        means = 100 * own.groupby("distance")["accuracy"].mean()
        axis.plot(means.index, means, color=colour, lw=1, label=f"{int(layer) + 1}", zorder=3)
    if layers:
        box = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        axis.legend(title="layer", frameon=False, fontsize=6.5, title_fontsize=6.5, **box)
        axis.set_xticks(sorted(shares["distance"].unique()))
        what = f"{int(deepest['n_layers'].max())} layers, {seeds(deepest, ['layer'])}"
        axis.set_title(f"probe of a layer: is A needed?\n{what}", loc="left")
    axis.set(ylim=(-4, 106), xlabel="Edges from the question to A", ylabel="Yes, where right (%)")


def _handles() -> list[Any]:
    return [
        mark(POINTS, marker="|", ms=8),
        mark("in the range of training", marker="s", ms=8, color=IN_RANGE["color"]),
        mark("commonest answer", **MAJORITY_LOOK),
        mark("one seed", color="0.6", ls="-", lw=0.7),
    ]
