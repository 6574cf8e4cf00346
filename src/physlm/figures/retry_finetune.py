"""Whether finetuning an error-free model on retry data teaches what pretraining on it does.

Source: Allen-Zhu and Li, Part 2.2 (arXiv 2408.16293), Section 5, Figures 7 and 10. LoRA adapters of
several ranks, and full finetuning, which is pretraining continued; beside them the error-free model
itself and one that was pretrained on retry data of the same rate. See physlm.figures.retry for the
op that is shown.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from physlm.exams import as_table
from physlm.figures.base import PUBLISHED
from physlm.grammar_plots import level_colours, spread
from physlm.plotting import mark
from physlm.retry_plots import (
    THEIRS,
    masked_mark,
    name_panels,
    op_name,
    points_mark,
    regime_note,
    size_title,
)
from physlm.retry_runs import COLUMNS as ARM_COLUMNS
from physlm.retry_runs import (
    DESIGN,
    asked,
    by_seed,
    comparable,
    error_free,
    read_arms,
    shown_op,
    tasks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/retry_finetune.csv",)
PRETRAIN, LORA, FULL = "pretrain", "lora", "full"
COLUMNS = ["method", "rank", "lr_tuned", *ARM_COLUMNS]
# What of a model must be that of the error-free one from which it was finetuned.
SHAPE = ["task", "order", "arch", "n_layers", "d_model"]


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """Rows of the role `runs` (finetuned models), method lora or full, and of the role
    `pretrained`, method pretrain, those that are error-free (rate 0) or of kind perfect. All are
    evaluate.json of the measure reasoning; rows are per op and reask.

    rank: of LoRA, empty otherwise. Columns: see physlm.figures.retry.
    """
    rows = []
    for row in read_arms(inputs.get("pretrained", [])):
        if row["rate"] == 0 or row["kind"] == "perfect":
            rows.append(row | {"method": PRETRAIN})
    for row in read_arms(inputs.get("runs", [])):
        rows.append(row | {"rank": row["rank"] if row["method"] == LORA else None})
    return as_table(rows, COLUMNS, ["method", "rank", "lr_tuned", *DESIGN])


def arms_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The pretrained rows of the setting that counts (physlm.retry_runs.comparable), and those
    finetuned from models of that shape: of several learning rates the one that is best in range.
    """
    pretrained = comparable(frame[frame["method"] == PRETRAIN])
    tuned = frame[frame["method"] != PRETRAIN]
    tuned = tuned.merge(pretrained[SHAPE].drop_duplicates(), on=SHAPE)
    keys = ["task", "order", "method", "rank", "kind", "rate", "masked"]
    within = asked(tuned[tuned["op"] <= tuned["op_max"]])
    groups = within.groupby([*keys, "lr_tuned"], dropna=False, as_index=False)
    means = pd.DataFrame(groups["accuracy"].mean())
    means = means.sort_values(["accuracy", "lr_tuned"], ascending=[False, True])
    best = means.drop_duplicates(keys)[[*keys, "lr_tuned"]]
    parts = [pretrained, tuned.merge(best, on=[*keys, "lr_tuned"])]
    return pd.concat([part for part in parts if len(part)] or parts[:1])


def settings(frame: pd.DataFrame) -> list[tuple[str, float | None]]:
    """Method and rank of the finetuned models and of pretraining, in the order of the figure."""
    ranks = sorted(frame.loc[frame["method"] == LORA, "rank"].dropna().unique())
    return [*((LORA, rank) for rank in ranks), (FULL, None), (PRETRAIN, None)]


def of_setting(frame: pd.DataFrame, method: str, rank: float | None) -> pd.DataFrame:
    """The rows of retry data of a method and rank."""
    rows = frame[(frame["method"] == method) & (frame["rate"] > 0)]
    return rows if rank is None else rows[rows["rank"] == rank]


