from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physlm.config import ConfigError
from physlm.data import bios, qa
from physlm.data.world import FIELD, NAME
from tests.data import biographies
from tests.data.questions import ASKED, make, spelt, text_of

TOKENISERS: list[dict[str, Any]] = [
    {"tokenizer": "words"},
    {"tokenizer": "words", "variant": "multi2+fullname", "templates": 3},
    {"tokenizer": "bpe", "bpe_vocab": 400, "first_names": 6, "middle_names": 5, "last_names": 7},
]


def everything(questions: qa.Questions) -> tuple[np.ndarray, np.ndarray, qa.Asked]:
    k = len(questions.attributes)
    people, attributes = np.indices((questions.n_people, k)).reshape(2, -1)
    return people, attributes, questions.ask(people, attributes)


@pytest.mark.parametrize("settings", TOKENISERS)
def test_every_question_and_answer_says_what_the_profile_says(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    corpus = make(tmp_path, **settings)
    questions = qa.about(corpus)
    assert questions.attributes == tuple(ASKED)
    people, attributes, asked = everything(questions)
    for i, (person, attribute) in enumerate(zip(people, attributes, strict=True)):
        question, answer = text_of(corpus.world.profiles[person], questions.attributes[attribute])
        assert spelt(questions, asked.prompt(i)) == question
        assert spelt(questions, asked.answer(i)) == answer
        assert len(asked.prompt(i)) + len(asked.answer(i)) == questions.lengths[person, attribute]


@pytest.mark.parametrize("settings", TOKENISERS)
def test_tokens_are_those_of_the_whole_text_and_only_missing_ones_are_added(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    corpus = make(tmp_path, **settings)
    questions = qa.about(corpus)
    d_vocab = corpus.manifest["d_vocab"]
    assert questions.vocabulary[:d_vocab] == corpus.world.vocabulary
    assert len(set(questions.vocabulary)) == questions.d_vocab > d_vocab
    _, _, asked = everything(questions)
    assert set(asked.tokens[asked.tokens >= d_vocab]) == set(range(d_vocab, questions.d_vocab))
    if settings["tokenizer"] == "bpe":
        encode = bios._encoder(corpus.world.config, {})
        for i in range(len(asked)):
            tokens = np.concatenate([asked.prompt(i), asked.answer(i)])
            text = spelt(questions, tokens[1:])
            assert [questions.vocabulary[t] for t in tokens[1:]] == encode([text])[0]


def test_reserved_rows_stand_before_those_of_the_questions(tmp_path: Path) -> None:
    corpus = make(tmp_path)
    plain, moved = qa.about(corpus), qa.about(corpus, reserved=("<mask>",))
    d_vocab = corpus.manifest["d_vocab"]
    assert moved.vocabulary[d_vocab:] == ["<mask>", *plain.vocabulary[d_vocab:]]
    tokens = everything(plain)[2].tokens
    assert np.array_equal(everything(moved)[2].tokens, tokens + (tokens >= d_vocab))


@pytest.mark.parametrize(
    ("world", "settings"),
    [
        ("bios", TOKENISERS[0]),
        ("bios", TOKENISERS[2]),
        ("biod", {"n_values": 7, "n_chunks": 2, "chunk_length": 3}),
        ("biod", {"attribute_order": "random", "shared_alphabet": False, "n_values": 9}),
    ],
)
def test_names_and_values_have_the_tokens_of_the_biographies(
    tmp_path: Path, world: str, settings: dict[str, Any]
) -> None:
    corpus = make(tmp_path, world, **settings)
    questions, entries = qa.about(corpus), corpus.evaluation
    closing = 1 if world == "bios" else 0
    for entry, person in enumerate(entries.person):
        span = slice(entries.offsets[entry], entries.offsets[entry + 1])
        tokens, kinds = entries.tokens[span], entries.kinds[span]
        name = tokens[kinds == NAME].tolist()
        for f, field in enumerate(corpus.world.fields):
            if field == "pronoun":
                continue
            a = questions.attributes.index(field)
            asked = questions.ask(np.array([person]), np.array([a]))
            value = asked.answer(0)[: len(asked.answer(0)) - closing]
            assert value.tolist() == tokens[kinds == FIELD + f].tolist()
            prompt = asked.prompt(0).tolist()
            assert any(prompt[i : i + len(name)] == name for i in range(len(prompt)))


def test_bio_d_asks_with_a_token_per_attribute(tmp_path: Path) -> None:
    corpus = make(tmp_path, "biod", n_attributes=3, name_length=2)
    questions = qa.about(corpus, reserved=("<mask>",))
    d_vocab = corpus.manifest["d_vocab"]
    extra = ["<mask>", "what_1", "what_2", "what_3", "answer"]
    assert questions.vocabulary[d_vocab:] == extra
    _, attributes, asked = everything(questions)
    assert (asked.tokens != d_vocab).all()
    for i, a in enumerate(attributes):
        eos, what, *name, mark = [questions.vocabulary[t] for t in asked.prompt(i)]
        assert (eos, what, len(name), mark) == ("<eos>", f"what_{a + 1}", 2, "answer")
        assert len(asked.answer(i)) == 1


def test_possible_values_are_counted_by_their_texts(tmp_path: Path) -> None:
    questions = qa.about(make(tmp_path / "s", employers=50))
    cities = {line.split("; ")[1] for line in biographies.lines("employers.txt")[:50]}
    assert len(cities) < 50
    assert questions.n_values == {
        "birth_date": 12 * 28 * 3,
        "birth_city": 9,
        "university": 8,
        "major": 7,
        "employer": 50,
        "employer_city": len(cities),
    }
    symbolic = qa.about(make(tmp_path / "d", "biod", n_values=8, n_chunks=3))
    assert set(symbolic.n_values.values()) == {8**3}


def test_the_text_form_is_refused_in_one_line(tmp_path: Path) -> None:
    corpus = make(tmp_path, "biod", form="text")
    with pytest.raises(ConfigError, match=r"^form='text': must be symbolic"):
        qa.about(corpus)


@pytest.mark.parametrize("n_people", [2, 3, 10, 1001])
def test_halves_are_disjoint_and_make_up_everybody(n_people: int) -> None:
    halves = qa.split(n_people, 3)
    assert len(halves.train) == n_people // 2
    assert sorted([*halves.train, *halves.test]) == list(range(n_people))
    assert (np.diff(halves.train) > 0).all()
    assert (np.diff(halves.test) > 0).all()


def test_halves_are_random_and_others_with_another_seed() -> None:
    first, second = qa.split(1000, 0).train, qa.split(1000, 1).train
    # Even and odd people have other pronouns, early and late ones may have other templates.
    assert abs((first % 2).sum() - 250) < 60
    assert abs((first < 500).sum() - 250) < 60
    assert abs(len(np.intersect1d(first, second)) - 250) < 60


def test_every_variant_of_the_same_people_has_the_same_halves(tmp_path: Path) -> None:
    settings = [*TOKENISERS[:2], {"variant": "single"}, {"variant": "single+permute5"}]
    made = [make(tmp_path / str(i), **each) for i, each in enumerate(settings)]
    for corpus in made:
        assert np.array_equal(corpus.world.profiles, made[0].world.profiles)
        assert np.array_equal(qa.split_of(corpus).train, qa.split_of(made[0]).train)
        assert np.array_equal(qa.split_of(corpus).test, qa.split(11, 5).test)


def test_one_person_cannot_be_split() -> None:
    with pytest.raises(ConfigError, match=r"^n_people=1: must be at least 2"):
        qa.split(1, 0)
