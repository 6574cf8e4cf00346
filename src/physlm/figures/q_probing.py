"""Q-probing: what a model has of a person when it reads the name alone, beside what it answers.

Source: Allen-Zhu and Li, Part 3.1 (arXiv 2309.14316), Section 4.3 and Figure 7. Controls: the
commonest class (majority), a probe trained on shuffled labels, a probe of a randomly
initialised model.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.exams import ATTRIBUTES, as_table, read_exams, standard
from physlm.figures import p_probing
from physlm.figures.base import PUBLISHED
from physlm.plotting import (
    PUBLISHED_LOOK,
    by_seed,
    colours,
    estimate,
    ladder,
    mark,
    name,
    seeds,
    whole_range,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/q_probing.csv",)
DESIGN = p_probing.DESIGN
ANSWERS = ["qa_accuracy_mean", "qa_accuracy", "qa_first_token_accuracy"]
COLUMNS = [*p_probing.COLUMNS, *ANSWERS]
CONTROLS = {"labels": ("shuffled labels", "x"), "model": ("random model", "+")}
MARKERS = ("o", "s", "^", "v", "P", "X")


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per run of the role `runs` (probe.json), task and attribute.

    Where nothing was shuffled or untrained (control none), the row has what the finetuned models
    of the same variant and seed answer (role `exams`, the standard setting of physlm.exams).
    """
    rows = p_probing.read_probes(inputs.get("runs", []), "q")
    answers = _answers(inputs.get("exams", []))
    for row in rows:
        found = answers.get((row["variant"], row["seed"]))
        if row["control"] == "none" and found is not None:
            attribute = row["attribute"]
            row["qa_accuracy_mean"] = found["test_accuracy"]
            row["qa_accuracy"] = found[f"test_accuracy_{attribute}"]
            row["qa_first_token_accuracy"] = found[f"test_first_token_accuracy_{attribute}"]
    return as_table(rows, COLUMNS, [*DESIGN, "task", "attribute"])


def _answers(folders: list[str]) -> dict[tuple[str, int], dict[str, float]]:
    """By variant and seed: what the finetuned models of the standard setting answer."""
    rows = read_exams(folders)
    if not rows:
        return {}
    needed = ["variant", "method", "lr_finetune", "n_people", "exposures_nominal", "rank_embed"]
    exams = as_table(rows, [*needed, "rank_qv", "seed"], ["variant", "seed"])
    scores = [column for column in exams.columns if column.startswith("test_")]
    means = standard(exams).groupby(["variant", "seed"])[scores].mean()
    return {key: row.to_dict() for key, row in means.iterrows()}  # type: ignore[misc]


def pairs(frame: pd.DataFrame) -> pd.DataFrame:
    """Probe and answer of each variant, attribute and seed, like with like.

    Columns variant, attribute, seed, probe and answer: whole values; for an attribute that has no
    whole task (the birth date) first tokens of both.
    """
    real = frame[(frame["control"] == "none") & frame["qa_accuracy"].notna()]
    whole = set(frame.loc[frame["task"] == "whole", "attribute"])
    task = real["attribute"].map(lambda a: "whole" if a in whole else "first")
    points = real[real["task"] == task]
    first = points["task"] == "first"
    answer = points["qa_accuracy"].where(~first, points["qa_first_token_accuracy"])
    points = points.assign(probe=points["accuracy"], answer=answer)
    keys = ["variant", "attribute", "seed"]
    return points.groupby(keys, as_index=False)[["probe", "answer"]].mean()


def draw(frame: pd.DataFrame) -> "Figure":
    """Left: answers against probes, a point per variant and attribute. Right: means by variant."""
    import matplotlib.pyplot as plt

    published = pd.read_csv(PUBLISHED / "q_probing.csv")
    variants = ladder(list(frame["variant"]), list(published["variant"]))
    figure, axes = plt.subplots(
        1,
        2,
        figsize=(8.6, max(4.6, 0.42 * len(variants) + 2.2)),
        gridspec_kw={"width_ratios": [1.15, 1]},
        layout="constrained",
    )
    points = pairs(frame)
    _scatter(axes[0], points, published)
    _means(axes[1], variants, frame, published)
    shown = [a for a in ATTRIBUTES if a in set(points["attribute"])]
    _legends(axes, shown, set(frame["control"]), set(frame["task"]))
    return figure


