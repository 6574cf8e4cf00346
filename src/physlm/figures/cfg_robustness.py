"""Whether models of grammars go on rightly after a prefix with mistakes in it.

Source: Allen-Zhu and Li, Part 1 (arXiv 2305.13673), Results 11 to 13. A share of the training
strings is perturbed in one of three ways. The model is given nothing, the first part of a string,
or that part with tokens changed (corrupted), and then counts as right if what it writes completes
the part as it was. Controls: models trained on clean strings (share 0), and clean prefixes. The
published values are second-hand and rounded: 50 tokens of cfg3b given, low temperature, the kind of
perturbation not known.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.exams import as_table
from physlm.grammar_plots import POINTS
from physlm.grammar_runs import (
    FACTS,
    WORLD,
    facts,
    label,
    ordered,
    published,
    read,
    series,
    title,
    within,
    worlds,
)
from physlm.plotting import PUBLISHED_LOOK, by_seed, colours, estimate, mark, seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/cfg_robustness.csv",)
TRAINED = ["perturbation", "perturbed_share", "perturbed_rate"]
TEST = ["cut", "rate", "tokens_changed", "prefixes_changed", "measure_seed"]
COLUMNS = [*FACTS, *TRAINED, *TEST, "given", "temperature", "n", "accuracy", "unfinished"]
DESIGN = [*WORLD, "arch", "n_params", "perturbation", "perturbed_share", "seed"]
# Of models whose training strings were all left as they are.
CLEAN = "none"
KINDS = {
    "token": "tokens replaced",
    "symbol": "symbols replaced",
    "symbol-fixed": "symbols replaced, one by one other",
}
GIVEN = {"nothing": ("^", 2), "clean": ("o", 0), "corrupted": ("s", 1)}


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per run of the role `runs` (evaluate.json, measure robustness), given and temperature.

    perturbed_share: of training strings; perturbation is none where that is 0.
    """
    rows = []
    for run in read(inputs.get("runs", []), "evaluate.json", "robustness"):
        known = facts(run)
        if not known["perturbed_share"]:
            known |= {"perturbation": CLEAN, "perturbed_rate": None}
        rows += [known | result for result in run["results"]]
    return as_table(rows, COLUMNS, [*DESIGN, "temperature", "given"])


def draw(frame: pd.DataFrame) -> "Figure":
    """A row per grammar, architecture and kind of perturbation, a panel per temperature."""
    import matplotlib.pyplot as plt

    frame = frame.assign(arch=series(frame))
    rows = _rows(frame)
    temperatures = sorted(frame["temperature"].unique())
    figure, axes = plt.subplots(
        max(len(rows), 1),
        max(len(temperatures), 1),
        figsize=(2.7 * max(len(temperatures), 2) + 0.4, 2.3 * max(len(rows), 1) + 1.0),
        squeeze=False,
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    reported = published("cfg_robustness")
    for panels, (world, arch, kind, runs) in zip(axes, rows, strict=False):
        theirs = reported[reported["arch"] == arch]
        for axis, temperature in zip(panels, temperatures, strict=True):
            low = temperature == temperatures[0]
            own = runs[runs["temperature"] == temperature]
            _panel(axis, own, theirs if low else theirs.iloc[:0])
            axis.set_title(f"\n\ntemperature {temperature:g}", loc="right", fontsize=8)
        count = seeds(runs, ["perturbed_share", "given", "temperature"])
        what = f"{label(arch)}: {KINDS.get(kind, kind)}" if kind != CLEAN else label(arch)
        _heading(panels[0], f"{title(world)}, {what}, {count}")
        panels[0].set_ylabel("Right continuations (%)")
    for axis in axes[-1]:
        axis.set_xlabel("Perturbed training strings (%)")
    figure.legend(handles=_handles(frame), loc="outside lower center", ncol=3, frameon=False)
    return figure


def _rows(frame: pd.DataFrame) -> list[tuple[tuple[str, int, int], str, str, pd.DataFrame]]:
    """What a row of panels shows; models trained on clean strings are in all of their world."""
    found = []
    for world in worlds(frame):
        of_world = within(frame, world)
        for arch in ordered(of_world["arch"]):
            runs = of_world[of_world["arch"] == arch]
            kinds = [kind for kind in [*KINDS, CLEAN] if kind in set(runs["perturbation"])]
            for kind in [kind for kind in kinds if kind != CLEAN] or kinds:
                own = runs[runs["perturbation"].isin([kind, CLEAN])]
                found.append((world, arch, kind, own))
    return found


def _heading(axis: "Axes", text: str) -> None:
    """A title over all panels of a row; no room is made for it beside the first."""
    place = {"xy": (0, 1), "xycoords": "axes fraction"}
    place |= {"xytext": (0, 18), "textcoords": "offset points"}
    axis.annotate(text, fontsize=10, va="bottom", **place).set_in_layout(False)


def _panel(axis: "Axes", runs: pd.DataFrame, theirs: pd.DataFrame) -> None:
    palette = colours()
    for i, (given, (marker, colour)) in enumerate(GIVEN.items()):
        own = runs[runs["given"] == given]
        beside = 1.2 * (i - 1)
        means = 100 * own.groupby("perturbed_share")["accuracy"].mean()
        axis.plot(100 * means.index + beside, means, color=palette[colour], lw=1, zorder=3)
        for share, part in own.groupby("perturbed_share"):
            at = 100 * float(str(share)) + beside
            estimate(axis, at, by_seed(part, "accuracy"), palette[colour], marker)
        value = theirs[theirs["given"] == given]
        diamond = {**PUBLISHED_LOOK, "color": palette[colour], "ms": 5.5, "zorder": 6}
        axis.plot(100 * value["perturbed_share"] + beside, 100 * value["accuracy"], **diamond)
    axis.set(xlim=(-6, 106), ylim=(-4, 106))
    axis.set_xticks(np.arange(0, 101, 20))


def _handles(frame: pd.DataFrame) -> list[Any]:
    palette = colours()
    cut = sorted(frame["cut"].unique())
    length = "?" if len(cut) != 1 else f"{cut[0]:g} tokens" if cut[0] >= 1 else f"{cut[0]:.0%}"
    names = {
        "nothing": "nothing given",
        "clean": f"clean prefix given ({length})",
        "corrupted": f"corrupted prefix given ({length})",
    }
    return [
        *(mark(names[g], color=palette[c], marker=m, ls="-", lw=1) for g, (m, c) in GIVEN.items()),
        mark(POINTS, marker="|", ms=8),
        mark("published: whole cfg3b, 50 tokens given", **PUBLISHED_LOOK),
    ]
