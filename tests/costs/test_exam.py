"""The cost of an exam against what an exam reads, writes and leaves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physlm.config import ConfigError, build
from physlm.costs.flops import forward_flops
from physlm.costs.steps import COSTS, Cost, Source
from physlm.data import corpus as corpora
from physlm.data import qa
from physlm.evaluate import qa as exams
from physlm.evaluate.qa import ExamConfig
from physlm.files import write_json
from physlm.model.config import ModelConfig
from physlm.model.transformer import Transformer

POOLS = {"tokenizer": "symbols", "variant": "single", "employers": 20, "questions": True}
DATA = {"world": "bios", "seed": 2, "n_people": 45, "settings": POOLS}
MODEL: dict[str, Any] = {"n_layers": 1, "d_model": 16, "n_heads": 2}


def cost(data: dict[str, Any], model: dict[str, Any], **config: Any) -> Cost:
    run = {
        "seed": 0,
        "model": MODEL | model,
        "stream": {"n_ctx": 40, "batch_size": 4},
        "exposures": 1,
        "optimiser": {"lr_peak": 0.01},
    }
    return COSTS["exam"](config, {"model": Source(run, None), "corpus": Source(data, None)})


def opened(folder: Path, data: dict[str, Any]) -> qa.Questions:
    corpora.build(folder, build(corpora.DataConfig, data))
    return qa.about(corpora.load(folder))


def test_a_bidirectional_model_reads_every_question_with_its_answer_once(tmp_path: Path) -> None:
    questions = opened(tmp_path, DATA)
    halves = qa.split_of(corpora.load(tmp_path))
    config = ModelConfig(**MODEL, causal=False, d_vocab=len(questions.vocabulary) + 1, n_ctx=40)
    calls, tokens = [], []

    def note(_: Any, inputs: Any, named: Any) -> None:
        calls.append(len(inputs[0]))
        tokens.append(int(named["mask"].sum()))

    model = Transformer(config)
    model.register_forward_pre_hook(note, with_kwargs=True)
    for half in (halves.train, halves.test):
        exams.exam(model, questions, half, ExamConfig(batch_size=10))
    told = cost(DATA, {"causal": False}, batch_size=10)
    assert (told.n_calls, told.tokens) == (len(calls), sum(tokens))
    assert told.assumed == ""


@pytest.mark.parametrize("n_beams", [1, 4])
@pytest.mark.parametrize("celebrities", [0, 5])
def test_a_causal_model_reads_questions_and_writes_answers(
    tmp_path: Path, n_beams: int, celebrities: int
) -> None:
    data = DATA | {"settings": POOLS | {"celebrities": celebrities}}
    questions = opened(tmp_path, data)
    people, attributes = np.indices((45, 6)).reshape(2, -1)
    asked = questions.ask(people, attributes)
    read = sum(len(asked.prompt(i)) for i in range(len(asked)))
    written = sum(len(asked.answer(i)) for i in range(len(asked)))
    told = cost(data, {}, batch_size=10, n_beams=n_beams)
    assert told.tokens == read + n_beams * written
    steps = [
        1 + max(len(asked.answer(i)) for i in range(len(asked)) if attributes[i] == a)
        for a in range(6)
    ]
    # 22 and 23 people, or 5 and 40 of them, ten at a time.
    assert told.n_calls == sum(steps) * (5 if celebrities else 6)
    assert "as long as the true ones" in told.assumed
    # Logits are needed of written tokens alone, each answer's EOS among them.
    config = build(ModelConfig, MODEL | {"d_vocab": len(questions.vocabulary), "n_ctx": 40})
    each = forward_flops(config, round((read + written) / 270))
    logits = n_beams * (written + 270) * each.pop("unembedding")
    assert told.flops == pytest.approx(told.tokens * sum(each.values()) + logits)
    assert told.n_params == sum(weight.numel() for weight in Transformer(config).parameters())


def test_the_file_is_as_large_as_was_said(tmp_path: Path) -> None:
    questions = opened(tmp_path / "corpus", DATA)
    counts = {a: exams.Counts(245, 173, 211) for a in questions.attributes}
    told = dict.fromkeys(("train", "test", "majority"), exams.summary(counts))
    write_json(tmp_path / "exam.json", {**told, "chance": exams.chance(questions), "n": 500})
    assert cost(DATA, {}).kept_bytes == pytest.approx(
        (tmp_path / "exam.json").stat().st_size, rel=0.2
    )


def test_a_corpus_without_questions_is_told_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match=r"^settings\.questions=False: must be true"):
        cost(DATA | {"settings": POOLS | {"questions": False}}, {})
