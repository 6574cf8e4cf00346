"""Celebrities of bioS, and where values begin, against the texts as they are read."""

import itertools
from typing import Any

import numpy as np
import pytest

from physlm.config import ConfigError, build
from physlm.data.bios import ATTRIBUTES, Config, make
from physlm.data.world import FIELD, NAME
from physlm.random import generator
from tests.data import biographies
from tests.data.biographies import person, sentences, small, texts
from tests.data.questions import make as corpus_of

N, STARS = 12, 5


def stored(seed: int = 4, **settings: Any) -> tuple[Any, Any, list[list[str]]]:
    """The world, its fixed entries, and the texts of each person."""
    world = make(small(n_people=N, **settings), seed)
    entries = world.stored(generator(seed, "stored"), np.arange(N))
    k = len(entries) // N
    assert entries.person.tolist() == np.arange(N).repeat(k).tolist()
    spelt = texts(world, entries)
    return world, entries, [spelt[i : i + k] for i in range(0, len(spelt), k)]


@pytest.mark.parametrize("tokenizer", ["words", "bpe"])
def test_celebrities_have_the_texts_of_their_variant_and_others_one_text_again(
    tokenizer: str,
) -> None:
    world, _, read = stored(
        variant="single",
        celebrities=STARS,
        celebrity_variant="multi5+permute",
        tokenizer=tokenizer,
    )
    for i, own in enumerate(read):
        said = [sentences(world.profiles[i], text) for text in own]
        assert all(sorted(a for a, _ in each) == sorted(biographies.ORDER) for each in said)
        orders = {tuple(a for a, _ in each) for each in said}
        if i < STARS:
            assert (len(own), len(set(own))) == (5, 5)
            # 50^6 wordings and 720 orders: hardly two are alike.
            assert len({tuple(sorted(each)) for each in said}) == 5
            assert len(orders) >= 4
        else:
            assert (len(own), len(set(own))) == (5, 1)
            assert orders == {biographies.ORDER}


@pytest.mark.parametrize(
    ("variant", "theirs", "distinct"),
    [
        ("single+permute1", "multi5+permute", (5, 1)),
        ("multi2", "multi4+permute", (4, 2)),
        ("multi2+permute2", "single", (1, 4)),
        ("single", "single+permute1", (1, 1)),
    ],
)
def test_everybody_has_as_many_entries_and_each_text_as_often(
    variant: str, theirs: str, distinct: tuple[int, int]
) -> None:
    _, _, read = stored(variant=variant, celebrities=STARS, celebrity_variant=theirs)
    per_person = max(distinct)
    for i, own in enumerate(read):
        different = distinct[i >= STARS]
        counts = [own.count(text) for text in set(own)]
        assert counts == [per_person // different] * different


@pytest.mark.parametrize("who", ["celebrities", "others"])
def test_the_full_name_is_the_subject_for_whom_the_variant_says_so(who: str) -> None:
    names = ("multi2+fullname", "single") if who == "celebrities" else ("multi2", "single+fullname")
    world, entries, read = stored(variant=names[1], celebrities=STARS, celebrity_variant=names[0])
    assert world.fields == ATTRIBUTES[:-1]
    for i, own in enumerate(read):
        full = (i < STARS) == (who == "celebrities")
        told = person(world.profiles[i])
        for text in own:
            assert text.count(f" {told['name']} ") == (6 if full else 1)
            assert text.count(f" {told['pronoun']} ") == (0 if full else 5)
    # What is marked is the first name and the values, for both kinds of people.
    for i, (a, b) in enumerate(itertools.pairwise(entries.offsets)):
        told = person(world.profiles[entries.person[i]])
        tokens, kinds = entries.tokens[a:b], entries.kinds[a:b]
        assert world.text(tokens[kinds == NAME]) == f" {told['name']}"
        for f, field in enumerate(world.fields):
            assert world.text(tokens[kinds == FIELD + f]) == f" {told[field]}"


def test_celebrities_change_nothing_of_the_people() -> None:
    plain, _, alone = stored(variant="single")
    world, _, _ = stored(variant="single", celebrities=STARS, celebrity_variant="multi5")
    assert np.array_equal(world.profiles, plain.profiles)
    assert world.vocabulary == plain.vocabulary
    assert all(len(own) == 1 for own in alone)


@pytest.mark.parametrize("tokenizer", ["words", "bpe", "symbols"])
@pytest.mark.parametrize(
    "settings",
    [
        {"variant": "single"},
        {"variant": "multi2+permute2"},
        {"variant": "single+permute2+fullname"},
        {"variant": "single", "celebrities": STARS, "celebrity_variant": "multi5+permute"},
        {
            "variant": "single+permute1",
            "celebrities": STARS,
            "celebrity_variant": "multi2+fullname",
        },
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_values_begin_where_the_text_has_them(tokenizer: str, settings: dict[str, Any]) -> None:
    world, entries, _ = stored(tokenizer=tokenizer, **settings)
    starts = world.stored_starts(generator(4, "stored"), np.arange(N))
    assert starts.shape == (len(entries), 6)
    for i, (a, b) in enumerate(itertools.pairwise(entries.offsets)):
        told = person(world.profiles[entries.person[i]])
        spelt = [world.vocabulary[token] for token in entries.tokens[a:b]]
        for attribute, start in zip(ATTRIBUTES, starts[i].tolist(), strict=True):
            value = f" {told[attribute]}"
            if tokenizer == "symbols":
                value = value.replace(",", "")
            text = "".join(spelt)
            # Where the value's text is in the entry: the city of birth may be the employer's too.
            places, at = [], text.find(value)
            while at >= 0:
                places.append(at)
                at = text.find(value, at + 1)
            assert len("".join(spelt[:start])) in places
            assert len(places) == 1 or attribute in ("birth_city", "employer_city")
        city, office = starts[i, 1], starts[i, 5]
        assert city != office


def test_corpora_have_celebrities(tmp_path: Any) -> None:
    corpus = corpus_of(
        tmp_path, variant="single", celebrities=3, celebrity_variant="multi2+permute"
    )
    assert corpus.entries_per_person == 2
    assert np.array_equal(corpus.train_person, np.arange(11).repeat(2))
    own = np.split(np.asarray(corpus.train_tokens), corpus.train_offsets[1:-1])
    same = [np.array_equal(own[2 * i], own[2 * i + 1]) for i in range(11)]
    assert same == [False] * 3 + [True] * 8


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"celebrities": 12}, "celebrities=12: must be between 0 and 11, not everybody"),
        ({"celebrities": -1}, "celebrities=-1: must be between 0 and 11"),
        (
            {"variant": "fresh", "celebrities": 2},
            "variant='fresh': must be of fixed texts, where there are celebrities",
        ),
        (
            {"variant": "single", "celebrities": 2, "celebrity_variant": "fresh"},
            "celebrity_variant='fresh': must be of fixed texts, where there are celebrities",
        ),
        (
            {"variant": "multi2", "celebrities": 2, "celebrity_variant": "multi5"},
            "celebrity_variant='multi5': must be of a number of texts that is a multiple of 2",
        ),
        ({"celebrity_variant": "many"}, "celebrity_variant='many': must be single, multiM"),
        (
            {"variant": "single", "celebrities": 2, "celebrity_variant": "many"},
            "celebrity_variant='many': must be single, multiM",
        ),
    ],
)
def test_impossible_celebrities_are_refused_in_one_line(bad: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Config, {"n_people": N, **bad})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
