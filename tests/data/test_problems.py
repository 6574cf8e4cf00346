"""Rows of whole problems, and windows over problems, that never repeat."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from physlm.config import ConfigError
from physlm.data.ahead import ahead
from physlm.data.problems import BLOCK, IGNORED, Packing, ProblemStream, Scored, source
from tests.data import sums

EOS = 0


class Told:
    """Problems of these texts and lengths of prompts, over and over."""

    vocabulary = ["EOS", *map(str, range(1, 10))]  # noqa: RUF012

    def __init__(
        self, texts: list[list[int]], prompts: list[int], masked: int | None = None
    ) -> None:
        self.pairs = list(zip(texts, prompts, strict=True))
        self.masked = masked

    def draw(self, n: int, rng: np.random.Generator) -> Any:
        chosen = [self.pairs[i % len(self.pairs)] for i in range(n)]
        tokens = np.concatenate([text for text, _ in chosen])
        return SimpleNamespace(
            tokens=tokens,
            offsets=np.cumsum([0, *(len(text) for text, _ in chosen)]),
            n_prompt=np.array([n_prompt for _, n_prompt in chosen]),
            masked=None if self.masked is None else tokens == self.masked,
        )


def stream(packing: Packing, scored: Scored, n_ctx: int = 13, rows: int = 6) -> ProblemStream:
    return ProblemStream(sums.Source(sums.Config()), 5, n_ctx, rows, scored, packing)


def batches(of: ProblemStream, n: int) -> tuple[list[np.ndarray], dict[str, int]]:
    state, found = of.start(), []
    for _ in range(n):
        batch, state = of.take(state)
        found.append(batch)
    return found, state


def in_order(of: ProblemStream, n_blocks: int) -> list[tuple[list[int], int]]:
    """The problems of the stream and the lengths of their prompts."""
    found = []
    for block in range(n_blocks):
        texts = of.texts(block)
        for i in range(BLOCK):
            text = texts.tokens[texts.offsets[i] : texts.offsets[i + 1]].tolist()
            found.append((text, int(texts.n_prompt[i])))
    return found


def test_rows_are_those_written_by_hand() -> None:
    told = Told([[1, 2, 3], [4, 5], [6, 7, 8, 9, 1, 2, 3, 4]], [2, 1, 3])
    of = ProblemStream(told, 0, 8, 2, "solution", "whole")
    batch, state = of.take(of.start())
    no = IGNORED
    assert batch.tolist() == [
        [[0, 1, 2, 3, 0, 4, 5, 0], [no, no, 3, 0, no, 5, 0, no]],
        # The third one needs 9 places and is left out.
        [[0, 1, 2, 3, 0, 4, 5, 0], [no, no, 3, 0, no, 5, 0, no]],
    ]
    assert state == {"block": 0, "offset": 6, "problems": 4, "dropped": 2}
    every = ProblemStream(told, 0, 8, 1, "all", "whole").take(of.start())[0]
    assert every[0, 1].tolist() == [1, 2, 3, 0, 4, 5, 0, no]
    cut = ProblemStream(told, 0, 5, 2, "solution", "cut").take(of.start())[0]
    assert cut.tolist() == [
        [[0, 1, 2, 3, 0], [no, no, 3, 0, no]],
        [[4, 5, 0, 6, 7], [5, 0, no, no, no]],
    ]


def test_masked_tokens_are_never_predicted() -> None:
    told, no = Told([[1, 2, 3], [3, 4, 5]], [2, 1], masked=3), IGNORED
    labels = {
        "all": [1, 2, no, 0, no, 4, 5, 0],
        "solution": [no, no, no, 0, no, 4, 5, 0],
    }
    for scored, expected in labels.items():
        for packing in ("whole", "cut"):
            of = ProblemStream(told, 0, 8, 1, scored, packing)  # type: ignore[arg-type]
            batch = of.take(of.start())[0]
            assert batch.tolist() == [[[0, 1, 2, 3, 0, 3, 4, 5], expected]]


@pytest.mark.parametrize("scored", ["all", "solution"])
@pytest.mark.parametrize("n_ctx", [9, 13, 40])
def test_whole_rows_have_the_problems_in_order_and_their_labels(n_ctx: int, scored: Scored) -> None:
    of = stream("whole", scored, n_ctx, rows=50)
    found, state = batches(of, 6)
    wanted = in_order(of, 12)
    kept = [(text, n) for text, n in wanted if len(text) < n_ctx]
    n_read = 0
    for inputs, labels in np.concatenate(found):
        place, rest = 0, iter(kept[n_read:])
        while True:
            text, n_prompt = next(rest)
            if place + len(text) + 1 > n_ctx:
                break
            whole = [EOS, *text, EOS]
            assert inputs[place : place + len(text) + 1].tolist() == whole[:-1]
            first = n_prompt if scored == "solution" else 0
            said = [IGNORED if i < first else token for i, token in enumerate(whole[1:])]
            assert labels[place : place + len(text) + 1].tolist() == said
            place += len(text) + 1
            n_read += 1
        assert (inputs[place:] == EOS).all()
        assert (labels[place:] == IGNORED).all()
    assert of.exposures(state) == state["problems"] == n_read > BLOCK
    before = state["block"] * BLOCK + state["offset"]
    assert state["dropped"] == sum(len(text) >= n_ctx for text, _ in wanted[:before])
    assert state["dropped"] + n_read == before
    assert (state["dropped"] > 0) == (n_ctx < 14)


@pytest.mark.parametrize("n_ctx", [7, 13, 64])
def test_cut_windows_are_the_stream_in_order(n_ctx: int) -> None:
    found, state = batches(stream("cut", "all", n_ctx, 30), 9)
    assert found[0].shape == (30, n_ctx + 1)
    flat = np.concatenate([batch[:, :-1].ravel() for batch in found])
    wanted = [token for text, _ in in_order(stream("cut", "all"), 9) for token in (EOS, *text)]
    assert flat.tolist() == wanted[: len(flat)]
    following = np.concatenate([batch[:, 1:].ravel() for batch in found])
    assert following.tolist() == wanted[1 : len(flat) + 1]
    assert state["problems"] == np.count_nonzero(flat == EOS)
    solutions, other = batches(stream("cut", "solution", n_ctx, 30), 9)
    assert other == state
    tokens, labels = np.concatenate(solutions).swapaxes(0, 1)
    assert tokens.ravel().tolist() == flat.tolist()
    inside = [
        answer
        for text, n_prompt in in_order(stream("cut", "all"), 9)
        for answer in [True, *(i >= n_prompt for i in range(len(text)))]
    ]
    said = np.where(inside[1 : len(flat) + 1], following, IGNORED)
    assert labels.ravel().tolist() == said.tolist()


@pytest.mark.parametrize("packing", ["whole", "cut"])
def test_a_state_is_all_that_the_next_batch_needs(packing: Packing) -> None:
    of = stream(packing, "solution", rows=90)
    state = of.start()
    states = [state, *(state := of.take(state)[1] for _ in range(8))]
    assert states[-1]["block"] > 2
    for before, after in zip(states[5::-1], states[6:0:-1], strict=True):
        batch, found = stream(packing, "solution", rows=90).take(before)
        np.testing.assert_array_equal(batch, of.take(before)[0])
        assert found == after


def test_blocks_drawn_ahead_are_the_same() -> None:
    settings = {"preset": "micro"}
    world = source("igsm", settings)
    alone = ProblemStream(world, 5, 96, 110)
    with ahead("igsm", settings, 5, 2) as blocks:
        shared = ProblemStream(world, 5, 96, 110, blocks=blocks)
        state = alone.start()
        for _ in range(4):
            batch, found = shared.take(state)
            wanted, state = alone.take(state)
            np.testing.assert_array_equal(batch, wanted)
            assert found == state
        assert state["block"] >= 2
        # A run that goes on elsewhere asks for other blocks.
        assert blocks(40).tokens.tolist() == alone.texts(40).tokens.tolist()


def test_a_row_too_short_for_all_problems_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"stream\.n_ctx=3: must be at least 5, for the shortest"):
        batches(stream("whole", "all", n_ctx=3), 1)


def test_bad_worlds_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sums.register(monkeypatch)
    with pytest.raises(ConfigError, match=r"must be one of boxes, igsm, plan, retry, sums"):
        source("rhyme", {})
    with pytest.raises(ConfigError, match=r"world sums: settings\.terms=0: must be 1 or more"):
        source("sums", {"terms": 0})
