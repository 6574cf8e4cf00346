"""The symbolic language of the preset tiny: the paper's texts with short words.

    A1 B3 = 2 * SUM A1 B2 B1 C . ? A1 B3 sol DEF A1 B2 AS v ; v = 3 . ... ans 4

A name is two words: an item, and an item below it or the category whose total is meant. Solutions
have letters for results, as in English.
"""

import numpy as np

from physlm.data.igsm.config import Config
from physlm.data.igsm.letters import Lettered, drawn, letter_words
from physlm.data.igsm.problem import Definition, Parameter, Problem
from physlm.data.igsm.solution import steps
from physlm.data.igsm.words import RESERVED, name_words, number_words

MARKS = (" ?", " =", " ;", " .", " +", " -", " *", " SUM", " DIF", " DEF", " AS")


class Symbolic:
    """See physlm.data.igsm.languages.Language."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def vocabulary(self) -> list[str]:
        """Reserved words, marks, numbers, letters, categories and items."""
        return list(
            dict.fromkeys(
                [
                    *RESERVED,
                    *MARKS,
                    *number_words(self.config),
                    *letter_words(),
                    *name_words(self.config),
                ]
            )
        )

    def name_words(self, problem: Problem, parameter: Parameter) -> list[str]:
        """The name of a parameter, two words."""
        layer, owner, below, item = parameter
        names = problem.names
        last = problem.categories[below] if item < 0 else names[below][item]
        return [f" {names[layer][owner]}", f" {last}"]

    def problem_words(self, problem: Problem) -> list[str]:
        """A sentence for each instance parameter."""
        words = []
        for parameter, definition in problem.definitions.items():
            words += self.name_words(problem, parameter)
            words += [" =", *self._expression(problem, definition), " ."]
        return words

    def question_words(self, problem: Problem) -> list[str]:
        """Which parameter is asked for."""
        return [" ?", *self.name_words(problem, problem.query)]

    def solution_words(self, problem: Problem, rng: np.random.Generator) -> list[list[str]]:
        """The words of each step, with letters from `rng`; ValueError if there are too few."""
        lettered = Lettered(problem, drawn(problem, rng))
        told = []
        for step in steps(problem, self.config.products):
            own, operations = lettered.step(step)
            words = [" DEF", *self.name_words(problem, step.parameter), " AS", f" {own}"]
            for operation in operations:
                words += [" ;", *operation]
            told.append([*words, " ."])
        return told

    def answer_words(self, problem: Problem) -> list[str]:
        """The value of the query."""
        return [f" {problem.answer}"]

    def _expression(self, problem: Problem, definition: Definition) -> list[str]:
        words = []
        parts = definition.parts
        if definition.constant is not None:
            words.append(f" {definition.constant}")
            if parts:
                words.append(" *" if definition.times else " +")
        if len(parts) > 1:
            words.append(" DIF" if definition.difference else " SUM")
        for part in parts:
            words += self.name_words(problem, part)
        return words
