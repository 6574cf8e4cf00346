import dataclasses
import itertools
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physlm.config import ConfigError, build
from physlm.data.bios import ATTRIBUTES, ORDERS, Config, World, make
from physlm.data.variants import Variant, parse
from physlm.data.world import FIELD, NAME, OTHER
from physlm.random import generator
from tests.data.biographies import ORDER, biography, lines, person, sentences, small, texts
from tests.data.test_variants import PUBLISHED

VARIANTS = [*PUBLISHED, "fresh", "simple", "multi-infinity", "fresh+fullname"]


@pytest.mark.parametrize("attribute", ORDER)
def test_templates(attribute):
    templates = lines(f"templates/{attribute}.txt")
    assert 45 <= len(templates) <= 55
    assert len(set(templates)) == len(templates)
    for template in templates:
        assert template.startswith("{subject} "), template
        assert template.endswith("."), template
        assert template.isascii(), template
        for slot in ("{subject}", " {value}"):
            assert template.count(slot) == 1, template


def test_no_template_serves_two_attributes():
    templates = [line for a in ORDER for line in lines(f"templates/{a}.txt")]
    assert len(set(templates)) == len(templates)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(["words", "bpe"]),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 719)), min_size=1, max_size=5),
    st.data(),
)
def test_texts_equal_those_of_a_plain_renderer(tokenizer, fullname, chosen, data):
    world = _world(tokenizer, fullname)
    people, orders = (np.array(column) for column in zip(*chosen, strict=True))
    choices = st.lists(st.integers(0, 49), min_size=6, max_size=6)
    templates = np.array([data.draw(choices) for _ in chosen])
    expected = [
        biography(world.profiles[p], templates[i].tolist(), ORDERS[o].tolist(), fullname)
        for i, (p, o) in enumerate(chosen)
    ]
    entries = world.spell(people, templates, orders, fullname)
    assert texts(world, entries) == expected
    assert entries.person.tolist() == people.tolist()
    assert (entries.tokens[entries.offsets[:-1]] == world.eos).all()
    assert np.count_nonzero(entries.tokens == world.eos) == len(chosen)


@pytest.mark.parametrize("name", VARIANTS)
def test_each_attribute_is_said_once_per_biography(name):
    world = make(small(variant=name), 1)
    people = np.arange(12)
    entries = world.render(generator(0, "x"), people)
    assert entries.person.tolist() == people.tolist()
    for p, text in zip(entries.person, texts(world, entries), strict=True):
        said = [attribute for attribute, _ in sentences(world.profiles[p], text)]
        assert sorted(said) == sorted(ORDER)
        if not world.config.layout.permutations:
            assert said == list(ORDER)
        who = person(world.profiles[p])
        fullname = world.config.layout.fullname
        assert text.startswith(f"<eos> {who['name']} ")
        assert text.count(f" {who['name']} ") == (6 if fullname else 1)
        assert text.count(f" {who['pronoun']} ") == (0 if fullname else 5)


@pytest.mark.parametrize("name", [n for n in VARIANTS if not parse(n).fresh])
def test_stored_entries_of_each_variant(name):
    world = make(small(variant=name), 1)
    layout, n = world.config.layout, 12
    entries = world.stored(generator(1, "stored"), np.arange(n))
    m, p = layout.wordings, max(layout.permutations, 1)
    assert len(entries) == n * m * p
    assert entries.person.tolist() == np.arange(n).repeat(m * p).tolist()
    said = [
        sentences(world.profiles[i], text)
        for i, text in zip(entries.person, texts(world, entries), strict=True)
    ]
    wordings, orders = [], []
    for start in range(0, len(said), p):
        together = said[start : start + p]
        assert all(sorted(other) == sorted(together[0]) for other in together)
        wordings.append(tuple(sorted(together[0])))
        orders += [tuple(attribute for attribute, _ in entry) for entry in together]
    # 50^6 wordings: no two of these are alike unless they were meant to be.
    assert len(set(wordings)) == n * m
    if layout.permutations:
        assert len(set(orders)) > len(orders) * 0.8
    else:
        assert set(orders) == {ORDER}


def test_fresh_worlds_have_no_stored_texts():
    with pytest.raises(ValueError, match="fresh world has no stored texts"):
        make(small(), 0).stored(generator(0, "stored"), np.arange(3))


