import re
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
    {"tokenizer": "symbols", "variant": "multi2+permute"},
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
        attribute_name = questions.attributes[attribute]
        symbols = settings["tokenizer"] == "symbols"
        question, answer = text_of(corpus.world.profiles[person], attribute_name, symbols)
        assert spelt(questions, asked.prompt(i)) == question
        assert spelt(questions, asked.answer(i)) == answer
        assert len(asked.prompt(i)) + len(asked.answer(i)) == questions.lengths[person, attribute]


@pytest.mark.parametrize("settings", TOKENISERS)
def test_questions_only_add_rows_and_change_no_token_of_a_biography(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    plain = make(tmp_path / "plain", **settings, questions=False)
    asked = make(tmp_path / "asked", **settings)
    d_vocab = plain.manifest["d_vocab"]
    assert asked.world.vocabulary[:d_vocab] == plain.world.vocabulary
    for name in ("train_tokens", "train_offsets"):
        assert np.array_equal(getattr(asked, name), getattr(plain, name))
    assert np.array_equal(asked.evaluation.tokens, plain.evaluation.tokens)
    assert np.array_equal(asked.evaluation.kinds, plain.evaluation.kinds)
    questions = qa.about(asked)
    assert questions.vocabulary == asked.world.vocabulary
    assert len(set(questions.vocabulary)) == asked.manifest["d_vocab"]
    # Every row that was added is needed by a question.
    tokens = everything(questions)[2].tokens
    assert set(tokens[tokens >= d_vocab]) == set(range(d_vocab, asked.manifest["d_vocab"]))
    with pytest.raises(ConfigError, match=r"^settings\.questions=False: must be true"):
        qa.about(plain)


def test_rows_that_words_and_symbols_add(tmp_path: Path) -> None:
    """What is added, by hand: words that no template has, and the phrases of the questions."""
    added = {}
    for tokenizer in ("words", "symbols"):
        each = {"tokenizer": tokenizer, "templates": 1}
        d_vocab = make(tmp_path / f"{tokenizer}0", **each, questions=False).manifest["d_vocab"]
        added[tokenizer] = make(tmp_path / tokenizer, **each).world.vocabulary[d_vocab:]
    assert sorted(added["symbols"]) == sorted(
        [
            *(" What is the birth date of", " What is the birth city of", " Which university did"),
            *(" What major did", " Which company did", " Where did"),
            *("? Answer:", " study? Answer:", " work for? Answer:", " work? Answer:"),
        ]
    )
    first_templates = " ".join(
        biographies.lines(f"templates/{attribute}.txt")[0] for attribute in biographies.ORDER
    )
    known = set(re.findall(r"\w+|[^\w\s]", first_templates))
    needed = set(re.findall(r"\w+|[^\w\s]", " ".join(ASKED.values()) + " Answer:")) - {"{", "}"}
    assert sorted(word.strip() for word in added["words"]) == sorted(needed - known)


def test_bpe_tokens_are_those_of_the_whole_question(tmp_path: Path) -> None:
    corpus = make(tmp_path, **TOKENISERS[2])
    questions = qa.about(corpus)
    _, _, asked = everything(questions)
    encode = bios._encoder(corpus.world.config, {})
    for i in range(len(asked)):
        tokens = np.concatenate([asked.prompt(i), asked.answer(i)])
        text = spelt(questions, tokens[1:])
        assert [questions.vocabulary[t] for t in tokens[1:]] == encode([text])[0]


@pytest.mark.parametrize("settings", TOKENISERS)
def test_names_and_values_have_the_tokens_of_the_biographies(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    corpus = make(tmp_path, **settings)
    questions, entries = qa.about(corpus), corpus.evaluation
    closing = 0 if settings["tokenizer"] == "symbols" else 1
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


def test_another_world_has_no_questions(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^world='biod': must be bios"):
        qa.about(make(tmp_path, "biod", n_people=4))


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


def test_the_halves_depend_on_the_seed_and_the_number_of_people_alone(tmp_path: Path) -> None:
    settings = [
        *({**each, "questions": asked} for each in TOKENISERS for asked in (False, True)),
        *({"variant": name} for name in ("single", "single+permute5", "multi3+fullname")),
        {"templates": 2, "pronoun": "random", "majors": 3},
    ]
    made = [make(tmp_path / str(i), **each) for i, each in enumerate(settings)]
    expected = qa.split(11, 5)
    for corpus in made:
        halves = qa.split_of(corpus)
        assert np.array_equal(halves.train, expected.train)
        assert np.array_equal(halves.test, expected.test)
    other = qa.split_of(make(tmp_path / "other", seed=6))
    assert not np.array_equal(other.train, expected.train)
    # With the same pools they are also the same people.
    for corpus in (*made[:4], *made[6:11]):
        assert np.array_equal(corpus.world.profiles, made[0].world.profiles)


def test_celebrities_are_asked_in_training_and_everybody_else_in_the_exam(tmp_path: Path) -> None:
    corpus = make(tmp_path, variant="single", celebrities=4, celebrity_variant="multi3")
    halves = qa.split_of(corpus)
    assert halves.train.tolist() == [0, 1, 2, 3]
    assert halves.test.tolist() == [4, 5, 6, 7, 8, 9, 10]


def test_one_person_cannot_be_split() -> None:
    with pytest.raises(ConfigError, match=r"^n_people=1: must be at least 2"):
        qa.split(1, 0)
