"""People: the pools their attributes come from, and profiles drawn from them.

Allen-Zhu and Li, Part 3.1 Section 2.1 and Part 3.3 Definition 4.3: a full name (first, middle,
last) that nobody else has, and attributes drawn uniformly and independently, except that the city
of the employer follows from the employer. The lists are ours, with the published sizes.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from typing import Literal

import numpy as np

from physlm.config import require
from physlm.random import generator

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
FIRST_YEAR = 1900

# A profile is a row of these indices into the pools.
COLUMNS = (
    *("first_name", "middle_name", "last_name", "pronoun", "month", "day", "year"),
    *("birth_city", "university", "major", "employer"),
)

# Files this module reads: results depend on them as on code (physlm.provenance.closure).
RESOURCES = ("resources/*.txt",)

_BLOCK = 1 << 14


@dataclass(frozen=True)
class Pools:
    """How many entries of each list are in use; the defaults are the published sizes."""

    first_names: int = 400
    middle_names: int = 400
    last_names: int = 1000
    months: int = 12
    days: int = 28
    years: int = 200
    birth_cities: int = 200
    universities: int = 300
    majors: int = 100
    employers: int = 263

    def __post_init__(self) -> None:
        for field in fields(Pools):
            size = getattr(self, field.name)
            most = field.default
            require(1 <= size <= most, field.name, size, f"between 1 and {most}")

    @property
    def name_space(self) -> int:
        """Number of possible full names (N0 of Part 3.3)."""
        return self.first_names * self.middle_names * self.last_names

    @property
    def birth_dates(self) -> int:
        """Number of possible birth dates."""
        return self.months * self.days * self.years


@functools.cache
def read_lines(name: str) -> tuple[str, ...]:
    """The lines of a text file in the package's resources."""
    path = resources.files("physlm.data").joinpath("resources", name)
    return tuple(path.read_text(encoding="ascii").splitlines())


def values(pools: Pools) -> Mapping[str, tuple[str, ...]]:
    """The texts of every pool by column of the profile, and `employer_city` by employer."""
    employers = [line.split("; ") for line in read_lines("employers.txt")[: pools.employers]]
    return {
        "first_name": read_lines("first_names.txt")[: pools.first_names],
        "middle_name": read_lines("middle_names.txt")[: pools.middle_names],
        "last_name": read_lines("last_names.txt")[: pools.last_names],
        "pronoun": ("He", "She"),
        "month": MONTHS[: pools.months],
        "day": tuple(str(1 + i) for i in range(pools.days)),
        "year": tuple(str(FIRST_YEAR + i) for i in range(pools.years)),
        "birth_city": read_lines("birth_cities.txt")[: pools.birth_cities],
        "university": read_lines("universities.txt")[: pools.universities],
        "major": read_lines("majors.txt")[: pools.majors],
        "employer": tuple(name for name, _ in employers),
        "employer_city": tuple(city for _, city in employers),
    }


def draw_profiles(
    pools: Pools, n_people: int, seed: int, pronoun: Literal["parity", "random"]
) -> np.ndarray:
    """Profiles [n_people, len(COLUMNS)] int16; row i depends on pools, seed and i alone.

    `pronoun` "parity" gives index 0 (He) to even rows and 1 (She) to odd ones, as the released
    generator does; "random" draws one of the two. ConfigError if there are more people than names.
    """
    space = pools.name_space
    require(1 <= n_people <= space, "n_people", n_people, f"between 1 and the {space} names")
    profiles = np.empty((n_people, len(COLUMNS)), np.int16)
    names = _unique_names(space, n_people, seed)
    profiles[:, 2] = names % pools.last_names
    profiles[:, 1] = names // pools.last_names % pools.middle_names
    profiles[:, 0] = names // pools.last_names // pools.middle_names
    highs = (2, pools.months, pools.days, pools.years, pools.birth_cities)
    highs = (*highs, pools.universities, pools.majors, pools.employers)
    for start in range(0, n_people, _BLOCK):
        # A whole block is drawn even if only its beginning is needed: no row depends on n_people.
        rng = generator(seed, "attributes", start // _BLOCK)
        rows = profiles[start : start + _BLOCK, 3:]
        for column, high in enumerate(highs):
            rows[:, column] = rng.integers(high, size=_BLOCK)[: len(rows)]
    if pronoun == "parity":
        profiles[:, 3] = np.arange(n_people) % 2
    return profiles


def _unique_names(space: int, n_people: int, seed: int) -> np.ndarray:
    """Name codes [n_people] int64: candidates in the order drawn, without those seen before."""
    found, block = np.empty(0, np.int64), 0
    while len(found) < n_people:
        n_blocks = 1 + (n_people - len(found)) // _BLOCK
        drawn = [
            generator(seed, "names", block + i).integers(space, size=_BLOCK)
            for i in range(n_blocks)
        ]
        candidates = np.concatenate([found, *drawn])
        first_seen = np.unique(candidates, return_index=True)[1]
        found, block = candidates[np.sort(first_seen)], block + n_blocks
    return found[:n_people]