@pytest.mark.parametrize("name", ["fresh", "multi2+permute", "single+fullname"])
def test_kinds_mark_the_first_name_pronoun_and_values(name):
    world = make(small(variant=name), 2)
    entries = world.render(generator(3, "x"), np.arange(12))
    fullname = world.config.layout.fullname
    assert world.fields == (() if fullname else ("pronoun",)) + ATTRIBUTES[:-1]
    for i in range(12):
        part = slice(entries.offsets[i], entries.offsets[i + 1])
        tokens, kinds = entries.tokens[part], entries.kinds[part]
        who = person(world.profiles[i])
        assert kinds[:5].tolist() == [OTHER, NAME, NAME, NAME, OTHER]
        assert world.text(tokens[kinds == NAME]) == f" {who['name']}"
        for f, field in enumerate(world.fields):
            places = np.flatnonzero(kinds == FIELD + f)
            assert (np.diff(places) == 1).all()
            assert world.text(tokens[places]) == f" {who[field]}"
        if not fullname:
            pronoun = world.vocabulary.index(f" {who['pronoun']}")
            assert np.flatnonzero(kinds == FIELD)[0] == np.flatnonzero(tokens == pronoun)[0]
        assert kinds.max() == FIELD + len(world.fields) - 1


@pytest.mark.parametrize("name", ["fresh", "multi2+permute5"])
def test_templates_and_orders_are_uniform(name, monkeypatch):
    world, choices = make(small(variant=name), 0), []
    monkeypatch.setattr(world, "spell", lambda *args: choices.extend(args[1:3]))
    people = np.zeros(72_000, int)
    if world.fresh:
        world.render(generator(0, "x"), people)
    else:
        world.stored(generator(0, "x"), people[:7200])
    templates, orders = choices
    assert templates.shape == (72_000, 6)
    permutations = 1 if world.fresh else 5
    columns = [(templates[::permutations, a], 50) for a in range(6)]
    for drawn, size in [*columns, (orders, 720)]:
        counts, freedom = np.bincount(drawn, minlength=size), size - 1
        expected = len(drawn) / size
        chi_square = ((counts - expected) ** 2 / expected).sum()
        assert len(counts) == size
        assert abs(chi_square - freedom) < 4 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("name", ["fresh", "multi2+permute", "single"])
def test_chunks_of_people_change_no_byte_of_stored_texts_and_same_seed_same_bytes(name):
    config = small(n_people=40, variant=name)
    one, again = make(config, 5), make(config, 5)
    assert one.profiles.tobytes() == again.profiles.tobytes()
    people = np.arange(40)
    a, b = (w.render(generator(5, "x"), people) for w in (one, again))
    assert all(getattr(a, f).tobytes() == getattr(b, f).tobytes() for f in _ARRAYS)
    few = make(dataclasses.replace(config, n_people=10), 5)
    assert (few.profiles == one.profiles[:10]).all()
    if one.fresh:
        return
    all_texts = texts(one, one.stored(generator(5, "s"), people))
    some_texts = texts(few, few.stored(generator(5, "s"), people[:10]))
    assert all_texts[: len(some_texts)] == some_texts


def test_the_choices_of_an_entry_do_not_depend_on_how_many_follow():
    world = make(small(n_people=40), 5)
    whole = texts(world, world.render(generator(5, "x"), np.arange(40)))
    rng = generator(5, "x")
    chunks = [world.render(rng, part) for part in np.split(np.arange(40), 4)]
    assert [text for chunk in chunks for text in texts(world, chunk)] == whole


def test_employer_city_follows_from_the_employer():
    world = make(small(n_people=100), 0)
    cities: dict[str, set[str]] = {}
    for row in world.profiles:
        cities.setdefault(person(row)["employer"], set()).add(person(row)["employer_city"])
    assert all(len(found) == 1 for found in cities.values())
    assert len({next(iter(found)) for found in cities.values()}) > 5


