"""Records of models that were trained on grammars, as tables (Part 1): read, named, ordered.

A record is evaluate.json of the evaluate step or tree_probe.json of the tree_probe step. A world is
a grammar from a root down: a row's columns `grammar`, `root` and `n_levels`. A depth counts from
the root (0) down; a height counts from the tokens (0) up, so that height 1 means the same symbols
in a grammar and in all of its parts.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from physlm.figures.base import PUBLISHED, read_runs

if TYPE_CHECKING:
    import pandas as pd

# What every record says of its model, see physlm.evaluate.grammars.trained.
MODEL = ["n_layers", "n_heads", "d_model", "n_ctx", "n_params", "steps", "texts", "tokens"]
WORLD = ["grammar", "root", "n_levels"]
FACTS = ["arch", *WORLD, *MODEL, "final_loss_nats", "seed"]

# From easy to hard by the accuracies of Part 1, Figure 4 (cfg3j and cfg3k: Part 4.1).
DIFFICULTY = ("cfg3b", "cfg3i", "cfg3h", "cfg3g", "cfg3f", "cfg3j", "cfg3k")

# Name of an architecture -> what figures call it, in their order.
ARCHITECTURES = {
    "gpt2_rel": "relative",
    "gpt2_rot": "rotary",
    "gpt2": "absolute",
    "gpt2_pos": "distance",
    "gpt2_uni": "uniform",
    "deberta": "DeBERTa",
    "bert": "BERT",
    "gbert": "rotary encoder",
}
ENCODERS = ("deberta", "bert", "gbert")
# Models of no training steps are one more architecture in figures.
UNTRAINED = "untrained"


def read(folders: list[str], file: str, measure: str | None = None) -> list[dict[str, Any]]:
    """A dict per run: the variables of its name and its record; ValueError for another measure."""
    runs = read_runs(folders, file)
    for run in runs:
        given = run.pop("measure", None)
        if given != measure:
            raise ValueError(f"measure={given!r}: must be {measure} in all of these runs")
    return runs


def facts(run: dict[str, Any]) -> dict[str, Any]:
    """What is one value for all of a run: all of its record but lists and groups of values."""
    return {key: value for key, value in run.items() if not isinstance(value, dict | list)}


def height(n_levels: int, depth: int) -> int:
    """How far the symbols of a depth are above the tokens.

    >>> height(7, 5)
    1
    """
    return n_levels - 1 - depth


def published(name: str) -> "pd.DataFrame":
    """Values that were published, of whole grammars of 7 levels; `height` for `depth`."""
    import pandas as pd

    frame = pd.read_csv(PUBLISHED / f"{name}.csv")
    if "depth" in frame:
        frame["height"] = [height(7, depth) for depth in frame["depth"]]
    return frame


def series(frame: "pd.DataFrame") -> "pd.Series":
    """What each row counts as in a figure: its architecture, or UNTRAINED for no steps."""
    return frame["arch"].where(frame["steps"] > 0, UNTRAINED)


def ordered(found: Iterable[str]) -> list[str]:
    """Architectures in the order of ARCHITECTURES, others after them by name, UNTRAINED last."""
    place = {name: i for i, name in enumerate(ARCHITECTURES)}
    last = len(place)
    return sorted(set(found), key=lambda a: (a == UNTRAINED, place.get(a, last), a))


def label(arch: str) -> str:
    """What a figure calls an architecture."""
    return ARCHITECTURES.get(arch, arch)


def worlds(frame: "pd.DataFrame") -> list[tuple[str, int, int]]:
    """The worlds of a table (grammar, root, n_levels), from easy to hard; others come first."""
    found = {tuple(row) for row in frame[WORLD].dropna().itertuples(index=False)}
    return sorted(found, key=_difficulty)  # type: ignore[arg-type]


def _difficulty(world: tuple[str, int, int]) -> tuple[int, int, str, int]:
    name, root, n_levels = world
    known = DIFFICULTY.index(name) if name in DIFFICULTY else -1
    return known, n_levels, name, root


def within(frame: "pd.DataFrame", world: tuple[str, int, int]) -> "pd.DataFrame":
    """The rows of one world."""
    return frame[(frame[WORLD] == list(world)).all(axis=1)]


def hardest(frame: "pd.DataFrame", arches: Iterable[str] = ()) -> "pd.DataFrame":
    """The rows of the hardest world in which all of these architectures were run; maybe none."""
    wanted = set(arches)
    for world in reversed(worlds(frame)):
        rows = within(frame, world)
        if wanted <= set(rows["arch"]):
            return rows
    return frame.iloc[:0]


def title(world: tuple[str, int, int]) -> str:
    """A world as a figure names it, e.g. "cfg3f from 16 (5 levels)"."""
    name, root, n_levels = world
    return f"{name} from {root} ({n_levels} levels)"
