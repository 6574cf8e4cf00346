"""Examinations against answers written apart from the package, and a model that learns by heart."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from physlm.config import ConfigError, build
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

# What stands for a model where something else does the writing.
ANYONE: Any = SimpleNamespace(config=SimpleNamespace(causal=True))
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
        return f" {who[attribute]}.<eos>" if knows else "?"

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
        # Without its full stop, and without its end.
        ends = {"employer": "<eos>", "major": ". He"}
        return f" {who[attribute]}{ends.get(attribute, '.<eos>')}"

    monkeypatch.setattr(exams, "generate", writer(corpus, questions, say))
    counts = exam(ANYONE, questions, everyone, ExamConfig())
    wrong = dict.fromkeys(("birth_date", "university", "employer", "major"), Counts(11, 0, 11))
    assert counts == {a: Counts(11, 11, 11) for a in KINDS} | wrong


def test_comparing() -> None:
    texts = [np.array(t) for t in ([1, 2, 0], [1, 2], [1], [3, 2, 0], [1, 2, 5], [])]
    answers = [np.array([1, 2, 0])] * 6
    assert compare(texts, answers) == Counts(n=6, exact=1, first_token=4)


def saying(questions: qa.Questions, text: str, causal: bool = True) -> Transformer:
    """A model, its weights set by hand, that writes `text` and EOS whatever it is asked.

    Token i of the text has direction 1 + i, all others have direction 0, and what follows a
    direction is the next token of the text. Attention and MLP add nothing.
    """
    chain = [*tokens_of(questions, text), questions.eos]
    assert len(set(chain)) == len(chain) < 8
    n_ctx, d_vocab = int(questions.lengths.max()) + 1, len(questions.vocabulary) + (not causal)
    sizes: dict[str, Any] = {"n_layers": 1, "d_model": 8, "n_heads": 2, "causal": causal}
    model = Transformer(ModelConfig(**sizes, d_vocab=d_vocab, n_ctx=n_ctx, tied=False))
    assert isinstance(model.norm, torch.nn.LayerNorm)
    assert model.unembed is not None
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        model.norm.weight.fill_(1.0)
        model.embed.weight[:, 0] = 1.0
        for i, token in enumerate(chain):
            model.unembed.weight[token, i] = 1.0
            if i < len(chain) - 1:
                model.embed.weight[token] = torch.nn.functional.one_hot(torch.tensor(1 + i), 8)
    return model


def test_who_says_the_commonest_value_gets_the_majority_baseline(tmp_path: Path) -> None:
    corpus = make(tmp_path, n_people=60, majors=4, tokenizer="symbols", employers=5)
    questions, halves = qa.about(corpus), qa.split_of(corpus)
    who = [biographies.person(row) for row in corpus.world.profiles]
    for attribute in ("major", "employer"):
        learned = Counter(who[i][attribute] for i in halves.train).most_common()
        assert learned[0][1] > learned[1][1]
        value = learned[0][0]
        model = saying(questions, f" {value}")
        counts = exam(model, questions, halves.test, ExamConfig(batch_size=7))[attribute]
        right = sum(who[i][attribute] == value for i in halves.test)
        first = sum(who[i][attribute].split()[0] == value.split()[0] for i in halves.test)
        assert counts == Counts(30, right, first)
        assert exams.majority(questions, halves)[attribute].exact == right
        assert 0 < right < 30
    # Averaged over the values, saying one and the same thing is right by chance.
    values = {person["major"] for person in who}
    assert len(values) == 4
    each = [
        exam(saying(questions, f" {v}"), questions, halves.test, ExamConfig())["major"].exact
        for v in values
    ]
    assert sum(each) / 4 / 30 == exams.chance(questions)["major"] == 0.25


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
    pools: dict[str, Any] = {"first_names": 9, "middle_names": 9, "last_names": 9}
    corpus = make(tmp_path, n_people=16, tokenizer="symbols", templates=2, **pools)
    questions, halves = qa.about(corpus), qa.split_of(corpus)
    rows = QaRows(questions, halves, 0, batch_size=16)
    sizes: dict[str, Any] = {"n_layers": 2, "d_model": 64, "n_heads": 2}
    d_vocab = len(questions.vocabulary)
    # The answer ends with an EOS that is a row longer than the question.
    model = Transformer(ModelConfig(**sizes, d_vocab=d_vocab, n_ctx=rows.n_ctx + 1))
    init_weights(model, 0)
    untrained = exam(model, questions, np.arange(16), ExamConfig())
    assert sum(counts.exact for counts in untrained.values()) == 0
    config = TrainConfig(
        optimiser=OptimiserConfig(lr_peak=5e-3), schedule=ScheduleConfig(warmup_steps=10)
    )
    train(model, mean_nats, rows, rows.n_steps(80), config, {}, tmp_path / "scratch")
    told = exam(model, questions, halves.train, ExamConfig())
    assert set(told.values()) == {Counts(8, 8, 8)}
    # It has never read about the others: no better than a guess, and dates are too many for one.
    held_out = exam(model, questions, halves.test, ExamConfig())
    assert held_out["birth_date"].exact == 0
    shares = [counts.exact / counts.n for counts in held_out.values()]
    assert sum(shares) / 6 < 0.3


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
    questions = qa.about(make(tmp_path, n_people=4))
    with pytest.raises(ValueError, match=r"^people: none"):
        exam(ANYONE, questions, np.empty(0, np.int64), ExamConfig())
    sizes: dict[str, Any] = {"n_layers": 1, "d_model": 8, "n_heads": 2, "n_ctx": 40}
    d_vocab = len(questions.vocabulary)
    # "? Answer:" needs the last row that a vocabulary with questions has.
    model = Transformer(ModelConfig(**sizes, d_vocab=d_vocab - 1))
    with pytest.raises(ValueError, match=rf"token {d_vocab - 1}, must be 0 to {d_vocab - 2}"):
        exam(model, questions, np.arange(4), ExamConfig())
    for key in ("threads", "batch_size", "n_beams"):
        with pytest.raises(ConfigError, match=rf"^{key}=0: must be at least 1"):
            build(ExamConfig, {key: 0})
