"""Whether a model's mistakes can be spared when it writes: by beams, or by taking them back.

Source: Ye, Xu, Li and Allen-Zhu, Part 2.2 (arXiv 2408.16293), Section 3 and Figure 3. Models that
were trained on right solutions write greedily, by beam search, and with retry upon regret: a
detector is asked after each sentence whether its parameter could be computed then, and a sentence
that it refuses is drawn again. The perfect detector reads the problem, the trained one is a probe
of the model itself; what that says of the model's own steps is in the second panel.
"""

import itertools
from typing import TYPE_CHECKING, Any

import pandas as pd

from physlm.exams import as_table
from physlm.grammar_plots import GREY, POINTS, spread
from physlm.plotting import PUBLISHED_LOOK, colours, mark, seeds, whole_range
from physlm.problem_plots import IN_RANGE, ORDERS, cell_axis, lines, places
from physlm.problem_runs import FACTS, flat, largest, pooled, presets, published, read

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/retry_decoding.csv",)
# What a row is of: solutions that were written in some way, or what the trained detector says.
SOLVED, DETECTED = "solved", "detected"
ARM = ["arm", "n_beams", "detector", "most_retries"]
PROBE = ["probe_rank", "probe_steps"]
RESULT = ["op", "reask", "n", "accuracy", "n_correct", "retries", "spent", "unnecessary"]
COLUMNS = [*FACTS, "test_seed", "length_penalty", *PROBE, "part", *ARM, "case", *RESULT]
DESIGN = ["preset", "order", "n_params", "n_layers", "seed", "part", *ARM, "case", "op"]
# Of which parameters the detector says the truth.
CASES = {
    "questions": "all\nquestions",
    "right": "own steps, right\n(says ready)",
    "others": "others where own\nmistake is\n(says not ready)",
    "mistakes": "own first\nmistakes\n(says not ready)",
}
RENAMED = {"correct": "n_correct", "steps": "written_steps"}


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows of the role `runs` (decoding.json): see `rows_of`."""
    rows = []
    for run in read(inputs.get("runs", []), "decoding.json"):
        rows += rows_of(run)
    return as_table(rows, COLUMNS, DESIGN)


def rows_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per op and arm (part solved), and per op and case (part detected, see CASES).

    accuracy: of solutions by the strict grader; of parameters, the share of which the probe said
    the truth. retries: sentences taken back per solution; spent: share of solutions with as many as
    allowed. unnecessary: parameters that the question does not need, per correct solution.
    error_<kind>: how many solutions were first wrong in this way.
    """
    known = flat(run) | {"reask": False}
    for key, name in (("rank", PROBE[0]), ("n_steps", PROBE[1])):
        known[name] = (run["probe"] or {}).get(key)
    rows = []
    for cell in run["cells"]:
        asked = known | {"op": cell["op"]}
        for arm in cell["arms"]:
            row = asked | {"part": SOLVED, "n": cell["n"]}
            row |= {RENAMED.get(key, key): value for key, value in flat(arm).items()}
            row |= {f"error_{kind}": n for kind, n in arm["kinds"].items()}
            rows.append(row)
        shares = {case: (cell["own"] or {}).get(case) for case in CASES}
        for case, found in shares.items():
            if found is not None:
                rows.append(asked | {"part": DETECTED, "case": case, **found})
    for found in run["questions"] or []:
        kept = {key: found.get(key) for key in ("op", "n", "accuracy", "majority")}
        rows.append(known | {"part": DETECTED, "case": "questions", **kept})
    return rows


def series(frame: pd.DataFrame) -> pd.Series:
    """What each way to write is called."""
    return pd.Series([_name(row) for row in frame[ARM].to_dict("records")], frame.index, dtype=str)


def _name(row: dict[Any, Any]) -> str:
    if row["arm"] == "beams":
        return f"{row['n_beams']:.0f} beams"
    if row["arm"] == "regret":
        return f"regret, {row['detector']} detector, {row['most_retries']:.0f} retries"
    return "greedy"


