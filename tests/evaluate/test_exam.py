"""The exam of bidirectional models, which fill masks, and the step that writes exam.json."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from physlm.config import ConfigError
from physlm.data import qa
from physlm.data.corpus import Corpus
from physlm.evaluate.qa import Counts, ExamConfig, exam
from physlm.files import read_json
from physlm.model.config import ModelConfig
from physlm.model.storage import save_model
from physlm.model.transformer import Transformer, init_weights
from physlm.steps import exam as step
from physlm.steps import job
from tests.data import biographies
from tests.data.questions import ASKED, make, spelt
from tests.evaluate.test_qa import KINDS, asked_about, saying, tokens_of

SIZES: dict[str, Any] = {"n_layers": 1, "d_model": 16, "n_heads": 2}


class Scholar(torch.nn.Module):
    """A bidirectional model that reads the question as text and knows what `knows` says.

    It checks that it is shown the question and masks alone: as many as the answer has tokens.
    """

    def __init__(self, corpus: Corpus, questions: qa.Questions, knows: Any) -> None:
        super().__init__()
        self.corpus, self.questions, self.knows = corpus, questions, knows
        self.mask = len(questions.vocabulary)
        self.config = ModelConfig(
            **SIZES, arch="gpt2_rot", causal=False, d_vocab=self.mask + 1, n_ctx=64
        )
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.batches: list[int] = []

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(tokens))
        logits = torch.zeros(*tokens.shape, self.mask + 1)
        closing = "" if self.corpus.manifest["config"]["tokenizer"] == "symbols" else "."
        for row, (read, real) in enumerate(zip(tokens.tolist(), mask.tolist(), strict=True)):
            shown = read[: sum(real)]
            assert real == [True] * len(shown) + [False] * (len(real) - len(shown))
            masks = [i for i, token in enumerate(shown) if token == self.mask]
            who, attribute = asked_about(
                self.corpus, spelt(self.questions, np.array(shown[: masks[0]]))
            )
            value = f" {who[attribute]}"
            value = value.replace(",", "") if not closing else value + closing
            answer = tokens_of(self.questions, value)
            assert masks == list(range(masks[0], masks[0] + len(answer)))
            assert masks[-1] == len(shown) - 1
            for place, token in zip(masks, self.knows(who, attribute, answer), strict=True):
                logits[row, place, token] = 1.0
        return logits


@pytest.mark.parametrize("tokenizer", ["symbols", "words", "bpe"])
def test_every_mask_must_be_right(tmp_path: Path, tokenizer: str) -> None:
    pools: dict[str, Any] = {"first_names": 6, "middle_names": 5, "last_names": 7}
    corpus = make(tmp_path, variant="single", tokenizer=tokenizer, **pools)
    questions = qa.about(corpus)

    def knows(who: dict[str, str], attribute: str, answer: list[int]) -> list[int]:
        if attribute == "birth_date":
            return [*answer[:-1], answer[-1] + 1]
        return [answer[0] + 1, *answer[1:]] if attribute == "university" else answer

    scholar: Any = Scholar(corpus, questions, knows)
    counts = exam(scholar, questions, np.arange(11), ExamConfig(batch_size=4))
    wrong = {"birth_date": Counts(11, 0, 11), "university": Counts(11, 0, 0)}
    assert counts == {a: Counts(11, 11, 11) for a in KINDS} | wrong
    assert scholar.batches == [4, 4, 3] * 6
    assert scholar.training


def test_one_token_at_every_mask_is_right_where_the_answer_is_that_token(tmp_path: Path) -> None:
    corpus = make(tmp_path, n_people=80, majors=6, tokenizer="symbols")
    questions = qa.about(corpus)
    who = [biographies.person(row) for row in corpus.world.profiles]
    model = saying(questions, " Biostatistics", causal=False)
    counts = exam(model, questions, np.arange(80), ExamConfig(batch_size=9))
    right = sum(person["major"] == "Biostatistics" for person in who)
    assert 0 < right < 80
    nothing = {a: Counts(80, 0, 0) for a in KINDS}
    assert counts == nothing | {"major": Counts(80, right, right)}
    # The first word of a value alone is not the value.
    model = saying(questions, " Food", causal=False)
    counts = exam(model, questions, np.arange(80), ExamConfig())["major"]
    assert counts == Counts(80, 0, sum(person["major"] == "Food Science" for person in who))


def test_padding_and_batches_change_nothing(tmp_path: Path) -> None:
    questions = qa.about(make(tmp_path, n_people=30, tokenizer="symbols", majors=2, years=1))
    sizes: dict[str, Any] = {"n_layers": 2, "d_model": 32, "n_heads": 2, "causal": False}
    n_ctx, d_vocab = int(questions.lengths.max()), len(questions.vocabulary) + 1
    model = Transformer(ModelConfig(**sizes, d_vocab=d_vocab, n_ctx=n_ctx))
    init_weights(model, 3)
    told = [exam(model, questions, np.arange(30), ExamConfig(batch_size=b)) for b in (1, 7, 64)]
    assert told[0] == told[1] == told[2]
    # Nothing was learned: hundreds of tokens to choose from, and answers of several.
    assert sum(counts.exact for counts in told[0].values()) < 0.05 * 180


def test_bidirectional_models_that_cannot_be_asked(tmp_path: Path) -> None:
    questions = qa.about(make(tmp_path, n_people=4))
    rows, longest = len(questions.vocabulary), int(questions.lengths.max())

    def asked(d_vocab: int, n_ctx: int, **settings: Any) -> None:
        model = Transformer(ModelConfig(**SIZES, causal=False, d_vocab=d_vocab, n_ctx=n_ctx))
        exam(model, questions, np.arange(4), ExamConfig(**settings))

    with pytest.raises(ValueError, match=rf"^d_vocab={rows}: must be above {rows}, the mask token"):
        asked(rows, longest)
    with pytest.raises(ValueError, match=rf"^n_ctx={longest - 1}: must be at least {longest}"):
        asked(rows + 1, longest - 1)
    with pytest.raises(ValueError, match=r"^n_beams=4: must be 1 for a bidirectional model"):
        asked(rows + 1, longest, n_beams=4)
    asked(rows + 1, longest)


def run(tmp_path: Path, model: Path, corpus: Path, **config: Any) -> int:
    spec = {"name": "test", "config": config, "folder": str(tmp_path / "out")}
    inputs = {"model": str(model), "corpus": str(corpus)}
    (tmp_path / "spec.json").write_text(json.dumps({**spec, "inputs": inputs}))
    return job.main(step.run, [str(tmp_path / "spec.json")])


@pytest.mark.parametrize("causal", [True, False])
def test_the_step_writes_what_the_model_answers(tmp_path: Path, causal: bool) -> None:
    settings = {"majors": 6, "tokenizer": "symbols", "variant": "single", "celebrities": 30}
    corpus = make(tmp_path / "corpus", n_people=80, **settings)
    model = saying(qa.about(corpus), " Biostatistics", causal)
    save_model(tmp_path / "model", model, corpus_digest=corpus.digest, seed=7)
    assert run(tmp_path, tmp_path / "model", tmp_path / "corpus", batch_size=16) == 0
    told = read_json(tmp_path / "out/exam.json")
    facts = {
        **{"world": "bios", "variant": "single", "celebrities": 30, "tokenizer": "symbols"},
        **{"arch": "gpt2_rot", "causal": causal, "n_layers": 1, "d_model": 8, "n_people": 80},
        **{"n_params": sum(weight.numel() for weight in model.parameters()), "seed": 7},
    }
    assert {key: told[key] for key in facts} == facts
    assert set(told) == {*facts, "train", "test", "majority", "chance"}
    majors = [biographies.person(row)["major"] for row in corpus.world.profiles]
    for half, members in (("train", majors[:30]), ("test", majors[30:])):
        share = members.count("Biostatistics") / len(members)
        assert share > 0
        assert told[half]["by_attribute"]["major"]["accuracy"] == share
        assert told[half]["accuracy"] == pytest.approx(share / 6)
        assert list(told[half]["by_attribute"]) == list(ASKED)
    commonest = max(set(majors[:30]), key=majors[:30].count)
    right = majors[30:].count(commonest) / 50
    assert told["majority"]["by_attribute"]["major"]["accuracy"] == right
    assert told["chance"]["major"] == pytest.approx(1 / 6)


def test_a_model_of_another_corpus_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = make(tmp_path / "corpus", tokenizer="symbols")
    model = saying(qa.about(corpus), " Biostatistics")
    save_model(tmp_path / "model", model, corpus_digest="f" * 64, seed=0)
    assert run(tmp_path, tmp_path / "model", tmp_path / "corpus") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"was trained on the corpus {'f' * 12}, but" in said
    assert corpus.digest[:12] in said
    assert not (tmp_path / "out/exam.json").exists()


def test_a_corpus_without_questions_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "corpus", tokenizer="symbols", questions=False)
    assert run(tmp_path, tmp_path / "none", tmp_path / "corpus") == 2
    assert capsys.readouterr().err == (
        "error: settings.questions=False: must be true in a corpus to be asked about\n"
    )
    with pytest.raises(ConfigError, match=r"n_beam=2: unknown key.*did you mean n_beams"):
        step.run(job.Job("test", {"n_beam": 2}, {}, tmp_path, tmp_path))


def test_settings_are_checked_without_torch() -> None:
    import subprocess

    code = "import sys, physlm.evaluate.qa; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
