import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from physlm.config import ConfigError, build
from physlm.data import corpus as corpora
from physlm.data.corpus import Corpus, DataConfig
from physlm.data.world import FIELD, NAME, Entries
from physlm.evaluate import bits
from physlm.evaluate.capacity import MeasureConfig, Predict, score, summary, windows
from physlm.files import read_json, write_json
from physlm.model.config import ModelSettings
from physlm.model.storage import save_model
from physlm.model.transformer import Transformer, init_weights, loss_nats_BT
from physlm.steps import measure as step
from physlm.steps.job import main

CHUNKS = {
    "n_attributes": 3,
    "n_chunks": 2,
    "n_values": 9,
    "chunk_length": 2,
    "alphabet": 5,
    "name_length": 2,
    "name_alphabet": 6,
    "attribute_order": "random",
}


def make(folder: Path, n_people: int = 20, world: str = "biod", **options: object) -> Corpus:
    values = {"world": world, "seed": 0, "n_people": n_people, "settings": options}
    corpora.build(folder, build(DataConfig, values))
    return corpora.load(folder)


def uniform(d_vocab: int) -> Predict:
    """A model that finds every token of the vocabulary as likely as any other."""

    def predict(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shape = (len(tokens), tokens.shape[1] - 1)
        return np.full(shape, math.log(d_vocab)), np.zeros(shape, bool)

    return predict


def perfect(corpus: Corpus) -> Predict:
    """A model that knows everyone: any of the names alike, then their values for certain."""
    entries = corpus.evaluation
    names = Counter()
    for start, end in zip(entries.offsets[:-1], entries.offsets[1:], strict=True):
        name = tuple(entries.tokens[start:end][entries.kinds[start:end] == NAME].tolist())
        names.update(name[:length] for length in range(len(name) + 1))
    eos = corpus.manifest["eos"]
    name_length = max(map(len, names))

    def predict(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        losses = np.zeros((len(tokens), tokens.shape[1] - 1))
        for row, loss in zip(tokens.tolist(), losses, strict=True):
            for t in np.flatnonzero(np.array(row) == eos):
                for i in range(name_length):
                    known, longer = tuple(row[t + 1 : t + 1 + i]), tuple(row[t + 1 : t + 2 + i])
                    if longer in names and len(longer) > len(known):
                        loss[t + i] = -math.log(names[longer] / names[known])
        return losses, np.ones(losses.shape, bool)

    return predict


@pytest.mark.parametrize("options", [{}, CHUNKS, {"n_values": 3, "alphabet": 64}])
def test_a_perfect_model_learns_all_there_is(tmp_path: Path, options: dict) -> None:
    corpus = make(tmp_path, **options)
    losses = score(corpus, perfect(corpus), n_ctx=50, batch_size=3)
    assert losses.name == pytest.approx(math.log(20))
    result = summary(corpus, losses, n_params=1000)
    assert result["learned_bits"] == pytest.approx(result["max_learned_bits"], rel=1e-12)
    assert result["bits_per_param"] == pytest.approx(result["max_bits_per_param"], rel=1e-12)
    assert result["value_accuracy"] == 1
    assert result["n_entries_scored"] == 20


def test_a_perfect_model_of_biographies_learns_all_there_is(tmp_path: Path) -> None:
    corpus = make(tmp_path, world="bios", variant="multi2")
    # Every name is one token per part, so the same lookup serves.
    result = summary(corpus, score(corpus, perfect(corpus), n_ctx=200, batch_size=3), 10)
    assert result["learned_bits"] == pytest.approx(result["max_learned_bits"], rel=1e-12)
    assert result["dictionary_bits_learned"] == 0


def test_a_model_uniform_over_the_alphabet_knows_no_value(tmp_path: Path) -> None:
    corpus = make(tmp_path)  # D = T = 64 characters
    losses = score(corpus, uniform(64), n_ctx=80, batch_size=2)
    result = summary(corpus, losses, 1000)
    assert result["value_bits_learned"] == pytest.approx(0, abs=1e-9)
    assert result["dictionary_bits_learned"] == 0
    assert result["name_bits_learned"] == pytest.approx(0, abs=1e-9)
    assert result["value_accuracy"] == 0


def test_losses_are_sums_over_tokens_and_means_over_people(tmp_path: Path) -> None:
    corpus = make(tmp_path, **CHUNKS)
    losses = score(corpus, uniform(11), n_ctx=40, batch_size=3)
    nat = math.log(11)
    assert losses.name == pytest.approx(2 * nat)
    assert losses.by_field == pytest.approx({f"id_{a}": 4 * nat for a in (1, 2, 3)})
    assert losses.value == pytest.approx(12 * nat)
    assert losses.first_chunk == pytest.approx(2 * nat)


def test_a_wrong_token_makes_its_value_wrong_and_no_other(tmp_path: Path) -> None:
    corpus = make(tmp_path, **CHUNKS)
    entries = corpus.evaluation
    where = np.flatnonzero(entries.kinds == FIELD + 1)[[0, 1, 4]]  # two people
    position = 0

    def predict(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal position
        hits = np.ones((len(tokens), tokens.shape[1] - 1), bool)
        used = tokens.shape[1] // entry_length * entry_length
        for row in hits:
            index = position + np.arange(1, used)
            row[: used - 1] = ~np.isin(index, where)
            position += used
        return (~hits).astype(float), hits

    entry_length = int(entries.offsets[1])
    losses = score(corpus, predict, n_ctx=3 * entry_length, batch_size=2)
    assert losses.value_accuracy == pytest.approx(1 - 2 / 60)
    assert losses.by_field == pytest.approx({"id_1": 0, "id_2": 3 / 20, "id_3": 0})
    assert losses.first_chunk == pytest.approx(3 / 60)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 20))
def test_no_distribution_learns_more_than_there_is(seed: int, sharpness: float) -> None:
    # Losses of a proper distribution over all names that ignores the other people of the window.
    rng = np.random.default_rng(seed)
    n_people, name_space = 40, 300
    p = rng.dirichlet(np.full(name_space, 1 / sharpness)) + 1e-12
    loss_name = float(-np.log(p[:n_people] / p.sum()).mean())
    information = {"world": "bios", "n_people": n_people, "name_space": name_space}
    information["pool_sizes"] = {"major": 100}
    learned = bits.learned_bits(information, loss_name, 0.0, 0.0)
    assert learned.total <= bits.max_learned_bits(information).total + 1e-9


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(9, 30))
def test_windows_hold_every_entry_once_and_whole(lengths: list[int], n_ctx: int) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    spans = list(windows(offsets, n_ctx))
    assert [i for first, last in spans for i in range(first, last)] == list(range(len(lengths)))
    for first, last in spans:
        assert 0 < offsets[last] - offsets[first] <= n_ctx
        # Another entry would not have fitted.
        assert last == len(lengths) or offsets[last + 1] - offsets[first] > n_ctx