def draw(frame: pd.DataFrame) -> "Figure":
    """A row of panels per preset and order, of its largest models: solutions, and the detector."""
    import matplotlib.pyplot as plt

    frame = largest(frame)
    shown = [
        (preset, order)
        for preset in presets(frame)
        for order in ORDERS
        if len(frame[(frame["preset"] == preset) & (frame["order"] == order)])
    ]
    figure, axes = plt.subplots(
        max(len(shown), 1),
        2,
        figsize=(10.5, 3.0 * max(len(shown), 1) + 1.1),
        gridspec_kw={"width_ratios": [1.5, 1]},
        squeeze=False,
        layout="constrained",
    )
    solved = frame[frame["part"] == SOLVED]
    looks = _looks(solved)
    for row, (preset, order) in zip(axes, shown, strict=False):
        own = frame[(frame["preset"] == preset) & (frame["order"] == order)]
        by_op = own[own["part"] == SOLVED]
        op_max = int(own["op_max"].iloc[0])
        theirs = published("retry_decoding", preset, op_max)
        theirs = theirs[theirs["order"] == order]
        _accuracies(row[0], by_op, theirs.iloc[:0] if preset == "plan" else theirs, looks)
        cell_axis(row[0], places(by_op), op_max)
        _detection(row[1], own[own["part"] == DETECTED])
        count = seeds(by_op, ["op", *ARM])
        written = whole_range(by_op, "n")
        title = f"{preset} ({ORDERS[order]}): right solutions\n{count}, {written} problems"
        row[0].set_title(title, loc="left")
        row[1].set_title("the trained detector", loc="left")
    figure.legend(handles=_handles(looks), loc="outside lower center", ncol=3, frameon=False)
    return figure


def _looks(solved: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Colour and marker of each way to write: a colour per kind, a marker per number."""
    kinds = {"greedy": 7, "beams": 0, "trained": 1, "perfect": 2}
    ways = solved[ARM].drop_duplicates().fillna({"n_beams": 0, "most_retries": 0})
    found: dict[str, dict[str, Any]] = {}
    for kind, place in kinds.items():
        same = [way for way in ways.to_dict("records") if _kind(way) == kind]
        same.sort(key=lambda way: (way["n_beams"], way["most_retries"]))
        for way, marker in zip(same, itertools.cycle("osv^PX"), strict=False):
            found[_name(way)] = {"color": colours()[place], "marker": marker}
    return found


def _kind(way: dict[Any, Any]) -> str:
    return way["detector"] if way["arm"] == "regret" else way["arm"]


def _accuracies(
    axis: "Axes",
    by_op: pd.DataFrame,
    theirs: pd.DataFrame,
    looks: dict[str, dict[str, Any]],
) -> None:
    """Lines over op, side by side; published values of the same arms, where there are such."""
    at, names = places(by_op), series(by_op)
    shown = [name for name in looks if (names == name).any()]
    of_theirs = series(theirs)
    for i, name in enumerate(shown):
        aside = 0.09 * (i - (len(shown) - 1) / 2)
        lines(axis, by_op[names == name], "accuracy", at, aside, 100, **looks[name])
        values = theirs[of_theirs == name]
        last = max((op for op, _ in at), default=0) + 0.5
        values = values[values["at"] <= last]
        style = {**PUBLISHED_LOOK, "color": looks[name]["color"], "zorder": 4}
        axis.plot(values["at"] + aside, 100 * values["accuracy"], **style)
    axis.set(ylim=(-4, 106), ylabel="Right (%)")


def _detection(axis: "Axes", runs: pd.DataFrame) -> None:
    """Per case, the share of which the truth is said: each seed, all operations together."""
    theirs = published("retry_decoding")
    for x, case in enumerate(CASES):
        own = runs[runs["case"] == case]
        spread(axis, x, 100 * pooled(own, ["seed"]), colours()[1], aside=0.12)
        axis.text(x, -10, f"{own['n'].sum():,.0f}", ha="center", va="center", fontsize=6.5)
        values = 100 * theirs.loc[theirs["case"] == case, "accuracy"]
        style = {**PUBLISHED_LOOK, "color": GREY, "zorder": 4}
        axis.plot([x - 0.15] * len(values), values, **style)
    axis.set_xticks(range(len(CASES)), list(CASES.values()), fontsize=7)
    axis.set(xlim=(-0.5, len(CASES) - 0.5), ylim=(-17, 106), ylabel="Detector right (%)")
    axis.set_yticks(range(0, 101, 20))
    axis.grid(visible=False, axis="x")


def _handles(looks: dict[str, dict[str, Any]]) -> list[Any]:
    return [
        *(mark(name, **look, ls="-", lw=1) for name, look in looks.items()),
        mark("in the range of training", marker="s", ms=8, color=IN_RANGE["color"]),
        mark(POINTS, marker="|", ms=8),
        mark("published (85M), at the same multiple of the range", **PUBLISHED_LOOK),
        mark("numbers: parameters of all runs", marker=""),
    ]
