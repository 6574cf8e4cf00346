"""The world `retry`: texts of another world in which mistakes are made and taken back (Part 2.2).

What is trained on has such mistakes; the problems to test with, and their solutions, are those of
the other world. With rate 0 so are the texts.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from physlm.config import ConfigError, build, require
from physlm.data.grammars.strings import Strings
from physlm.data.igsm import problem as igsm_problem
from physlm.data.igsm.retries import Kind, Problem, retries
from physlm.data.igsm.split import SplitSource, Texts
from physlm.data.igsm.words import BACK, RESERVED
from physlm.data.igsm.worlds import boxes, igsm, plan

__all__ = ["Config", "Source", "Texts"]

_WORLDS = {"igsm": igsm, "plan": plan, "boxes": boxes}

# How a language begins a step and what it says between the name and BACK, and behind it.
_WORDS = {
    "english": ([" Define"], [" as"], ["."]),
    "symbolic": ([" DEF"], [" AS"], [" ."]),
    "compact": ([], [], [" ."]),
    "plan": ([], [], []),
    "boxes": ([], [], [" ."]),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """The world `of` with its `settings`, and the mistakes of physlm.data.igsm.retries.

    rate: the chance of another mistake, from 0 to below 1. kind: which parameters are begun by
    mistake. masked: what of a mistake the model does not learn to write: none, the name (as in one
    version of the released code), or begun, all words before BACK (as in the other).
    """

    of: Literal["igsm", "plan", "boxes"]
    settings: dict
    rate: float
    kind: Kind = "perfect"
    masked: Literal["none", "name", "begun"] = "none"

    def __post_init__(self) -> None:
        require(0 <= self.rate < 1, "rate", self.rate, "from 0 to below 1")
        require(self.of in _WORLDS, "of", self.of, f"one of {', '.join(_WORLDS)}")
        _ = self.inner

    @cached_property
    def inner(self) -> Any:
        """The settings of the other world, checked."""
        try:
            return build(_WORLDS[self.of].Config, self.settings, "settings")
        except ConfigError as error:
            raise ConfigError(f"of={self.of}: {error}") from None

    @property
    def preset(self) -> str:
        """Of the other world, which has its name where it has no presets."""
        return getattr(self.inner, "preset", self.of)

    @property
    def order(self) -> str:
        """Whether the problem is before the question."""
        return self.inner.order

    @property
    def op_max(self) -> int:
        """The most operations that are trained on."""
        return self.inner.op_max


class Source(SplitSource[Any]):
    """Problems of the other world; their texts to train on with mistakes (see SplitSource)."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.of: SplitSource[Any] = _WORLDS[config.of].Source(config.inner)
        super().__init__(self.of.rows, self.of.order, self.of.train_bins)
        self._words = _WORDS[getattr(config.inner, "language", config.of)]

    def draw(self, n: int, rng: np.random.Generator) -> Texts:
        """See SplitSource; steps that are taken back are masked as the settings say."""
        texts, prompts, masks = [], [], []
        for _ in range(n):
            (problem,) = self.problems(1, rng, split="train")
            text = self.prompt(problem)
            prompts.append(len(text))
            mask = [False] * len(text)
            parts = self.retried(problem, rng)
            for words, masked in [*parts, (self.answer_words(problem), False)]:
                text += self.encode(words)
                mask += [masked] * (len(text) - len(mask))
            texts.append(text)
            masks += mask
        strings = Strings.of(texts)
        masked = None if self.config.masked == "none" else np.array(masks)
        return Texts(strings.tokens, strings.offsets, np.array(prompts, np.int64), masked)

    def retried(self, problem: Any, rng: np.random.Generator) -> list[tuple[list[str], bool]]:
        """The words of a solution with mistakes that are taken back, without the answer, in parts
        that are masked or not.
        """
        steps = self.solution_words(problem, rng)
        begun = retries(told(problem), self.config.kind, self.config.rate, rng)
        parts = []
        for step, mistakes in zip(steps, begun, strict=True):
            for parameter in mistakes:
                parts += self._taken_back(problem, parameter)
            parts.append((step, False))
        return parts

    def _taken_back(self, problem: Any, parameter: Any) -> list[tuple[list[str], bool]]:
        first, middle, last = self._words
        begun = self.config.masked == "begun"
        return [
            (first, begun),
            (self.name_words(problem, parameter), self.config.masked != "none"),
            (middle, begun),
            ([RESERVED[BACK], *last], False),
        ]

    def draw_any(self, rng: np.random.Generator, op: int | None, reask: bool) -> Any:
        """See SplitSource."""
        return self.of.draw_any(rng, op, reask)

    def template(self, problem: Any) -> str:
        """That of the other world."""
        return self.of.template(problem)

    def name_words(self, problem: Any, parameter: Any) -> list[str]:
        """The name of a parameter."""
        return self.of.name_words(problem, parameter)

    def problem_words(self, problem: Any) -> list[str]:
        """What is told."""
        return self.of.problem_words(problem)

    def question_words(self, problem: Any) -> list[str]:
        """What is asked for."""
        return self.of.question_words(problem)

    def solution_words(self, problem: Any, rng: np.random.Generator) -> list[list[str]]:
        """The words of each step of the right solution."""
        return self.of.solution_words(problem, rng)

    def answer_words(self, problem: Any) -> list[str]:
        """The mark `ans` and the answer; empty where the solution tells it."""
        return self.of.answer_words(problem)


def told(problem: Any) -> Problem:
    """What of a problem of any of these worlds decides where mistakes can be made."""
    if isinstance(problem, igsm_problem.Problem):
        parts = (part for d in problem.definitions.values() for part in d.parts)
        stated = {*problem.definitions, *parts, problem.query}
    elif isinstance(problem, boxes.Boxes):
        stated = set(problem.needs)
    else:
        stated = {vertex for edge in problem.edges for vertex in edge} | {problem.query}
    return Problem(problem.needs, problem.solution, stated)
