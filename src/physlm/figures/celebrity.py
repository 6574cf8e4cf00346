"""Celebrities: what many texts about some people do for others who have one text each.

Source: Allen-Zhu and Li, Part 3.1 (arXiv 2309.14316), Section 5 and Figure 8. With celebrities,
questions are taught about them alone and asked about everybody else (the minority). The control is
the same minority without celebrities, half of it taught and the other half asked.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

from physlm.exams import ATTRIBUTES, SCORES, as_table, read_exams, standard
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

RESOURCES = ("published/celebrity.csv",)
DESIGN = [
    "variant",
    "celebrities",
    "method",
    "rank_qv",
    "rank_embed",
    "lr_finetune",
    "n_people",
    "exposures_nominal",
    "seed",
]
COLUMNS = [*DESIGN[:-1], "n_params", "seed", *SCORES]


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per exam of the role `exams`; `memorised` holds measure.json of the same models."""
    rows = read_exams(inputs.get("exams", []), inputs.get("memorised", []))
    return as_table([{"method": "lora"} | row for row in rows], COLUMNS, DESIGN)


def draw(frame: pd.DataFrame) -> "Figure":
    """A panel per variant of the minority: mean and attributes, without and with celebrities."""
    import matplotlib.pyplot as plt

    published = pd.read_csv(PUBLISHED / "celebrity.csv")
    frame = standard(frame, per=("variant", "celebrities"))
    variants = ladder(list(frame["variant"]), list(published["variant"]))
    figure, axes = plt.subplots(
        len(variants),
        1,
        figsize=(7.2, 2.3 * len(variants) + 0.9),
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    palette = colours()
    looks = {
        False: (palette[1], "s", "without celebrities"),
        True: (palette[0], "o", "with celebrities"),
    }
    for axis, variant in zip(axes[:, 0], variants, strict=True):
        own, theirs = (f[f["variant"] == variant] for f in (frame, published))
        series = []
        for helped, (colour, marker, _) in looks.items():
            runs, reported = (f[(f["celebrities"] > 0) == helped] for f in (own, theirs))
            series.append((runs, reported, colour, marker))
        attribute_panel(axis, series, ["mean", *ATTRIBUTES])
        axis.set_title(
            f"Minority: {variant} ({seeds(own, ['celebrities'])}, "
            f"{whole_range(own, 'n_asked')} people asked)",
            loc="left",
        )
    handles = [mark(label, color=c, marker=m) for c, m, label in looks.values()]
    handles.append(mark("mean, 95 % interval; dots: seeds", marker="|", ms=8))
    handles.append(mark("majority guess", **MAJORITY_LOOK))
    handles.append(mark("published (100K people)", **PUBLISHED_LOOK))
    figure.legend(handles=handles, loc="outside lower center", ncol=3, frameon=False)
    return figure