def test_information_with_the_published_pools():
    information = make(Config(n_people=10), 0).information()
    sizes = information["pool_sizes"]
    assert list(sizes) == list(make(Config(n_people=10), 0).fields)
    assert list(sizes.values()) == [2, 67_200, 200, 300, 100, 263]
    bits = math.log2(math.prod(sizes.values()))
    assert f"{bits:.2f}" == "47.59"
    parts = [1, math.log2(67_200), *(math.log2(n) for n in (200, 300, 100, 263))]
    assert bits == pytest.approx(sum(parts), abs=1e-9)
    assert information["name_space"] == 160_000_000
    assert information["n_people"] == 10


def test_information_uses_the_pools_in_use():
    information = make(
        small(months=2, days=3, majors=7, variant="single+fullname"), 0
    ).information()
    assert information["name_space"] == 100
    sizes = {"birth_date": 18, "birth_city": 200, "university": 300, "major": 7, "employer": 20}
    assert information["pool_sizes"] == sizes


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"n_people": 160_000_001}, "n_people=160000001: must be between 1 and 160000000"),
        ({"first_names": 401}, "first_names=401: must be between 1 and 400"),
        ({"templates": 51}, "templates=51: must be between 1 and 50"),
        ({"bpe_vocab": 300}, "bpe_vocab=300: must be 257 or more, and only with tokenizer=bpe"),
        ({"tokenizer_file": "x"}, "tokenizer_file='x': must be left out unless tokenizer=gpt2"),
        ({"pronoun": "they"}, "pronoun='they': must be one of parity, random"),
        ({"first_name": 3}, "unknown key.*did you mean first_names"),
    ],
)
def test_impossible_settings_are_refused(bad, message):
    with pytest.raises(ConfigError, match=message):
        build(Config, {"n_people": 3, **bad})


@pytest.mark.parametrize("tokenizer", ["words", "bpe", "symbols"])
def test_a_stored_world_comes_back(tokenizer):
    world = make(small(tokenizer=tokenizer, variant="multi2+permute"), 4)
    config = build(Config, json.loads(json.dumps(dataclasses.asdict(world.config))))
    vocabulary = json.loads(json.dumps(world.vocabulary))
    back = World.restore(config, world.profiles, vocabulary)
    copied = pickle.loads(pickle.dumps(world))
    for other in (back, copied):
        a, b = (w.render(generator(0, "x"), np.arange(12)) for w in (world, other))
        assert all(getattr(a, f).tobytes() == getattr(b, f).tobytes() for f in _ARRAYS)
        assert other.information() == world.information()


def test_a_stored_world_that_does_not_fit_is_refused():
    world = make(small(), 4)
    with pytest.raises(ValueError, match=r"profiles have shape \(3, 11\), expected \(12, 11\)"):
        World.restore(world.config, world.profiles[:3], world.vocabulary)
    other = World.restore(world.config, world.profiles, world.vocabulary[:-1])
    with pytest.raises(ValueError, match="stored vocabulary is not the one"):
        other.render(generator(0, "x"), np.arange(3))


def test_batches_of_entries_join_without_a_seam():
    world = make(small(), 0)
    people = np.arange(10_000) % 12
    rng = generator(0, "x")
    templates, orders = rng.integers(50, size=(10_000, 6)), rng.integers(720, size=10_000)
    whole = world.spell(people, templates, orders, False)
    for i in (0, 4095, 4096, 9999):
        alone = world.spell(people[[i]], templates[[i]], orders[[i]], False)
        part = slice(whole.offsets[i], whole.offsets[i + 1])
        assert (whole.tokens[part] == alone.tokens).all()
        assert (whole.kinds[part] == alone.kinds).all()
    assert whole.offsets[-1] == len(whole.tokens) == len(whole.kinds)


_ARRAYS = ("tokens", "offsets", "person", "kinds")
_worlds: dict[tuple[str, bool], World] = {}


def _world(tokenizer: str, fullname: bool) -> World:
    if (tokenizer, fullname) not in _worlds:
        variant = Variant(0, 1, fullname)
        _worlds[tokenizer, fullname] = make(small(tokenizer=tokenizer, variant=variant), 0)
    return _worlds[tokenizer, fullname]


def test_orders_are_all_permutations_with_the_canonical_one_first():
    assert len(ORDERS) == 720
    assert ORDERS[0].tolist() == list(range(6))
    assert {tuple(o) for o in ORDERS.tolist()} == set(itertools.permutations(range(6)))
