"""The compact language of the preset micro: a word for each parameter, values beside the names.

    a.f = 3 . b.g = 2 * a.f - c.h . ? a#1 sol a.f : 3 = a.f 3 . ...

`a.f` is how many f each a has, `a#2` its total over category 2. In a sentence of the problem a
constant goes with the whole sum or difference after it: `3 * a.f + b.g` is 3 * (a.f + b.g). In the
solution an operand that is a parameter is followed by its value; each operation tells its result,
and the last one of a step the parameter with its value. There is no answer beside the last step.
"""

from collections.abc import Sequence

import numpy as np

from physlm.data.igsm.config import Config
from physlm.data.igsm.problem import Definition, Parameter, Problem
from physlm.data.igsm.solution import Operand, Result, steps
from physlm.data.igsm.words import RESERVED, named, number_words

MARKS = (" ?", " =", " :", " ;", " .", " +", " -", " *")


class Compact:
    """See physlm.data.igsm.languages.Language."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def vocabulary(self) -> list[str]:
        """Reserved words, marks, numbers, and the name of every parameter that some problem has."""
        names = []
        for hierarchy in named(self.config):
            for layer, (_, owners) in enumerate(hierarchy[:-1]):
                below = hierarchy[layer + 1 :]
                for owner in owners:
                    names += [f" {owner}.{item}" for item in below[0][1]]
                    names += [f" {owner}#{category}" for category, _ in below]
        return list(dict.fromkeys([*RESERVED, *MARKS, *number_words(self.config), *names]))

    def name_words(self, problem: Problem, parameter: Parameter) -> list[str]:
        """The name of a parameter, one word."""
        return [_name(problem, parameter)]

    def problem_words(self, problem: Problem) -> list[str]:
        """A sentence for each instance parameter."""
        words = []
        for parameter, definition in problem.definitions.items():
            words += [_name(problem, parameter), " =", *_expression(problem, definition), " ."]
        return words

    def question_words(self, problem: Problem) -> list[str]:
        """Which parameter is asked for."""
        return [" ?", _name(problem, problem.query)]

    def solution_words(self, problem: Problem, rng: np.random.Generator) -> list[list[str]]:
        """The words of each step; nothing is drawn."""
        del rng
        return [
            self._step(problem, parameter, operations)
            for parameter, operations in steps(problem, self.config.products)
        ]

    def answer_words(self, problem: Problem) -> list[str]:
        """None: the last step tells the answer."""
        del problem
        return []

    def _step(self, problem: Problem, parameter: Parameter, operations: Sequence) -> list[str]:
        words = [_name(problem, parameter), " :"]

        def operand(what: Operand) -> None:
            if isinstance(what, Parameter):
                words.extend((_name(problem, what), f" {problem.values[what]}"))
            else:
                number = operations[what.number].result if isinstance(what, Result) else what
                words.append(f" {number}")

        for i, (left, symbol, right, result) in enumerate(operations):
            if i:
                words.append(" ;")
            operand(left)
            if symbol is not None:
                words.append(f" {symbol}")
                operand(right)
            words.append(" =")
            operand(parameter if i == len(operations) - 1 else result)
        words.append(" .")
        return words


def _name(problem: Problem, parameter: Parameter) -> str:
    layer, owner, below, item = parameter
    names = problem.names
    if item < 0:
        return f" {names[layer][owner]}#{problem.categories[below]}"
    return f" {names[layer][owner]}.{names[below][item]}"


def _expression(problem: Problem, definition: Definition) -> list[str]:
    words = []
    if definition.constant is not None:
        words.append(f" {definition.constant}")
        if definition.parts:
            words.append(" *" if definition.times else " +")
    symbol = " -" if definition.difference else " +"
    for i, part in enumerate(definition.parts):
        if i:
            words.append(symbol)
        words.append(_name(problem, part))
    return words
