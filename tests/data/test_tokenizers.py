import itertools
import json
import os
import re

import numpy as np
import pytest

from physlm.config import ConfigError
from physlm.data import tokenizers
from physlm.data.bios import Config, make, read_templates
from physlm.data.people import Pools, values
from physlm.data.tokenizers import EOS_TEXT, Pieces
from physlm.random import generator
from tests.data.biographies import small, texts

GPT2 = os.environ.get("PHYSLM_GPT2_TOKENIZER")
needs_gpt2 = pytest.mark.skipif(
    GPT2 is None, reason="set PHYSLM_GPT2_TOKENIZER to the tokeniser of GPT-2 (file or folder)"
)


def test_pieces_join_and_extend():
    pieces = Pieces.of([[1], [], [2, 3], [4, 5, 6]])
    tokens, lengths = pieces.join(np.array([[2, 0], [1, 3]]))
    assert tokens.tolist() == [2, 3, 1, 4, 5, 6]
    assert lengths.tolist() == [2, 1, 0, 3]
    longer = pieces.extended(np.array([[0, 2], [1, 1]]))
    tokens, lengths = longer.join(np.array([4, 5, 3]))
    assert tokens.tolist() == [1, 2, 3, 4, 5, 6]
    assert lengths.tolist() == [3, 0, 3]


def test_words_are_one_token_per_word_mark_or_list_entry():
    encode = tokenizers.words([" New York, NY", " He"])
    assert encode([" New York, NY", " was born in", ".", " He", "<eos>", " well-known"]) == [
        [" New York, NY"],
        [" was", " born", " in"],
        ["."],
        [" He"],
        ["<eos>"],
        [" well", "-", "known"],
    ]


def test_symbols_are_one_token_per_phrase_and_word_without_commas_and_none_for_nothing():
    encode = tokenizers.symbols([" was born in", " He", "", "? Answer:"])
    texts = [" New York, NY", " was born in", "", " He", "<eos>", "? Answer:", " St. Paul, MN"]
    assert encode(texts) == [
        [" New", " York", " NY"],
        [" was born in"],
        [],
        [" He"],
        ["<eos>"],
        ["? Answer:"],
        [" St.", " Paul", " MN"],
    ]


def test_the_vocabulary_of_words_is_what_can_occur():
    world = make(Config(n_people=5), 0)
    pools = values(Pools())
    lists = {f" {text}" for pool in pools.values() for text in pool}
    template_words = {
        word
        for half in itertools.chain.from_iterable(read_templates(50))
        for word in re.findall(r" ?\w+|[^\w\s]", half)
    }
    assert set(world.vocabulary) == lists | template_words | {EOS_TEXT, ","}
    assert len(set(world.vocabulary)) == world.d_vocab
    assert world.vocabulary[world.eos] == EOS_TEXT


def test_small_pools_and_fewer_templates_make_small_vocabularies():
    sizes = [
        make(small(templates=t, birth_cities=c, variant=v), 0).d_vocab
        for t, c, v in [(50, 200, "fresh"), (5, 200, "fresh"), (5, 9, "fresh")]
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3
    without_pronouns = make(small(variant="fresh+fullname"), 0).vocabulary
    assert not {" He", " She"} & set(without_pronouns)


def test_every_row_of_the_vocabulary_occurs():
    pools = {"birth_cities": 8, "universities": 8, "majors": 8, "templates": 3, "days": 5}
    for tokenizer in ("words", "bpe"):
        world = make(small(n_people=100, tokenizer=tokenizer, **pools), 0)
        people = np.arange(20_000) % 100
        used = np.unique(world.render(generator(0, "x"), people).tokens)
        assert used.tolist() == list(range(world.d_vocab))


def test_the_vocabulary_depends_on_the_pools_not_on_the_people():
    for tokenizer in ("words", "bpe", "symbols"):
        a = make(small(n_people=3, tokenizer=tokenizer), 0)
        b = make(small(n_people=90, tokenizer=tokenizer, variant="single"), 7)
        assert a.vocabulary == b.vocabulary


def test_bpe_pieces_end_to_end_are_the_tokens_of_the_whole_text(monkeypatch):
    encoders, train = [], tokenizers.trained_bpe

    def keep(*args):
        encoders.append(train(*args))
        return encoders[-1]

    monkeypatch.setattr(tokenizers, "trained_bpe", keep)
    config = Config(n_people=1000, tokenizer="bpe", bpe_vocab=1500)
    world = make(config, 0)
    _pieces_equal_whole(world, encoders[0])


def test_bpe_vocab_bounds_the_vocabulary():
    sizes = [make(small(tokenizer="bpe", bpe_vocab=n), 0).d_vocab for n in (300, 600)]
    assert sizes[0] < 300
    assert sizes[0] < sizes[1] < 600


@needs_gpt2
def test_gpt2_pieces_end_to_end_are_the_tokens_of_the_whole_text():
    config = Config(n_people=2000, tokenizer="gpt2", tokenizer_file=GPT2)
    _pieces_equal_whole(make(config, 0), tokenizers.gpt2(GPT2))


def _pieces_equal_whole(world, encode):
    n = world.config.n_people
    entries = world.render(generator(0, "x"), np.arange(n))
    bodies = [text.removeprefix(EOS_TEXT) for text in texts(world, entries)]
    for i, expected in enumerate(encode(bodies)):
        part = entries.tokens[entries.offsets[i] + 1 : entries.offsets[i + 1]]
        assert [world.vocabulary[t] for t in part] == expected


@pytest.mark.parametrize("tokenizer", ["words", "bpe", "symbols"])
def test_training_and_numbering_repeat(tokenizer):
    a, b = (make(small(tokenizer=tokenizer), seed).vocabulary for seed in (0, 0))
    assert a == b


def test_a_missing_tokeniser_is_one_clear_line_before_any_work(tmp_path, monkeypatch):
    def never(*_args):
        raise AssertionError("people were drawn before the tokeniser was looked for")

    monkeypatch.setattr("physlm.data.bios.draw_profiles", never)
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ConfigError) as caught:
            make(small(tokenizer="gpt2", tokenizer_file=str(path)), 0)
        assert str(path) in str(caught.value)
        assert "tokenizer.json" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_another_tokeniser_is_refused(tmp_path):
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "b": 1, "ab": 2}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    with pytest.raises(ConfigError, match="must be the tokeniser of GPT-2, not another"):
        make(small(tokenizer="gpt2", tokenizer_file=str(tmp_path)), 0)


def test_no_hub_and_no_cache_is_one_clear_line(monkeypatch):
    def offline():
        raise OSError("no network")

    monkeypatch.setattr(tokenizers, "_from_hub", offline)
    with pytest.raises(ConfigError, match=r"tokenizer_file=None: must be GPT-2.*no network"):
        make(small(tokenizer="gpt2"), 0)
