"""How many bits a world of people holds, and how many of them a model has learned.

Allen-Zhu and Li, Part 3.3 (arXiv 2404.05405): Proposition 2.3 (information of bioD), Theorem 3.2
(what a model with given losses must store at least), Definitions 4.1 and 4.3 (capacity ratios of
bioD and bioS). Sizes come from `World.information()`; all results are in bits, all losses in nats.
docs/bits.md derives every term, and shows where the formula of circulating lecture notes fails.
"""

import math
from dataclasses import dataclass
from typing import Any

# The pools of bioS: its formulas count what a person is, not how it is said (Definition 4.3).
BIOS_POOLS = {
    "birth_date": 12 * 28 * 200,
    "birth_city": 200,
    "university": 300,
    "major": 100,
    "employer": 263,
    "pronoun": 2,
}
BIOS_NAME_SPACE = 400 * 400 * 1000

SIZES = {
    "bios": ("n_people", "name_space"),
    "biod": (
        "n_people",
        "n_attributes",
        "n_chunks",
        "n_values",
        "chunk_length",
        "alphabet",
        "name_space",
    ),
}


@dataclass(frozen=True)
class Bits:
    """Bits of names, values and dictionaries. Learned bits may be negative (untrained models)."""

    name: float
    value: float
    dictionary: float

    @property
    def total(self) -> float:
        return self.name + self.value + self.dictionary


def log2_binomial(n: int, k: int) -> float:
    """log2 of n choose k for 0 <= k <= n, n of any size (n = T^L may have hundreds of digits).

    Exact to double precision for k or n - k up to 1000, beyond that to an absolute error of about
    k times the rounding unit: logarithms of factorials of a huge n would cancel each other.
    """
    if not 0 <= k <= n:
        raise ValueError(f"log2_binomial({n}, {k}): needs 0 <= k <= n")
    k = min(k, n - k)
    if k <= 1000:
        return math.log2(math.comb(n, k))
    # Stirling's series for n! / (n - k)!, both large, with the terms in n and n ln n taken out.
    share = k / n
    rest = n - k
    falling = k * math.log(n) - k - rest * math.log1p(-share) if share > 1e-18 else k * math.log(n)
    falling -= 0.5 * math.log1p(-share) - (1 / n - 1 / rest) / 12
    return (falling - math.lgamma(k + 1)) / math.log(2)


def check_sizes(world: str, sizes: dict[str, int]) -> None:
    """Raise ValueError (one line) unless the sizes can exist: at least 1, N <= N0, D <= T^L."""
    for key in SIZES[world]:
        if sizes[key] < 1:
            raise ValueError(f"{key}={sizes[key]}: must be at least 1")
    if sizes["n_people"] > sizes["name_space"]:
        raise ValueError(
            f"n_people={sizes['n_people']}: must be at most name_space={sizes['name_space']}, "
            "every person has a name of its own"
        )
    if world == "biod" and sizes["n_values"] > sizes["alphabet"] ** sizes["chunk_length"]:
        raise ValueError(
            f"n_values={sizes['n_values']}: must be at most alphabet ** chunk_length = "
            f"{sizes['alphabet'] ** sizes['chunk_length']}, the number of distinct strings"
        )


def value_bits_per_person(information: dict[str, Any]) -> float:
    """Bits of one person's values: K C log2 D for bioD, the sum of log2 of the pools for bioS."""
    if information["world"] == "bios":
        return math.log2(math.prod(information["pool_sizes"].values()))
    chunks = information["n_attributes"] * information["n_chunks"]
    return chunks * math.log2(information["n_values"])


def total_bits(information: dict[str, Any]) -> Bits:
    """The exact information of a world: log2 of the number of different worlds of its sizes.

    Names: which N of the N0 names exist. Dictionaries (bioD): which D of the T^L strings each
    attribute uses. bioS has known pools, hence no dictionary term (Remark 4.4).
    """
    n_people = information["n_people"]
    names = log2_binomial(information["name_space"], n_people)
    values = n_people * value_bits_per_person(information)
    if information["world"] == "bios":
        return Bits(names, values, 0.0)
    strings = information["alphabet"] ** information["chunk_length"]
    dictionary = information["n_attributes"] * log2_binomial(strings, information["n_values"])
    return Bits(names, values, dictionary)


