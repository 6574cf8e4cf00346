"""The English of the presets med and hard, in the words of the published data (Part 2.1 D.2, D.3).

    The number of each X's Y equals 5 more than the sum of each A's B and each C's D. ...
    How many Y does X have? Define A's B as p; so p = 17. ...

One word of the vocabulary is a whole name of an item or category, a number, a letter or a word of
the sentences around them.
"""

import numpy as np

from physlm.data.igsm.config import Config
from physlm.data.igsm.letters import Lettered, drawn, letter_words
from physlm.data.igsm.problem import Definition, Parameter, Problem
from physlm.data.igsm.solution import steps
from physlm.data.igsm.words import RESERVED, name_words, number_words

BEGIN = (" The", " number", " of")
MORE = (" more", " than")
TIMES = (" times", " as", " much", " as")
SUM = (" the", " sum", " of")
DIFFERENCE = (" the", " difference", " of")
OTHER = (
    *(" each", "'s", " equals", ",", " and", ".", " How", " many", " does", " have", "?"),
    *(" Define", ";", " so", " =", " +", " -", " *"),
)


class English:
    """See physlm.data.igsm.languages.Language."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def vocabulary(self) -> list[str]:
        """Reserved words, those of the sentences, numbers, letters, categories and items."""
        sentences = [*BEGIN, *MORE, *TIMES, *SUM, *DIFFERENCE, *OTHER]
        return list(
            dict.fromkeys(
                [
                    *RESERVED,
                    *sentences,
                    *number_words(self.config),
                    *letter_words(),
                    *name_words(self.config),
                ]
            )
        )

    def name_words(self, problem: Problem, parameter: Parameter) -> list[str]:
        """The name of a parameter: X's Y."""
        owner, counted = _pair(problem, parameter)
        return [owner, "'s", counted]

    def problem_words(self, problem: Problem) -> list[str]:
        """A sentence for each instance parameter."""
        words = []
        for parameter, definition in problem.definitions.items():
            owner, counted = _pair(problem, parameter)
            words += [*BEGIN, " each", owner, "'s", counted, " equals"]
            _express(problem, definition, words)
            words.append(".")
        return words

    def question_words(self, problem: Problem) -> list[str]:
        """Which parameter is asked for."""
        owner, counted = _pair(problem, problem.query)
        return [" How", " many", counted, " does", owner, " have", "?"]

    def solution_words(self, problem: Problem, rng: np.random.Generator) -> list[list[str]]:
        """The words of each step, with letters from `rng`; ValueError if there are too few."""
        lettered = Lettered(problem, drawn(problem, rng))
        told = []
        for step in steps(problem, self.config.products):
            own, operations = lettered.step(step)
            words = [" Define", *self.name_words(problem, step.parameter), " as", f" {own}", ";"]
            for operation in operations[:-1]:
                words += [*operation, ";"]
            told.append([*words, " so", *operations[-1], "."])
        return told

    def answer_words(self, problem: Problem) -> list[str]:
        """The value of the query."""
        return [f" {problem.answer}"]


def _pair(problem: Problem, parameter: Parameter) -> tuple[str, str]:
    layer, owner, below, item = parameter
    names = problem.names
    counted = problem.categories[below] if item < 0 else names[below][item]
    return f" {names[layer][owner]}", f" {counted}"


def _express(problem: Problem, definition: Definition, words: list[str]) -> None:
    parts = definition.parts
    if definition.constant is not None:
        words.append(f" {definition.constant}")
        if parts:
            words += TIMES if definition.times else MORE
    if len(parts) > 1:
        words += DIFFERENCE if definition.difference else SUM
    for i, part in enumerate(parts):
        if i:
            words.append(" and" if i == len(parts) - 1 else ",")
        owner, counted = _pair(problem, part)
        words += [" each", owner, "'s", counted]
