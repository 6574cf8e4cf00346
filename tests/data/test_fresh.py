"""Windows over texts that never repeat."""

from itertools import islice

import numpy as np
import pytest

from physlm.config import ConfigError
from physlm.data.fresh import BLOCK, EOS, FreshStream, seen_share, source
from physlm.data.grammars.strings import Strings
from physlm.random import generator


class Numbers:
    """Texts of random lengths, one of them longer than the windows."""

    vocabulary = ("EOS", *map(str, range(1, 10)))

    def draw(self, n: int, rng: np.random.Generator) -> Strings:
        lengths = rng.integers(1, 6, n)
        lengths[0] = 40
        return Strings.of([rng.integers(1, 10, k) for k in lengths])


def laid_out(stream: FreshStream, n_blocks: int) -> np.ndarray:
    """The stream by its definition: EOS and text, text after text."""
    parts = [[EOS, *text] for block in range(n_blocks) for text in stream.texts(block)]
    return np.array([token for part in parts for token in part])


@pytest.mark.parametrize(("n_ctx", "batch_size"), [(7, 3), (32, 1), (64, 40)])
def test_windows_are_the_stream_in_order(n_ctx: int, batch_size: int) -> None:
    stream = FreshStream(Numbers(), 3, n_ctx, batch_size)
    state, rows = stream.start(), []
    for _ in range(5):
        batch, state = stream.take(state)
        assert batch.shape == (batch_size, n_ctx + 1)
        assert batch.dtype == np.int64
        rows.append(batch)
    flat = np.concatenate([row[:, :-1].ravel() for row in rows])
    wanted = laid_out(stream, 12)
    assert len(flat) < len(wanted)
    np.testing.assert_array_equal(flat, wanted[: len(flat)])
    following = np.concatenate([row[:, 1:].ravel() for row in rows])
    np.testing.assert_array_equal(following, wanted[1 : len(flat) + 1])
    assert stream.exposures(state) == np.count_nonzero(flat == EOS)


def test_a_state_is_all_that_the_next_batch_needs() -> None:
    stream = FreshStream(Numbers(), 3, 50, 20)
    state = stream.start()
    states = [state := stream.take(state)[1] for _ in range(8)]
    assert states[-1]["block"] > 2
    for before, after in zip(states[4::-1], states[5:0:-1], strict=True):
        batch, found = FreshStream(Numbers(), 3, 50, 20).take(before)
        again, _ = stream.take(before)
        np.testing.assert_array_equal(batch, again)
        assert found == after


def test_a_batch_that_ends_with_a_block_goes_on_in_the_next() -> None:
    stream = FreshStream(Numbers(), 0, 1, 1)
    length = len(laid_out(stream, 1))
    whole = FreshStream(Numbers(), 0, length, 1)
    batch, state = whole.take(whole.start())
    assert state == {"block": 1, "offset": 0, "texts": BLOCK}
    assert batch[0, -1] == EOS


def test_seeds_have_other_texts() -> None:
    one, other = (FreshStream(Numbers(), seed, 8, 4) for seed in (0, 1))
    assert (one.take(one.start())[0] != other.take(other.start())[0]).any()


def test_seen_share_counts_texts_of_the_first_n() -> None:
    stream = FreshStream(Numbers(), 0, 8, 4)
    first, second = stream.texts(0), stream.texts(1)
    unknown = np.full(60, 9)
    tested = Strings.of([first[0], first[BLOCK - 1], second[0], unknown])
    # What is not unique by its length may be met earlier in the stream.
    early = {text.tobytes() for text in islice(first, BLOCK - 1)}
    assert seen_share(stream, 1, tested) == 0.25
    assert seen_share(stream, BLOCK, tested) == 0.5
    assert seen_share(stream, BLOCK + 1, tested) == 0.75
    assert seen_share(stream, 0, tested) == 0
    assert seen_share(stream, BLOCK - 1, tested) == (
        0.5 if first[BLOCK - 1].tobytes() in early else 0.25
    )


def test_training_texts_of_a_grammar_are_its_strings() -> None:
    texts = source("grammar", {"grammar": "cfg3f", "root": 10})
    assert texts.vocabulary == ["EOS", "1", "2", "3"]
    strings = texts.draw(50, generator(0, "fresh", 0))
    assert set(strings.lengths) <= set(range(6, 10))
    clean = texts.draw_clean(50, generator(0, "fresh", 0))
    np.testing.assert_array_equal(strings.tokens, clean.tokens)


@pytest.mark.parametrize(
    ("world", "settings", "message"),
    [
        ("rhyme", {}, r"world='rhyme': must be one of grammar"),
        ("grammar", {"grammar": "cfg3z"}, r"world grammar: settings\.grammar='cfg3z': must be"),
        ("grammar", {"grammar": "cfg3f", "root": 3}, r"world grammar: .*root=3: must be one of 7"),
        ("grammar", {"grammer": "cfg3f"}, r"settings\.grammer='cfg3f': unknown key"),
        (
            "grammar",
            {"grammar": "cfg3f", "perturbation": "token", "gamma": 2, "rate": 0.1},
            r"settings\.gamma=2.0: must be from 0 to 1",
        ),
        ("grammar", {"grammar": "cfg3f", "gamma": 0.1}, r"gamma=0.1: must be 0 without a pert"),
        ("grammar", {"grammar": "cfg3f", "bags": "disjoint"}, r"vocabulary=None: must be given"),
        (
            "grammar",
            {"grammar": "cfg3f", "bags": "disjoint", "vocabulary": 2},
            r"settings\.vocabulary=2: must be at least 3",
        ),
    ],
)
def test_bad_settings_are_named(world: str, settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        source(world, settings)
