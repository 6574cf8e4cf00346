"""Masked modelling: where words begin, what becomes of them, and that a batch is a function."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import pre_tokenizers

from physlm.config import ConfigError, build
from physlm.data import corpus as corpora
from physlm.data.stream import Stream
from physlm.train.config import MaskingConfig
from physlm.train.losses import IGNORED
from physlm.train.masking import Masked, Words
from tests.train import toy

# EOS, then words of one to three tokens and punctuation.
VOCABULARY = ["<eos>", " Ann", "a", "bel", ",", " born", " 19", "87", "'s", ".", " ("]
TEXT = [0, 1, 2, 3, 8, 5, 6, 7, 9, 0, 1, 4, 5, 10, 2, 9]
WORD_OF = [0, 1, 1, 1, 2, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11, 12]


class Repeated:
    """Windows of TEXT and its rotations, as many as are asked for."""

    n_ctx = len(TEXT)

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def start(self) -> dict[str, Any]:
        return {"at": 0}

    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        row = [*TEXT, TEXT[0]]
        return np.array([row] * self.batch_size, np.int64), {"at": state["at"] + 1}

    def exposures(self, state: dict[str, Any]) -> float:
        return float(state["at"])


def words(subwords: bool = True) -> Words:
    return Words(VOCABULARY, (0,), subwords)


def masked(batch_size: int, seed: int = 0, **settings: float) -> Masked:
    return Masked(Repeated(batch_size), words(), build(MaskingConfig, settings), seed)


def test_words_by_hand() -> None:
    number = words().number(np.array([TEXT, TEXT]))
    assert number[0].tolist() == WORD_OF
    assert number[1].tolist() == [word + 13 for word in WORD_OF]
    # A window that begins within a word shows a word.
    assert words().number(np.array([[3, 8, 5], [2, 3, 4]])).tolist() == [[0, 1, 2], [3, 3, 4]]
    alone = words(subwords=False).number(np.array([TEXT]))
    assert alone[0].tolist() == list(range(len(TEXT)))


def test_words_of_a_bpe_corpus_are_those_of_its_tokeniser(tmp_path: Path) -> None:
    settings = {"tokenizer": "bpe", "bpe_vocab": 300, "templates": 5}
    values = {"world": "bios", "seed": 0, "n_people": 50, "settings": settings}
    corpora.build(tmp_path, build(corpora.DataConfig, values))
    corpus = corpora.load(tmp_path)
    found = Words.of(corpus)
    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    entries = corpus.evaluation
    lengths = Counter()
    for start, end in zip(entries.offsets[:-1], entries.offsets[1:], strict=True):
        tokens = np.asarray(entries.tokens[start:end])
        number = found.number(tokens[None])[0]
        assert number[0] == 0
        assert number[1] == 1
        spelt = [""] * number[-1]
        for token, word in zip(tokens[1:], number[1:], strict=True):
            spelt[word - 1] += corpus.world.vocabulary[token]
        text = corpus.world.text(tokens[1:])
        assert spelt == [text[a:b] for _, (a, b) in split.pre_tokenize_str(text)]
        lengths.update(np.bincount(number).tolist())
    assert max(lengths) > 3


@pytest.mark.parametrize("world", [{"world": "bios"}, {"world": "biod"}])
def test_a_token_of_the_other_corpora_is_a_word(tmp_path: Path, world: dict[str, str]) -> None:
    corpora.build(tmp_path, build(corpora.DataConfig, {"seed": 0, "n_people": 10, **world}))
    corpus = corpora.load(tmp_path)
    tokens = np.asarray(corpus.evaluation.tokens[:50])[None]
    found = Words.of(corpus)
    assert found.number(tokens)[0].tolist() == list(range(50))
    assert np.flatnonzero(found.control).tolist() == [corpus.manifest["eos"]]


def within(count: float, n: float, rate: float) -> bool:
    """Whether a count is within 4.5 standard deviations of a binomial (1 in 150,000 is not)."""
    return abs(count - n * rate) < 4.5 * np.sqrt(n * rate * (1 - rate))


def test_rates_are_as_asked_and_words_stay_whole() -> None:
    source = masked(3000)
    batch, _ = source.take(source.start())
    assert batch.dtype == np.int64
    assert batch.shape == (3000, 2, len(TEXT))
    inputs, labels = batch[:, 0], batch[:, 1]
    tokens = np.array([TEXT] * 3000)
    chosen = labels != IGNORED
    assert (labels[chosen] == tokens[chosen]).all()
    assert (inputs[~chosen] == tokens[~chosen]).all()
    control = tokens == 0
    assert not chosen[:, control[0]].any()
    is_mask = inputs == len(VOCABULARY)
    assert inputs.max() == source.mask_token == len(VOCABULARY)
    n_words = n_chosen = n_masked = n_kept = 0
    for word in set(WORD_OF) - {0, 6}:
        places = [i for i, other in enumerate(WORD_OF) if other == word]
        mine, hidden = chosen[:, places], is_mask[:, places]
        assert (mine == mine[:, :1]).all()
        assert (hidden == hidden[:, :1]).all()
        assert within(mine[:, 0].sum(), 3000, 0.15)
        n_words += 3000
        n_chosen += mine[:, 0].sum()
        n_masked += hidden[:, 0].sum()
        if len(places) == 3:
            # A random word is that of its tokens by chance once in 1000.
            same = (inputs[:, places] == tokens[:, places]).all(1) & mine[:, 0]
            n_kept += same.sum()
            long = mine[:, 0].sum()
            assert within(n_kept, long, 0.1 + 0.1 / 1000)
    assert within(n_chosen, n_words, 0.15)
    assert within(n_masked, n_chosen, 0.8)


def test_random_words_are_uniform_over_what_is_no_control_token() -> None:
    source = masked(2000, rate=1.0, mask_share=0.0, random_share=1.0)
    batch, _ = source.take(source.start())
    drawn = batch[:, 0][batch[:, 1] != IGNORED]
    assert len(drawn) == 2000 * (len(TEXT) - 2)
    counts = Counter(drawn.tolist())
    assert set(counts) == set(range(1, len(VOCABULARY)))
    assert all(within(n, len(drawn), 1 / (len(VOCABULARY) - 1)) for n in counts.values())


@pytest.mark.parametrize(
    ("shares", "expected"),
    [({"mask_share": 1.0, "random_share": 0.0}, len(VOCABULARY)), ({"mask_share": 0.0}, None)],
)
def test_shares_at_their_ends(shares: dict[str, float], expected: int | None) -> None:
    source = masked(50, rate=1.0, **({"random_share": 0.0} | shares))
    batch, _ = source.take(source.start())
    free = np.array(TEXT) != 0
    assert (batch[:, 1][:, free] == np.array(TEXT)[free]).all()
    hidden = np.array(TEXT)[free] if expected is None else expected
    assert (batch[:, 0][:, free] == hidden).all()


def test_some_word_is_always_chosen() -> None:
    source = masked(1, rate=1e-12)
    state, seen = source.start(), Counter()
    for _ in range(300):
        batch, state = source.take(state)
        places = np.flatnonzero(batch[0, 1] != IGNORED)
        word = WORD_OF[places[0]]
        assert places.tolist() == [i for i, other in enumerate(WORD_OF) if other == word]
        seen[word] += 1
    assert set(seen) == set(WORD_OF) - {0, 6}


def test_batches_are_a_function_of_seed_and_state() -> None:
    one, two, other = masked(4), masked(4), masked(4, seed=1)
    state, batches = one.start(), []
    for _ in range(6):
        batch, state = one.take(state)
        batches.append(batch)
    assert not any(np.array_equal(batches[0], batch) for batch in batches[1:])
    assert not np.array_equal(batches[0], other.take(other.start())[0])
    state = two.start()
    for _ in range(3):
        state = two.take(state)[1]
    # A new object goes on in the middle.
    fresh = masked(4)
    for batch in batches[3:]:
        resumed, state = fresh.take(state)
        assert np.array_equal(resumed, batch)
    assert fresh.exposures(state) == 6


def test_masked_batches_of_a_corpus_show_every_token_once(tmp_path: Path) -> None:
    values = {"world": "biod", "seed": 0, "n_people": 20}
    corpora.build(tmp_path, build(corpora.DataConfig, values))
    corpus = corpora.load(tmp_path)
    stream = Stream(corpus, 3, n_ctx=11, batch_size=4)
    source = Masked(stream, Words.of(corpus), MaskingConfig(rate=0.5), 3)
    state, plain = source.start(), stream.start()
    for _ in range(10):
        batch, state = source.take(state)
        windows, plain = stream.take(plain)
        chosen = batch[:, 1] != IGNORED
        assert np.array_equal(np.where(chosen, batch[:, 1], batch[:, 0]), windows[:, :-1])
        assert state["source"] == plain
        assert 1 < chosen.sum() < chosen.size


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0.0}, "rate=0.0: must be above 0 and at most 1"),
        ({"rate": 1.5}, "rate=1.5: must be above 0"),
        ({"mask_share": -0.1}, "mask_share=-0.1: must be from 0 to 1"),
        ({"random_share": 0.3}, "random_share=0.3: must be at most 1 - mask_share = 0.2"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(MaskingConfig, settings)
    assert build(MaskingConfig, {"mask_share": 0.9, "random_share": 0.1}).rate == 0.15


def test_the_objective_goes_with_the_direction() -> None:
    assert toy.config().masking is None
    with pytest.raises(ConfigError, match=r"masking=.*must be left out for a causal model"):
        toy.config(masking={})
    model = {"arch": "gbert", "n_layers": 1, "d_model": 16, "n_heads": 2}
    assert toy.config(model=model).masking == MaskingConfig()
    settings = toy.config(model=model, masking={"rate": 0.2})
    assert settings.science()["masking"] == {"rate": 0.2, "mask_share": 0.8, "random_share": 0.1}
