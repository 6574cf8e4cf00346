"""What V-probes read of a model before it is written: is it needed, does it depend, is it next.

Source: Allen-Zhu and Li, Part 2.1 (arXiv 2407.20311), Section 4 and Figure 7. A text is cut and a
parameter, or two, named; a linear classifier on the frozen model's last state, and an update of low
rank of the input embedding, answer one of six questions. Controls: the commonest answer of training
(majority) and the same probes of an untrained model. Level 2: answers about parameters that the
question does not need, by the right answer, for a guess of the commonest is right about one alone.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.exams import as_table
from physlm.grammar_plots import GREY, POINTS, spread
from physlm.plotting import MAJORITY_LOOK, PUBLISHED_LOOK, mark, seeds, whole_range
from physlm.problem_plots import (
    IN_RANGE,
    MARKERS,
    Cell,
    beside,
    cell_axis,
    dashes,
    diamonds,
    lines,
    order_look,
    order_marks,
    places,
)
from physlm.problem_runs import FACTS, flat, largest, pooled, presets, published, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/v_probing.csv",)
PROBE = ["probe_seed", "control", "layer", "rank", "population", "n_steps_probe"]
RESULT = ["task", "op", "reask", "about", "label", "distance", "n", "accuracy"]
COLUMNS = [*FACTS, *PROBE, *RESULT, "majority", "matthews"]
DESIGN = ["preset", "order", "n_params", "n_layers", "control", "layer", "seed"]
DESIGN += ["task", "reask", "op", "about", "label", "distance"]
# Which parameters A a row is about.
EVERY, NEEDED, NEEDLESS = "all", "necessary", "unnecessary"
TASKS = {
    "nece": "nece: is A needed?",
    "dep": "dep: does A need B?",
    "known": "known: is A computed?",
    "value": "value: what is A?",
    "can_next": "can_next: can A be next?",
    "nece_next": "nece_next: both?",
}
LEVEL2 = ("dep", "can_next")
# Figure 7(b): the lowest and the highest of its cells.
PUBLISHED_LEVEL2 = (97.3, 99.9)
BAND = "#d5e6c3"


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows per run of the role `runs` (v_probe.json): see `rows_of`."""
    rows = []
    for run in read(inputs.get("runs", []), "v_probe.json"):
        rows += rows_of(run)
    return as_table(rows, COLUMNS, DESIGN)


