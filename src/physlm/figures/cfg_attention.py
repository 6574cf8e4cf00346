"""Where models of grammars look: by distance, and beyond that at the ends of constituents.

Source: Allen-Zhu and Li, Part 1 (arXiv 2305.13673), Results 6 to 9. Excess is attention minus the
mean attention at that distance of the same head, so what distance alone explains is 0: the excess
of architectures whose attention knows distances alone is 0 by construction. An end of a level is a
token where a constituent of that level ends and none of a higher level. The published values are
those of a third party that trained for a 15th of the paper's steps (rotary, cfg3b).
"""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.exams import as_table
from physlm.grammar_plots import POINTS, level_colours, look
from physlm.grammar_runs import (
    WORLD,
    height,
    label,
    ordered,
    published,
    read,
    series,
    title,
    within,
    worlds,
)
from physlm.plotting import PUBLISHED_LOOK, by_seed, estimate, mark, seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/cfg_attention.csv",)
FACTS = ["arch", *WORLD, "n_layers", "n_heads", "n_params", "steps", "seed", "measure_seed", "n"]
WHERE = ["distance", "head", "depth", "depth_key", "height", "shift", "shift_key", "apart"]
COLUMNS = [*FACTS, "kind", "layer", *WHERE, "n_pairs", "value", "lowest", "highest"]
DESIGN = ["grammar", "root", "arch", "n_params", "steps", "seed", "kind", "layer", *WHERE]
# Distances up to this one have a row each; beyond it there are four rows to a doubling.
EXACT = 16


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows of the runs of the role `runs` (evaluate.json, measure attention), by kind and layer.

    distance: `value` is attention, mean over heads, `lowest` and `highest` over heads; of several
    distances (from 17 on) their mean and its middle. reach: the mean distance at which a head
    looks. end, end_to_end and adjacent: `value` is the mean excess of what the measure names so;
    `depth` and `height` are those of the query's level, for `end` of the key's.
    """
    rows = []
    for run in read(inputs.get("runs", []), "evaluate.json", "attention"):
        known = {key: run[key] for key in FACTS}
        for layer, heads in enumerate(run["by_distance"]):
            where = known | {"layer": layer}
            rows += [where | part for part in _distances(np.array(heads))]
        for record in run["excess"]:
            row = known | record | {"height": height(run["n_levels"], record["depth"])}
            row["value"] = row.pop("excess")
            rows.append(row)
    return as_table(rows, COLUMNS, DESIGN)


def _distances(heads: np.ndarray) -> list[dict[str, Any]]:
    """Rows of one layer; heads [H, P] is the mean attention by distance from 0."""
    width = heads.shape[1]
    edges = bins(width)
    rows: list[dict[str, Any]] = []
    for start, stop in itertools.pairwise(edges):
        part = heads[:, start:stop].mean(1)
        row = {"kind": "distance", "distance": (start + stop - 1) / 2, "value": part.mean()}
        rows.append(row | {"lowest": part.min(), "highest": part.max()})
    means = heads @ np.arange(width) / heads.sum(1)
    return rows + [{"kind": "reach", "head": h, "value": mean} for h, mean in enumerate(means)]


def bins(width: int) -> list[int]:
    """Edges of the bins of distances 0 to width - 1: exact ones first, then wider and wider.

    >>> bins(22)
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 22]
    """
    edges = list(range(min(EXACT + 1, width) + 1))
    while edges[-1] < width:
        edges.append(min(round(edges[-1] * 2**0.25), width))
    return edges


def draw(frame: pd.DataFrame) -> "Figure":
    """A row of panels per grammar and architecture: by distance, at ends, adjacent, end to end."""
    import matplotlib.pyplot as plt

    frame = frame.assign(arch=series(frame))
    shown = [(w, a) for w in worlds(frame) for a in ordered(within(frame, w)["arch"])]
    most = max((world[2] - 2 for world, _ in shown), default=1)
    figure, axes = plt.subplots(
        max(len(shown), 1),
        4,
        figsize=(9.6 + 0.55 * most, 2.6 * max(len(shown), 1) + 0.8),
        gridspec_kw={"width_ratios": [1, 1, 1, max(0.9, 0.36 * most)]},
        squeeze=False,
        layout="constrained",
    )
    reported, shades = published("cfg_attention"), level_colours(most)
    for row, (world, arch) in zip(axes, shown, strict=False):
        own = within(frame, world)
        own = own[own["arch"] == arch]
        theirs = reported[(reported["grammar"] == world[0]) & (reported["arch"] == arch)]
        _by_distance(row[0], own[own["kind"] == "distance"], arch)
        _curves(row[1], own[own["kind"] == "end"], theirs, "shift", shades)
        _curves(row[2], own[own["kind"] == "adjacent"], theirs, "apart", shades)
        _map(row[3], own[own["kind"] == "end_to_end"], world[2])
        row[0].set_title(f"{title(world)}:\n{label(arch)}, {seeds(own, ['arch'])}", loc="left")
        row[1].set_title("Keys at and beside ends,\nmean over layers and heads", loc="left")
        row[2].set_title("From end to end of\nthe same level", loc="left")
        row[3].set_title("End to end of one level:\nexcess (%) by places beside", loc="left")
    compared = any(world[0] in set(reported["grammar"]) for world, _ in shown)
    handles = _handles(shades, compared)
    figure.legend(handles=handles, loc="outside lower center", ncol=5, frameon=False)
    return figure


def _by_distance(axis: "Axes", runs: pd.DataFrame, arch: str) -> None:
    """Distance 0, the token itself, has no place on this axis; it is in the table."""
    colour = look(arch)["color"]
    runs = runs[runs["distance"] > 0]
    for _, layer in runs.groupby("layer"):
        means = layer.groupby("distance")["value"].mean()
        axis.plot(means.index, 100 * means, color=colour, lw=0.6, alpha=0.6)
    found = runs.groupby("distance")[["value", "lowest", "highest"]]
    means = 100 * found.mean()["value"]
    low, high = 100 * found.min()["lowest"], 100 * found.max()["highest"]
    axis.fill_between(means.index, np.maximum(low, 1e-4), high, color=colour, alpha=0.15, lw=0)
    axis.plot(means.index, means, color=colour, lw=1.8)
    axis.set(xscale="log", yscale="log", xlabel="Distance (tokens)", ylabel="Attention (%)")
    if len(means):
        axis.set_ylim(bottom=max(1e-3, 0.3 * means[means > 0].min()))


def _curves(
    axis: "Axes", runs: pd.DataFrame, theirs: pd.DataFrame, along: str, shades: list[Any]
) -> None:
    heights = sorted(set(runs["height"].dropna().astype(int)))
    values = sorted(runs[along].unique())
    for h in heights:
        level = runs[runs["height"] == h]
        colour, marker = shades[h - 1], _marker(h)
        means = 100 * level.groupby(along)["value"].mean()
        beside = 0.07 * (h - (len(heights) + 1) / 2)
        axis.plot(means.index + beside, means, color=colour, lw=1, zorder=3)
        for at in values:
            estimate(axis, at + beside, by_seed(level[level[along] == at], "value"), colour, marker)
        kind = {"shift": "end", "apart": "adjacent"}[along]
        value = theirs[(theirs["kind"] == kind) & (theirs["height"] == h)]
        diamond = {**PUBLISHED_LOOK, "color": colour, "zorder": 4}
        axis.plot(value["value_of"] + beside, 100 * value["excess"], **diamond)
    axis.axhline(0, color="0.2", lw=0.8, zorder=1)
    if values:
        axis.set_xticks(values, [f"{value:g}" for value in values])
    names = {"shift": "Key's place beside the end (tokens)", "apart": "Constituents apart"}
    axis.set(xlabel=names[along], ylabel="Excess attention (%)")


def _map(axis: "Axes", runs: pd.DataFrame, n_levels: int) -> None:
    """For each level a map of the query's place by the key's, side by side."""
    same = runs[runs["depth"] == runs["depth_key"]]
    heights = [h for h in range(1, n_levels - 1) if h in set(same["height"])]
    shifts = sorted(same["shift"].unique())
    n = len(shifts)
    if not heights:
        axis.set_axis_off()
        return
    values = np.full((n, (n + 1) * len(heights) - 1), np.nan)
    for i, h in enumerate(heights):
        level = same[same["height"] == h].groupby(["shift", "shift_key"])["value"].mean().unstack()
        values[:, (n + 1) * i : (n + 1) * i + n] = (
            100 * level.reindex(index=shifts, columns=shifts).to_numpy()
        )
    # Where attention knows distances alone all of it is 0.
    most = float(np.nanmax(np.abs(values))) or 1.0
    axis.imshow(values, cmap="PuOr", vmin=-most, vmax=most, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value):
            shade = "white" if abs(value) > 0.6 * most else "black"
            axis.text(j, i, _short(value), ha="center", va="center", fontsize=5.5, color=shade)
    places = [(n + 1) * i + j for i in range(len(heights)) for j in range(n)]
    names = [f"{shift:g}" for _ in heights for shift in shifts]
    middle = n // 2
    for i, h in enumerate(heights):
        names[n * i + middle] += f"\nheight {h}"
    axis.set_xticks(places, names)
    axis.set_yticks(range(n), [f"{shift:g}" for shift in shifts])
    axis.tick_params(labelsize=6.5)
    axis.set(xlabel="Key's place beside the end", ylabel="Query's place")
    axis.grid(visible=False)
    for side in axis.spines.values():
        side.set_visible(False)


def _short(value: float) -> str:
    """Two decimals, and no 0 before the point."""
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _marker(h: int) -> str:
    return "os^vPXh*"[(h - 1) % 8]


def _handles(shades: list[Any], compared: bool) -> list[Any]:
    levels = enumerate(shades, 1)
    return [
        mark("mean over layers and heads", ls="-", lw=1.8, marker=""),
        mark("each layer", ls="-", lw=0.6, marker=""),
        mark("lowest to highest head", marker="s", ms=8, color="0.85"),
        *(mark(f"height {h} above the tokens", color=c, marker=_marker(h)) for h, c in levels),
        mark(POINTS, marker="|", ms=8),
        *([mark("third party, whole cfg3b, few steps", **PUBLISHED_LOOK)] if compared else []),
    ]
