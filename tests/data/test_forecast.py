"""What a corpus will hold, foretold from some of its people, against corpora that were built."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from physlm.config import ConfigError
from physlm.data import forecast as module
from physlm.data.corpus import DataConfig, build, load
from physlm.data.forecast import forecast
from physlm.data.qa import about
from physlm.evaluate.capacity import windows

GPT2 = os.environ.get("PHYSLM_GPT2_TOKENIZER")
CONFIGS = [
    DataConfig("biod", 0, 3000, {"n_attributes": 3, "attribute_order": "random"}),
    DataConfig("biod", 0, 2000, {"form": "text"}),
    DataConfig("bios", 5, 3000, {}),
    DataConfig("bios", 5, 2000, {"variant": "multi2+permute2+fullname"}),
    DataConfig("bios", 5, 2000, {"tokenizer": "bpe", "bpe_vocab": 600, "last_names": 50}),
    DataConfig("bios", 5, 3000, {"tokenizer": "symbols", "questions": True}),
    DataConfig(
        *("bios", 5, 3000),
        # Of the sample's 400 people as large a share are celebrities; their texts are longer.
        {
            "variant": "single",
            "celebrities": 1500,
            "celebrity_variant": "multi2+fullname",
            "questions": True,
        },
    ),
]


@pytest.fixture(autouse=True)
def _small_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 400)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.world}-{len(str(c.settings))}")
def test_equals_the_corpus_within_a_percent(config: DataConfig, tmp_path: Path) -> None:
    told = forecast(config)
    build(tmp_path, config)
    corpus = load(tmp_path)
    assert told.d_vocab == corpus.manifest["d_vocab"]
    assert told.entries_per_person == corpus.entries_per_person
    assert told.tokens_per_pass == pytest.approx(corpus.tokens_per_pass, rel=0.01)
    assert told.n_tokens == pytest.approx(sum(corpus.manifest["counts"].values()), rel=0.01)
    manifest = (tmp_path / "manifest.json").stat().st_size
    size = sum(path.stat().st_size for path in tmp_path.iterdir()) - manifest
    assert told.n_bytes == pytest.approx(size, rel=0.01)
    for n_ctx in (200, 512):
        n_windows = len(list(windows(corpus.evaluation.offsets, n_ctx)))
        assert told.n_windows(n_ctx) == pytest.approx(n_windows, rel=0.03)
    assert told.assumed == ""


def test_a_world_no_larger_than_the_sample_is_told_exactly(tmp_path: Path) -> None:
    config = DataConfig("bios", 1, 60, {})
    build(tmp_path, config)
    told, corpus = forecast(config), load(tmp_path)
    assert told.tokens_per_pass == corpus.tokens_per_pass
    assert np.array_equal(told.lengths, np.diff(corpus.evaluation.offsets))


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer": "symbols", "variant": "multi5+permute", "questions": True},
        {"tokenizer": "words", "variant": "single+permute2", "questions": True},
        {
            "tokenizer": "symbols",
            "variant": "single+permute1",
            "celebrities": 20,
            "celebrity_variant": "multi5+permute+fullname",
            "questions": True,
        },
    ],
)
def test_small_worlds_of_questions_are_told_exactly(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    config = DataConfig("bios", 1, 60, settings)
    build(tmp_path, config)
    told, corpus = forecast(config), load(tmp_path)
    assert told.d_vocab == corpus.manifest["d_vocab"]
    assert told.entries_per_person == corpus.entries_per_person
    assert told.tokens_per_pass == corpus.tokens_per_pass
    # The text that is scored is each person's first; the forecast takes it to be as the mean.
    assert told.n_tokens == pytest.approx(sum(corpus.manifest["counts"].values()), rel=0.002)
    assert np.array_equal(told.lengths, np.diff(corpus.evaluation.offsets))
    asked = about(corpus).ask(np.arange(60).repeat(6), np.tile(np.arange(6), 60))
    for i in range(360):
        lengths = len(asked.prompt(i)), len(asked.answer(i))
        assert (told.prompts[i // 6, i % 6], told.answers[i // 6, i % 6]) == lengths


def test_without_questions_there_are_none() -> None:
    told = forecast(DataConfig("bios", 1, 60, {}))
    assert told.prompts.size == told.answers.size == 0


def test_gpt2_is_told_without_its_tokeniser_and_says_so() -> None:
    told = forecast(DataConfig("bios", 0, 20_000_000, {"tokenizer": "gpt2"}))
    assert (told.d_vocab, "no tokenizer_file" in told.assumed) == (2085, True)
    assert told.tokens_per_pass == pytest.approx(20e6 * 67.09)
    # Six or seven texts of 67 tokens to a window of 512.
    assert 20e6 / 7.2 < told.n_windows(512) < 20e6 / 6.5


def test_gpt2_with_questions_has_a_row_more_for_each_new_word() -> None:
    told = forecast(DataConfig("bios", 0, 100, {"tokenizer": "gpt2", "questions": True}))
    plain = forecast(DataConfig("bios", 0, 100, {"tokenizer": "gpt2"}))
    # " What", "?", " Answer", ":", " Which", " university" and " Where": in no template.
    assert told.d_vocab - plain.d_vocab == 7
    assert told.tokens_per_pass == plain.tokens_per_pass
    assert ("only questions have" in told.assumed, "only questions have" in plain.assumed) == (
        True,
        False,
    )
    assert told.prompts.shape == told.answers.shape == (100, 6)


def test_gpt2_with_celebrities_is_the_mean_of_both_kinds_of_texts() -> None:
    stars = {"celebrities": 25, "celebrity_variant": "multi5+permute+fullname"}
    settings = {"tokenizer": "gpt2", "variant": "single"} | stars
    told = forecast(DataConfig("bios", 0, 100, settings))
    assert told.tokens_per_exposure == pytest.approx(25 * 89.23 + 75 * 67.09)


@pytest.mark.skipif(GPT2 is None, reason="set PHYSLM_GPT2_TOKENIZER to GPT-2's tokeniser")
@pytest.mark.parametrize("variant", ["fresh", "multi5+permute+fullname"])
@pytest.mark.parametrize("questions", [False, True])
def test_gpt2_as_assumed_is_gpt2_as_it_is(
    variant: str, questions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 20_000)
    settings = {"tokenizer": "gpt2", "variant": variant, "questions": questions}
    assumed = forecast(DataConfig("bios", 0, 20_000, settings))
    real = forecast(DataConfig("bios", 0, 20_000, settings | {"tokenizer_file": GPT2}))
    assert assumed.d_vocab == real.d_vocab
    assert assumed.tokens_per_pass == pytest.approx(real.tokens_per_pass, rel=0.002)
    assert assumed.n_windows(512) == pytest.approx(real.n_windows(512), rel=0.02)


def test_settings_that_the_world_refuses() -> None:
    with pytest.raises(ConfigError, match="n_values"):
        forecast(DataConfig("biod", 0, 10, {"n_values": 65}))
