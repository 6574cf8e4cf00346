"""Training on questions: rows of one question each, or windows mixed with biographies.

Only people of the training half are asked. A pass asks each of their questions once, in a random
order; pass after pass, end to end. Batches are labelled, [B, 2, T] of inputs and labels (the form
of physlm.train.losses), and a function of seed and state alone. B batch, T position.

Which tokens are scored the papers do not say for finetuning (`scored`): "answer", the answer with
its closing mark and the EOS that ends it, or "all" tokens after the first EOS.
"""

from typing import Any, Literal

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
    scored, so a causal model does not see it, and has no label. ConfigError for a `scored` that is
    neither.
    """

    def __init__(
        self,
        questions: Questions,
        halves: Split,
        seed: int,
        batch_size: int,
        scored: Scored = "answer",
    ) -> None:
        require(scored in SCORED, "scored", scored, f"one of {', '.join(SCORED)}")
        self.passes = Passes(questions, halves, seed)
        self.batch_size = batch_size
        self.scored: Scored = scored
        self.n_ctx = int(questions.lengths.max())

    def start(self) -> dict[str, Any]:
        """The state before the first batch: how many questions were asked."""
        return {"asked": 0}

    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """The batch at `state`, int64 [B, 2, T], and the state after it."""
        first, after = state["asked"], state["asked"] + self.batch_size
        asked = self.passes.ask(np.array([self.passes.row(i) for i in range(first, after)]))
        return labelled(asked, self.passes.questions.eos, self.n_ctx, self.scored), {"asked": after}

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
    """One question per row for a bidirectional model, [n, 3, n_ctx] int64 (Part 3.1, Section 4.8).

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


class Mixed:
    """Windows of n_ctx tokens, each all biographies or all questions (Part 3.1, mixed training).

    Of the first n windows floor(n qa_ratio) are questions of the training half, concatenated in
    random order, the others the corpus's stream: the place of a window alone says which. Every
    token of a biography is scored, and of the questions what `scored` says; by default all, as in
    any pretraining. ConfigError for a ratio that is not between 0 and 1 or another `scored`.
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
    ) -> None:
        require(0 < qa_ratio < 1, "qa_ratio", qa_ratio, "between 0 and 1, neither of them")
        require(scored in SCORED, "scored", scored, f"one of {', '.join(SCORED)}")
        self.passes = Passes(questions, halves, seed)
        # Window by window: how many a batch needs changes by one.
        self.biographies = Stream(corpus, seed, n_ctx, 1)
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
                tokens, inside = self.passes.window(n_asked * self.n_ctx, self.n_ctx + 1)
                batch[row] = tokens[:-1], tokens[1:]
                if self.scored == "answer":
                    batch[row, 1, ~inside[1:]] = IGNORED
            else:
                windows, place = self.biographies.take(place)
                batch[row] = windows[0, :-1], windows[0, 1:]
        return batch, {"windows": after, "biographies": place}

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
        windows = self.biographies.n_steps(exposures) / (1 - self.qa_ratio)
        return max(1, round(windows / self.batch_size))
