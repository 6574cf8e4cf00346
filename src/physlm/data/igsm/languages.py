"""What a language of problems offers, and how words are spelt.

A text is a list of words, each with its own leading space, so that its spelling is the words put
end to end. Reserved words have none and are spelt with one.
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from physlm.data.igsm.compact import Compact
from physlm.data.igsm.config import Config
from physlm.data.igsm.english import English
from physlm.data.igsm.problem import Parameter, Problem
from physlm.data.igsm.symbolic import Symbolic
from physlm.data.igsm.words import RESERVED


class Language(Protocol):
    """How problems and their solutions are told."""

    @property
    def vocabulary(self) -> list[str]:
        """Every word that some text needs, the reserved ones first."""
        ...

    def name_words(self, problem: Problem, parameter: Parameter) -> list[str]:
        """The name of a parameter."""
        ...

    def problem_words(self, problem: Problem) -> list[str]:
        """What is told of every instance parameter, in the order of `problem.definitions`."""
        ...

    def question_words(self, problem: Problem) -> list[str]:
        """The question for the last parameter of the solution."""
        ...

    def solution_words(self, problem: Problem, rng: np.random.Generator) -> list[list[str]]:
        """The words of each step of the solution."""
        ...

    def answer_words(self, problem: Problem) -> list[str]:
        """The answer after its mark; empty where the last step tells it."""
        ...


def language(config: Config) -> Language:
    """The language of these settings."""
    return {"english": English, "symbolic": Symbolic, "compact": Compact}[config.language](config)


def spell(words: Iterable[str]) -> str:
    """The text of these words, without a space before it."""
    spelt = "".join([f" {word}" if word in RESERVED else word for word in words])
    return spelt.lstrip(" ")