def learned_bits(
    information: dict[str, Any],
    loss_name_nats: float,
    loss_value_nats: float,
    loss_first_chunk_nats: float,
) -> Bits:
    """The bits that a model with these losses must have stored (Definitions 4.1 and 4.3).

    Every loss is summed over the tokens of its object, then averaged: loss_name over people (tokens
    of the full name after EOS), loss_value over people, summed over a person's values (the papers'
    loss of bioD is per value: this one divided by K), loss_first_chunk over people and attributes
    (used by bioD only).

    The dictionary term is 0 where D = T^L: all strings are in the dictionary, so there is nothing
    to learn, and a high loss cannot mean that less than nothing was learned.
    """
    n_people = information["n_people"]
    nat = 1 / math.log(2)
    names = n_people * (math.log2(information["name_space"]) - loss_name_nats * nat)
    values = n_people * (value_bits_per_person(information) - loss_value_nats * nat)
    return Bits(names, values, _dictionary(information, loss_first_chunk_nats))


def max_learned_bits(information: dict[str, Any]) -> Bits:
    """`learned_bits` of a perfect model: loss_name = ln N (each name as likely), the others 0.

    Differs from total_bits by about log2(e) bits per name and dictionary string, for the order in
    which a model may emit them.
    """
    return learned_bits(information, math.log(information["n_people"]), 0.0, 0.0)


def _dictionary(information: dict[str, Any], loss_first_chunk_nats: float) -> float:
    if information["world"] == "bios":
        return 0.0
    n_values, alphabet = information["n_values"], information["alphabet"]
    if alphabet ** information["chunk_length"] == n_values:
        return 0.0
    per_string = information["chunk_length"] * math.log2(alphabet) - math.log2(n_values)
    strings = information["n_attributes"] * n_values
    return strings * (per_string - loss_first_chunk_nats / math.log(2))


def lecture_notes_bits(
    n_people: int,
    n_attributes: int,
    n_chunks: int,
    n_values: int,
    chunk_length: int,
    alphabet: int,
    name_space: int,
) -> Bits:
    """The WRONG formula of circulating lecture notes, kept to show by how much (docs/bits.md).

    log2 binom(N0, N) + N K log2 C + K log2 D + K log2 binom(T, L): C and D changed places, and the
    dictionary counts sets of letters. `dictionary` is the sum of the last two terms. Where L > T
    the last one does not even exist (ValueError).
    """
    spare = n_attributes * math.log2(n_values)
    return Bits(
        name=log2_binomial(name_space, n_people),
        value=n_people * n_attributes * math.log2(n_chunks),
        dictionary=spare + n_attributes * log2_binomial(alphabet, chunk_length),
    )


def bits_json(world: str, **sizes: int) -> dict[str, Any]:
    """Every term for a world of these sizes (see SIZES), as `physlm bits` prints it.

    Raises ValueError with one line for sizes that cannot exist.
    """
    check_sizes(world, sizes)
    information: dict[str, Any] = {"world": world, **sizes}
    if world == "bios":
        information["pool_sizes"] = BIOS_POOLS
    exact, most = total_bits(information), max_learned_bits(information)
    n_people = sizes["n_people"]
    return {
        **information,
        "name_bits": exact.name,
        "value_bits": exact.value,
        "dictionary_bits": exact.dictionary,
        "total_bits": exact.total,
        "bits_per_person": exact.total / n_people,
        "value_bits_per_person": value_bits_per_person(information),
        "max_learned_name_bits": most.name,
        "max_learned_value_bits": most.value,
        "max_learned_dictionary_bits": most.dictionary,
        "max_learned_bits": most.total,
    }
