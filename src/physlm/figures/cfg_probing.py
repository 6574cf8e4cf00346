"""What linear probes read of the hidden tree of a string, level by level.

Source: Allen-Zhu and Li, Part 1 (arXiv 2305.13673), Results 4 and 5, Figures 5 and 7. A probe is
asked which constituent of a level a token belongs to, or whether the token is its last. It reads
the whole string, or, for symbols at the ends of their constituents, the token alone (diagonal) and
its neighbours too (tridiagonal). Controls: the same probe of an untrained model, the commonest
class (majority), and the exact posterior, the best that any reader could do (ceiling).
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.exams import as_table
from physlm.grammar_plots import GREY, POINTS, arch_marks, height_ticks, look, offsets
from physlm.grammar_runs import (
    FACTS,
    facts,
    height,
    ordered,
    published,
    read,
    series,
    title,
    within,
    worlds,
)
from physlm.plotting import MAJORITY_LOOK, PUBLISHED_LOOK, by_seed, estimate, mark, seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/cfg_probing.csv",)
PROBE = ["probe_seed", "control", "span", "layer", "n_heads_probe", "d_position", "n_steps_probe"]
RESULT = ["question", "depth", "height", "n", "n_classes", "accuracy", "majority", "ceiling"]
COLUMNS = [*FACTS, *PROBE, *RESULT]
DESIGN = ["grammar", "root", "arch", "n_params", "span", "layer", "control", "seed"]

# `reach` of a record -> `span` of the table.
SPANS = {None: "whole", 0: "diagonal", 1: "tridiagonal"}
PANELS = {
    ("symbol", "whole"): "Symbols, from the whole string",
    ("symbol", "diagonal"): "Symbols at ends, from the end alone",
    ("symbol", "tridiagonal"): "Symbols at ends, and from neighbours",
    ("boundary", "whole"): "Ends, from the whole string",
}


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per run of the role `runs` (tree_probe.json), question and depth.

    layer: empty for the last one. height: 1 for the symbols right above the tokens.
    """
    rows = []
    for run in read(inputs.get("runs", []), "tree_probe.json"):
        reach = run.pop("reach")
        known = facts(run) | {"span": SPANS.get(reach, f"within {reach}")}
        for result in run["results"]:
            rows.append(known | result | {"height": height(run["n_levels"], result["depth"])})
    return as_table(rows, COLUMNS, [*DESIGN, "question", "depth"])


def draw(frame: pd.DataFrame) -> "Figure":
    """A row of panels per grammar: symbols from all, symbols from the ends alone, ends.

    Probes of the last layer alone are drawn.
    """
    import matplotlib.pyplot as plt

    reported = published("cfg_probing")
    frame = frame[frame["layer"].isna()]
    frame = frame.assign(arch=series(frame))
    asked = set(zip(frame["question"], frame["span"], strict=True))
    panels = [panel for panel in PANELS if panel in asked] or [next(iter(PANELS))]
    shown = worlds(frame)
    figure, axes = plt.subplots(
        max(len(shown), 1),
        len(panels),
        figsize=(3.7 * len(panels) + 0.3, 2.5 * max(len(shown), 1) + 1.0),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for row, world in zip(axes, shown, strict=False):
        own = within(frame, world)
        theirs = reported[reported["grammar"] == world[0]]
        for axis, (question, span) in zip(row, panels, strict=True):
            runs = own[(own["question"] == question) & (own["span"] == span)]
            # Published are symbols alone.
            values = theirs[(theirs["span"] == span) & (question == "symbol")]
            _panel(axis, runs, values, world[2])
            axis.set_title(f"{PANELS[question, span]}\n{title(world)}", loc="left")
        row[0].set_ylabel("Accuracy (%)")
    for axis in axes[-1]:
        axis.set_xlabel("Height above the tokens (1: NT6 in the paper)")
    count = seeds(frame[frame["control"] == "none"], ["arch", *DESIGN[:2], "span", "question"])
    figure.suptitle(f"Probes of the last layer, {count}", fontsize=9)
    handles = _handles(frame, ordered(frame["arch"]))
    figure.legend(handles=handles, loc="outside lower center", ncol=5, frameon=False)
    return figure


def _panel(axis: "Axes", runs: pd.DataFrame, theirs: pd.DataFrame, n_levels: int) -> None:
    arches = ordered(runs["arch"])
    heights = list(range(1, n_levels - 1))
    places = offsets(len(arches))
    step = 0.8 / max(len(arches), 1)
    for h in heights:
        level = runs[runs["height"] == h]
        for arch, place in zip(arches, places, strict=True):
            own = level[level["arch"] == arch]
            _series(axis, own, h + place, arch, 0.3 * step)
            best = 100 * own["ceiling"].mean()
            if not np.isnan(best):
                ends = (h + place - 0.48 * step, h + place + 0.48 * step)
                axis.hlines(best, *ends, color="black", lw=1.2, zorder=6)
            value = theirs[(theirs["arch"] == arch) & (theirs["height"] == h)]
            y = 100 * value["accuracy"]
            diamond = {**PUBLISHED_LOOK, "ms": 4, "color": look(arch)["color"]}
            axis.plot(np.full(len(y), h + place), y, zorder=3, **diamond)
        value = theirs[(theirs["arch"] == "random") & (theirs["height"] == h)]
        y = 100 * value["accuracy"]
        axis.plot(np.full(len(y), h), y, color=GREY, zorder=2, **PUBLISHED_LOOK)
        if len(level):
            guess = 100 * level["majority"].mean()
            axis.hlines(guess, h - 0.45, h + 0.45, **MAJORITY_LOOK, zorder=1)
    if heights:
        height_ticks(axis, heights)
    for h in heights[:-1]:
        axis.axvline(h + 0.5, color="0.88", lw=0.8)
    axis.set_ylim(top=104)


def _series(axis: "Axes", runs: pd.DataFrame, at: float, arch: str, aside: float) -> None:
    for control, shape in (("none", look(arch)), ("model", {"color": GREY, "marker": "x"})):
        values = by_seed(runs[runs["control"] == control], "accuracy")
        estimate(axis, at, values, shape["color"], shape["marker"], aside=aside)


def _handles(frame: pd.DataFrame, arches: list[str]) -> list[Any]:
    handles = arch_marks(arches)
    if (frame["control"] == "model").any():
        handles.append(mark("untrained model", marker="x", color=GREY))
    if frame["ceiling"].notna().any():
        handles.append(mark("ceiling: exact posterior", color="black", marker="_", ms=9))
    return [
        *handles,
        mark("majority", **MAJORITY_LOOK),
        mark(POINTS, marker="|", ms=8),
        mark("published: whole grammar, 86M", **PUBLISHED_LOOK),
        mark("the same, untrained", **{**PUBLISHED_LOOK, "color": GREY}),
    ]
