"""Questions and answers about the people of a corpus, and the halves that are asked or held out.

Allen-Zhu and Li, Part 3.1 Section 2.2: one question per attribute, "What is the birth date of <full
name>? Answer: <value>."; half of the people are asked in training (P_train), the other half only
when the model is examined (P_test). The biographies of all of them are trained on.

The corpus has what questions are made of in its vocabulary if its world's setting `questions` says
so; its biographies are the same without.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from physlm.config import ConfigError, require
from physlm.data.corpus import Corpus
from physlm.data.tokenizers import Pieces
from physlm.random import generator


@dataclass(frozen=True)
class Split:
    """The two halves of the people, each sorted: train [n // 2] and test [n - n // 2], int64."""

    train: np.ndarray
    test: np.ndarray


def split(n_people: int, seed: int) -> Split:
    """The halves of `n_people` people of a corpus with this seed; ConfigError for fewer than 2.

    Nothing else counts: every variant, tokeniser and use of the same people has the same halves.
    """
    require(n_people >= 2, "n_people", n_people, "at least 2 to be split into halves")
    order = generator(seed, "qa", "split").permutation(n_people)
    return Split(np.sort(order[: n_people // 2]), np.sort(order[n_people // 2 :]))


def split_of(corpus: Corpus) -> Split:
    """The halves of the people of a corpus; with celebrities these are the training half."""
    stars = corpus.manifest["config"].get("celebrities", 0)
    if stars:
        return Split(np.arange(stars), np.arange(stars, corpus.n_people))
    return split(corpus.n_people, corpus.manifest["seed"])


@dataclass(frozen=True)
class Asked:
    """Questions with their answers as flat arrays, in the order in which they were asked for.

    tokens [n_tokens] int64, offsets [n + 1] int64 (question i is tokens[offsets[i] : offsets[i +
    1]], starts with EOS and ends with its answer), answers [n] int64: where in `tokens` its answer
    begins.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    answers: np.ndarray

    def __len__(self) -> int:
        return len(self.answers)

    def prompt(self, i: int) -> np.ndarray:
        """The tokens of question i up to its answer."""
        return self.tokens[self.offsets[i] : self.answers[i]]

    def answer(self, i: int) -> np.ndarray:
        """The tokens of the answer to question i, with the full stop that closes it."""
        return self.tokens[self.answers[i] : self.offsets[i + 1]]


@dataclass(frozen=True)
class Questions:
    """Every question about every person of a corpus; see `about`.

    vocabulary: the corpus's. n_values: how many values an attribute can have, by attribute. prompts
    [n_people, n_attributes, k] and answers [n_people, n_attributes, l]: numbers of `pieces`; an
    answer ends with the full stop that closes it, unless the tokeniser leaves out marks.
    """

    attributes: tuple[str, ...]
    vocabulary: list[str]
    eos: int
    n_values: dict[str, int]
    pieces: Pieces = field(repr=False)
    prompts: np.ndarray = field(repr=False)
    answers: np.ndarray = field(repr=False)

    @property
    def n_people(self) -> int:
        return len(self.prompts)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each question with its answer, [n_people, n_attributes] int64."""
        of = self.pieces.lengths.astype(np.int64)
        return of[self.prompts].sum(axis=2) + of[self.answers].sum(axis=2)

    def ask(self, people: np.ndarray, attributes: np.ndarray) -> Asked:
        """The questions about attribute `attributes` [n] (numbers) of `people` [n]."""
        prompts, answers = self.prompts[people, attributes], self.answers[people, attributes]
        tokens, lengths = self.pieces.join(np.concatenate([prompts, answers], axis=1))
        lengths = lengths.astype(np.int64).reshape(len(prompts), -1)
        offsets = np.concatenate([np.zeros(1, np.int64), lengths.sum(axis=1).cumsum()])
        starts = offsets[:-1] + lengths[:, : prompts.shape[1]].sum(axis=1)
        return Asked(tokens.astype(np.int64), offsets, starts)


def about(corpus: Corpus) -> Questions:
    """The questions about the people of an opened corpus.

    ConfigError if its world has no questions or its vocabulary lacks them, or if the corpus's
    tokeniser is needed and cannot be had.
    """
    if corpus.manifest["world"] != "bios":
        raise ConfigError(f"world={corpus.manifest['world']!r}: must be bios to ask questions")
    from physlm.data.qa_bios import questions

    return questions(corpus.world)
