"""A problem as a picture: its structure graph, and below it the dependency graph.

Read from the record of a problem that `physlm igsm sample` prints. Arrows of the structure graph go
from an item to those it has; arrows of the dependency graph from a number to those computed from
it, so that everything stands right of what it needs.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physlm.data.igsm.layout import Layout, layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEYS = ("items", "necessary", "parameters")
# Width and height of a box, and of the space that it is given, in inches.
BOX, CELL = (1.3, 0.5), (1.75, 0.72)
ASKED, NEEDED, OTHER = "#f2b84b", "#bcd7ee", "#f1f1f1"


def draw_picture(record: Mapping[str, Any], path: Path) -> None:
    """Write the picture; the suffix of `path` says how. ValueError for a record without the graph
    or a suffix that is not known.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    known = plt.gcf().canvas.get_supported_filetypes()
    plt.close()
    if path.suffix[1:] not in known:
        raise ValueError(f"out={str(path)!r}: must end in .pdf, .png or .svg")
    check(record)
    needs = {name: parameter["needs"] for name, parameter in record["parameters"].items()}
    placed = layout(needs)
    layers = _layers(record["items"])
    columns, rows = placed.size
    width = max(columns, *(len(items) + 1 for _, items in layers), 3)
    heights = [CELL[1] * (1.6 * len(layers) + 0.4), CELL[1] * (rows + 1.4)]
    if not layers:
        heights = heights[1:]
    size = (CELL[0] * (width + 0.2), sum(heights))
    figure, axes = plt.subplots(
        len(heights), figsize=size, height_ratios=heights, squeeze=False, layout="constrained"
    )
    if layers:
        _draw_structure(axes[0, 0], record, layers, width)
    _draw_dependencies(axes[-1, 0], record, placed, width)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def check(record: Any) -> None:
    """ValueError if a record does not tell the graphs of a problem."""
    if not isinstance(record, Mapping):
        raise ValueError(f"record={record!r:.40}: must be an object as `igsm sample` prints it")
    for key, kind in zip(KEYS, (Mapping, Sequence, Mapping), strict=True):
        if not isinstance(record.get(key), kind) or (key != "items" and not record[key]):
            raise ValueError(f"{key}={record.get(key)!r:.40}: must be as `igsm sample` prints it")
    for item, category in record["items"].items():
        if not isinstance(category, str):
            raise ValueError(f"items.{item}={category!r:.40}: must be the name of a category")
    for name, parameter in record["parameters"].items():
        if not isinstance(parameter, Mapping) or not isinstance(parameter.get("needs"), list):
            raise ValueError(f"parameters.{name}: must be an object with the list `needs`")
        for other in parameter["needs"]:
            if other not in record["parameters"]:
                raise ValueError(f"parameters.{name}.needs: {other!r} is no parameter")
    for name in record["necessary"]:
        if name not in record["parameters"]:
            raise ValueError(f"necessary: {name!r} is no parameter")


