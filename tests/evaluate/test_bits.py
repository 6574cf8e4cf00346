import argparse
import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physlm.evaluate import bits
from physlm.evaluate.bits_cli import add_bits_parser

EXAMPLE = {
    "n_people": 100_000,
    "n_attributes": 10,
    "n_chunks": 3,
    "n_values": 100,
    "chunk_length": 2,
    "alphabet": 1000,
    "name_space": 160_000_000,
}


def biod(**sizes: int) -> dict:
    small = {
        "n_people": 3,
        "n_attributes": 2,
        "n_chunks": 1,
        "n_values": 2,
        "chunk_length": 2,
        "alphabet": 2,
        "name_space": 5,
    }
    return {"world": "biod", **small, **sizes}


def bios(n_people: int) -> dict:
    return {
        "world": "bios",
        "n_people": n_people,
        "name_space": bits.BIOS_NAME_SPACE,
        "pool_sizes": bits.BIOS_POOLS,
    }


@settings(derandomize=True, max_examples=80, deadline=None)
@given(st.integers(0, 10**40), st.integers(0, 3000))
def test_binomial_agrees_with_exact_integers(n: int, k: int) -> None:
    k = min(k, n)
    exact = math.log2(math.comb(n, k))
    assert bits.log2_binomial(n, k) == pytest.approx(exact, rel=1e-13, abs=1e-9)


@pytest.mark.parametrize("n", [10**400, 2**2000, 1002**3])
def test_binomial_of_a_huge_space(n: int) -> None:
    assert bits.log2_binomial(n, 1500) == pytest.approx(math.log2(math.comb(n, 1500)), rel=1e-13)


def test_binomial_is_symmetric_and_checks_its_range() -> None:
    assert bits.log2_binomial(4000, 1200) == bits.log2_binomial(4000, 2800)
    assert bits.log2_binomial(7, 0) == bits.log2_binomial(7, 7) == 0
    for n, k in [(3, 4), (3, -1)]:
        with pytest.raises(ValueError, match="0 <= k <= n"):
            bits.log2_binomial(n, k)


def test_total_is_the_logarithm_of_the_number_of_worlds() -> None:
    # 3 names out of 5, 2 attributes of 1 chunk, dictionaries of 2 out of the 4 strings over {0, 1}.
    worlds = 0
    strings = list(itertools.product(range(2), repeat=2))
    for _names in itertools.combinations(range(5), 3):
        for _dictionaries in itertools.product(itertools.combinations(strings, 2), repeat=2):
            worlds += sum(1 for _values in itertools.product(range(2), repeat=3 * 2))
    assert bits.total_bits(biod()).total == pytest.approx(math.log2(worlds), rel=1e-14)


def test_each_value_of_two_chunks_has_d_squared_possibilities() -> None:
    possible = len(list(itertools.product(range(3), repeat=2)))
    information = biod(n_chunks=2, n_values=3, n_attributes=1)
    assert bits.value_bits_per_person(information) == pytest.approx(math.log2(possible))


@pytest.mark.parametrize(
    ("n_people", "max_mbit", "name_bits"),
    [
        (10_000, 0.616, 13.97),
        (20_000, 1.211, 12.97),
        (50_000, 2.962, 11.64),
        (100_000, 5.824, 10.64),
        (200_000, 11.45, 9.64),
        (500_000, 27.96, 8.32),
        (1_000_000, 54.91, 7.32),
        (2_000_000, 107.8, 6.32),
        (20_000_000, 1012, 3.0),
    ],
)
def test_bios_table(n_people: int, max_mbit: float, name_bits: float) -> None:
    most = bits.max_learned_bits(bios(n_people))
    assert most.total / 1e6 == pytest.approx(max_mbit, rel=1e-3)
    assert most.name / n_people == pytest.approx(name_bits, abs=0.005)
    assert most.dictionary == 0


def test_a_person_of_bios_has_47_59_bits() -> None:
    assert bits.value_bits_per_person(bios(1)) == pytest.approx(47.59, abs=0.005)
    parts = [16.036, 7.644, 8.229, 6.644, 8.039, 1.0]
    assert bits.value_bits_per_person(bios(1)) == pytest.approx(sum(parts), abs=0.003)


def test_the_numeric_example_of_bioD_and_of_the_notes() -> None:
    exact = bits.total_bits({"world": "biod", **EXAMPLE})
    assert exact.name / 1e6 == pytest.approx(1.209, abs=5e-4)
    assert exact.value / 1e6 == pytest.approx(19.932, abs=5e-4)
    assert exact.dictionary / 1e6 == pytest.approx(0.0147, abs=5e-5)
    assert exact.total / 1e6 == pytest.approx(21.15, abs=5e-3)
    notes = bits.lecture_notes_bits(**EXAMPLE)
    assert notes.value / 1e6 == pytest.approx(1.585, abs=5e-4)
    assert notes.dictionary == pytest.approx(66.4 + 189.3, abs=0.1)
    assert notes.total / 1e6 == pytest.approx(2.79, abs=5e-3)
    assert exact.total / notes.total == pytest.approx(7.6, abs=0.05)