def rows_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows per task, op and reask: about all parameters A, the necessary and the unnecessary ones.

    label: of those with this right answer alone (empty: of all). distance: of those so many edges
    from the query, for nece and necessary ones. layer: empty for the last one. Sets of test
    problems none of which had room in the model's context are left out.
    """
    known = flat(run)
    rows = []
    for result in run["results"]:
        if not result.get("n"):
            continue
        asked = known | {key: result[key] for key in ("task", "op", "reask")}
        scores = {key: result[key] for key in ("n", "accuracy", "majority", "matthews")}
        rows.append(asked | {"about": EVERY} | scores)
        rows += [asked | {"about": EVERY} | part for part in result["by_label"]]
        for about in (NEEDED, NEEDLESS):
            group = result[about]
            share = {"n": group["n"], "accuracy": group["accuracy"]}
            rows.append(asked | {"about": about} | share)
            rows += [asked | {"about": about} | part for part in group["by_label"]]
        rows += [asked | {"about": NEEDED} | part for part in result.get("by_distance", [])]
    return rows


def overall(frame: pd.DataFrame, about: str = EVERY) -> pd.DataFrame:
    """The rows of the last layer that are of all right answers and distances."""
    rows = frame[frame["layer"].isna() & (frame["about"] == about)]
    return rows[rows["label"].isna() & rows["distance"].isna()]


def by_label(frame: pd.DataFrame, about: str) -> pd.DataFrame:
    """The rows of the last layer that are of one right answer."""
    rows = frame[frame["layer"].isna() & (frame["about"] == about)]
    return rows[rows["label"].notna()]


def draw(frame: pd.DataFrame) -> "Figure":
    """Three rows per preset, of its largest models: six tasks; level 2; nece by distance."""
    import matplotlib.pyplot as plt

    frame = largest(frame)
    shown = presets(frame)
    figure, axes = plt.subplots(
        3 * max(len(shown), 1),
        3,
        figsize=(10.6, 6.9 * max(len(shown), 1) + 0.7),
        squeeze=False,
        layout="constrained",
    )
    for i, preset in enumerate(shown):
        own = frame[frame["preset"] == preset]
        _tasks(axes[3 * i : 3 * i + 2].flat, own, preset)
        last = axes[3 * i + 2]
        at = places(overall(own))
        for axis, task in zip(last, LEVEL2, strict=False):
            _level2(axis, by_label(own, NEEDLESS).query("task == @task"), at)
            cell_axis(axis, at, int(own["op_max"].iloc[0]))
            axis.set_title(f"{task}, of needless A alone\n(level 2)", loc="left")
        _distances(last[2], own)
    figure.legend(handles=_handles(frame), loc="outside lower center", ncol=3, frameon=False)
    return figure


def _tasks(axes: Any, own: pd.DataFrame, preset: str) -> None:
    op_max = int(own["op_max"].iloc[0])
    frame = overall(own)
    at = places(frame)
    theirs = published("v_probing", preset, op_max)
    for axis, (task, title) in zip(axes, TASKS.items(), strict=True):
        runs = frame[frame["task"] == task]
        values = theirs[theirs["task"] == task]
        # Published are the hardest in range and what is beyond; what we did not test is left out.
        values = values[values["at"] <= max([op for op, again in at if not again], default=0) + 0.5]
        orders = [order for order in MARKERS if (runs["order"] == order).any()]
        for order, aside in beside(orders).items():
            of_order = runs[runs["order"] == order]
            shape = order_look(order)
            lines(axis, _of(of_order, "none"), "accuracy", at, aside, 100, **shape)
            grey = {**shape, "color": GREY, "marker": "x", "ls": "" if aside > 0 else ":"}
            lines(axis, _of(of_order, "model"), "accuracy", at, aside, 100, **grey)
            theirs_of = values[values["order"] == order]
            for control, look in (("none", {}), ("model", {"color": GREY})):
                part = _of(theirs_of, control)
                diamonds(axis, part["at"] + aside, 100 * part["accuracy"], order, ms=3.5, **look)
        dashes(axis, _of(runs, "none"), "majority", at, **MAJORITY_LOOK)
        cell_axis(axis, at, op_max)
        count = seeds(_of(runs, "none").fillna({"op": 0}), ["order", "op", "reask"])
        asked = whole_range(runs, "n")
        axis.set_title(f"{preset}, {title}\n{count}, {asked} questions", loc="left")
        axis.set_ylabel("Right (%)")
        low = 100 * np.nanmin([1.0, runs["accuracy"].min(), runs["majority"].min()])
        axis.set_ylim(min(44.0, low - 4), 103)


def _of(frame: pd.DataFrame, control: str) -> pd.DataFrame:
    return frame[frame["control"] == control]


def _level2(axis: "Axes", runs: pd.DataFrame, at: dict[Cell, float]) -> None:
    axis.axhspan(*PUBLISHED_LEVEL2, color=BAND, lw=0, zorder=1)
    orders = [order for order in MARKERS if (runs["order"] == order).any()]
    for order, aside in beside(orders, 0.3).items():
        for label, ls, marker in ((1, "-", "^"), (0, "--", "v")):
            own = runs[(runs["order"] == order) & (runs["label"] == label)]
            shift = aside + (0.05 if label else -0.05)
            shape = {"color": order_look(order)["color"], "marker": marker, "ls": ls}
            lines(axis, _of(own, "none"), "accuracy", at, shift, 100, **shape)
            grey = {**shape, "color": GREY, "ls": ""}
            lines(axis, _of(own, "model"), "accuracy", at, shift, 100, **grey)
    axis.set(ylim=(-4, 104), ylabel="Right (%)")


def _distances(axis: "Axes", own: pd.DataFrame) -> None:
    """nece, of needed parameters, by distance from the question; all op together."""
    runs = own[own["distance"].notna() & own["layer"].isna() & ~own["reask"].astype(bool)]
    runs = pd.DataFrame(pooled(runs, ["order", "control", "seed", "distance"]), columns=["share"])
    runs = runs.reset_index()
    orders = [order for order in MARKERS if (runs["order"] == order).any()]
    for order, aside in beside(orders).items():
        for control, look in (("none", {}), ("model", {"color": GREY, "marker": "x", "ls": ":"})):
            part = _of(runs[runs["order"] == order], control)
            style = {**order_look(order), "ls": "-", **look}
            for distance, values in part.groupby("distance")["share"]:
                x = float(distance) + aside  # type: ignore[arg-type]
                spread(axis, x, 100 * values, style["color"], style["marker"], 0.07)
            means = 100 * part.groupby("distance")["share"].mean()
            axis.plot(means.index + aside, means, color=style["color"], ls=style["ls"], lw=1)
    axis.set(ylim=(-4, 104), xlabel="Edges from the question to A", ylabel="Right (%)")
    axis.set_xticks(sorted(runs["distance"].unique()))
    axis.set_title("nece, of needed A alone\n(not reask)", loc="left")


def _handles(frame: pd.DataFrame) -> list[Any]:
    return [
        *order_marks(frame),
        mark("untrained model", marker="x", color=GREY),
        mark("majority", **MAJORITY_LOOK),
        mark("level 2: right answer yes", marker="^", ls="-", lw=1),
        mark("level 2: right answer no", marker="v", ls="--", lw=1),
        mark("level 2, published (85M): all in this band", marker="s", ms=8, color=BAND),
        mark("published (85M), at the same multiple of the range", **PUBLISHED_LOOK),
        mark("the same, untrained", **{**PUBLISHED_LOOK, "color": GREY}),
        mark("in the range of training", marker="s", ms=8, color=IN_RANGE["color"]),
        mark(POINTS, marker="|", ms=8),
        mark("*: another question put to problems of so many op", marker=""),
    ]
