import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physlm.config import ConfigError, build
from physlm.data import biod
from physlm.data.draw import distinct_strings
from physlm.data.people import read_lines
from physlm.data.world import FIELD, NAME
from physlm.random import generator


def configs() -> st.SearchStrategy[biod.Config]:
    @st.composite
    def draw(make: st.DrawFn) -> biod.Config:
        alphabet, length = make(st.integers(1, 6)), make(st.integers(1, 3))
        name_alphabet, name_length = make(st.integers(2, 5)), make(st.integers(1, 3))
        return biod.Config(
            n_people=make(st.integers(1, name_alphabet**name_length)),
            n_attributes=make(st.integers(1, 4)),
            n_chunks=make(st.integers(1, 3)),
            n_values=make(st.integers(1, alphabet**length)),
            chunk_length=length,
            alphabet=alphabet,
            attribute_order=make(st.sampled_from(["fixed", "random"])),
            name_length=name_length,
            name_alphabet=name_alphabet,
            shared_alphabet=make(st.booleans()),
        )

    return draw()


def rows(world: biod.World, rng_name: str = "x") -> tuple[np.ndarray, np.ndarray]:
    n = world.config.n_people
    entries = world.render(generator(1, rng_name), np.arange(n))
    return entries.tokens.reshape(n, -1), entries.kinds.reshape(n, -1)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(configs(), st.integers(0, 5))
def test_every_world_is_what_its_configuration_says(config: biod.Config, seed: int) -> None:
    world = biod.make(config, seed)
    n_names = len(config.name_sizes)
    names = world.profiles[:, :n_names]
    assert len(np.unique(names, axis=0)) == config.n_people
    shape = (config.n_people, config.n_attributes, config.n_chunks, config.chunk_length)
    values = world.profiles[:, n_names:].reshape(shape)
    for a in range(config.n_attributes):
        chunks = values[:, a].reshape(-1, config.chunk_length)
        assert len(np.unique(chunks, axis=0)) <= config.n_values
    tokens, kinds = rows(world)
    assert tokens.max() < world.d_vocab == len(set(world.vocabulary))
    assert (tokens[:, 0] == world.eos).all()
    assert ((tokens == world.eos).sum(axis=1) == 1).all()
    assert ((kinds == NAME).sum(axis=1) == n_names).all()
    for a in range(config.n_attributes):
        found = tokens[kinds == FIELD + a].reshape(config.n_people, -1)
        expected = world.layout.value_tokens[values[:, a].reshape(config.n_people, -1)]
        assert np.array_equal(found, expected)
    if config.attribute_order == "random":
        # The token before a value is its attribute's marker.
        first = np.argmax(kinds == FIELD, axis=1)
        before = tokens[np.arange(len(tokens)), first - 1]
        assert (before == world.vocabulary.index("id1")).all()


def test_defaults_are_the_small_world_of_the_laptop_tier() -> None:
    world = biod.make(biod.Config(n_people=50), 0)
    tokens, kinds = rows(world)
    assert (world.d_vocab, tokens.shape[1]) == (65, 10)
    assert kinds[0].tolist() == [0, 1, 1, 1, 1, 2, 3, 4, 5, 6]
    assert world.fields == ("id_1", "id_2", "id_3", "id_4", "id_5")
    assert world.information() == {
        "world": "biod",
        "n_people": 50,
        "n_attributes": 5,
        "n_chunks": 1,
        "n_values": 64,
        "chunk_length": 1,
        "alphabet": 64,
        "name_space": 64**4,
    }


