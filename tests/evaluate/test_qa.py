"""Examinations against answers written apart from the package, and a model that learns by heart."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from physlm.config import ConfigError
from physlm.data import qa
from physlm.data.corpus import Corpus
from physlm.data.qa_stream import QaRows
from physlm.evaluate import qa as exams
from physlm.evaluate.generation import GenerateConfig, Text
from physlm.evaluate.qa import Counts, ExamConfig, compare, exam
from physlm.model.config import ModelConfig
from physlm.model.transformer import Transformer, init_weights
from physlm.train.config import OptimiserConfig, ScheduleConfig, TrainConfig
from physlm.train.loop import train
from physlm.train.losses import mean_nats
from tests.data import biographies
from tests.data.questions import ASKED, make, spelt

ANYONE: Any = None
KINDS = list(ASKED)


def asked_about(corpus: Corpus, prompt: str) -> tuple[dict[str, str], str]:
    """The person and the attribute that the text of a prompt is about."""
    for row in corpus.world.profiles:
        who = biographies.person(row)
        for attribute, wording in ASKED.items():
            if prompt == f"<eos> {wording.format(who['name'])} Answer:":
                return who, attribute
    raise AssertionError(prompt)


def tokens_of(questions: qa.Questions, text: str) -> list[int]:
    """Tokens of a text, the longest that fits first."""
    tokens = []
    while text:
        fitting = [
            t for t, word in enumerate(questions.vocabulary) if word and text.startswith(word)
        ]
        tokens.append(max(fitting, key=lambda t: len(questions.vocabulary[t])))
        text = text.removeprefix(questions.vocabulary[tokens[-1]])
    return tokens


def writer(
    corpus: Corpus, questions: qa.Questions, say: Callable[[dict[str, str], str], str]
) -> Callable[..., list[Text]]:
    """In place of generate: reads each prompt as text and writes what `say` makes of it."""

    def generate(_: Any, prompts: list[np.ndarray], config: GenerateConfig) -> list[Text]:
        texts = []
        for prompt in prompts:
            said = say(*asked_about(corpus, spelt(questions, prompt)))
            tokens = np.array(tokens_of(questions, said)[: config.max_new_tokens])
            texts.append(Text(tokens, np.zeros(len(tokens)), stopped=True))
        return texts

    return generate


@pytest.fixture
def made(tmp_path: Path) -> tuple[Corpus, qa.Questions, np.ndarray]:
    corpus = make(tmp_path, variant="single")
    return corpus, qa.about(corpus), np.arange(corpus.n_people)


def test_who_knows_everything_is_right_everywhere(
    made: tuple[Corpus, qa.Questions, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, questions, everyone = made
    knows = writer(corpus, questions, lambda who, attribute: f" {who[attribute]}.<eos>")
    monkeypatch.setattr(exams, "generate", knows)
    assert exam(ANYONE, questions, everyone, ExamConfig()) == {a: Counts(11, 11, 11) for a in KINDS}


def test_who_knows_one_attribute_of_some_people_is_right_there(
    made: tuple[Corpus, qa.Questions, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, questions, _ = made
    halves = qa.split_of(corpus)
    famous = {biographies.person(corpus.world.profiles[i])["name"] for i in halves.train}

    def say(who: dict[str, str], attribute: str) -> str:
        knows = who["name"] in famous and attribute == "major"
        return f" {who[attribute]}." if knows else "?"

    monkeypatch.setattr(exams, "generate", writer(corpus, questions, say))
    for half, right in ((halves.train, 5), (halves.test, 0)):
        counts = exam(ANYONE, questions, half, ExamConfig())
        none = {a: Counts(len(half), 0, 0) for a in KINDS}
        assert counts == none | {"major": Counts(len(half), right, right)}


def test_a_value_must_be_whole_and_end(
    made: tuple[Corpus, qa.Questions, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, questions, everyone = made

    def say(who: dict[str, str], attribute: str) -> str:
        if attribute == "birth_date":
            day, year = who[attribute].split(", ")
            return f" {day}, {1900 if year == '1901' else 1901}."
        if attribute == "university":
            return f" {who[attribute]}, {who['major']}."
        return f" {who[attribute]}<eos>" if attribute == "employer" else f" {who[attribute]}."

    monkeypatch.setattr(exams, "generate", writer(corpus, questions, say))
    counts = exam(ANYONE, questions, everyone, ExamConfig())
    wrong = dict.fromkeys(("birth_date", "university", "employer"), Counts(11, 0, 11))
    assert counts == {a: Counts(11, 11, 11) for a in KINDS} | wrong


def test_comparing() -> None:
    texts = [np.array(t) for t in ([1, 2, 0], [1, 2], [1], [3, 2], [1, 2, 5])]
    answers = [np.array([1, 2])] * 5
    assert compare(texts, answers) == Counts(n=5, exact=3, first_token=4)


def constant(questions: qa.Questions, token: int) -> Transformer:
    """A model that writes `token` whatever it reads."""
    n_ctx = int(questions.lengths.max()) + 1
    model = Transformer(
        ModelConfig(
            n_layers=1, d_model=8, n_heads=2, d_vocab=questions.d_vocab, n_ctx=n_ctx, tied=False
        )
    )
    init_weights(model, 0)
    assert isinstance(model.norm, torch.nn.LayerNorm)
    assert model.unembed is not None
    with torch.no_grad():
        model.norm.weight.zero_()
        model.norm.bias.fill_(1.0)
        model.unembed.weight.zero_()
        model.unembed.weight[token] = 1.0
    return model


def test_who_says_the_commonest_value_gets_the_majority_baseline(tmp_path: Path) -> None:
    corpus = make(tmp_path, "biod", n_people=60, n_attributes=2, n_values=4, shared_alphabet=False)
    questions, halves = qa.about(corpus), qa.split_of(corpus)
    baseline = exams.majority(questions, halves)
    for a, attribute in enumerate(questions.attributes):
        learned = Counter(corpus.world.profiles[halves.train, 4 + a].tolist()).most_common()
        assert learned[0][1] > learned[1][1]
        value = learned[0][0]
        token = questions.vocabulary.index(f"v{value}")
        model = constant(questions, token)
        counts = exam(model, questions, halves.test, ExamConfig(batch_size=7))[attribute]
        right = int((corpus.world.profiles[halves.test, 4 + a] == value).sum())
        assert counts == baseline[attribute] == Counts(30, right, right)
        assert 0 < right < 30
        # Averaged over the values, saying one and the same thing is right by chance.
        values = set(corpus.world.profiles[:, 4 + a].tolist())
        tokens = [questions.vocabulary.index(f"v{v}") for v in values]
        each = [
            exam(constant(questions, t), questions, halves.test, ExamConfig())[attribute].exact
            for t in tokens
        ]
        assert sum(each) / len(each) / 30 == exams.chance(questions)[attribute] == 0.25


def test_baselines_of_texts_are_those_counted_from_the_profiles(tmp_path: Path) -> None:
    corpus = make(tmp_path, n_people=300, seed=1, employers=12, months=3, days=2, years=2)
    questions, halves = qa.about(corpus), qa.split_of(corpus)
    who = [biographies.person(row) for row in corpus.world.profiles]
    baseline = exams.majority(questions, halves)
    for attribute in KINDS:
        learned = Counter(who[i][attribute] for i in halves.train)
        guess = learned.most_common(1)[0][0]
        right = sum(who[i][attribute] == guess for i in halves.test)
        assert (baseline[attribute].n, baseline[attribute].exact) == (150, right)
    months = [person["birth_date"].split()[0] for person in who]
    guess = Counter(months[i] for i in halves.train).most_common(1)[0][0]
    right = sum(months[i] == guess for i in halves.test)
    assert baseline["birth_date"].first_token == right > baseline["birth_date"].exact
    cities = len({person["employer_city"] for person in who})
    assert exams.chance(questions)["birth_date"] == pytest.approx(1 / 12)
    assert exams.chance(questions)["employer_city"] == pytest.approx(1 / cities)


def test_a_model_that_learned_the_train_half_by_heart_passes_there_alone(tmp_path: Path) -> None:
    corpus = make(tmp_path, "biod", n_people=20, n_attributes=3, n_chunks=2)
    questions, halves = qa.about(corpus), qa.split_of(corpus)
    rows = QaRows(questions, halves, 0, batch_size=15)
    sizes: dict[str, Any] = {"n_layers": 2, "d_model": 64, "n_heads": 2}
    model = Transformer(ModelConfig(**sizes, d_vocab=questions.d_vocab, n_ctx=rows.n_ctx))
    init_weights(model, 0)
    config = TrainConfig(
        optimiser=OptimiserConfig(lr_peak=5e-3), schedule=ScheduleConfig(warmup_steps=10)
    )
    train(model, mean_nats, rows, rows.n_steps(150), config, {}, tmp_path / "scratch")
    told = exam(model, questions, halves.train, ExamConfig())
    assert set(told.values()) == {Counts(10, 10, 10)}
    # It has never read about the others: 64 * 64 values, so no whole one is right by chance.
    held_out = exam(model, questions, halves.test, ExamConfig())
    assert [counts.exact for counts in held_out.values()] == [0, 0, 0]


def test_a_summary_has_counts_shares_and_their_means() -> None:
    shown = exams.summary({"major": Counts(4, 1, 2), "employer": Counts(8, 6, 8)})
    assert (shown["accuracy"], shown["first_token_accuracy"]) == (0.5, 0.75)
    assert shown["by_attribute"]["employer"] == {
        "n": 8,
        "exact": 6,
        "first_token": 8,
        "accuracy": 0.75,
        "first_token_accuracy": 1.0,
    }


def test_nobody_and_too_small_a_model_are_refused(tmp_path: Path) -> None:
    questions = qa.about(make(tmp_path, "biod", n_people=4))
    with pytest.raises(ValueError, match=r"^people: none"):
        exam(ANYONE, questions, np.empty(0, np.int64), ExamConfig())
    sizes: dict[str, Any] = {"n_layers": 1, "d_model": 8, "n_heads": 2, "n_ctx": 30}
    model = Transformer(ModelConfig(**sizes, d_vocab=questions.d_vocab - 1))
    with pytest.raises(ValueError, match=r"token 70, must be 0 to 69"):
        exam(model, questions, np.arange(4), ExamConfig())
    with pytest.raises(ConfigError, match=r"^batch_size=0: must be at least 1"):
        ExamConfig(batch_size=0)
