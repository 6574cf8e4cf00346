"""What every figure shares: its settings, the runs it reads, how it looks and how it is saved.

A figure is a module of this package with `table(runs) -> DataFrame` (a row per run), `draw(table)
-> Figure`, and `COLUMNS`, the columns its CSV promises. The CSV is the only input of the drawing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physlm.config import require
from physlm.files import read_json, replacing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Where the published values that a figure draws in lie, one CSV per figure.
PUBLISHED = Path(__file__).parent / "published"


@dataclass(frozen=True)
class FigureConfig:
    """Settings of the table and figure steps: which module of physlm.figures makes it."""

    figure: str

    def __post_init__(self) -> None:
        known = sorted(
            p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in ("__init__", "base")
        )
        require(self.figure in known, "figure", self.figure, f"one of {', '.join(known)}")


def read_runs(folders: list[str], file: str) -> list[dict[str, Any]]:
    """One dict per run: the variables in the run's name, then the content of its JSON `file`.

    A folder is named "variable=value,variable=value"; numbers become numbers. A key in both keeps
    the measured value, and the variable is kept as "<key>_nominal" where the two differ in kind
    (exposures asked for and exposures counted).
    """
    rows = []
    for folder in sorted(map(Path, folders)):
        variables = dict(part.split("=", 1) for part in folder.name.split(","))
        measured = read_json(folder / file)
        row: dict[str, Any] = {key: _number(value) for key, value in variables.items()}
        if "exposures" in row:
            row["exposures_nominal"] = row["exposures"]
        rows.append(row | measured)
    return rows


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def write_table(table: "pd.DataFrame", path: Path) -> None:
    """Write a tidy CSV atomically; floats with 8 significant digits keep diffs readable."""
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.8g", lineterminator="\n")


def apply_style() -> None:
    """The look of all figures: seaborn's white grid, colour-blind palette, embedded fonts."""
    import matplotlib as mpl

    mpl.use("Agg")
    import seaborn as sns

    sns.set_theme(style="whitegrid", context="paper", palette="colorblind")
    mpl.rcParams.update(
        {"pdf.fonttype": 42, "axes.titlesize": 10, "axes.labelsize": 9, "legend.fontsize": 7.5}
    )


def save(figure: "Figure", folder: Path, name: str) -> None:
    """Save <name>.pdf and <name>.png (200 dpi), byte for byte the same for the same drawing."""
    for suffix, metadata in ((".pdf", {"CreationDate": None}), (".png", {"Software": None})):
        with replacing(folder / f"{name}{suffix}") as temporary:
            figure.savefig(temporary, format=suffix[1:], dpi=200, metadata=metadata)
