"""Problems of every language with solutions, written and worked out by hand."""

from typing import NamedTuple


class Example(NamedTuple):
    """needs: of every parameter, totals included. values: none in a plan."""

    problem: str
    question: str
    solution: str
    answer: str | None
    items: dict[str, str] | None
    needs: dict[str, set[str]]
    values: dict[str, int]
    necessary: set[str]
    op: int


# Modulo 23. Two shelves in the room; the attic has nothing; boxes count the implicit total of one.
ENGLISH = Example(
    problem=(
        " The number of each Room's Oak Shelf equals 5."
        " The number of each Room's Pine Shelf equals 3 more than each Room's Oak Shelf."
        " The number of each Oak Shelf's Tin equals 7 times as much as the difference of"
        " each Room's Oak Shelf and each Room's Pine Shelf."
        " The number of each Pine Shelf's Tin equals each Oak Shelf's Tin."
        " The number of each Pine Shelf's Jar equals 2 more than the sum of each Room's Oak Shelf,"
        " each Room's Pine Shelf and each Room's Shelf."
        " The number of each Attic's Pine Shelf equals 11."
    ),
    question=" How many Vessel does Room have?",
    solution=(
        " Define Room's Oak Shelf as a; so a = 5."
        " Define Room's Pine Shelf as b; so b = 3 + a = 3 + 5 = 8."
        " Define Oak Shelf's Tin as d; c = a - b = 5 - 8 = 20; so d = 7 * c = 7 * 20 = 2."
        " Define Room's Shelf as e; so e = a + b = 5 + 8 = 13."
        " Define Pine Shelf's Tin as f; so f = d = 2."
        " Define Oak Shelf's Vessel as g; so g = d = 2."
        " Define Pine Shelf's Jar as j; h = a + b = 5 + 8 = 13; i = h + e = 13 + 13 = 3;"
        " so j = 2 + i = 2 + 3 = 5."
        " Define Pine Shelf's Vessel as k; so k = f + j = 2 + 5 = 7."
        " Define Room's Vessel as n; l = a * g = 5 * 2 = 10; m = b * k = 8 * 7 = 10;"
        " so n = l + m = 10 + 10 = 20."
    ),
    answer="20",
    items={
        "Room": "Place",
        "Attic": "Place",
        "Oak Shelf": "Shelf",
        "Pine Shelf": "Shelf",
        "Tin": "Vessel",
        "Jar": "Vessel",
    },
    needs={
        "Room's Oak Shelf": set(),
        "Room's Pine Shelf": {"Room's Oak Shelf"},
        "Attic's Pine Shelf": set(),
        "Oak Shelf's Tin": {"Room's Oak Shelf", "Room's Pine Shelf"},
        "Pine Shelf's Tin": {"Oak Shelf's Tin"},
        "Pine Shelf's Jar": {"Room's Oak Shelf", "Room's Pine Shelf", "Room's Shelf"},
        "Room's Shelf": {"Room's Oak Shelf", "Room's Pine Shelf"},
        "Attic's Shelf": {"Attic's Pine Shelf"},
        "Oak Shelf's Vessel": {"Oak Shelf's Tin"},
        "Pine Shelf's Vessel": {"Pine Shelf's Tin", "Pine Shelf's Jar"},
        "Room's Vessel": {
            "Room's Oak Shelf",
            "Oak Shelf's Vessel",
            "Room's Pine Shelf",
            "Pine Shelf's Vessel",
        },
        "Attic's Vessel": {"Attic's Pine Shelf", "Pine Shelf's Vessel"},
    },
    values={
        "Room's Oak Shelf": 5,
        "Room's Pine Shelf": 8,
        "Attic's Pine Shelf": 11,
        "Oak Shelf's Tin": 2,
        "Pine Shelf's Tin": 2,
        "Pine Shelf's Jar": 5,
        "Room's Shelf": 13,
        "Attic's Shelf": 11,
        "Oak Shelf's Vessel": 2,
        "Pine Shelf's Vessel": 7,
        "Room's Vessel": 20,
        "Attic's Vessel": 8,  # 11 * 7 = 77
    },
    necessary={
        "Room's Oak Shelf",
        "Room's Pine Shelf",
        "Oak Shelf's Tin",
        "Room's Shelf",
        "Pine Shelf's Tin",
        "Oak Shelf's Vessel",
        "Pine Shelf's Jar",
        "Pine Shelf's Vessel",
        "Room's Vessel",
    },
    op=1 + 1 + 2 + 1 + 1 + 1 + 3 + 1 + 3,
)

