"""Whether embeddings tell which hidden terminal a token comes from.

Source: Allen-Zhu and Li, Part 1 (arXiv 2305.13673), Result 10. A hidden terminal shows one token of
its bag. Tokens that share a bag are compared with tokens that share none. Controls: untrained
models (no steps), and the share of tokens that another token at random would share a bag with. No
numbers were published.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from physlm.exams import as_table
from physlm.grammar_plots import GREY, POINTS, offsets, spread
from physlm.grammar_runs import FACTS, WORLD, facts, label, ordered, read, title, within, worlds
from physlm.plotting import MAJORITY_LOOK, by_seed, colours, estimate, mark, seeds, whole_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ()
LIKENESS = ["cosine_within", "cosine_across", "nearest_shares", "chance_shares"]
COLUMNS = [*FACTS, "bags", "n_observable", "n_shared", *LIKENESS]
DESIGN = [*WORLD, "bags", "arch", "n_params", "steps", "seed"]


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per run of the role `runs` (evaluate.json, measure bags).

    bags: the variable of that name in the run's name, which says how they were dealt; else "bags".
    """
    runs = read(inputs.get("runs", []), "evaluate.json", "bags")
    return as_table([{"bags": "bags"} | facts(run) for run in runs], COLUMNS, DESIGN)


def draw(frame: pd.DataFrame) -> "Figure":
    """A row of panels per grammar: cosine within and across bags, and what is nearest."""
    import matplotlib.pyplot as plt

    shown = worlds(frame)
    figure, axes = plt.subplots(
        max(len(shown), 1),
        2,
        figsize=(7.2, 2.7 * max(len(shown), 1) + 0.7),
        squeeze=False,
        layout="constrained",
    )
    for (left, right), world in zip(axes, shown, strict=False):
        own = within(frame, world)
        places = [
            (bags, arch)
            for bags in sorted(own["bags"].unique())
            for arch in ordered(own.loc[own["bags"] == bags, "arch"])
        ]
        for x, (bags, arch) in enumerate(places):
            runs = own[(own["bags"] == bags) & (own["arch"] == arch)]
            _cosines(left, x, runs)
            _nearest(right, x, runs)
        for axis in (left, right):
            axis.set_xticks(range(len(places)), [f"{bags}\n{label(arch)}" for bags, arch in places])
            axis.set_xlim(-0.5, len(places) - 0.5)
            axis.grid(visible=False, axis="x")
        left.axhline(0, color="0.2", lw=0.8, zorder=1)
        left.set_ylabel("Cosine of two embeddings")
        right.set(ylim=(-4, 106), ylabel="Nearest token shares a bag (%)")
        count = seeds(own, ["bags", "arch", "steps"])
        left.set_title(f"{title(world)}: {count}", loc="left")
        right.set_title(f"{whole_range(own, 'n_observable')} tokens shown", loc="left")
    figure.legend(handles=_handles(frame), loc="outside lower center", ncol=3, frameon=False)
    return figure


def _cosines(axis: "Axes", x: float, runs: pd.DataFrame) -> None:
    palette = colours()
    series = [("cosine_within", palette[0], "o"), ("cosine_across", palette[1], "s")]
    for untrained in (True, False):
        part = runs[(runs["steps"] == 0) == untrained]
        for (column, colour, marker), place in zip(series, offsets(2, 0.5), strict=True):
            if untrained:
                spread(axis, x + place, by_seed(part, column), GREY, _untrained(marker))
            else:
                spread(axis, x + place, by_seed(part, column), colour, marker, aside=0.07)


def _nearest(axis: "Axes", x: float, runs: pd.DataFrame) -> None:
    untrained = runs["steps"] == 0
    estimate(axis, x, by_seed(runs[untrained], "nearest_shares"), GREY, _untrained("o"))
    estimate(axis, x, by_seed(runs[~untrained], "nearest_shares"), colours()[0], aside=0.07)
    axis.hlines(100 * runs["chance_shares"].mean(), x - 0.4, x + 0.4, **MAJORITY_LOOK, zorder=2)


def _untrained(marker: str) -> str:
    """The marker of an untrained model in place of a trained one's."""
    return {"o": "x", "s": "+"}[marker]


def _handles(frame: pd.DataFrame) -> list[Any]:
    palette = colours()
    handles = [
        mark("tokens that share a bag (right: nearest)", color=palette[0], marker="o"),
        mark("tokens that share none", color=palette[1], marker="s"),
    ]
    if (frame["steps"] == 0).any():
        handles.append(mark("untrained, sharing a bag", color=GREY, marker="x"))
        handles.append(mark("untrained, sharing none", color=GREY, marker="+"))
    chance = mark("another token at random", **MAJORITY_LOOK)
    return [*handles, chance, mark(POINTS, marker="|", ms=8)]
