"""What of memorised biographies comes out in answers: by variant, attribute, and way of training.

Source: Allen-Zhu and Li, Part 3.1 (arXiv 2309.14316), Figures 2, 3, 10 and 11. A model either reads
biographies and is then finetuned on questions about half of the people, or reads both together
(mixed). Test accuracy is that of whole answers about the other half. Controls are the accuracy on
the half it was taught, its memory of the biographies, and a guess of the commonest answer.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.exams import ATTRIBUTES, SCORES, as_table, nearest_ratio, read_exams, standard
from physlm.figures.base import PUBLISHED
from physlm.plotting import (
    MAJORITY_LOOK,
    PUBLISHED_LOOK,
    by_seed,
    colours,
    estimate,
    heat_map,
    ladder,
    mark,
    name,
    seeds,
    whole_range,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/extraction.csv",)
DESIGN = [
    "arm",
    "variant",
    "method",
    "rank_qv",
    "rank_embed",
    "lr_finetune",
    "qa_ratio",
    "n_people",
    "exposures_nominal",
    "seed",
]
COLUMNS = [*DESIGN[:-2], "n_params", *DESIGN[-2:], *SCORES]
ARMS = {"finetune": ("finetuned", "memorised"), "mixed": ("mixed", "memorised_mixed")}
# The variant that nothing but other pretraining data repairs, and the published share of questions.
PLAIN, QA_RATIO = "single", 0.8
ATTRIBUTE_SCORES = [f"test_accuracy_{attribute}" for attribute in ATTRIBUTES]


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per exam of the roles `finetuned` and `mixed`; each may lack runs.

    `memorised` and `memorised_mixed` hold the measure.json of the models that read the biographies.
    """
    rows = []
    for arm, (examined, measured) in ARMS.items():
        exams = read_exams(inputs.get(examined, []), inputs.get(measured, []))
        rows += [{"arm": arm} | row for row in exams]
    return as_table(rows, COLUMNS, DESIGN)


def draw(frame: pd.DataFrame) -> "Figure":
    """Four panels: variants, attributes, mixed training by its share of questions, and repair."""
    import matplotlib.pyplot as plt

    published = pd.read_csv(PUBLISHED / "extraction.csv")
    taught = standard(frame[frame["arm"] == "finetune"])
    mixed = frame[frame["arm"] == "mixed"]
    variants = ladder(list(frame["variant"]), list(published["variant"].dropna()))
    top = 0.34 * (len(variants) + 1) + 0.9
    figure, axes = plt.subplots(
        2,
        2,
        figsize=(8.6, top + 4.3),
        gridspec_kw={"height_ratios": [top, 3.0], "width_ratios": [1.15, 1]},
        layout="constrained",
    )
    _variants(axes[0, 0], variants, taught, mixed, published)
    _attributes(axes[0, 1], variants, taught if len(taught) else mixed)
    _ratios(axes[1, 0], variants, taught, mixed, published)
    _repair(axes[1, 1], frame[frame["variant"] == PLAIN], published)
    _legend(figure, taught, mixed)
    return figure


def _majority(axis: "Axes", frame: pd.DataFrame, across: bool = False) -> None:
    if len(frame):
        line = axis.axvline if across else axis.axhline
        line(100 * frame["majority_accuracy"].mean(), **MAJORITY_LOOK, zorder=1)


def _variants(
    axis: "Axes",
    variants: list[str],
    taught: pd.DataFrame,
    mixed: pd.DataFrame,
    published: pd.DataFrame,
) -> None:
    palette = colours()
    together = nearest_ratio(mixed, QA_RATIO)
    reported = published[published["source"] == "figure 3"]
    for y, variant in enumerate(variants):
        for arm, runs, offset, colour, marker in (
            ("finetune", taught, -0.17, palette[0], "o"),
            ("mixed", together, 0.17, palette[1], "s"),
        ):
            own = runs[runs["variant"] == variant]
            if own.empty:
                continue
            values = by_seed(own, "test_accuracy")
            estimate(axis, y + offset, values, colour, marker, across=True, aside=0.13)
            value = reported[(reported["arm"] == arm) & (reported["variant"] == variant)]
            x = 100 * value["test_accuracy"]
            axis.plot(x, np.full(len(x), y + offset), color=colour, zorder=3, **PUBLISHED_LOOK)
        own = taught[taught["variant"] == variant]
        for column, marker, offset in (
            ("train_accuracy", "^", -0.22),
            ("biography_accuracy", "P", -0.02),
        ):
            means = 100 * by_seed(own, column)
            if means.size:
                look = {"marker": marker, "color": palette[2], "ms": 4.5, "ls": "", "zorder": 4}
                axis.plot([means.mean()], [y + offset], **look)
    _majority(axis, pd.concat([taught, together]), across=True)
    axis.set_yticks(range(len(variants) + 1), [*variants, "majority guess"])
    axis.set(xlim=(-4, 106), ylim=(len(variants) + 0.5, -0.5), xlabel="Right answers (%)")
    everything = pd.concat([taught, together])
    axis.set_title(
        f"a  By variant: {seeds(everything, ['arm', 'variant'])},\n"
        f"    {whole_range(everything, 'n_asked')} people asked",
        loc="left",
    )


def _attributes(axis: "Axes", variants: list[str], runs: pd.DataFrame) -> None:
    """A map whose rows are those of the panel beside it, which has their names."""
    means = runs.groupby("variant")[ATTRIBUTE_SCORES].mean().reindex(variants)
    guess = runs[[f"majority_accuracy_{attribute}" for attribute in ATTRIBUTES]].mean()
    values = np.vstack([means.to_numpy(float), guess.to_numpy(float)])
    columns = [name(attribute).replace(" ", "\n") for attribute in ATTRIBUTES]
    heat_map(axis, values, [""] * len(values), columns)
    axis.axhline(len(variants) - 0.5, color="white", lw=3)
    axis.tick_params(axis="x", labelsize=7)
    arm = "finetuned" if "finetune" in set(runs["arm"]) else "mixed"
    axis.set_title(f"b  Right answers by attribute (%),\n    {arm}, mean over seeds", loc="left")