def test_limit_one_value_holds_no_value_bits() -> None:
    sizes = EXAMPLE | {"n_values": 1}
    assert bits.total_bits({"world": "biod", **sizes}).value == 0
    assert bits.lecture_notes_bits(**sizes).value > 0


def test_limit_a_full_dictionary_holds_no_bits() -> None:
    sizes = EXAMPLE | {"chunk_length": 1, "n_values": 1000}
    assert bits.total_bits({"world": "biod", **sizes}).dictionary == 0
    assert bits.lecture_notes_bits(**sizes).dictionary > 0


def test_limit_twice_the_chunks_hold_twice_the_value_bits() -> None:
    twice = EXAMPLE | {"n_chunks": 6}
    one, two = (bits.total_bits({"world": "biod", **s}).value for s in (EXAMPLE, twice))
    assert two == pytest.approx(2 * one, rel=1e-14)
    one, two = (bits.lecture_notes_bits(**s).value for s in (EXAMPLE, twice))
    assert two < 1.7 * one


def test_learned_bits_by_hand() -> None:
    information = biod(n_people=4, name_space=16, n_chunks=2, n_values=4, alphabet=4)
    ln2 = math.log(2)
    learned = bits.learned_bits(information, 3 * ln2, 2 * ln2, 0.5 * ln2)
    assert learned.name == pytest.approx(4 * (4 - 3))
    assert learned.value == pytest.approx(4 * (2 * 2 * 2 - 2))
    # T^L = 16 strings, D = 4: 2 bits per string, less half a bit of loss, for 2 * 4 strings.
    assert learned.dictionary == pytest.approx(8 * (4 - 2 - 0.5))


def test_a_full_dictionary_cannot_be_unlearned() -> None:
    information = biod(n_values=4, alphabet=4, chunk_length=1)
    assert bits.learned_bits(information, 1.0, 1.0, 50.0).dictionary == 0


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.integers(1, 50),
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 16),
    st.integers(0, 10**6),
)
def test_the_most_a_model_can_learn_is_less_than_the_total(
    n_people: int, n_attributes: int, n_chunks: int, n_values: int, spare: int
) -> None:
    information = biod(
        n_people=n_people,
        name_space=n_people + spare,
        n_attributes=n_attributes,
        n_chunks=n_chunks,
        n_values=n_values,
        alphabet=16,
        chunk_length=3,
    )
    most, exact = bits.max_learned_bits(information), bits.total_bits(information)
    objects = n_people + n_attributes * n_values
    # n choose k is between (n / k)^k and (e n / k)^k.
    assert -1e-6 <= exact.total - most.total <= objects * math.log2(math.e) + 1e-6
    hand = np.log2(information["name_space"] / n_people) * n_people
    assert most.name == pytest.approx(hand, abs=1e-6)
    losses = (math.log(n_people), 0.0, 0.0)
    assert bits.learned_bits(information, *losses) == most


def run_cli(*args: str) -> int:
    parser = argparse.ArgumentParser()
    add_bits_parser(parser.add_subparsers())
    parsed = parser.parse_args(["bits", *args])
    return parsed.handler(parsed)


def flags(sizes: dict[str, int]) -> list[str]:
    return [f"--{key.replace('_', '-')}={value}" for key, value in sizes.items()]


def test_cli_prints_every_term(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("biod", *flags(EXAMPLE)) == 0
    result = json.loads(capsys.readouterr().out)
    terms = [result[f"{term}_bits"] for term in ("name", "value", "dictionary")]
    assert sum(terms) == pytest.approx(result["total_bits"])
    assert result["total_bits"] / 1e6 == pytest.approx(21.15, abs=5e-3)
    assert run_cli("bios", "--n-people", "100000") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["max_learned_bits"] / 1e6 == pytest.approx(5.824, abs=1e-3)
    assert result["bits_per_person"] == pytest.approx(result["total_bits"] / 100_000)


@pytest.mark.parametrize(
    ("world", "change", "message"),
    [
        ("bios", {"n_people": -1}, "n_people=-1: must be at least 1"),
        ("bios", {"n_people": 6, "name_space": 5}, "n_people=6: must be at most name_space=5"),
        ("biod", EXAMPLE | {"n_chunks": 0}, "n_chunks=0: must be at least 1"),
        ("biod", EXAMPLE | {"n_values": 10**7}, "at most alphabet ** chunk_length = 1000000"),
    ],
)
def test_cli_refuses_impossible_sizes_in_one_line(
    world: str, change: dict[str, int], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(world, *flags(change)) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
