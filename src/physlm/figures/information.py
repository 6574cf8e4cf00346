"""How many bits a world holds: the paper's formula and the lecture notes' one, case by case.

Source: Allen-Zhu and Li, Part 3.3 (arXiv 2404.05405), Proposition 2.3 and Section 4; the formulas
are in docs/bits.md. A row is a quantity computed by our functions beside the value it must have,
which comes from the paper, from a hand computation, or from listing every world of a tiny size.
"""

import itertools
import math
from typing import Any

import pandas as pd

from physlm.evaluate import bits

COLUMNS = ["case", "formula", "computed", "expected", "source"]

PAPER, NOTES = "paper", "lecture notes"
# The worked example and the limits use these sizes unless a case says otherwise.
SIZES = {
    "n_people": 100_000,
    "n_attributes": 10,
    "n_chunks": 3,
    "n_values": 100,
    "chunk_length": 2,
    "alphabet": 1000,
    "name_space": 160_000_000,
}


def table(inputs: dict[str, Any]) -> pd.DataFrame:
    """The cases; `inputs` is empty, for nothing but arithmetic is measured here."""
    del inputs
    rows = [*_published(), *_enumerated(), *_limits()]
    return pd.DataFrame(rows, columns=COLUMNS)


def count_worlds(sizes: dict[str, int]) -> int:
    """Number of different bioD worlds of these (tiny) sizes, by listing them all.

    A world is a set of names, a dictionary per attribute (a set of strings), and a value for every
    name and attribute (C chunks of its dictionary). Different listings of one world count once.
    """
    strings = list(itertools.product(range(sizes["alphabet"]), repeat=sizes["chunk_length"]))
    worlds = set()
    for names in itertools.combinations(range(sizes["name_space"]), sizes["n_people"]):
        dictionaries = itertools.combinations(strings, sizes["n_values"])
        for chosen in itertools.product(list(dictionaries), repeat=sizes["n_attributes"]):
            choices = [
                list(itertools.product(dictionary, repeat=sizes["n_chunks"]))
                for dictionary in chosen
                for _ in names
            ]
            for values in itertools.product(*choices):
                worlds.add((names, chosen, values))
    return len(worlds)


def _exact(**sizes: int) -> bits.Bits:
    return bits.total_bits({"world": "biod", **SIZES, **sizes})


def _published() -> list[tuple[Any, ...]]:
    person = bits.value_bits_per_person({"world": "bios", "pool_sizes": bits.BIOS_POOLS})
    remark = "Part 3.3, Remark 4.4 (47.6)"
    rows: list[tuple[Any, ...]] = [
        ("bioS: bits of a person, no name", PAPER, person, 47.59, remark)
    ]
    # Megabits of a perfect model, from N log2(N0 / N) + 47.592 N by hand.
    for n_people, megabits in ((10_000, 0.6157), (100_000, 5.8236), (1_000_000, 54.914)):
        sizes = {"n_people": n_people, "name_space": bits.BIOS_NAME_SPACE}
        computed = bits.bits_json("bios", **sizes)["max_learned_bits"] / 1e6
        rows.append((f"bioS({n_people:,}): Mbit a model can learn", PAPER, computed, megabits))
        rows[-1] += ("Part 3.3, Definition 4.3, by hand",)
    example = _exact()
    for name, computed, megabits in (
        ("names", example.name, 1.2087),
        ("values", example.value, 19.932),
        ("dictionaries", example.dictionary, 0.014684),
        ("all", example.total, 21.155),
    ):
        rows.append((f"bioD worked example: Mbit of {name}", PAPER, computed / 1e6, megabits))
        rows[-1] += ("Part 3.3, Proposition 2.3, by hand",)
    return rows


def _enumerated() -> list[tuple[Any, ...]]:
    keys = tuple(SIZES)
    rows: list[tuple[Any, ...]] = []
    for values in (
        (2, 1, 1, 2, 1, 3, 4),
        (1, 2, 2, 2, 1, 2, 3),
        (2, 1, 2, 2, 1, 2, 3),
        (1, 1, 1, 3, 2, 2, 5),
    ):
        sizes = dict(zip(keys, values, strict=True))
        name = ",".join(map(str, values[:-1]))
        rows.append(
            (
                f"bioD({name}) with {values[-1]} names: bits",
                PAPER,
                _exact(**sizes).total,
                math.log2(count_worlds(sizes)),
                "every world listed",
            )
        )
    return rows


def _limits() -> list[tuple[Any, ...]]:
    """Three limits any right formula must meet; the notes' formula must be seen to fail them."""
    rows: list[tuple[Any, ...]] = []

    def both(case: str, field: str, expected: float, **sizes: int) -> None:
        notes = bits.lecture_notes_bits(**{**SIZES, **sizes})
        for formula, found in ((PAPER, _exact(**sizes)), (NOTES, notes)):
            rows.append((case, formula, getattr(found, field), expected, "limit"))

    both("one value per dictionary: value bits", "value", 0.0, n_values=1)
    everything = {"chunk_length": 1, "alphabet": 100, "n_values": 100}
    both("all strings in the dictionary: dictionary bits", "dictionary", 0.0, **everything)
    notes = [bits.lecture_notes_bits(**{**SIZES, "n_chunks": c}).value for c in (6, 3)]
    exact = [_exact(n_chunks=c).value for c in (6, 3)]
    for formula, (double, single) in ((PAPER, exact), (NOTES, notes)):
        rows.append(
            ("twice the chunks: ratio of value bits", formula, double / single, 2.0, "limit")
        )
    return rows
