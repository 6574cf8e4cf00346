"""Settings of the world iGSM (Part 2.1, sections 2 and 4 and appendix D).

Where the paper's text and its released code differ, a setting takes either side and the paper's is
the default. A setting left out has the value of its preset.
"""

from dataclasses import dataclass
from typing import Any, Literal

from physlm.config import require

# A category of the English lists has this many kinds of this many names, a hierarchy this many
# categories.
N_CATEGORIES = 4
N_NAMES_OF_A_KIND = 20
N_BINS = 23
N_LETTERS = 26
MOST = 10**6  # edges, and numbers of a problem; compiled code multiplies these

# Left out: the preset's. Typed so that a reader of a Config, which has every value, need not ask.
_OF_PRESET: Any = None

PRESETS: dict[str, dict[str, Any]] = {
    "med": {
        "op_max": 15,
        "ip_max": 20,
        "modulus": 23,
        "layers": (2, 3, 4),
        "items": (2, 3, 4),
        "most_parts": 4,
        "language": "english",
        "empty": True,
        "split": "solution",
        "mix": "lesser",
    },
    "tiny": {
        "op_max": 5,
        "ip_max": 9,
        "modulus": 5,
        "layers": (2, 3),
        "items": (2, 3),
        "most_parts": 4,
        "n_names": 8,
        "language": "symbolic",
        "empty": False,
        "split": "problem",
        "mix": "lesser",
    },
    "micro": {
        "op_max": 5,
        "ip_max": 8,
        "modulus": 5,
        "layers": (2, 3),
        "items": (1, 2, 3),
        "most_parts": 3,
        "n_names": 4,
        "language": "compact",
        "empty": False,
        "split": "problem",
        "mix": "uniform",
    },
}
PRESETS["hard"] = PRESETS["med"] | {"op_max": 21, "ip_max": 28}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What problems to draw. Every field has a value once the object is made.

    op_max, ip_max: most operations of a solution, most edges of a structure graph. modulus: of all
    arithmetic. layers, items: choices of the number of layers, and of the least and the most items
    in one. most_parts: of what one sentence computes its number, a fresh constant included.
    n_names: item names of a category in the languages of letters, null in english.
    language: english, symbolic (names of two words, letters as variables) or compact (names of one
    word, values in place of variables). order: problem before question (pq) or behind it (qp).

    empty: whether a total over nothing exists, with value 0. bias: which parameters an edge is more
    likely to come from, those that are needed already (paper, remark D.4) or the others (code).
    rng: whether a constant can still be drawn after a coin said no. products: whether a
    total over totals has all its products first (paper) or adds each as it comes (code).
    split: what is hashed to part training from test problems, the template of the solution (paper)
    or of the whole problem. train_bins: bins of the hash, out of 23, that are for training.
    mix: operations of training problems, the lesser of two numbers that are uniform from 1 to
    op_max (paper) or one such number, which leaves more problems that are hard.

    ConfigError names a setting that is out of range or does not fit another.
    """

    preset: Literal["med", "hard", "tiny", "micro"]
    op_max: int = _OF_PRESET
    ip_max: int = _OF_PRESET
    modulus: int = _OF_PRESET
    layers: tuple[int, ...] = _OF_PRESET
    items: tuple[int, ...] = _OF_PRESET
    most_parts: int = _OF_PRESET
    n_names: int | None = _OF_PRESET
    language: Literal["english", "symbolic", "compact"] = _OF_PRESET
    order: Literal["pq", "qp"] = "pq"
    empty: bool = _OF_PRESET
    bias: Literal["needed", "unneeded"] = "needed"
    rng: Literal["stays", "leaves"] = "stays"
    products: Literal["first", "interleaved"] = "first"
    split: Literal["solution", "problem"] = _OF_PRESET
    mix: Literal["lesser", "uniform"] = _OF_PRESET
    train_bins: int = 17

    def __post_init__(self) -> None:
        known = ", ".join(PRESETS)
        require(self.preset in PRESETS, "preset", self.preset, f"one of {known}")
        for key, value in PRESETS[self.preset].items():
            if getattr(self, key) is None:
                object.__setattr__(self, key, value)
        require(self.op_max >= 1, "op_max", self.op_max, "at least 1")
        require(self.modulus >= 2, "modulus", self.modulus, "at least 2")
        require(self.most_parts >= 1, "most_parts", self.most_parts, "at least 1")
        ok = 1 <= self.train_bins < N_BINS
        require(ok, "train_bins", self.train_bins, f"from 1 to {N_BINS - 1}")
        _choices("layers", self.layers, 2)
        _choices("items", self.items, 1)
        self._check_names()
        # The edges that a drawn number of layers with the drawn least number of items needs.
        least = max(2, (self.layers[-1] - 1) * self.items[-1])
        allowed = f"at least {least} with layers {self.layers} and items {self.items}"
        require(self.ip_max >= least, "ip_max", self.ip_max, allowed)
        for key, value in (("ip_max", self.ip_max), ("modulus", self.modulus)):
            require(value <= MOST, key, value, f"at most {MOST}")

    def _check_names(self) -> None:
        layers, items, n = self.layers[-1], self.items[-1], self.n_names
        if self.language == "english":
            require(n is None, "n_names", n, "null in english, whose names are listed")
            require(layers <= N_CATEGORIES, "layers", self.layers, f"at most {N_CATEGORIES}")
            allowed = f"at most {N_NAMES_OF_A_KIND}, the names of a kind"
            require(items <= N_NAMES_OF_A_KIND, "items", self.items, allowed)
            return
        ok = n is not None and n >= items
        require(ok, "n_names", n, f"at least {items}, the most items in a layer")
        assert n is not None
        most = N_LETTERS // (n if self.language == "compact" else 1)
        allowed = f"at most {most}, there are {N_LETTERS} letters"
        require(layers <= most, "layers", self.layers, allowed)


def _choices(key: str, values: tuple[int, ...], least: int) -> None:
    ascending = list(values) == sorted(set(values)) and bool(values)
    allowed = f"one or more ascending numbers from {least}"
    require(ascending and values[0] >= least, key, values, allowed)