def test_the_size_of_batches_and_windows_changes_nothing(tmp_path: Path) -> None:
    corpus = make(tmp_path, **CHUNKS)
    one = score(corpus, perfect(corpus), n_ctx=18, batch_size=1)
    many = score(corpus, perfect(corpus), n_ctx=95, batch_size=64)
    assert one.name == pytest.approx(many.name)
    assert one.value_accuracy == many.value_accuracy


def test_an_entry_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    corpus = make(tmp_path)
    with pytest.raises(ValueError, match="an entry has 10 tokens, more than n_ctx=9"):
        score(corpus, uniform(64), n_ctx=9, batch_size=1)


def test_everyone_is_scored_exactly_once(tmp_path: Path) -> None:
    corpus = make(tmp_path)
    e = corpus.evaluation
    twice = Entries(e.tokens, e.offsets, np.zeros_like(e.person), e.kinds)
    broken = Corpus(**{**vars(corpus), "evaluation": twice})
    with pytest.raises(ValueError, match="not one per person"):
        score(broken, uniform(64), n_ctx=80, batch_size=1)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="batch_size=0: must be at least 1"):
        build(MeasureConfig, {"batch_size": 0})


def save_untrained(folder: Path, corpus: Corpus, n_ctx: int) -> Transformer:
    config = ModelSettings(n_layers=1, d_model=8, n_heads=2)
    model = Transformer(config.resolve(corpus.manifest["d_vocab"], n_ctx))
    init_weights(model, 0)
    facts = {"corpus_digest": corpus.digest, "steps": 7, "exposures": 1.5, "tokens": 10}
    save_model(folder, model, **facts)
    return model


def run_step(folder: Path, model: Path, corpus: Path) -> int:
    inputs = {"model": str(model), "corpus": str(corpus)}
    spec = {"name": "m", "config": {"batch_size": 3}, "inputs": inputs, "folder": str(folder)}
    write_json(folder / "spec.json", spec)
    return main(step.run, [str(folder / "spec.json")])


def test_the_step_measures_the_model_itself(tmp_path: Path) -> None:
    corpus = make(tmp_path / "corpus", n_people=10, **CHUNKS)
    model = save_untrained(tmp_path / "model", corpus, n_ctx=18)  # one entry per window
    assert run_step(tmp_path, tmp_path / "model", tmp_path / "corpus") == 0
    result = read_json(tmp_path / "measure.json")
    entries = corpus.evaluation
    tokens = torch.from_numpy(entries.tokens.reshape(10, -1).astype(np.int64))
    losses = loss_nats_BT(model, tokens).detach().numpy()
    kinds = entries.kinds.reshape(10, -1)[:, 1:]
    assert result["loss_name_nats"] == pytest.approx(losses[kinds == NAME].sum() / 10, rel=1e-5)
    assert result["loss_value_nats"] == pytest.approx(losses[kinds >= FIELD].sum() / 10, rel=1e-5)
    by_field = {f"id_{a + 1}": losses[kinds == FIELD + a].sum() / 10 for a in range(3)}
    assert result["loss_by_field_nats"] == pytest.approx(by_field, rel=1e-5)
    learned = ("name_bits_learned", "value_bits_learned", "dictionary_bits_learned")
    assert result["learned_bits"] == pytest.approx(sum(result[key] for key in learned))
    assert result["bits_per_param"] == pytest.approx(result["learned_bits"] / result["n_params"])
    assert result["bits_per_param"] <= result["max_bits_per_param"]
    assert result["learned_bits"] < 0.2 * result["max_learned_bits"]
    assert result["n_params"] == sum(p.numel() for p in model.parameters())
    expected = {"world": "biod", "arch": "gpt2_rot", "n_layers": 1, "d_model": 8, "n_people": 10}
    expected |= {"steps": 7, "exposures": 1.5, "n_entries_scored": 10}
    assert {key: result[key] for key in expected} == expected


def test_a_model_of_another_corpus_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_untrained(tmp_path / "model", make(tmp_path / "one", n_people=5), n_ctx=80)
    make(tmp_path / "two", n_people=6)
    assert run_step(tmp_path, tmp_path / "model", tmp_path / "two") == 2
    assert "was trained on the corpus" in capsys.readouterr().err
