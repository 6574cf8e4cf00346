"""Records of models that were trained on retry data (Part 2.2), as tables: arms, and what counts.

A record is evaluate.json (measure reasoning) of a model of the world `retry`. `task` is the name
that its run has for the problems (the preset, where it has none). An arm is a kind of mistakes with
its rate p and what of them is masked. With rate 0 texts are error-free, whatever the kind; these
models are the baseline, and they alone decide at which setting and at which op arms are compared.
"""

from typing import TYPE_CHECKING, Any

from physlm.exams import as_table
from physlm.figures import reasoning
from physlm.problem_runs import DIFFICULTY, FACTS, read

if TYPE_CHECKING:
    import pandas as pd

ARM = ["kind", "rate", "masked"]
# What else may differ between two models of a task.
SETTING = ["arch", "canon", "n_layers", "d_model", "steps", "lr_peak"]
CELL = ["op", "reask", "n", "too_long", "accuracy", "n_correct", "backs", "unnecessary"]
COLUMNS = ["task", *ARM, *FACTS, "canon", "lr_peak", "test_seed", *CELL, "shortest", "necessary"]
DESIGN = ["task", "order", "n_params", "steps", *ARM, "seed", "reask", "op"]

# The accuracies of the error-free model between which a gain can show, and the published one
# (med, problem first, op 23), whose op is the hardest of the paper.
REGIME = (0.5, 0.95)
PUBLISHED_BASELINE = 0.777
# Seeds that an interval needs; more do not make one setting better than another.
ENOUGH_SEEDS = 3


def rows_of(run: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per op and reask of a record, see physlm.figures.reasoning; with its task."""
    rows = [row for row in reasoning.rows_of(run) if row["part"] == reasoning.OP]
    return [{"task": row["preset"], **row} for row in rows]


def read_arms(folders: list[str]) -> list[dict[str, Any]]:
    """The rows of all of these runs."""
    return [row for run in read(folders, "evaluate.json", "reasoning") for row in rows_of(run)]


def arms_table(rows: list[dict[str, Any]]) -> "pd.DataFrame":
    """Such rows as a table with COLUMNS."""
    return as_table(rows, COLUMNS, DESIGN)


def error_free(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of the baseline."""
    return frame[frame["rate"] == 0]


def arm(frame: "pd.DataFrame", kind: str, masked: str = "none") -> "pd.DataFrame":
    """The rows of a kind at all rates above 0."""
    return frame[(frame["kind"] == kind) & (frame["masked"] == masked) & (frame["rate"] > 0)]


def asked(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Problems of a known op that were not asked again."""
    return frame[frame["op"].notna() & ~frame["reask"].astype(bool)]


def by_seed(rows: "pd.DataFrame", column: str = "accuracy") -> "pd.Series":
    """Mean of `column` per seed, of each order of texts first; seeds that lack one of the orders
    are left out.
    """
    means = rows.groupby(["seed", "order"])[column].mean().unstack("order")
    return means.dropna().mean(axis=1)


def gain(rows: "pd.DataFrame", baseline: "pd.DataFrame", column: str = "accuracy") -> "pd.Series":
    """What `rows` have more than the baseline, per seed that both have."""
    return (by_seed(rows, column) - by_seed(baseline, column)).dropna()


def comparable(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Of each task, the rows of one SETTING, the same for all arms.

    Chosen by the error-free models alone: settings of three seeds come first, then those of the
    most parameters, of the most steps, and of the highest mean accuracy in the range of training.
    """
    import pandas as pd

    base = error_free(frame[frame["steps"] > 0])
    base = asked(base[base["op"] <= base["op_max"]])
    groups = base.groupby(["task", *SETTING], dropna=False, as_index=False)
    found = pd.DataFrame(
        groups.agg({"seed": "nunique", "n_params": "max", "accuracy": "mean"})
    ).assign(seed=lambda table: table["seed"].clip(upper=ENOUGH_SEEDS))
    found = found.sort_values(["seed", "n_params", "steps", "accuracy"], kind="stable")
    best = found.drop_duplicates("task", keep="last")
    return frame.merge(best[["task", *SETTING]], on=["task", *SETTING])


def tasks(frame: "pd.DataFrame") -> list[str]:
    """The tasks of a table from easy to hard; those of other worlds come first."""
    place = {name: i for i, name in enumerate(DIFFICULTY)}
    known = frame[["preset", "op_max", "task"]].drop_duplicates("task").dropna(subset=["task"])
    rows = known.itertuples(index=False)
    keys = sorted((place.get(preset, -1), op_max, task) for preset, op_max, task in rows)
    return [task for *_, task in keys]


def reported_op(frame: "pd.DataFrame") -> int | None:
    """The op at which the arms of one task are compared; None where no gain can show at any.

    Of those with an error-free accuracy (mean over seeds) within REGIME, the one that is nearest to
    the published baseline. The arms have no say. The smallest op below 95 %, say, would be chosen
    when its baseline is low by chance, and so favour a gain; the nearest one favours neither.
    Op that are smaller than the one that error-free models solve best do not count: what is missing
    there is not that problems are hard.
    """
    means = asked(error_free(frame)).groupby("op")["accuracy"].mean()
    means = means[(means.cummax() == means.max()) & means.between(*REGIME)]
    if means.empty:
        return None
    return int((means - PUBLISHED_BASELINE).abs().round(9).idxmin())


def shown_op(frame: "pd.DataFrame") -> int:
    """The reported op of one task, or the hardest one in range where there is none."""
    op = reported_op(frame)
    ops = asked(frame)
    return op or int(ops.loc[ops["op"] <= ops["op_max"], "op"].max())


def hardest_in_regime(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of the hardest task that has a reported op; without any, of the hardest one."""
    found = tasks(frame)
    having = [task for task in found if reported_op(frame[frame["task"] == task]) is not None]
    return frame[frame["task"] == (having or found)[-1]] if found else frame