def test_same_seed_same_people_and_other_seed_others() -> None:
    config = biod.Config(n_people=30)
    one, same, other = (biod.make(config, seed).profiles for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_people_are_rendered_in_the_order_asked() -> None:
    world = biod.make(biod.Config(n_people=9, attribute_order="random"), 0)
    people = np.array([4, 4, 8, 0])
    entries = world.render(generator(0, "r"), people)
    names = entries.tokens.reshape(4, -1)[:, 1:5]
    assert np.array_equal(names, world.profiles[people, :4])
    assert entries.person.tolist() == people.tolist()
    assert np.array_equal(np.diff(entries.offsets), [15] * 4)


def test_random_order_reaches_every_order_alike() -> None:
    world = biod.make(biod.Config(n_people=2000, n_attributes=3, attribute_order="random"), 0)
    _, kinds = rows(world)
    orders, counts = np.unique(kinds[:, [6, 8, 10]], axis=0, return_counts=True)
    assert len(orders) == math.factorial(3)
    assert counts.min() > 250
    assert not np.array_equal(rows(world, "x")[0], rows(world, "y")[0])


def test_values_are_uniform_over_the_dictionary() -> None:
    world = biod.make(biod.Config(n_people=8000, n_attributes=1, n_values=8, alphabet=100), 0)
    _, counts = np.unique(world.profiles[:, -1], return_counts=True)
    assert len(counts) == 8
    assert ((counts - 1000) ** 2 / 1000).sum() < 24.3  # chi-squared, 7 degrees, 0.1 %


def test_vocabulary_has_a_row_for_every_possible_symbol_and_no_other() -> None:
    base = {"n_people": 5, "n_attributes": 2, "n_values": 3, "alphabet": 7, "name_alphabet": 4}
    size = lambda **more: biod.make(biod.Config(**base, **more), 0).d_vocab  # noqa: E731
    assert size() == 7 + 1
    assert size(shared_alphabet=False) == 4 + 7 + 1
    assert size(attribute_order="random") == 7 + 2 + 1


def test_restore_gives_the_same_world_and_refuses_another() -> None:
    config = biod.Config(n_people=6, attribute_order="random")
    world = biod.make(config, 0)
    again = biod.World.restore(config, world.profiles, world.vocabulary)
    assert np.array_equal(rows(world)[0], rows(again)[0])
    with pytest.raises(ValueError, match="shape"):
        biod.World.restore(config, world.profiles[:4], world.vocabulary)
    with pytest.raises(ValueError, match="vocabulary"):
        biod.World.restore(config, world.profiles, world.vocabulary[:-1])


def test_text_form_reads_as_the_published_paragraph() -> None:
    config = biod.Config(
        n_people=40,
        n_attributes=3,
        n_chunks=2,
        n_values=20,
        chunk_length=2,
        alphabet=52,
        form="text",
    )
    world = biod.make(config, 0)
    tokens, kinds = rows(world)
    lists = [read_lines(f"{part}_names.txt") for part in ("first", "middle", "last")]
    character = [world.vocabulary[token] for token in world.layout.value_tokens]
    for row, profile in zip(tokens, world.profiles, strict=True):
        name = " ".join(part[i] for part, i in zip(lists, profile, strict=False))
        a, b, c = ("".join(character[i] for i in value) for value in profile[3:].reshape(3, 4))
        values = [f"{value[:2]},{value[2:]}" for value in (a, b, c)]
        expected = "<eos> {}'s ID 1 is {}. Her ID 2 is {}. Her ID 3 is {}."
        assert world.text(row) == expected.format(name, *values)
    spelt = "".join(map(str, kinds[0]))
    assert spelt == "0111" + "0000220220" + "0000330330" + "0000440440"
    assert world.information()["name_space"] == 160_000_000


def test_text_form_in_random_order_keeps_number_and_value_together() -> None:
    config = biod.Config(
        n_people=60, n_attributes=3, n_values=5, alphabet=5, form="text", attribute_order="random"
    )
    world = biod.make(config, 0)
    tokens, _ = rows(world)
    letters = world.profiles[:, 3:]
    seen = set()
    for row, profile in zip(tokens, letters, strict=True):
        sentences = world.text(row).removesuffix(".").split(". ")
        assert [s.split(" ID ")[0].endswith("'s") for s in sentences] == [True, False, False]
        said = dict(s.split(" ID ")[1].split(" is ") for s in sentences)
        assert said == {str(a + 1): "abcde"[v] for a, v in enumerate(profile)}
        seen.add(tuple(said))
    assert len(seen) == 6


def test_more_people_leave_the_first_ones_as_they_are() -> None:
    few, many = (biod.make(biod.Config(n_people=n), 0).profiles for n in (10, 300))
    assert np.array_equal(few, many[:10])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_people": -3}, "n_people=-3: must be at least 1"),
        ({"n_people": 64**4 + 1}, "must be at most 16777216, the number of distinct names"),
        ({"n_values": 65}, r"n_values=65: must be at most alphabet \*\* chunk_length = 64"),
        ({"n_attributes": 0}, "n_attributes=0: must be between 1 and 253"),
        ({"n_chunks": 0}, "n_chunks=0: must be at least 1"),
        ({"name_length": 0}, "name_length=0: must be at least 1"),
        ({"form": "text", "name_length": 2}, "name_length=2: must be left out with form=text"),
        ({"n_atributes": 2}, "did you mean n_attributes"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        build(biod.Config, {"n_people": 5, **change}, "settings")
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("settings.")


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.floats(0, 1), st.integers(0, 9))
def test_distinct_strings_are_distinct(sizes: list[int], share: float, seed: int) -> None:
    n = max(1, int(share * math.prod(sizes)))
    strings = distinct_strings(generator(seed, "s"), n, tuple(sizes))
    assert strings.shape == (n, len(sizes))
    assert len(np.unique(strings, axis=0)) == n
    assert (strings >= 0).all()
    assert (strings < sizes).all()


def test_distinct_strings_of_a_space_beyond_64_bits() -> None:
    strings = distinct_strings(generator(0, "s"), 100, (1000,) * 30)
    assert len(np.unique(strings, axis=0)) == 100


@pytest.mark.parametrize("n", [2, 6])
def test_distinct_strings_are_uniform(n: int) -> None:
    # 2 of 9 are drawn by dropping repeats, 6 of 9 by a permutation.
    counts = np.zeros(9)
    for seed in range(900):
        counts[distinct_strings(generator(seed, "s"), n, (3, 3)) @ [3, 1]] += 1
    expected = 900 * n / 9
    assert abs(counts - expected).max() < 5 * math.sqrt(expected)