def _ratios(
    axis: "Axes",
    variants: list[str],
    taught: pd.DataFrame,
    mixed: pd.DataFrame,
    published: pd.DataFrame,
) -> None:
    counts = mixed.groupby("variant")["qa_ratio"].nunique()
    swept = set(counts[counts > 1].index) or set(mixed["variant"])
    shown = [variant for variant in variants if variant in swept]
    reported = published[published["source"] == "figure 10"]
    for variant, colour in zip(shown, colours() * len(shown), strict=False):
        own = mixed[mixed["variant"] == variant].groupby("qa_ratio")
        means = 100 * own["test_accuracy"].mean()
        axis.plot(100 * means.index, means, color=colour, lw=1, zorder=3, label=variant)
        for ratio, runs in own:
            values = by_seed(runs, "test_accuracy")
            estimate(axis, 100 * float(str(ratio)), values, colour, aside=1.6)
        finetuned = by_seed(taught[taught["variant"] == variant], "test_accuracy")
        estimate(axis, 0, finetuned, colour, aside=1.6)
        value = reported[reported["variant"] == variant]
        x, y = 100 * value["qa_ratio"], 100 * value["test_accuracy"]
        axis.plot(x, y, color=colour, zorder=2, **PUBLISHED_LOOK)
    _majority(axis, mixed)
    ticks = [0, 20, 40, 60, 80, 100]
    axis.set_xticks(ticks, ["none:\nfinetuned", *map(str, ticks[1:])])
    axis.set(xlim=(-6, 104), ylim=(-4, 106), ylabel="Right answers (%)")
    axis.set_xlabel("Share of questions while pretraining (% of tokens)")
    title = f"c  Mixed training: {seeds(mixed, ['variant', 'qa_ratio'])}"
    axis.set_title(title + "\n" * -(-len(shown) // 3), loc="left")
    if shown:
        axis.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncol=3,
            frameon=False,
            borderaxespad=0.2,
            columnspacing=1,
            handlelength=1.2,
        )


def _repair(axis: "Axes", runs: pd.DataFrame, published: pd.DataFrame) -> None:
    palette = colours()
    settings = repairs(runs)
    for x, (_, own) in enumerate(settings):
        mixed = own["arm"].iloc[0] == "mixed"
        values = by_seed(own, "test_accuracy")
        estimate(axis, x, values, palette[mixed], "s" if mixed else "o", aside=0.14)
        train = by_seed(own, "train_accuracy")
        axis.plot([x], [100 * train.mean()], marker="^", color=palette[2], ls="", ms=5)
        value = _published_repair(own.iloc[0], published)
        y = 100 * value["test_accuracy"]
        axis.plot(np.full(len(y), x), y, color=palette[mixed], zorder=6, **PUBLISHED_LOOK)
    _majority(axis, runs)
    axis.set_xticks(range(len(settings)), [label for label, _ in settings])
    axis.tick_params(axis="x", labelsize=6.5, rotation=60 if len(settings) > 4 else 0)
    axis.set(xlim=(-0.6, len(settings) - 0.4), ylim=(-4, 106), ylabel="Right answers (%)")
    axis.set_xlabel("Way of training (LoRA: ranks q, v / embedding)")
    count = seeds(runs, ["arm", "method", "rank_qv", "rank_embed", "lr_finetune", "qa_ratio"])
    axis.set_title(f"d  What helps {PLAIN}: {count}", loc="left")


def repairs(runs: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The ways to train one variant, with a label: LoRA by ranks, then full, then mixed."""
    rates = runs.groupby("method", dropna=False)["lr_finetune"].nunique()
    found = []
    for method in ("lora", "full"):
        taught = runs[runs["method"] == method]
        keys = ["rank_embed", "rank_qv", "lr_finetune"]
        for (embed, qv, rate), own in taught.groupby(keys, dropna=False):
            label = f"LoRA {qv:g}/{embed:g}" if method == "lora" else "full"
            found.append((label + (f"\nlr {rate:g}" if rates[method] > 1 else ""), own))
    mixed = nearest_ratio(runs[runs["arm"] == "mixed"], QA_RATIO)
    return [*found, ("mixed", mixed)] if len(mixed) else found


def _published_repair(run: pd.Series, published: pd.DataFrame) -> pd.DataFrame:
    value = published[(published["variant"] == run["variant"]) & (published["arm"] == run["arm"])]
    if run["arm"] == "mixed":
        return value[value["source"] == "figure 3"]
    return value[(value["method"] == run["method"]) & value["source"].str.startswith("figure 2")]


def _legend(figure: "Figure", taught: pd.DataFrame, mixed: pd.DataFrame) -> None:
    palette = colours()
    handles = []
    if len(taught):
        handles.append(mark("finetuned, other people", marker="o", color=palette[0]))
    if len(mixed):
        handles.append(mark("mixed, other people", marker="s", color=palette[1]))
    handles.append(mark("the people it was taught", marker="^", color=palette[2]))
    if taught["biography_accuracy"].notna().any():
        handles.append(mark("values in biographies", marker="P", color=palette[2]))
    handles += [
        mark("mean, 95 % interval; dots: seeds", marker="|", ms=8),
        mark("majority guess", **MAJORITY_LOOK),
        mark("published (124M)", **PUBLISHED_LOOK),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncol=4, frameon=False)
