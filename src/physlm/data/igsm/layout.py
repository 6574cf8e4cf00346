"""Where the boxes of a dependency graph stand, and the ways of its arrows between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A thing in a column: a box, or what is on its way from a box to a column further right.
Slot = tuple[str, int]
SWEEPS = 12
LANE = 0.3


@dataclass(frozen=True)
class Layout:
    """places: column and height (of 1 a box, downwards) of every slot; columns of every box."""

    places: dict[Slot, tuple[int, float]]
    column: dict[str, int]

    def box(self, name: str) -> tuple[int, float]:
        """Column and height of a box."""
        return self.places[name, self.column[name]]

    def way(self, tail: str, tip: str) -> list[tuple[int, float]]:
        """Column and height of a box, of its way in each column between, and of another box."""
        lanes = range(self.column[tail], self.column[tip])
        return [*(self.places[tail, x] for x in lanes), self.box(tip)]

    @property
    def size(self) -> tuple[int, float]:
        """Columns, and height of them all."""
        return 1 + max(self.column.values()), 1 + max(y for _, y in self.places.values())


def layout(needs: Mapping[str, Sequence[str]]) -> Layout:
    """Every box one column right of the last one that it needs (Sugiyama's way with few crossings).

    The arrows out of a box share one way past the columns between. In each column what is joined to
    high things stands high. ValueError for boxes that need each other in a circle.
    """
    column = _columns(needs)
    last = dict(column)
    for name, others in needs.items():
        for other in others:
            last[other] = max(last[other], column[name] - 1)
    slots: list[list[Slot]] = [[] for _ in range(max(column.values()) + 1)]
    near: dict[Slot, list[Slot]] = {}
    for name, x in column.items():
        for lane in range(x, last[name] + 1):
            slots[lane].append((name, lane))
            near[name, lane] = [(name, lane - 1)] if lane > x else []
    for name, others in needs.items():
        near[name, column[name]] += [(other, column[name] - 1) for other in dict.fromkeys(others)]
    for slot, before in list(near.items()):
        for other in before:
            near[other].append(slot)
    places: dict[Slot, tuple[int, float]] = {}
    for sweep in range(SWEEPS):
        order = range(len(slots)) if sweep % 2 == 0 else reversed(range(len(slots)))
        for x in order:
            slots[x].sort(key=lambda slot: _middle(near[slot], places))
            _place(slots[x], column, places)
    tops = min(y for _, y in places.values())
    return Layout({slot: (x, y - tops) for slot, (x, y) in places.items()}, column)


def _columns(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    column: dict[str, int] = {}
    while len(column) < len(needs):
        ready = [n for n in needs if n not in column and all(m in column for m in needs[n])]
        if not ready:
            raise ValueError("parameters: they must not need each other in a circle")
        for name in ready:
            column[name] = max((column[other] + 1 for other in needs[name]), default=0)
    return column


def _middle(near: list[Slot], places: dict[Slot, tuple[int, float]]) -> float:
    heights = [places[slot][1] for slot in near if slot in places]
    return sum(heights) / len(heights) if heights else 0.0


def _place(
    slots: list[Slot], column: Mapping[str, int], places: dict[Slot, tuple[int, float]]
) -> None:
    """Put the slots of a column one below the other, around height 0."""
    sizes = [1.0 if column[name] == x else LANE for name, x in slots]
    y = -sum(sizes) / 2
    for slot, size in zip(slots, sizes, strict=True):
        places[slot] = slot[1], y + size / 2
        y += size