def draw(frame: pd.DataFrame) -> "Figure":
    """A row per task: accuracy of each way of training at the reported op; the published ones."""
    import matplotlib.pyplot as plt

    frame = arms_of(frame)
    frame = frame[frame["kind"].eq("perfect") | frame["rate"].eq(0)]
    shown = tasks(frame[frame["method"] != PRETRAIN])
    figure, axes = plt.subplots(
        max(len(shown), 1),
        2,
        figsize=(9.6, 3.1 * max(len(shown), 1) + 0.9),
        squeeze=False,
        layout="constrained",
    )
    for row, name in zip(axes, shown, strict=False):
        task = frame[frame["task"] == name]
        op = shown_op(task)
        _ways(row[0], task, op)
        _published(row[1])
        title = f"{name}: {op_name(task, op)}, {regime_note(task)}"
        groups = ["method", "rank", "rate", "masked", "op"]
        title = f"{title}\n{size_title(task, groups)}"
        theirs = "published (85M), p = .2: med op 23 and\nhard op 32, both orders"
        name_panels(row, (title, theirs))
    figure.legend(handles=_handles(), loc="outside lower center", ncol=5, frameon=False)
    return figure


def compared_rates(task: pd.DataFrame) -> list[float]:
    """The rates that were finetuned on."""
    return sorted(task.loc[task["method"] != PRETRAIN, "rate"].unique())


def _ways(axis: "Axes", task: pd.DataFrame, op: int) -> None:
    """A place per way of training; a colour per rate; masked arms hollow, a little to the right."""
    rows = asked(task[task["op"] == op])
    base = 100 * by_seed(error_free(rows))
    spread(axis, 0, base, "0.3", "o", 0.06)
    if len(base):
        axis.axhline(base.mean(), color="0.3", ls=":", lw=1, zorder=1)
    ways = settings(rows)
    rates = compared_rates(task)
    for i, (method, rank) in enumerate(ways):
        own = of_setting(rows, method, rank)
        for j, (rate, colour) in enumerate(zip(rates, level_colours(len(rates)), strict=True)):
            part = own[own["rate"] == rate]
            for masked in (False, True):
                values = 100 * by_seed(part[(part["masked"] != "none") == masked])
                at = 1 + i + 0.3 * (j - (len(rates) - 1) / 2) + 0.1 * masked
                spread(axis, at, values, colour, "o", 0.05)
                if masked and len(values):
                    empty = {"marker": "o", "ls": "", "ms": 2.8, "color": "white", "zorder": 6}
                    axis.plot([at], [values.mean()], **empty)
    for rate, colour in zip(rates, level_colours(len(rates)), strict=True):
        axis.plot([], [], color=colour, marker="o", ls="", ms=4.5, label=f"p = {rate:g}")
    if rates:
        axis.legend(frameon=False, fontsize=7, loc="lower left", bbox_to_anchor=(0, 0.06))
    _names(axis, ways)


def _names(axis: "Axes", ways: list[tuple[str, float | None]]) -> None:
    names = {FULL: "full\nfine-\ntuning", PRETRAIN: "retry\npre-\ntraining"}
    ticks = [names.get(method, f"LoRA\n{rank or 0:.0f}") for method, rank in ways]
    axis.set_xticks(range(len(ways) + 1), ["error-\nfree", *ticks], fontsize=7)
    axis.set_xlim(-0.5, len(ways) + 0.5)
    axis.grid(visible=False, axis="x")
    axis.set(ylim=(-4, 106), ylabel="Right (%)")


def _published(axis: "Axes") -> None:
    """Published values at p = .2: the mean and range of the hardest op of each preset and order."""
    values = pd.read_csv(PUBLISHED / "retry_finetune.csv").dropna(subset=["op"])
    values = values[values["rate"].isin([0, 0.2])]
    base = 100 * values.loc[values["rate"] == 0, "accuracy"]
    ways = settings(values)
    axis.axhline(base.mean(), color="0.3", ls=":", lw=1, zorder=1)
    places = [(0.0, base, False)]
    for i, (method, rank) in enumerate(ways):
        own = of_setting(values, method, rank)
        for masked in (False, True):
            part = 100 * own.loc[(own["masked"] != "none") == masked, "accuracy"]
            places.append((1 + i + 0.15 * masked, part, masked))
    for at, part, masked in places:
        look = {**THEIRS, "mfc": "none" if masked or at == 0 else THEIRS["color"]}
        axis.vlines(at, part.min(), part.max(), color=THEIRS["color"], lw=0.7)
        axis.plot([at], [part.mean()], **look)
    _names(axis, ways)


def _handles() -> list[Any]:
    return [
        mark("nothing masked", marker="o"),
        masked_mark(),
        points_mark(),
        mark("error-free", ls=":", lw=1, marker=""),
        mark("published: mean and range (hollow: masked)", **THEIRS),
    ]
