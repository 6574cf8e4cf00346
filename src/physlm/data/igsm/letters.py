"""Letters for the results of a solution, as the languages with letters share them."""

from collections.abc import Iterator, Sequence

import numpy as np

from physlm.data.igsm.problem import Parameter, Problem
from physlm.data.igsm.solution import Operand, Operation, Result, Step

LETTERS = tuple("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def drawn(problem: Problem, rng: np.random.Generator) -> Iterator[str]:
    """A letter for each operation of the solution, distinct, in random order.

    ValueError if the solution has more operations than there are letters.
    """
    if problem.op > len(LETTERS):
        raise ValueError(
            f"op={problem.op}: a solution of letters has at most {len(LETTERS)} operations"
        )
    return iter([LETTERS[i] for i in rng.permutation(len(LETTERS))[: problem.op].tolist()])


class Lettered:
    """The operations of a solution with letters, step by step.

    Results within a step take their letters before the parameter of the step takes its own (D.3).
    """

    def __init__(self, problem: Problem, letters: Iterator[str]) -> None:
        self.values = problem.values
        self.letters = letters
        self.of: dict[Parameter, str] = {}

    def step(self, step: Step) -> tuple[str, list[list[str]]]:
        """The letter of the parameter, and the words of each operation: `v = 2 * w = 2 * 2 = 4`."""
        parameter, operations = step
        inner = [next(self.letters) for _ in operations[1:]]
        own = self.of[parameter] = next(self.letters)
        names = [*inner, own]
        return own, [
            self._operation(operation, name, operations, names)
            for operation, name in zip(operations, names, strict=True)
        ]

    def _operation(
        self, operation: Operation, name: str, operations: Sequence[Operation], names: list[str]
    ) -> list[str]:
        left, symbol, right, result = operation

        def both(operand: Operand) -> tuple[str, str]:
            if isinstance(operand, Parameter):
                return f" {self.of[operand]}", f" {self.values[operand]}"
            if isinstance(operand, Result):
                return f" {names[operand.number]}", f" {operations[operand.number].result}"
            return f" {operand}", f" {operand}"

        words = [f" {name}", " ="]
        letter, number = both(left)
        if symbol is not None and right is not None:
            other, value = both(right)
            words += [letter, f" {symbol}", other, " =", number, f" {symbol}", value, " ="]
        elif letter != number:
            words += [letter, " ="]
        words.append(f" {result}")
        return words


def letter_words() -> list[str]:
    """The letters as words."""
    return [f" {letter}" for letter in LETTERS]
