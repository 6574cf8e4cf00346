from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physlm.config import ConfigError
from physlm.data import biod, stream
from physlm.data.corpus import Corpus
from physlm.data.stream import State, Stream
from physlm.data.world import Entries

EMPTY = np.empty(0, np.int64)
QUICK = settings(derandomize=True, max_examples=40, deadline=None)


def make_corpus(world: object, n_people: int, train: Entries, per_pass: float) -> Corpus:
    manifest = {
        "n_people": n_people,
        "n_entries": len(train) or n_people,
        "tokens_per_pass": per_pass,
    }
    arrays = (train.tokens, train.offsets, train.person)
    return Corpus(Path("none"), manifest, world, *arrays, evaluation=train)


def fresh_corpus(n_people: int, n_attributes: int = 2, order: str = "fixed") -> Corpus:
    config = biod.Config(n_people=n_people, n_attributes=n_attributes, attribute_order=order)  # type: ignore[arg-type]
    world = biod.make(config, 0)
    length = len(world.layout.template)
    return make_corpus(world, n_people, Entries(EMPTY, EMPTY, EMPTY, EMPTY), n_people * length)


def stored_corpus(n_people: int, per_person: int, seed: int = 0) -> Corpus:
    """Ragged entries: 0 (EOS), then 1 + the entry's number once or more."""
    n = n_people * per_person
    lengths = np.random.default_rng(seed).integers(2, 6, n)
    offsets = np.concatenate([[0], lengths.cumsum()])
    tokens = np.repeat(np.arange(1, n + 1), lengths)
    tokens[offsets[:-1]] = 0
    person = np.repeat(np.arange(n_people), per_person).astype(np.int32)
    entries = Entries(tokens, offsets, person, np.zeros(len(tokens), np.uint8))
    return make_corpus(SimpleNamespace(fresh=False), n_people, entries, int(offsets[-1]))


def read(source: Stream, n_batches: int, state: State | None = None) -> tuple[np.ndarray, State]:
    """The tokens of the stream, batches end to end."""
    state = state or source.start()
    parts = [EMPTY]
    for _ in range(n_batches):
        batch, state = source.take(state)
        parts.append(batch[:, :-1].reshape(-1))
    return np.concatenate(parts), state


def entries_of(tokens: np.ndarray) -> list[int]:
    """Numbers of the complete entries of a stored_corpus, in the order of the stream."""
    starts = np.flatnonzero(tokens[:-1] == 0)
    return [int(tokens[s + 1]) - 1 for s in starts]


