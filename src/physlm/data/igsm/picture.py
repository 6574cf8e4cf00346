"""A problem as a picture: its structure graph, and below it the dependency graph.

Read from the record of a problem that `physlm igsm sample` prints. Arrows of the structure graph go
from an item to those it has; arrows of the dependency graph from a number to those computed from
it, so that everything stands right of what it needs.
"""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    parameters = record["parameters"]
    places = columns({name: tuple(p["needs"]) for name, p in parameters.items()})
    layers = _layers(record["items"])
    height = 1 + max(y for _, y in places.values())
    width = max([1 + max(x for x, _ in places.values()), *(len(items) + 1 for _, items in layers)])
    heights = [CELL[1] * (1.6 * len(layers) + 0.8), CELL[1] * (height + 1.2)]
    if not layers:
        heights = heights[1:]
    size = (CELL[0] * (width + 0.2), sum(heights))
    figure, axes = plt.subplots(
        len(heights), figsize=size, height_ratios=heights, squeeze=False, layout="constrained"
    )
    if layers:
        _draw_structure(axes[0, 0], record, layers, width)
    _draw_dependencies(axes[-1, 0], record, places, (width, height))
    figure.savefig(path, dpi=150)
    plt.close(figure)


def check(record: Any) -> None:
    """ValueError if a record does not tell the graphs of a problem."""
    if not isinstance(record, Mapping):
        raise ValueError(f"record={record!r:.40}: must be an object as `igsm sample` prints it")
    for key, kind in zip(KEYS, (Mapping, Sequence, Mapping), strict=True):
        if not isinstance(record.get(key), kind) or (key != "items" and not record[key]):
            raise ValueError(f"{key}={record.get(key)!r:.40}: must be as `igsm sample` prints it")
    for name, parameter in record["parameters"].items():
        if not isinstance(parameter, Mapping) or not isinstance(parameter.get("needs"), list):
            raise ValueError(f"parameters.{name}: must be an object with the list `needs`")
        for other in parameter["needs"]:
            if other not in record["parameters"]:
                raise ValueError(f"parameters.{name}.needs: {other!r} is no parameter")
    for name in record["necessary"]:
        if name not in record["parameters"]:
            raise ValueError(f"necessary: {name!r} is no parameter")


def columns(needs: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, float]]:
    """Column and height of every parameter: one column right of the last one that it needs.

    In each column those that need or are needed by high ones stand high. ValueError for a circle.
    """
    column: dict[str, int] = {}
    while len(column) < len(needs):
        ready = [n for n in needs if n not in column and all(m in column for m in needs[n])]
        if not ready:
            raise ValueError("parameters: they must not need each other in a circle")
        for name in ready:
            column[name] = max((column[m] + 1 for m in needs[name]), default=0)
    rows: list[list[str]] = [[] for _ in range(max(column.values()) + 1)]
    for name, x in column.items():
        rows[x].append(name)
    users: dict[str, list[str]] = {name: [] for name in needs}
    for name, others in needs.items():
        for other in others:
            users[other].append(name)
    tallest = max(map(len, rows))
    height: dict[str, float] = {}
    # Barycentres from left to right and back, a few times.
    for sweep in range(8):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            near = {n: [*needs[n], *users[n]] if sweep else needs[n] for n in row}
            known = {n: [height[m] for m in near[n] if m in height] for n in row}
            row.sort(key=lambda n: sum(known[n]) / len(known[n]) if known[n] else tallest / 2)
            for i, name in enumerate(row):
                height[name] = i + (tallest - len(row)) / 2
    return {name: (column[name], height[name]) for name in needs}


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
    middle = (width - 1) / 2
    places = {
        item: (middle + 0.5 + i - (len(items) - 1) / 2, 1.6 * layer)
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


def _draw_dependencies(
    axis: "Axes",
    record: Mapping[str, Any],
    places: Mapping[str, tuple[int, float]],
    size: tuple[int, float],
) -> None:
    necessary = set(record["necessary"])
    query = record["necessary"][-1]
    half = BOX[0] / CELL[0] / 2
    for name, parameter in record["parameters"].items():
        x1, y1 = places[name]
        for other in dict.fromkeys(parameter["needs"]):
            x0, y0 = places[other]
            needed = name in necessary
            # An arrow over several columns is bent, or it would run through boxes on its way.
            bend = 0.0 if x1 - x0 == 1 else 0.18 if y1 >= y0 else -0.18
            style = {
                "arrowstyle": "-|>",
                "color": "#2f6fa8" if needed else "0.75",
                "lw": 1.3 if needed else 0.8,
                "connectionstyle": f"arc3,rad={bend}",
            }
            _arrow(axis, (x0 + half, y0), (x1 - half, y1), style)
    for name, place in places.items():
        value = record["parameters"][name].get("value")
        label = name if value is None else f"{name} = {value}"
        colour = ASKED if name == query else NEEDED if name in necessary else OTHER
        instance = not record["items"] or _pair(name, record["items"]) is not None
        _box(axis, place, label, colour, round_corners=not instance)
    _finish(axis, "What is computed from what", size[0])
    _legend(axis, bool(record["items"]))
    axis.set_ylim(size[1] - 0.3, -0.7)


def _arrow(axis: "Axes", tail: tuple[float, float], tip: tuple[float, float], style: dict) -> None:
    axis.annotate("", tip, tail, arrowprops=style | {"shrinkA": 0, "shrinkB": 0}, zorder=1)


def _box(
    axis: "Axes", place: tuple[float, float], label: str, colour: str, round_corners: bool
) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = BOX[0] / CELL[0], BOX[1] / CELL[1]
    corner = (place[0] - width / 2, place[1] - height / 2)
    shape = "round,pad=0,rounding_size=0.25" if round_corners else "square,pad=0"
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
    lines = textwrap.wrap(label, 19) or [label]
    size = 8 if len(lines) <= 2 and max(map(len, lines)) <= 17 else 6
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
