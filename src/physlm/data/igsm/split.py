"""What the worlds of problems share: texts as token ids, and the split by templates.

Whatever is drawn is drawn again until its template is on the wanted side, so no test problem has
the template of a text that is trained on.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from physlm.config import ConfigError
from physlm.data.grammars.strings import Strings
from physlm.data.igsm.templates import BINS, bin_of
from physlm.data.igsm.vocabulary import Vocabulary
from physlm.data.igsm.words import RESERVED, SOLUTION

P = TypeVar("P")
Split = Literal["train", "test", "all"]

# Draws in search of one problem on the wanted side.
MOST_DRAWS = 5_000


@dataclass(frozen=True)
class Texts(Strings):
    """Texts end to end, without EOS; n_prompt [n] int64: the tokens of each through `sol`.

    masked: see physlm.data.problems.Texts.
    """

    n_prompt: np.ndarray
    masked: np.ndarray | None = None


class SplitSource(ABC, Generic[P]):
    """Problems of type P and their texts.

    order: pq, the problem before the question, or qp. Templates of bins below `train_bins` are
    trained on.
    """

    def __init__(self, vocabulary: Vocabulary, order: str, train_bins: int) -> None:
        self.rows = vocabulary
        self.order = order
        self.train_bins = train_bins

    @abstractmethod
    def draw_any(self, rng: np.random.Generator, op: int | None, reask: bool) -> P | None:
        """A problem on either side of the split, or None if this draw came to nothing.

        op, reask: as for `problems`.
        """

    @abstractmethod
    def template(self, problem: P) -> str:
        """What is hashed."""

    @abstractmethod
    def name_words(self, problem: P, parameter: Any) -> list[str]:
        """The name of a parameter, one of those in `problem.needs`."""

    @abstractmethod
    def problem_words(self, problem: P) -> list[str]:
        """What is told."""

    @abstractmethod
    def question_words(self, problem: P) -> list[str]:
        """What is asked for."""

    @abstractmethod
    def solution_words(self, problem: P, rng: np.random.Generator) -> list[list[str]]:
        """The words of each step of the solution."""

    @abstractmethod
    def answer_words(self, problem: P) -> list[str]:
        """The mark `ans` and the answer; empty where the solution tells it."""

    @property
    def vocabulary(self) -> list[str]:
        """What every token spells: the reserved words, then the others."""
        return self.rows.rows

    def encode(self, words: list[str]) -> list[int]:
        """Token ids of words; KeyError for a word that no text has."""
        return self.rows.encode(words)

    def decode(self, ids: list[int]) -> list[str]:
        """What each token spells."""
        return self.rows.decode(ids)

    def prompt_words(self, problem: P) -> list[str]:
        """Problem and question in the order of the settings, and the mark `sol`."""
        told, asked = self.problem_words(problem), self.question_words(problem)
        both = told + asked if self.order == "pq" else asked + told
        return [*both, RESERVED[SOLUTION]]

    def prompt(self, problem: P) -> list[int]:
        """Token ids of what a model is given, through `sol`."""
        return self.encode(self.prompt_words(problem))

    def text(self, problem: P, rng: np.random.Generator) -> list[int]:
        """Token ids of the whole text."""
        return self.prompt(problem) + self.solution(problem, rng)

    def solution(self, problem: P, rng: np.random.Generator) -> list[int]:
        """Token ids of what follows the prompt: the solution, and the answer where it is told."""
        words = [word for step in self.solution_words(problem, rng) for word in step]
        return self.encode(words + self.answer_words(problem))

    def split_of(self, problem: P) -> Literal["train", "test"]:
        """On which side of the split the problem is."""
        return "train" if bin_of(self.template(problem)) < self.train_bins else "test"

    def draw(self, n: int, rng: np.random.Generator) -> Texts:
        """n independent texts to train on, of mixed op; text i does not depend on n."""
        prompts, texts = [], []
        for _ in range(n):
            (problem,) = self.problems(1, rng, split="train")
            prompt = self.prompt(problem)
            prompts.append(len(prompt))
            texts.append(prompt + self.solution(problem, rng))
        strings = Strings.of(texts)
        return Texts(strings.tokens, strings.offsets, np.array(prompts, np.int64))

    def problems(
        self,
        n: int,
        rng: np.random.Generator,
        op: int | None = None,
        split: Split = "test",
        reask: bool = False,
    ) -> list[P]:
        """n independent problems on one side of the split, or of both.

        op: of each problem; None: mixed, as in training. reask: another question is put to such a
        problem, so the op is another (iGSM alone). ConfigError for an op that no problem has, or
        whose templates are all on the other side.
        """
        return [self._one(rng, op, split, reask) for _ in range(n)]

    def _one(self, rng: np.random.Generator, op: int | None, split: Split, reask: bool) -> P:
        for _ in range(MOST_DRAWS):
            problem = self.draw_any(rng, op, reask)
            if problem is not None and (split == "all" or split == self.split_of(problem)):
                return problem
        raise ConfigError(
            f"split={split!r}: must be one that has problems of op={op} "
            f"(none in {MOST_DRAWS} draws; bins below train_bins={self.train_bins} of {BINS} "
            "are for training)"
        )
