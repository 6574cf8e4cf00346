"""One string of a grammar and the tree that made it: the hidden structure that models must find.

Source: Allen-Zhu and Li, Part 1 (arXiv 2305.13673), Section 2 and Figure 1; the string is ours. It
is of a part of cfg3f, since the trees of the whole grammar have some 250 tokens.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from physlm.data.grammars.build import named
from physlm.data.grammars.sample import Trees, sample_trees
from physlm.plotting import colours
from physlm.random import generator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESOURCES = ()
GRAMMAR, ROOT, SEED = "cfg3f", 16, 0
# How many trees are drawn, and how long the string may be that is shown, the first that fits.
N_DRAWN, SHORTEST, LONGEST = 100, 33, 38
COLUMNS = ["grammar", "root", "depth", "index", "symbol", "start", "stop"]


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """A row per node of the tree; `inputs` is empty, for a tree is drawn with a fixed seed.

    index: of the node among those of its depth; start, stop: its tokens, stop not included. The
    last depth has the tokens themselves.
    """
    del inputs
    grammar = named(GRAMMAR, ROOT)
    trees = sample_trees(grammar, N_DRAWN, generator(SEED, "figure", "cfg_tree"))
    lengths = trees.strings.lengths
    chosen = int(np.flatnonzero((lengths >= SHORTEST) & (lengths <= LONGEST))[0])
    frame = pd.DataFrame(nodes(trees, chosen))
    return frame.assign(grammar=GRAMMAR, root=ROOT)[COLUMNS]


def nodes(trees: Trees, i: int) -> list[dict[str, int]]:
    """The nodes of string i, depth by depth from left to right."""
    start, stop = int(trees.strings.offsets[i]), int(trees.strings.offsets[i + 1])
    rows = []
    for depth in range(len(trees.ancestor)):
        index = trees.ancestor[depth, start:stop]
        for node in range(int(index[-1]) + 1):
            places = np.flatnonzero(index == node)
            symbol = int(trees.symbol[depth, start + places[0]])
            row = {"depth": depth, "index": node, "symbol": symbol}
            rows.append(row | {"start": int(places[0]), "stop": int(places[-1]) + 1})
    return rows


def draw(frame: pd.DataFrame) -> "Figure":
    """The nodes as boxes over their tokens, a colour per depth; below, what ends at each token."""
    import matplotlib.pyplot as plt

    bottom = int(frame["depth"].max())
    length = int(frame["stop"].max())
    figure, axis = plt.subplots(figsize=(7.0, 0.47 * bottom + 1.2), layout="constrained")
    shades = _shades(bottom)
    columns = (frame[name].tolist() for name in ("depth", "symbol", "start", "stop"))
    for depth, symbol, start, stop in zip(*columns, strict=True):
        _node(axis, depth, symbol, start, stop, None if depth == bottom else shades[depth])
    _links(axis, frame, shades)
    _ends(axis, frame, bottom, shades)
    for depth in range(bottom):
        text = "root" if depth == 0 else f"depth {depth}"
        _beside(axis, -depth, text, _darker(shades[depth]))
    _beside(axis, -bottom, "tokens", "0.25")
    _beside(axis, -bottom - 0.62, "ends", "0.25")
    axis.set(xlim=(-4.4, length + 0.1), ylim=(-bottom - 0.95, 0.5))
    axis.set_axis_off()
    name, root = frame[["grammar", "root"]].iloc[0]
    axis.set_title(
        f"A string of {name} from {root} (bottom) and the hidden tree that made it", loc="left"
    )
    return figure


def _shades(n: int) -> list[Any]:
    """A colour per depth above the tokens, root first."""
    palette = colours()
    return [palette[i % len(palette)] for i in (4, 0, 2, 1, 3, 5, 9, *range(n))[:n]]


def _lighter(colour: Any, share: float = 0.68) -> tuple[float, ...]:
    return tuple(1 - (1 - part) * (1 - share) for part in colour)


def _darker(colour: Any) -> tuple[float, ...]:
    return tuple(0.62 * part for part in colour)


def _beside(axis: "Axes", y: float, text: str, colour: Any) -> None:
    axis.text(-0.6, y, text, color=colour, ha="right", va="center", fontsize=8)


def _node(axis: "Axes", depth: int, symbol: int, start: int, stop: int, colour: Any) -> None:
    """A box with its symbol in it; without a colour, a token."""
    from matplotlib.patches import FancyBboxPatch

    look: dict[str, Any] = {"fontsize": 9, "ha": "center", "va": "center", "zorder": 3}
    x, y = (start + stop) / 2, -depth
    if colour is None:
        axis.text(x, y, str(symbol), color="0.1", **look)
        return
    axis.add_patch(
        FancyBboxPatch(
            (start + 0.1, y - 0.27),
            stop - start - 0.2,
            0.54,
            boxstyle="round,pad=0,rounding_size=0.22",
            mutation_aspect=0.8,
            facecolor=_lighter(colour),
            edgecolor=colour,
            lw=1.0,
            zorder=2,
        )
    )
    axis.text(x, y, str(symbol), color=_darker(colour), fontweight="bold", **look)


def _links(axis: "Axes", frame: pd.DataFrame, shades: list[Any]) -> None:
    """A line from each node down to each of its children."""
    for depth in range(len(shades)):
        parents, children = frame[frame["depth"] == depth], frame[frame["depth"] == depth + 1]
        for _, parent in parents.iterrows():
            own = children[
                (children["start"] >= parent["start"]) & (children["stop"] <= parent["stop"])
            ]
            for x in (own["start"] + own["stop"]) / 2:
                low = -depth - (0.73 if depth + 1 < len(shades) else 0.76)
                axis.plot([x, x], [-depth - 0.27, low], color=shades[depth], lw=1.0, zorder=1)


def _ends(axis: "Axes", frame: pd.DataFrame, bottom: int, shades: list[Any]) -> None:
    """Under each token where constituents end, a dot in the colour of the highest that does."""
    inner = frame[(frame["depth"] > 0) & (frame["depth"] < bottom)]
    for stop, depth in inner.groupby("stop")["depth"].min().items():
        place = (float(str(stop)) - 0.5, -bottom - 0.62)
        axis.plot(*place, marker="o", ms=5.5, color=shades[int(depth)], mew=0)