def _scatter(axis: "Axes", points: pd.DataFrame, published: pd.DataFrame) -> None:
    from scipy.stats import pearsonr, spearmanr

    reported = published.dropna(subset="qa_accuracy")
    means = points.groupby(["variant", "attribute"], as_index=False)[["probe", "answer"]].mean()
    for attribute, colour, marker in zip(ATTRIBUTES, colours(), MARKERS, strict=False):
        own, dots = (f[f["attribute"] == attribute] for f in (means, points))
        axis.scatter(100 * dots["probe"], 100 * dots["answer"], s=4, color=colour, alpha=0.5)
        axis.scatter(
            100 * own["probe"], 100 * own["answer"], s=28, color=colour, marker=marker, zorder=4
        )
        theirs = reported[reported["attribute"] == attribute]
        x, y = 100 * theirs["accuracy"], 100 * theirs["qa_accuracy"]
        axis.plot(x, y, color=colour, zorder=2, **{**PUBLISHED_LOOK, "ms": 3.5, "mew": 0.7})
    axis.plot([0, 100], [0, 100], color="0.5", lw=0.8, ls="--", zorder=1)
    if len(means) > 2 and means[["probe", "answer"]].nunique().min() > 1:
        linear = pearsonr(means["probe"], means["answer"])[0]
        ranks = spearmanr(means["probe"], means["answer"])[0]
        found = f"Pearson {linear:.2f}, Spearman {ranks:.2f}\n(n = {len(means)} points)"
        look = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1}
        place = {"transform": axis.transAxes, "va": "top", "fontsize": 7.5, "bbox": look}
        axis.text(0.03, 0.97, found, **place)
    axis.set(xlim=(-4, 104), ylim=(-4, 104))
    axis.set_xlabel("Q-probe accuracy, name alone (%)")
    axis.set_ylabel("Right answers of the finetuned model (%)")
    count = seeds(points, ["variant", "attribute"])
    axis.set_title(f"a  Variants x attributes: {count}", loc="left")


def _means(axis: "Axes", variants: list[str], frame: pd.DataFrame, published: pd.DataFrame) -> None:
    palette = colours()
    looks = {"first": (palette[0], "o", -0.25), "whole": (palette[3], "s", 0.0)}
    for y, variant in enumerate(variants):
        own, theirs = (f[f["variant"] == variant] for f in (frame, published))
        for task, (colour, marker, offset) in looks.items():
            runs = own[own["task"] == task]
            real = runs[runs["control"] == "none"]
            values = by_seed(real, "accuracy")
            estimate(axis, y + offset, values, colour, marker, across=True, aside=0.1)
            for control, (_, shape) in CONTROLS.items():
                value = 100 * runs.loc[runs["control"] == control, "accuracy"].mean()
                axis.plot([value], [y + offset], marker=shape, color=colour, ls="", ms=4.5)
            if len(runs):
                guess = 100 * runs["majority"].mean()
                axis.plot([guess], [y + offset], marker="|", ms=8, mew=1.2, color="0.35", ls="")
            reported = theirs.loc[theirs["task"] == task, "accuracy"]
            if len(reported):
                x = [100 * reported.mean()]
                axis.plot(x, [y + offset], color=colour, **PUBLISHED_LOOK)
        answers = by_seed(own[own["control"] == "none"], "qa_accuracy_mean")
        estimate(axis, y + 0.25, answers, palette[2], "^", across=True, aside=0.1)
        if len(theirs):
            x = [100 * theirs["qa_accuracy_mean"].iloc[0]]
            axis.plot(x, [y + 0.25], color=palette[2], **PUBLISHED_LOOK)
    for edge in np.arange(len(variants) - 1) + 0.5:
        axis.axhline(edge, color="0.85", lw=0.8)
    axis.grid(visible=False, axis="y")
    axis.set_yticks(range(len(variants)), variants)
    axis.set(xlim=(-4, 106), ylim=(len(variants) - 0.5, -0.5))
    axis.set_xlabel("Accuracy, mean over attributes (%)")
    real = frame[frame["control"] == "none"]
    title = f"b  {seeds(real, ['variant'])}, {whole_range(real, 'n')} people tested"
    axis.set_title(title, loc="left")


def _legends(axes: Any, shown: list[str], controls: set[str], tasks: set[str]) -> None:
    """Under each panel its own: the same colours are attributes in one and tasks in the other."""
    palette = colours()
    left = [
        mark(name(attribute), color=colour, marker=marker)
        for attribute, colour, marker in zip(ATTRIBUTES, palette, MARKERS, strict=False)
        if attribute in shown
    ]
    left.append(mark("equal", color="0.5", ls="--", lw=0.8))
    left.append(mark("published (124M)", **PUBLISHED_LOOK))
    left.append(mark("dots: seeds", marker="o", ms=2.5))
    right = [mark("Q-probe, first token", color=palette[0], marker="o")]
    if "whole" in tasks:
        right.append(mark("Q-probe, whole value", color=palette[3], marker="s"))
    right.append(mark("finetuned: answers", color=palette[2], marker="^"))
    right.append(mark("majority", color="0.35", marker="|", ms=8, mew=1.2))
    for control, (label, shape) in CONTROLS.items():
        if control in controls:
            right.append(mark(label, marker=shape))
    right.append(mark("published (124M)", **PUBLISHED_LOOK))
    right.append(mark("mean, 95 % interval", marker="|", ms=8))
    for axis, handles, columns in zip(axes, (left, right), (3, 2), strict=True):
        place = {"loc": "upper center", "bbox_to_anchor": (0.42, -0.13), "frameon": False}
        axis.legend(handles=handles, ncol=columns, **place)