# Modulo 5. A2 contains B3, which contains nothing: A2's C is mentioned nowhere, hence 0.
SYMBOLIC = Example(
    problem=(
        "A1 B1 = 3 . A1 B2 = 2 * A1 B1 . B1 C1 = DIF A1 B1 A1 B2 . "
        "B2 C1 = 4 + SUM A1 B1 A1 B2 B1 C1 . A2 B3 = A1 B ."
    ),
    question="? B2 C1",
    solution=(
        "DEF A1 B1 AS x ; x = 3 . DEF A1 B2 AS Y ; Y = 2 * x = 2 * 3 = 1 . "
        "DEF B1 C1 AS z ; z = x - Y = 3 - 1 = 2 . "
        "DEF B2 C1 AS w ; u = x + Y = 3 + 1 = 4 ; v = u + z = 4 + 2 = 1 ; w = 4 + v = 4 + 1 = 0 ."
    ),
    answer="0",
    items=None,
    needs={
        "A1 B1": set(),
        "A1 B2": {"A1 B1"},
        "B1 C1": {"A1 B1", "A1 B2"},
        "B2 C1": {"A1 B1", "A1 B2", "B1 C1"},
        "A2 B3": {"A1 B"},
        "A1 B": {"A1 B1", "A1 B2"},
        "A2 B": {"A2 B3"},
        "B1 C": {"B1 C1"},
        "B2 C": {"B2 C1"},
        "B3 C": set(),
        "A1 C": {"A1 B1", "B1 C", "A1 B2", "B2 C"},
        "A2 C": {"A2 B3", "B3 C"},
    },
    values={
        "A1 B1": 3,
        "A1 B2": 1,
        "B1 C1": 2,
        "B2 C1": 0,
        "A2 B3": 4,
        "A1 B": 4,
        "A2 B": 4,
        "B1 C": 2,
        "B2 C": 0,
        "B3 C": 0,
        "A1 C": 1,
        "A2 C": 0,
    },
    necessary={"A1 B1", "A1 B2", "B1 C1", "B2 C1"},
    op=1 + 1 + 1 + 3,
)

# Modulo 5. `c * x - y` is c times the difference.
COMPACT = Example(
    problem=(
        "a.e = 3 . e.i = 2 * a.e - a.f . a.f = 1 + a.e . f.i = a#1 . f.j = 4 . "
        "b.f = 2 + a.e + f.j ."
    ),
    question="? a#2",
    solution=(
        "a.e : 3 = a.e 3 . a.f : 1 + a.e 3 = a.f 4 . e.i : a.e 3 - a.f 4 = 4 ; 2 * 4 = e.i 3 . "
        "a#1 : a.e 3 + a.f 4 = a#1 2 . f.i : a#1 2 = f.i 2 . f.j : 4 = f.j 4 . "
        "e#2 : e.i 3 = e#2 3 . f#2 : f.i 2 + f.j 4 = f#2 1 . "
        "a#2 : a.e 3 * e#2 3 = 4 ; a.f 4 * f#2 1 = 4 ; 4 + 4 = a#2 3 ."
    ),
    answer=None,
    items=None,
    needs={
        "a.e": set(),
        "a.f": {"a.e"},
        "b.f": {"a.e", "f.j"},
        "e.i": {"a.e", "a.f"},
        "f.i": {"a#1"},
        "f.j": set(),
        "a#1": {"a.e", "a.f"},
        "b#1": {"b.f"},
        "e#2": {"e.i"},
        "f#2": {"f.i", "f.j"},
        "a#2": {"a.e", "e#2", "a.f", "f#2"},
        "b#2": {"b.f", "f#2"},
    },
    values={
        "a.e": 3,
        "a.f": 4,
        "b.f": 4,
        "e.i": 3,
        "f.i": 2,
        "f.j": 4,
        "a#1": 2,
        "b#1": 4,
        "e#2": 3,
        "f#2": 1,
        "a#2": 3,
        "b#2": 4,
    },
    necessary={"a.e", "a.f", "e.i", "f.i", "f.j", "a#1", "e#2", "f#2", "a#2"},
    op=1 + 1 + 2 + 1 + 1 + 1 + 1 + 1 + 3,
)

PLAN = Example(
    problem="7 > 2 . 2 > 5 . 7 > 5 . 9 > 3 . 5 > 4 . 5 > 3 .",
    question="? 4",
    solution="7 2 5 4",
    answer=None,
    items=None,
    needs={"7": set(), "9": set(), "2": {"7"}, "5": {"2", "7"}, "4": {"5"}, "3": {"9", "5"}},
    values={},
    necessary={"7", "2", "5", "4"},
    op=4,
)

EXAMPLES = {
    "english": ENGLISH,
    "symbolic": SYMBOLIC,
    "compact": COMPACT,
    "plan": PLAN,
}
