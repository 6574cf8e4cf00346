"""P-probing: where in a biography a model already has an attribute that is yet to be written.

Source: Allen-Zhu and Li, Part 3.1 (arXiv 2309.14316), Section 4.2 and Figure 5. The positions are
the six places right before an attribute, in the order of the text. Controls: the commonest class
(majority), a probe trained on shuffled labels, and a probe of a randomly
initialised model.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.config import require
from physlm.exams import ATTRIBUTES, as_table
from physlm.figures.base import PUBLISHED, read_runs
from physlm.plotting import heat_map, ladder, name, seeds, whole_range
from physlm.statistics import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ("published/p_probing.csv",)
DESIGN = ["variant", "control", "n_people", "exposures_nominal", "rank_embed", "seed"]
RESULT = ["task", "attribute", "position", "n", "accuracy", "train_accuracy", "majority"]
COLUMNS = ["arch", *DESIGN[:4], "n_params", *DESIGN[4:], "n_steps", *RESULT, "n_classes"]
POSITIONS = range(len(ATTRIBUTES))
TASKS = {"first": "first token", "whole": "whole value"}
CONTROLS = {"labels": "shuffled\nlabels", "model": "random\nmodel"}


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per run of the role `runs` (probe.json), task, attribute and position."""
    return as_table(
        read_probes(inputs.get("runs", []), "p"),
        COLUMNS,
        [*DESIGN, "task", "attribute", "position"],
    )


def read_probes(folders: list[str], kind: str) -> list[dict[str, Any]]:
    """A flat dict per run with probe.json and result; ValueError for a probe of another kind."""
    rows = []
    for run in read_runs(folders, "probe.json"):
        require(run["kind"] == kind, "kind", run["kind"], f"{kind} in every run of this figure")
        settings = {key: value for key, value in run.items() if not isinstance(value, dict | list)}
        rows += [settings | result for result in run["results"]]
    return rows


def draw(frame: pd.DataFrame) -> "Figure":
    """A row of panels per variant and a column per task; each a map of attribute by place."""
    import matplotlib.pyplot as plt

    published = pd.read_csv(PUBLISHED / "p_probing.csv")
    variants = ladder(list(frame["variant"]), list(published["variant"]))
    tasks = [task for task in TASKS if task in set(frame["task"])]
    figure, axes = plt.subplots(
        len(variants),
        len(tasks),
        figsize=(4.5 * len(tasks) + 0.4, 1.75 * len(variants) + 0.9),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for row, variant in zip(axes, variants, strict=True):
        own = frame[frame["variant"] == variant]
        reported = published[published["variant"] == variant]
        for axis, task in zip(row, tasks, strict=True):
            _map(axis, own[own["task"] == task], reported[reported["task"] == task])
            axis.set_title(f"{variant}: {TASKS[task]}", loc="left")
        probed = own[own["control"] == "none"]
        row[-1].set_title(
            f"{seeds(probed, ['variant'])}, {whole_range(probed, 'n')} people tested",
            loc="right",
            fontsize=7,
        )
    for axis in axes[-1]:
        axis.set_xlabel("Place in the text (0: after the name; last: before its own sentence)")
    figure.suptitle(
        f"Accuracy of probes of the hidden state (%), mean over seeds{_widest(frame)}", fontsize=9
    )
    return figure


def _map(axis: "Axes", runs: pd.DataFrame, published: pd.DataFrame) -> None:
    """Attribute by position, then majority, controls (means over positions) and published."""
    attributes = list(ATTRIBUTES)
    probed = runs[runs["control"] == "none"]
    found = _pivot(probed, "position").reindex(columns=list(POSITIONS))
    labels = [str(position) for position in POSITIONS]
    columns = [found.reindex(attributes).to_numpy(float)]
    extra = {"majority": runs.groupby("attribute")["majority"].mean()}
    for control, label in CONTROLS.items():
        own = runs[runs["control"] == control]
        if len(own):
            extra[label] = own.groupby("attribute")["accuracy"].mean()
    first = published[published["position"] == 0]
    if len(first):
        extra["publ.\nat 0"] = first.set_index("attribute")["accuracy"]
    own = published[published["position"] == published["attribute"].map(attributes.index)]
    if (own["position"] > 0).any():
        extra["publ.\nlast"] = own.set_index("attribute")["accuracy"]
    for label, values in extra.items():
        columns.append(values.reindex(attributes).to_numpy(float)[:, None])
        labels.append(label)
    heat_map(axis, np.hstack(columns), [name(a) for a in attributes], labels)
    for edge in range(len(POSITIONS), len(labels)):
        axis.axvline(edge - 0.5, color="white", lw=4 if edge == len(POSITIONS) else 1.5)
    axis.tick_params(labelsize=6.5)


def _pivot(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    return frame.pivot_table(index="attribute", columns=by, values="accuracy", aggfunc="mean")


def _widest(frame: pd.DataFrame) -> str:
    """How wide the widest 95 % interval of a cell of the probes is; nothing for single seeds."""
    probed = frame[frame["control"] == "none"]
    cells = probed.groupby(["variant", "task", "attribute", "position"])
    halves = [
        high - mean for mean, _, high in (interval(g["accuracy"].to_numpy()) for _, g in cells)
    ]
    known = [half for half in halves if not np.isnan(half)]
    if not known:
        return ""
    middle, most = 100 * np.median(known), 100 * max(known)
    return f"\n95 % intervals ± {middle:.1f} (median) to ± {most:.1f} (widest)"
