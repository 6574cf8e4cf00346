"""The symbolic spelling of bioS against texts and tokens that are put together apart from it."""

import itertools

import numpy as np
import pytest

from physlm.data.bios import ORDERS, World, make, read_templates, spell_pieces
from physlm.data.bios import Config as Bios
from physlm.random import generator
from tests.data import biographies
from tests.data.biographies import small, texts, unmarked

VARIANTS = ["single", "multi2+permute", "single+permute2+fullname"]


def tokens(world: World, entries) -> list[list[str]]:
    """The texts of the tokens of every entry."""
    bounds = itertools.pairwise(entries.offsets)
    return [[world.vocabulary[token] for token in entries.tokens[a:b]] for a, b in bounds]


def test_one_text_token_by_token_by_hand() -> None:
    world = make(small(tokenizer="symbols"), 0)
    entry = world.spell(np.array([0]), np.zeros((1, 6), int), np.array([0]), False)
    who = biographies.person(world.profiles[0])
    assert who["name"] == "Douglas Wilbert Langton"
    assert tokens(world, entry) == [
        [
            *("<eos>", " Douglas", " Wilbert", " Langton"),
            *(" was born on", " November", " 26", " 1901"),
            *(" He", " was born in", " Minneapolis", " MN"),
            *(" He", " studied at", " University", " of", " McAllen"),
            *(" He", " majored in", " Education"),
            *(" He", " works for", " Silverbridge", " Chemicals"),
            *(" He", " works in", " New", " York", " NY"),
        ]
    ]


@pytest.mark.parametrize("fullname", [False, True])
def test_tokens_are_those_of_a_plain_speller(fullname: bool) -> None:
    variant = "fresh+fullname" if fullname else "fresh"
    world, rng = make(small(tokenizer="symbols", variant=variant), 1), generator(1, "choices")
    people = np.arange(300) % 12
    templates, orders = rng.integers(50, size=(300, 6)), rng.integers(720, size=300)
    entries = world.spell(people, templates, orders, fullname)
    assert tokens(world, entries) == [
        biographies.symbols(
            world.profiles[p], templates[i].tolist(), ORDERS[orders[i]].tolist(), fullname
        )
        for i, p in enumerate(people)
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_words_corpus_says_the_same_but_for_marks(variant: str) -> None:
    spelt = []
    for tokenizer in ("symbols", "words"):
        world = make(small(variant=variant, tokenizer=tokenizer), 3)
        entries = world.stored(generator(3, "stored"), np.arange(12))
        spelt.append([unmarked(text) for text in texts(world, entries)])
        if tokenizer == "words":
            # The marks are what is missing: every text of the words says the profile.
            for person, text in zip(entries.person, texts(world, entries), strict=True):
                said = biographies.sentences(world.profiles[person], text)
                assert sorted(attribute for attribute, _ in said) == sorted(biographies.ORDER)
    assert spelt[0] == spelt[1]


def test_every_phrase_of_a_template_is_a_token_of_its_own() -> None:
    spelling = spell_pieces(Bios(n_people=5, tokenizer="symbols", questions=True))
    pieces, first, of = spelling.pieces, spelling.first, {}
    for group, half in (("before", 0), ("after", 1)):
        for i, template in enumerate(read_templates(50)):
            start = pieces.starts[first[group] + i]
            spelt = pieces.tokens[start : start + pieces.lengths[first[group] + i]].tolist()
            assert len(spelt) == (template[half] != "."), template
            for token in spelt:
                of.setdefault(token, set()).add(template[half])
    assert all(len(phrases) == 1 for phrases in of.values())
    # Nor is one of them a part of a name, of a value or of a question.
    ends = {name: first[name] for name in ("before", "eos")}
    others = pieces.tokens[pieces.starts[ends["eos"] + 1] : pieces.starts[ends["before"]]]
    asked = pieces.tokens[pieces.starts[first["question"]] : pieces.starts[first["closing"]]]
    assert not set(of) & set(others.tolist())
    assert not set(of) & set(asked.tolist())


def test_every_row_occurs_and_no_mark_is_a_token() -> None:
    pools = {"birth_cities": 8, "universities": 8, "majors": 8, "templates": 3, "days": 5}
    world = make(small(n_people=100, tokenizer="symbols", **pools), 0)
    people = np.arange(20_000) % 100
    used = np.unique(world.render(generator(0, "x"), people).tokens)
    assert used.tolist() == list(range(world.d_vocab))
    assert all(unmarked(text).strip() for text in world.vocabulary)


def test_no_tokeniser_is_as_short() -> None:
    lengths = {}
    for tokenizer in ("symbols", "words", "bpe"):
        world = make(small(tokenizer=tokenizer, variant="multi2+permute"), 2)
        lengths[tokenizer] = np.diff(world.stored(generator(2, "s"), np.arange(12)).offsets)
    assert (lengths["symbols"] < lengths["words"]).all()
    assert (lengths["symbols"] < lengths["bpe"]).all()
