"""Training on questions: rows of one question each, or windows mixed with biographies.

Only people of the training half are asked. A pass asks each of their questions once, in a random
order; pass after pass, end to end. Batches are labelled, [B, 2, T] of inputs and labels, or masked,
[B, 3, T] (the forms of physlm.train.losses), and a function of seed and state alone. B batch, T
position.

Which tokens are scored the papers do not say for finetuning (`scored`): "answer", the answer with
its closing mark and the EOS that ends it, or "all" tokens after the first EOS.

A bidirectional model has its answers masked: it is asked for the tokens of the answer, each from a
mask token in its place, and for nothing else, the EOS neither. The mask token is the first id after
the vocabulary, as in physlm.train.masking.
"""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np

from physlm.config import require
from physlm.data.corpus import Corpus
from physlm.data.qa import Asked, Questions, Split
from physlm.data.stream import Stream
from physlm.random import generator

Scored = Literal["answer", "all"]
SCORED: tuple[Scored, ...] = ("answer", "all")

# The label that is not scored (physlm.train.losses has the same; data imports nothing of train).
IGNORED = -100


class Passes:
    """The questions about the training half, numbered, and their order in each pass."""

    def __init__(self, questions: Questions, halves: Split, seed: int) -> None:
        k = len(questions.attributes)
        self.questions, self.seed = questions, seed
        self.people = halves.train.repeat(k)
        self.attributes = np.tile(np.arange(k), len(halves.train))
        self.lengths = questions.lengths[self.people, self.attributes]
        self._latest: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __len__(self) -> int:
        """Questions of a pass."""
        return len(self.people)

    @property
    def n_tokens(self) -> int:
        """Tokens of a pass."""
        return int(self.lengths.sum())

    def order(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """The questions of pass `epoch` in order [n], and the places of their tokens [n + 1]."""
        if epoch not in self._latest:
            order = generator(self.seed, "qa", "pass", epoch).permutation(len(self))
            places = np.concatenate([np.zeros(1, np.int64), self.lengths[order].cumsum()])
            # A batch seldom needs more than two passes; an older one is drawn again if it does.
            self._latest = dict(list(self._latest.items())[-1:]) | {epoch: (order, places)}
        return self._latest[epoch]

    def ask(self, numbers: np.ndarray) -> Asked:
        """The questions of these numbers [n]."""
        return self.questions.ask(self.people[numbers], self.attributes[numbers])

    def row(self, i: int) -> int:
        """The number of the i-th question asked, from 0."""
        return int(self.order(i // len(self))[0][i % len(self)])

    def window(self, start: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens [n] from place `start` of the endless stream on, and which belong to answers.

        The EOS after an answer (the first token of the next question) belongs to it.
        """
        tokens, inside, place = np.empty(n, np.int64), np.empty(n, bool), 0
        while place < n:
            epoch, offset = divmod(start + place, self.n_tokens)
            order, places = self.order(epoch)
            low = int(places.searchsorted(offset, side="right")) - 1
            high = int(places.searchsorted(offset + n - place, side="left"))
            asked = self.ask(order[low:high])
            cut = slice(offset - places[low], offset - places[low] + n - place)
            part = asked.tokens[cut]
            tokens[place : place + len(part)] = part
            inside[place : place + len(part)] = answer_tokens(asked)[cut]
            place += len(part)
        return tokens, inside


def answer_tokens(asked: Asked) -> np.ndarray:
    """Which tokens belong to answers, [n_tokens] bool; an EOS belongs to the answer before it."""
    lengths = np.diff(asked.offsets)
    inside = np.arange(len(asked.tokens)) >= np.repeat(asked.answers, lengths)
    inside[asked.offsets[:-1]] = True
    return inside


class QaRows:
    """Batches of `batch_size` rows with one question each, padded on the right with EOS.

    n_ctx: tokens of a row, enough for the longest question about anybody. Padding follows what is
    scored, so a causal model does not see it, and has no label. With `masked` rows are those of
    `masked_rows`. ConfigError for a `scored` that is neither, or is not "answer" if masked.
    """

    def __init__(
        self,
        questions: Questions,
        halves: Split,
        seed: int,
        batch_size: int,
        scored: Scored = "answer",
        masked: bool = False,
    ) -> None:
        _check_scored(scored, masked)
        self.passes = Passes(questions, halves, seed)
        self.batch_size = batch_size
        self.scored: Scored = scored
        self.masked = masked
        self.n_ctx = int(questions.lengths.max())

    def start(self) -> dict[str, Any]:
        """The state before the first batch: how many questions were asked."""
        return {"asked": 0}

    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """The batch at `state`, int64 [B, 2, T] (masked [B, 3, T]), and the state after it."""
        first, after = state["asked"], state["asked"] + self.batch_size
        asked = self.passes.ask(np.array([self.passes.row(i) for i in range(first, after)]))
        eos = self.passes.questions.eos
        if self.masked:
            mask = len(self.passes.questions.vocabulary)
            return masked_rows(asked, eos, mask, self.n_ctx), {"asked": after}
        return labelled(asked, eos, self.n_ctx, self.scored), {"asked": after}

    def exposures(self, state: dict[str, Any]) -> float:
        """How often each question was asked, on average."""
        return state["asked"] / len(self.passes)

    def n_steps(self, exposures: float) -> int:
        """Batches that ask each question `exposures` times, rounded; 0 for no exposures only."""
        if exposures <= 0:
            return 0
        return max(1, round(exposures * len(self.passes) / self.batch_size))


def labelled(asked: Asked, eos: int, n_ctx: int, scored: Scored) -> np.ndarray:
    """Inputs and labels [n, 2, n_ctx] int64 of one question per row; its last label is EOS."""
    lengths = np.diff(asked.offsets)[:, None]
    prompts = (asked.answers - asked.offsets[:-1])[:, None]
    place = np.arange(n_ctx)
    real = place < lengths
    batch = np.full((len(asked), 2, n_ctx), eos, np.int64)
    batch[:, 0][real] = asked.tokens
    batch[:, 1, :-1] = batch[:, 0, 1:]
    first = prompts - 1 if scored == "answer" else 0
    batch[:, 1][~(real & (place >= first))] = IGNORED
    return batch


def masked_rows(asked: Asked, eos: int, mask: int, n_ctx: int) -> np.ndarray:
    """One question per row for a bidirectional model, [n, 3, n_ctx] int64 (Part 3.1 Section 6).

    Inputs with the token `mask` in place of every token of the answer (its closing mark too, if it
    has one), labels that are the answer there and IGNORED elsewhere, and 1 for what is real, 0 for
    padding. No EOS after the answer is asked for. ValueError if a question does not fit.
    """
    lengths = np.diff(asked.offsets)
    if lengths.max(initial=0) > n_ctx:
        raise ValueError(f"n_ctx={n_ctx}: must be at least {lengths.max()}, the longest question")
    place = np.arange(n_ctx)
    real = place < lengths[:, None]
    hidden = real & (place >= (asked.answers - asked.offsets[:-1])[:, None])
    batch = np.empty((len(asked), 3, n_ctx), np.int64)
    tokens = np.full((len(asked), n_ctx), eos)
    tokens[real] = asked.tokens
    batch[:, 0] = np.where(hidden, mask, tokens)
    batch[:, 1] = np.where(hidden, tokens, IGNORED)
    batch[:, 2] = real
    return batch


class Biographies(Protocol):
    """A source of batches [1, T + 1] or [1, 2, T] of biographies, one window each."""

    def start(self) -> dict[str, Any]: ...
    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]: ...
    def exposures(self, state: dict[str, Any]) -> float: ...


class Mixed:
    """Windows of n_ctx tokens, each all biographies or all questions (Part 3.1, mixed training).

    Of the first n windows floor(n qa_ratio) are questions of the training half, concatenated in
    random order, the others the corpus's stream: the place of a window alone says which. Every
    token of a biography is scored, and of the questions what `scored` says; by default all, as in
    any pretraining. ConfigError for a ratio that is not between 0 and 1 or another `scored`.

    `hide`, for a bidirectional model, makes the source of masked biographies of the stream
    (physlm.train.masking.Masked). In windows of questions then every token of every answer is
    masked and scored, also where the window's edge cuts the answer, and nothing else is. The paper
    does not say how questions were masked in mixed training; this is how they are examined.
    """

    def __init__(
        self,
        corpus: Corpus,
        questions: Questions,
        halves: Split,
        seed: int,
        n_ctx: int,
        batch_size: int,
        qa_ratio: float,
        scored: Scored = "all",
        hide: Callable[[Stream], Biographies] | None = None,
    ) -> None:
        require(0 < qa_ratio < 1, "qa_ratio", qa_ratio, "between 0 and 1, neither of them")
        _check_scored(scored, hide is not None)
        self.passes = Passes(questions, halves, seed)
        # Window by window: how many a batch needs changes by one.
        self.stream = Stream(corpus, seed, n_ctx, 1)
        self.masked = hide is not None
        self.biographies: Biographies = self.stream if hide is None else hide(self.stream)
        self.n_ctx, self.batch_size = n_ctx, batch_size
        self.qa_ratio, self.scored = qa_ratio, scored

    def start(self) -> dict[str, Any]:
        """The state before the first batch: windows so far, and the place in the biographies."""
        return {"windows": 0, "biographies": self.biographies.start()}

    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """The batch at `state`, int64 [B, 2, T], and the state after it."""
        place, after = state["biographies"], state["windows"] + self.batch_size
        batch = np.empty((self.batch_size, 2, self.n_ctx), np.int64)
        for row, window in enumerate(range(state["windows"], after)):
            n_asked = self.n_qa(window)
            if self.n_qa(window + 1) > n_asked:
                batch[row] = self._asked(n_asked)
            else:
                rows, place = self.biographies.take(place)
                batch[row] = rows[0] if self.masked else (rows[0, :-1], rows[0, 1:])
        return batch, {"windows": after, "biographies": place}

    def _asked(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and labels [T] of the i-th window of questions."""
        tokens, inside = self.passes.window(i * self.n_ctx, self.n_ctx + 1)
        if self.masked:
            tokens = tokens[:-1]
            hidden = inside[:-1] & (tokens != self.passes.questions.eos)
            mask = len(self.passes.questions.vocabulary)
            return np.where(hidden, mask, tokens), np.where(hidden, tokens, IGNORED)
        scored = inside[1:] | (self.scored == "all")
        return tokens[:-1], np.where(scored, tokens[1:], IGNORED)

    def n_qa(self, windows: int) -> int:
        """How many of the first `windows` windows are questions."""
        return int(windows * self.qa_ratio)

    def exposures(self, state: dict[str, Any]) -> float:
        """Mean number of biographies per person that ended before `state`."""
        return self.biographies.exposures(state["biographies"])

    def qa_passes(self, state: dict[str, Any]) -> float:
        """How often each question was asked before `state`, on average."""
        return self.n_qa(state["windows"]) * self.n_ctx / self.passes.n_tokens

    def n_steps(self, exposures: float) -> int:
        """Batches that show every biography `exposures` times; 0 for no exposures only."""
        if exposures <= 0:
            return 0
        windows = self.stream.n_steps(exposures) / (1 - self.qa_ratio)
        return max(1, round(windows / self.batch_size))


def _check_scored(scored: str, masked: bool) -> None:
    require(scored in SCORED, "scored", scored, f"one of {', '.join(SCORED)}")
    require(not masked or scored == "answer", "scored", scored, "answer for a bidirectional model")
