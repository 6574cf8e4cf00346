"""What models of grammars write: right, as likely as it should be, and as varied as the grammar.

Source: Allen-Zhu and Li, Part 1 (arXiv 2305.13673), Results 1 to 3 and Figure 4. A model is given
nothing, or the first part of a fresh string, and samples the rest at temperature 1. Controls: the
exact next-token distribution, the grammar's own entropy and strings, models that were not trained.
Published values are of whole grammars; where ours is a part of one, they are no target, but say
what to expect of the order of architectures.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.exams import as_table
from physlm.grammar_plots import (
    POINTS,
    arch_marks,
    arch_ticks,
    look,
    offsets,
    spread,
)
from physlm.grammar_runs import (
    FACTS,
    facts,
    ordered,
    published,
    read,
    series,
    title,
    within,
    worlds,
)
from physlm.plotting import PUBLISHED_LOOK, by_seed, estimate, mark, seeds, whole_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/cfg_generation.csv",)
ENTROPY = ["model_bits", "model_error_bits", "truth_bits", "truth_error_bits"]
DIVERGENCE = ["kl_nats", "gap_nats", "exact_nats"]
COLUMNS = [*FACTS, "cut", "n", "accuracy", "unfinished", "wrong_finished", *DIVERGENCE, *ENTROPY]
COLUMNS += ["seen_in_training", "n_distinct", "measure_seed"]
FAR_BITS = 50
DESIGN = ["grammar", "root", "arch", "n_params", "steps", "seed", "cut"]


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per run of the role `runs` (evaluate.json, measure generation) and cut.

    What does not depend on the cut is repeated. distinct_model_d1 and so on: different rows of
    symbols at that depth among n_distinct strings of the model; distinct_truth_: of the grammar.
    """
    rows = []
    for run in read(inputs.get("runs", []), "evaluate.json", "generation"):
        whole = facts(run) | run["entropy"] | {key: run["divergence"][key] for key in DIVERGENCE}
        whole["n_distinct"] = run["distinct"]["n"]
        for name in ("model", "truth"):
            counts = dict(enumerate(run["distinct"][name]))
            whole |= {f"distinct_{name}_d{d}": count for d, count in counts.items() if d > 0}
        rows += [whole | cut for cut in run["cuts"]]
    return as_table(rows, COLUMNS, DESIGN)


def draw(frame: pd.DataFrame) -> "Figure":
    """A row of panels per grammar: accuracy, divergence, entropy and distinct counts by depth."""
    import matplotlib.pyplot as plt

    reported = published("cfg_generation")
    frame = frame.assign(arch=series(frame))
    shown = worlds(frame)
    figure, axes = plt.subplots(
        max(len(shown), 1),
        4,
        figsize=(11.2, 2.5 * max(len(shown), 1) + 0.8),
        gridspec_kw={"width_ratios": [1.25, 1, 1, 1.35]},
        squeeze=False,
        layout="constrained",
    )
    for row, world in zip(axes, shown, strict=False):
        own = within(frame, world)
        arches = ordered(own["arch"])
        theirs = reported[(reported["grammar"] == world[0]) & reported["arch"].isin(arches)]
        _accuracies(row[0], own, theirs, arches)
        # What does not depend on the cut is in every row of a run.
        once = own[own["cut"] == 0]
        theirs = theirs[theirs["cut"] == 0]
        _divergences(row[1], once, theirs, arches)
        _entropies(row[2], once, theirs, arches)
        _distinct(row[3], once, arches, world[2])
        count = seeds(own, ["arch", "cut"])
        row[0].set_title(f"{title(world)}:\naccuracy, {count}", loc="left")
        row[1].set_title("divergence from the exact\nnext-token distribution", loc="left")
        row[2].set_title(f"entropy; the grammar's is\n{_bits(once)} (band: ± 2 s. e.)", loc="left")
        written = whole_range(once[once["n_distinct"] > 0], "n_distinct")
        row[3].set_title(f"distinct among\n{written} strings of each", loc="left")
    figure.legend(handles=_handles(frame), loc="outside lower center", ncol=6, frameon=False)
    return figure


