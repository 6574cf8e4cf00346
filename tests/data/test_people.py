import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physlm.config import ConfigError
from physlm.data.people import COLUMNS, Pools, draw_profiles, values

SIZES = {
    "first_name": 400,
    "middle_name": 400,
    "last_name": 1000,
    "pronoun": 2,
    "month": 12,
    "day": 28,
    "year": 200,
    "birth_city": 200,
    "university": 300,
    "major": 100,
    "employer": 263,
}

pools = st.builds(
    Pools,
    first_names=st.integers(2, 6),
    middle_names=st.integers(1, 5),
    last_names=st.integers(2, 7),
    years=st.integers(1, 200),
    employers=st.integers(1, 263),
)


def test_pools_have_the_published_sizes_and_distinct_entries():
    texts = values(Pools())
    assert {name: len(texts[name]) for name in SIZES} == SIZES
    for name in SIZES:
        assert len(set(texts[name])) == SIZES[name], name
    assert len(texts["employer_city"]) == 263
    assert len(set(texts["employer_city"])) == 133
    assert texts["employer_city"].count("New York, NY") == 36
    assert (texts["year"][0], texts["year"][-1], texts["day"][-1]) == ("1900", "2099", "28")


def test_entries_are_plain_words_that_a_full_stop_can_follow():
    for name, pool in values(Pools()).items():
        for text in pool:
            assert text.isascii(), name
            assert text == " ".join(text.split()), name
            assert text[-1].isalnum(), name


def test_cities_have_a_state():
    texts = values(Pools())
    for city in (*texts["birth_city"], *texts["employer_city"]):
        assert city[-4:-2] == ", ", city
        assert city[-2:].isupper(), city


def test_name_space_and_dates():
    assert Pools().name_space == 160_000_000
    assert Pools().birth_dates == 67_200
    assert math.log2(Pools().birth_dates) == pytest.approx(16.036, abs=5e-4)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(pools, st.integers(0, 5), st.data())
def test_people_have_unique_names_and_values_within_the_pools(pool, seed, data):
    n = data.draw(st.integers(1, pool.name_space))
    profiles = draw_profiles(pool, n, seed, "random")
    assert profiles.shape == (n, len(COLUMNS))
    assert len(np.unique(profiles[:, :3], axis=0)) == n
    assert (profiles >= 0).all()
    texts = values(pool)
    assert (profiles < [len(texts[name]) for name in COLUMNS]).all()


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(pools, st.integers(0, 5), st.data())
def test_a_profile_does_not_depend_on_the_number_of_people(pool, seed, data):
    few = data.draw(st.integers(1, pool.name_space))
    many = data.draw(st.integers(few, pool.name_space))
    for pronoun in ("parity", "random"):
        a, b = (draw_profiles(pool, n, seed, pronoun) for n in (few, many))
        np.testing.assert_array_equal(a, b[:few])


def test_profiles_of_later_blocks_do_not_depend_on_the_number_of_people():
    a = draw_profiles(Pools(), 17_000, 3, "parity")
    b = draw_profiles(Pools(), 40_000, 3, "parity")
    np.testing.assert_array_equal(a, b[:17_000])


def test_all_names_can_be_used_up():
    pool = Pools(first_names=3, middle_names=4, last_names=5)
    profiles = draw_profiles(pool, 60, 0, "parity")
    assert len(np.unique(profiles[:, :3], axis=0)) == 60
    with pytest.raises(ConfigError, match="n_people=61: must be between 1 and the 60 names"):
        draw_profiles(pool, 61, 0, "parity")


def test_seeds_differ_and_repeat():
    a, b, c = (draw_profiles(Pools(), 100, seed, "random") for seed in (1, 1, 2))
    assert a.tobytes() == b.tobytes()
    assert (a != c).any(axis=0).all()


def test_pronoun_by_parity():
    assert (draw_profiles(Pools(), 101, 0, "parity")[:, 3] == np.arange(101) % 2).all()


def test_values_are_uniform_and_independent():
    n = 100_000
    profiles = draw_profiles(Pools(), n, 0, "random").astype(int)
    for i, name in enumerate(COLUMNS):
        counts = np.bincount(profiles[:, i], minlength=SIZES[name])
        assert _chi_square_z(counts) < 4, name
    # Independence of neighbouring columns, through tables of 2 x 2 halves.
    halves = (profiles * 2 >= [SIZES[name] for name in COLUMNS]).astype(int)
    for i in range(len(COLUMNS) - 1):
        counts = np.bincount(halves[:, i] * 2 + halves[:, i + 1], minlength=4)
        assert _chi_square_z(counts) < 4, COLUMNS[i : i + 2]


def _chi_square_z(counts: np.ndarray) -> float:
    freedom = len(counts) - 1
    expected = counts.sum() / len(counts)
    return (((counts - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom)
