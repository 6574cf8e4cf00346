"""Bidirectional models with masked words beside causal ones: what they answer, by attribute.

Source: Allen-Zhu and Li, Part 3.1 (arXiv 2309.14316), Section 6 and Figure 9. The causal model of
the same shape and data is the control of the bidirectional one, and a guess of the commonest answer
that of both.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from physlm.exams import ATTRIBUTES, SCORES, as_table, nearest_ratio, read_exams, standard
from physlm.figures.base import PUBLISHED
from physlm.plotting import (
    MAJORITY_LOOK,
    PUBLISHED_LOOK,
    attribute_panel,
    colours,
    ladder,
    mark,
    seeds,
    whole_range,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESOURCES = ("published/encoder_extraction.csv",)
DESIGN = [
    "arch",
    "causal",
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
COLUMNS = [*DESIGN[:-1], "n_params", "seed", *SCORES]
ARMS = {"finetune": "finetuned", "mixed": "mixed"}
QA_RATIO = 0.8


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per exam of the roles `finetuned` and `mixed`; each may lack runs."""
    rows = []
    for arm, role in ARMS.items():
        method = {"method": "lora"} if arm == "finetune" else {}
        rows += [{"arm": arm} | method | row for row in read_exams(inputs.get(role, []))]
    return as_table(rows, COLUMNS, DESIGN)


def chosen(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs that are compared: one setting of finetuning, one share of questions, see exams."""
    taught = standard(frame[frame["arm"] == "finetune"], per=("variant", "arch"))
    mixed = [
        nearest_ratio(runs, QA_RATIO) for _, runs in frame[frame["arm"] == "mixed"].groupby("arch")
    ]
    return pd.concat([part for part in (taught, *mixed) if len(part)], ignore_index=True)


def draw(frame: pd.DataFrame) -> "Figure":
    """A panel per variant: mean and attributes of causal and bidirectional models, both arms."""
    import matplotlib.pyplot as plt

    published = pd.read_csv(PUBLISHED / "encoder_extraction.csv")
    frame = chosen(frame)
    variants = ladder(list(frame["variant"]), list(published["variant"]))
    figure, axes = plt.subplots(
        len(variants),
        1,
        figsize=(8.0, 2.5 * len(variants) + 0.9),
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    palette = colours()
    looks = {
        (True, "finetune"): (palette[0], "o", "causal, finetuned"),
        (False, "finetune"): (palette[1], "s", "bidirectional, finetuned"),
        (True, "mixed"): (palette[2], "^", "causal, mixed"),
        (False, "mixed"): (palette[3], "v", "bidirectional, mixed"),
    }
    present = set(zip(frame["causal"], frame["arm"], strict=True))
    for axis, variant in zip(axes[:, 0], variants, strict=True):
        own, theirs = (f[f["variant"] == variant] for f in (frame, published))
        series = []
        for (causal, arm), (colour, marker, _) in looks.items():
            runs, reported = (f[(f["causal"] == causal) & (f["arm"] == arm)] for f in (own, theirs))
            series.append((runs, reported, colour, marker))
        attribute_panel(axis, series, ["mean", *ATTRIBUTES])
        axis.set_title(
            f"{variant} ({seeds(own, ['arch', 'arm'])}, {whole_range(own, 'n_asked')} people "
            "asked)",
            loc="left",
        )
    shown = [look for key, look in looks.items() if key in present]
    handles = [mark(label, color=colour, marker=marker) for colour, marker, label in shown]
    handles.append(mark("mean, 95 % interval; dots: seeds", marker="|", ms=8))
    handles.append(mark("majority guess", **MAJORITY_LOOK))
    handles.append(mark("published (124M)", **PUBLISHED_LOOK))
    figure.legend(handles=handles, loc="outside lower center", ncol=4, frameon=False)
    return figure
