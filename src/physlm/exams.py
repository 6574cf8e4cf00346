"""Exams of many runs as tables: how they are read, joined with what was measured, and chosen.

Part 3.1 (arXiv 2309.14316). An exam is exam.json of the exam step; see physlm.evaluate.qa.summary.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physlm.figures.base import read_runs

if TYPE_CHECKING:
    import pandas as pd

# Those of physlm.data.bios, in its order; not imported, so that a figure does not depend on the
# code of the world.
ATTRIBUTES = ("birth_date", "birth_city", "university", "major", "employer", "employer_city")

# What a row of `read_exams` has of the answers, beside the settings of its run.
SCORES = [
    "biography_accuracy",
    "train_accuracy",
    "test_accuracy",
    "majority_accuracy",
    "chance_accuracy",
    "train_first_token_accuracy",
    "test_first_token_accuracy",
    "majority_first_token_accuracy",
    "n_asked",
    *(f"test_accuracy_{attribute}" for attribute in ATTRIBUTES),
    *(f"test_first_token_accuracy_{attribute}" for attribute in ATTRIBUTES),
    *(f"majority_accuracy_{attribute}" for attribute in ATTRIBUTES),
]
# What a finetuned model may differ in from another of its variant, but for the learning rate.
SETTING = ["n_people", "exposures_nominal", "rank_embed", "rank_qv"]


def read_exams(folders: Sequence[str], measured: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A flat dict per run with exam.json, sorted by name: its settings and SCORES, as shares.

    `measured` are folders with measure.json of the models that were examined, or finetuned and then
    examined; biography_accuracy is their value_accuracy. Ranks are those of LoRA, None otherwise.
    """
    paths = sorted(map(Path, folders))
    known = [(_variables(Path(f)), row) for f, row in _with_name(measured, "measure.json")]
    rows = []
    for path, run in zip(paths, read_runs([str(p) for p in paths], "exam.json"), strict=True):
        row = {key: value for key, value in run.items() if not isinstance(value, dict)}
        if row.get("method", "lora") != "lora":
            row |= {"rank_qv": None, "rank_embed": None}
        rows.append(row | _scores(run) | {"biography_accuracy": _biographies(path, known)})
    return rows


def _scores(run: dict[str, Any]) -> dict[str, Any]:
    by_attribute = run["test"]["by_attribute"]
    row: dict[str, Any] = {
        "chance_accuracy": sum(run["chance"].values()) / len(run["chance"]),
        "n_asked": min(counts["n"] for counts in by_attribute.values()),
    }
    for part in ("train", "test", "majority"):
        row[f"{part}_accuracy"] = run[part]["accuracy"]
        row[f"{part}_first_token_accuracy"] = run[part]["first_token_accuracy"]
    for attribute, counts in by_attribute.items():
        row[f"test_accuracy_{attribute}"] = counts["accuracy"]
        row[f"test_first_token_accuracy_{attribute}"] = counts["first_token_accuracy"]
        majority = run["majority"]["by_attribute"][attribute]
        row[f"majority_accuracy_{attribute}"] = majority["accuracy"]
    return row


def _variables(folder: Path) -> dict[str, str]:
    return dict(part.split("=", 1) for part in folder.name.split(","))


def _with_name(folders: Sequence[str], file: str) -> list[tuple[str, dict[str, Any]]]:
    ordered = [str(path) for path in sorted(map(Path, folders))]
    return list(zip(ordered, read_runs(ordered, file), strict=True))


def _biographies(path: Path, known: list[tuple[dict[str, str], dict[str, Any]]]) -> float | None:
    """value_accuracy of the one measured run that has this run's value of every shared variable."""
    own = _variables(path)
    found = [
        row["value_accuracy"]
        for variables, row in known
        if all(own[key] == value for key, value in variables.items() if key in own)
    ]
    if len(found) > 1:
        raise ValueError(f"{path.name}: {len(found)} measured runs have its variables, must be one")
    return found[0] if found else None


def as_table(rows: list[dict[str, Any]], columns: list[str], design: list[str]) -> "pd.DataFrame":
    """The rows with `columns` first, then whatever else the runs vary in, sorted by `design`."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    frame = frame.reindex(columns=[*columns, *sorted(set(frame.columns) - set(columns))])
    return frame.sort_values(design, ignore_index=True)


def standard(frame: "pd.DataFrame", per: Sequence[str] = ("variant",)) -> "pd.DataFrame":
    """Of LoRA-finetuned runs, those of one setting for each `per`, the same where it can be.

    That is the setting (people, exposures, ranks) that most variants have, or the next one for a
    variant without it; of equally common ones that with the larger ranks. Of several learning rates
    the one that learned best counts, by mean accuracy on the people it was taught (the lower rate
    of two alike); the people it is examined on have no say.
    """
    import pandas as pd

    runs = frame[frame["method"] == "lora"]
    if runs.empty:
        return runs
    keys = [*per, *SETTING, "lr_finetune"]
    means = pd.DataFrame(runs.groupby(keys, as_index=False, dropna=False)["train_accuracy"].mean())
    having = means.drop_duplicates([*per, *SETTING]).value_counts(SETTING, dropna=False)
    means = means.merge(having.rename("having").reset_index(), on=SETTING)
    order = ["having", "rank_embed", "rank_qv", "n_people", "exposures_nominal", "train_accuracy"]
    means = means.sort_values([*order, "lr_finetune"], ascending=[*[False] * len(order), True])
    return runs.merge(means.drop_duplicates(list(per))[keys], on=keys)


def nearest_ratio(frame: "pd.DataFrame", qa_ratio: float) -> "pd.DataFrame":
    """Of mixed runs, those of each variant with the share of questions nearest to `qa_ratio`."""
    if frame.empty:
        return frame
    away = (frame["qa_ratio"] - qa_ratio).abs().round(9)
    runs = frame[away == away.groupby(frame["variant"]).transform("min")]
    lowest = runs.groupby("variant")["qa_ratio"].transform("min")
    return runs[runs["qa_ratio"] == lowest]