@QUICK
@given(
    st.integers(2, 8), st.integers(1, 4), st.integers(1, 7), st.integers(1, 3), st.integers(0, 99)
)
def test_stored_entries_come_once_per_pass_and_never_side_by_side(
    n_people: int, per_person: int, n_ctx: int, batch_size: int, seed: int
) -> None:
    corpus = stored_corpus(n_people, per_person)
    source = Stream(corpus, seed, n_ctx, batch_size)
    n_batches = int(6 * corpus.tokens_per_pass) // (n_ctx * batch_size) + 2
    tokens, state = read(source, n_batches)
    order = entries_of(tokens)
    people = [entry // per_person for entry in order]
    assert all(a != b for a, b in pairwise(people))
    n = n_people * per_person
    for start in range(0, len(order) - n + 1, n):
        assert sorted(order[start : start + n]) == list(range(n))
    # Whole entries are copied: the stream is the entries in this order, end to end.
    offsets = corpus.train_offsets
    copied = np.concatenate([corpus.train_tokens[offsets[i] : offsets[i + 1]] for i in order])
    assert np.array_equal(tokens[: len(copied)], copied[: len(tokens)])
    whole = np.cumsum([offsets[i + 1] - offsets[i] for i in order])
    assert state["entries"] == (whole <= len(tokens)).sum()
    assert source.exposures(state) == state["entries"] / n_people


@QUICK
@given(st.integers(2, 12), st.integers(0, 99), st.sampled_from(["fixed", "random"]))
def test_fresh_people_come_once_per_pass_and_never_side_by_side(
    n_people: int, seed: int, order: str
) -> None:
    corpus = fresh_corpus(n_people, order=order)
    length = len(corpus.world.layout.template)
    tokens, _ = read(Stream(corpus, seed, length, n_people), 12)
    names = tokens.reshape(-1, length)[:, 1:5]
    same = (names[:, None] == corpus.world.profiles[None, :, :4]).all(axis=2)
    people = same.argmax(axis=1)
    assert same.any(axis=1).all()
    assert (people[1:] != people[:-1]).all()
    assert (np.sort(people.reshape(12, n_people), axis=1) == np.arange(n_people)).all()


@QUICK
@given(
    st.integers(2, 9),
    st.integers(1, 3),
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(0, 12),
    st.booleans(),
)
def test_any_state_resumes_to_the_same_batches(
    n_people: int, per_person: int, n_ctx: int, batch_size: int, cut: int, fresh: bool
) -> None:
    corpus = fresh_corpus(n_people) if fresh else stored_corpus(n_people, per_person)
    one, two = (Stream(corpus, 5, n_ctx, batch_size) for _ in range(2))
    whole, end = read(one, 15)
    _, middle = read(one, cut)
    rest, same_end = read(two, 15 - cut, middle)
    assert np.array_equal(whole[cut * n_ctx * batch_size :], rest)
    assert end == same_end
    batch, _ = one.take(middle)
    again, _ = one.take(middle)
    assert np.array_equal(batch, again)


def test_blocks_of_a_round_change_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK", 3)
    corpus = stored_corpus(8, 2)
    tokens, state = read(Stream(corpus, 0, 5, 2), 40)
    order = entries_of(tokens)
    assert sorted(order[:16]) == list(range(16))
    whole = np.cumsum(np.diff(corpus.train_offsets)[order])
    assert state["entries"] == (whole <= len(tokens)).sum()
    rest, _ = read(Stream(corpus, 0, 5, 2), 10, read(Stream(corpus, 0, 5, 2), 30)[1])
    assert np.array_equal(rest, tokens[300:])


def test_rows_overlap_by_the_token_to_predict() -> None:
    batch, state = (source := Stream(fresh_corpus(7), 0, 11, 3)).take(source.start())
    assert batch.shape == (3, 12)
    assert batch.dtype == np.int64
    assert np.array_equal(batch[:-1, -1], batch[1:, 0])
    following, _ = source.take(state)
    assert following[0, 0] == batch[-1, -1]


def test_seeds_give_different_orders_and_passes_differ() -> None:
    corpus = stored_corpus(50, 1)
    one, two = (entries_of(read(Stream(corpus, seed, 50, 2), 10)[0]) for seed in (0, 1))
    assert one[:50] != two[:50]
    assert one[:50] != one[50:100]


def test_every_person_is_as_likely_at_every_place() -> None:
    n, passes = 5, 4000
    source = Stream(stored_corpus(n, 1), 0, 8, 4)
    people = np.array([source._order(epoch, 0) for epoch in range(passes)])
    counts = np.array([np.bincount(people[:, place], minlength=n) for place in range(n)])
    # 5 standard deviations of a binomial count.
    assert abs(counts - passes / n).max() < 5 * np.sqrt(passes * 0.16)


def test_steps_and_exposures_agree() -> None:
    for corpus in (fresh_corpus(30), stored_corpus(30, 5)):
        source = Stream(corpus, 0, 16, 2)
        n_steps = source.n_steps(20)
        _, state = read(source, n_steps)
        assert source.exposures(state) == pytest.approx(20, abs=0.5)
    assert source.n_steps(0) == 0
    assert source.n_steps(1e-9) == 1


def test_one_person_cannot_be_kept_apart() -> None:
    with pytest.raises(ConfigError, match="n_people=1: must be at least 2"):
        Stream(fresh_corpus(1), 0, 8, 2)
