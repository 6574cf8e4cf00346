"""What a number of a problem is computed from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Formula:
    """What a parameter is computed from.

    parts: names. combined: sum of the parts, the first less the second, or the sum of the products
    of parts 1 and 2, 3 and 4, ... (an empty sum is 0). constant: added to that, or what it is
    multiplied by if `times`; the number itself where there are no parts.
    """

    parts: tuple[str, ...] = ()
    combined: str = "sum"
    constant: int | None = None
    times: bool = False

    @property
    def op(self) -> int:
        """Binary operations, by the paper's count (Part 2.1, Definition D.1): at least 1."""
        return max(1, len(self.parts) + (self.constant is not None) - 1)


def formula_of(parts: list[str], combined: str, constant: int | None, times: bool) -> Formula:
    """As a sentence tells it; ValueError for what none of them tells."""
    if combined == "difference" and len(parts) != 2:
        raise ValueError(f"a difference must be of 2 numbers, not {len(parts)}")
    if len(set(parts)) < len(parts):
        raise ValueError("names a number twice")
    return Formula(tuple(parts), combined, constant, times)