def _accuracies(axis: "Axes", runs: pd.DataFrame, theirs: pd.DataFrame, arches: list[str]) -> None:
    cuts = sorted(runs["cut"].unique())
    places = offsets(len(cuts), 0.5)
    for x, arch in enumerate(arches):
        own = runs[runs["arch"] == arch]
        for cut, place, face in zip(cuts, places, _faces(cuts), strict=True):
            values = by_seed(own[own["cut"] == cut], "accuracy")
            estimate(axis, x + place, values, look(arch)["color"], face, aside=0.11)
            # The paper's cuts are of 0 and of 50 tokens; ours after a part has another length.
            value = theirs[(theirs["arch"] == arch) & ((theirs["cut"] > 0) == (cut > 0))]
            y = 100 * value["accuracy"]
            diamond = {**PUBLISHED_LOOK, "color": look(arch)["color"], "zorder": 3}
            axis.plot(np.full(len(y), x + place), y, **diamond)
    arch_ticks(axis, arches)
    axis.set(ylim=(-4, 106), ylabel="Grammatical (%)")


def _divergences(axis: "Axes", runs: pd.DataFrame, theirs: pd.DataFrame, arches: list[str]) -> None:
    for x, arch in enumerate(arches):
        spread(axis, x, by_seed(runs[runs["arch"] == arch], "kl_nats"), log=True, **_dots(arch))
        y = theirs.loc[theirs["arch"] == arch, "kl_nats"]
        axis.plot(np.full(len(y), x), y, color=look(arch)["color"], **PUBLISHED_LOOK)
    axis.set_yscale("log")
    arch_ticks(axis, arches)
    axis.set_ylabel("KL (nats per token)")


def _entropies(axis: "Axes", runs: pd.DataFrame, theirs: pd.DataFrame, arches: list[str]) -> None:
    error = 2 * runs["truth_error_bits"].mean()
    axis.axhline(0, color="0.2", lw=1, zorder=1)
    axis.axhspan(-error, error, color="0.85", lw=0, zorder=0)
    own = runs.assign(excess=runs["model_bits"] - runs["truth_bits"])
    for x, arch in enumerate(arches):
        spread(axis, x, by_seed(own[own["arch"] == arch], "excess"), **_dots(arch))
        value = theirs[theirs["arch"] == arch]
        y = value["model_bits"] - value["truth_bits"]
        axis.plot(np.full(len(y), x), y, color=look(arch)["color"], **PUBLISHED_LOOK)
    if own["excess"].abs().max() > FAR_BITS:
        # On whole grammars a model that has learned nothing is off by many times as much as others.
        axis.set_yscale("symlog", linthresh=10)
        axis.yaxis.set_major_formatter("{x:g}")
    arch_ticks(axis, arches)
    axis.set_ylabel("Model minus grammar (bits)")


def _distinct(axis: "Axes", runs: pd.DataFrame, arches: list[str], n_levels: int) -> None:
    depths = range(1, n_levels)
    for arch, place in zip(arches, offsets(len(arches), 0.7), strict=True):
        own = runs[runs["arch"] == arch]
        for depth in depths:
            name = f"distinct_model_d{depth}"
            spread(axis, depth + place, by_seed(own, name), log=True, **_dots(arch, 0.0))
            truth = by_seed(own, name.replace("model", "truth"))
            if truth.size:
                axis.plot([depth + place], [truth.mean()], "_", color="black", ms=9, zorder=6)
    axis.set_yscale("log")
    axis.set_xticks(list(depths), [*map(str, depths[:-1]), "strings"])
    axis.set_xlim(0.5, n_levels - 0.5)
    axis.grid(visible=False, axis="x")
    for edge in depths[:-1]:
        axis.axvline(edge + 0.5, color="0.88", lw=0.8)
    axis.set(xlabel="Depth below the root", ylabel="Distinct rows of symbols")


def _dots(arch: str, aside: float = 0.18) -> dict[str, Any]:
    return {"colour": look(arch)["color"], "marker": look(arch)["marker"], "aside": aside}


def _faces(cuts: list[float]) -> list[str]:
    return ["o", "s", "^", "v", "P", "X"][: len(cuts)]


def _bits(runs: pd.DataFrame) -> str:
    return f"{runs['truth_bits'].mean():.1f} bits"


def _handles(frame: pd.DataFrame) -> list[Any]:
    handles = arch_marks(ordered(frame["arch"]))
    cuts = sorted(frame["cut"].unique())
    for cut, face in zip(cuts, _faces(cuts), strict=True):
        handles.append(mark(f"left: {_given(cut)}", marker=face))
    handles += [
        mark("the grammar's, as many strings", marker="_", color="black", ms=9),
        mark(f"{POINTS} (KL, counts: of logarithms)", marker="|", ms=8),
        mark("published: whole grammar, 86M (cut 0 or 50)", **PUBLISHED_LOOK),
    ]
    return handles


def _given(cut: float) -> str:
    if cut == 0:
        return "nothing given"
    return f"{100 * cut:g} % given" if cut < 1 else f"{cut:g} tokens given"