def _layers(items: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Categories with their items, from the top."""
    found: dict[str, list[str]] = {}
    for item, category in items.items():
        found.setdefault(category, []).append(item)
    return list(found.items())


def _pair(name: str, items: Mapping[str, str]) -> tuple[str, str] | None:
    """Owner and item of an instance parameter; None for an abstract one."""
    for separator in ("'s ", ".", " "):
        owner, found, item = name.partition(separator)
        if found:
            return (owner, item) if owner in items and item in items else None
    return None


def _draw_structure(
    axis: "Axes", record: Mapping[str, Any], layers: list[tuple[str, list[str]]], width: int
) -> None:
    widest = max(len(items) for _, items in layers)
    places = {
        item: (1 + i + (widest - len(items)) / 2, 1.6 * layer)
        for layer, (_, items) in enumerate(layers)
        for i, item in enumerate(items)
    }
    necessary = set(record["necessary"])
    for name in record["parameters"]:
        pair = _pair(name, record["items"])
        if pair is None:
            continue
        asked, needed = name == record["necessary"][-1], name in necessary
        (x0, y0), (x1, y1) = places[pair[0]], places[pair[1]]
        colour = "#d98c00" if asked else "#2f6fa8" if needed else "0.7"
        style = {"arrowstyle": "-|>", "color": colour, "lw": 1.5 if needed else 0.9}
        _arrow(axis, (x0, y0 + BOX[1] / CELL[1] / 2), (x1, y1 - BOX[1] / CELL[1] / 2), style)
    for layer, (category, _) in enumerate(layers):
        axis.text(-0.45, 1.6 * layer, category, ha="left", va="center", style="italic", size=9)
    for item, place in places.items():
        _box(axis, place, item, "white", round_corners=False)
    _finish(axis, "What has what (arrows are numbers that the problem states)", width)
    axis.set_ylim(1.6 * len(layers) - 1, -0.6)


def _draw_dependencies(axis: "Axes", record: Mapping[str, Any], placed: Layout, width: int) -> None:
    necessary = set(record["necessary"])
    query = record["necessary"][-1]
    for name, parameter in record["parameters"].items():
        for other in dict.fromkeys(parameter["needs"]):
            _way(axis, placed.way(other, name), name in necessary)
    for name, parameter in record["parameters"].items():
        value = parameter.get("value")
        # The equals sign is not torn off its number.
        label = name if value is None else f"{name}\xa0=\xa0{value}"
        colour = ASKED if name == query else NEEDED if name in necessary else OTHER
        instance = not record["items"] or _pair(name, record["items"]) is not None
        _box(axis, placed.box(name), label, colour, round_corners=not instance)
    _finish(axis, "What is computed from what", width)
    _legend(axis, bool(record["items"]))
    axis.set_ylim(placed.size[1] - 0.3, -0.7)


def _arrow(axis: "Axes", tail: tuple[float, float], tip: tuple[float, float], style: dict) -> None:
    axis.annotate("", tip, tail, arrowprops=style | {"shrinkA": 0, "shrinkB": 0}, zorder=1)


def _way(axis: "Axes", way: list[tuple[int, float]], needed: bool) -> None:
    """An arrow from box to box that is level past every column between."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    half = BOX[0] / CELL[0] / 2
    (x, y), *others = way
    points, codes = [(x + half, y)], [Curve.MOVETO]
    for i, (x, y) in enumerate(others):
        tail, tip = points[-1], (x - half, y)
        middle = (tail[0] + tip[0]) / 2
        points += [(middle, tail[1]), (middle, y), tip]
        codes += [Curve.CURVE4] * 3
        if i < len(others) - 1:
            points.append((x + half, y))
            codes.append(Curve.LINETO)
    colour, line = ("#2f6fa8", 1.3) if needed else ("0.72", 0.9)
    arrow = FancyArrowPatch(
        path=Curve(points, codes),
        arrowstyle="-|>",
        mutation_scale=9,
        color=colour,
        lw=line,
        fill=False,
        zorder=1.5 if needed else 1,
    )
    axis.add_patch(arrow)


def _box(
    axis: "Axes", place: tuple[float, float], label: str, colour: str, round_corners: bool
) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = BOX[0] / CELL[0], BOX[1] / CELL[1]
    corner = (place[0] - width / 2, place[1] - height / 2)
    shape = "round,pad=0,rounding_size=0.1" if round_corners else "square,pad=0"
    axis.add_patch(
        FancyBboxPatch(
            corner,
            width,
            height,
            boxstyle=shape,
            facecolor=colour,
            edgecolor="0.3",
            lw=0.8,
            mutation_aspect=CELL[0] / CELL[1],
            zorder=2,
        )
    )
    lines = textwrap.wrap(label, 18) or [label]
    size = 8 if len(lines) <= 2 and max(map(len, lines)) <= 18 else 6.5
    axis.text(*place, "\n".join(lines), ha="center", va="center", size=size, zorder=3)


def _legend(axis: "Axes", kinds: bool) -> None:
    from matplotlib.patches import Patch

    shown = {"asked for": ASKED, "necessary": NEEDED, "not needed": OTHER}
    handles = [Patch(facecolor=c, edgecolor="0.3", label=label) for label, c in shown.items()]
    title = "round: a total that no sentence states" if kinds else None
    axis.legend(
        handles=handles,
        title=title,
        ncols=3,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        fontsize=8,
    )


def _finish(axis: "Axes", title: str, width: int) -> None:
    axis.set_title(title, loc="left", size=10)
    axis.set_xlim(-0.5, width - 0.5)
    axis.set_axis_off()
