"""Records of models that were trained on problems, as tables (Part 2): named, chosen, placed.

A record is evaluate.json (measure reasoning) or v_probe.json of the steps of these names. `preset`
is that of the world iGSM, or the name of another world. In the range of training are problems of at
most `op_max` operations.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physlm import grammar_runs
from physlm.figures.base import PUBLISHED
from physlm.grammar_runs import facts as flat

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FACTS",
    "SHAPE",
    "best_rates",
    "flat",
    "hardest",
    "largest",
    "pooled",
    "presets",
    "published",
    "read",
    "shapes",
]

WORLD = ["world", "preset", "order", "op_max"]
SHAPE = ["arch", "n_layers", "n_heads", "d_model"]
TRAINING = ["n_ctx", "n_params", "steps", "problems", "tokens"]
FACTS = [*WORLD, *SHAPE, *TRAINING, "final_loss_nats", "seed"]

# From easy to hard. Plans have no arithmetic and count as a world of their own.
DIFFICULTY = ("plan", "micro", "tiny", "med", "hard")
# Those of the paper, to which other ranges are compared.
PUBLISHED_OP_MAX = {"med": 15, "hard": 21}


def read(folders: list[str], file: str, measure: str | None = None) -> list[dict[str, Any]]:
    """The records of runs as physlm.grammar_runs.read has them, but a world of iGSM has the name
    that it has in params.yaml: micro2 is the preset micro with a setting changed, and only the name
    of a run tells.
    """
    runs = grammar_runs.read(folders, file, measure)
    for folder, run in zip(sorted(map(Path, folders)), runs, strict=True):
        named = dict(part.split("=", 1) for part in folder.name.split(","))
        if run["world"] == "igsm":
            run["preset"] = named.get("preset", run["preset"])
    return runs


def presets(frame: "pd.DataFrame") -> list[str]:
    """The presets of a table from easy to hard; others come first, by name."""
    place = {name: i for i, name in enumerate(DIFFICULTY)}
    return sorted(set(frame["preset"].dropna()), key=lambda name: (place.get(name, -1), name))


def largest(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Rows of trained models, of each preset those with the most parameters."""
    rows = frame[frame["steps"] > 0]
    return rows[rows["n_params"] == rows.groupby("preset")["n_params"].transform("max")]


def hardest(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Rows of trained models of the hardest preset of iGSM; maybe none."""
    rows = frame[(frame["steps"] > 0) & (frame["world"] == "igsm")]
    return rows[rows["preset"] == presets(rows)[-1]] if len(rows) else rows


def best_rates(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Of each shape and order that was trained at several learning rates (`lr_peak`), one of them.

    That with the lowest mean loss at the end of training, whose problems are seen once, so that
    test problems have no say; the lower of two alike.
    """
    import pandas as pd

    if "lr_peak" not in frame or frame["lr_peak"].nunique() < 2:
        return frame
    keys = ["preset", "order", *SHAPE]
    means = frame.groupby([*keys, "lr_peak"], as_index=False)["final_loss_nats"].mean()
    means = pd.DataFrame(means).sort_values(["final_loss_nats", "lr_peak"])
    return frame.merge(means.drop_duplicates(keys)[[*keys, "lr_peak"]], on=[*keys, "lr_peak"])


def shapes(frame: "pd.DataFrame") -> list[tuple[int, int]]:
    """The shapes (n_layers, d_model) of a table, from shallow to deep."""
    found = frame[["n_layers", "d_model"]].drop_duplicates()
    return sorted(tuple(map(int, row)) for row in found.itertuples(index=False))  # type: ignore[misc]


def published(name: str, preset: str | None = None, op_max: int = 0) -> "pd.DataFrame":
    """Values that were published, of presets med and hard, with a column `at`.

    at: the op where a figure of `preset` puts them: their own if they are of this preset, else the
    one that is the same multiple of its `op_max`. None: all of them, at their own.
    """
    import pandas as pd

    frame = pd.read_csv(PUBLISHED / f"{name}.csv")
    if preset in PUBLISHED_OP_MAX:
        frame = frame[frame["preset"] == preset]
    scale = frame["preset"].map(PUBLISHED_OP_MAX)
    if preset is None or preset in PUBLISHED_OP_MAX:
        return frame.assign(at=frame["op"])
    return frame.assign(at=frame["op"] / scale * op_max)


def pooled(frame: "pd.DataFrame", keys: Sequence[str], column: str = "accuracy") -> "pd.Series":
    """Mean of a share over the rows of each group, rows weighted by how many `n` they are of.

    Groups of nothing are left out.
    """
    counted = frame[(frame["n"] > 0) & frame[column].notna()]
    sums = (
        counted.assign(hits=counted[column] * counted["n"]).groupby(list(keys))[["hits", "n"]].sum()
    )
    return sums["hits"] / sums["n"]
