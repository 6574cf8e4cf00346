"""The solution of a problem as binary operations, whatever language tells it (iGSM, Part 2.1 D.3).

A sum or difference of several parameters is folded from the left; a drawn constant comes last, as
the first operand. A total over more than one layer is a sum of products, a product per child: all
products first as the paper tells it, or each sum as soon as it can be done as in the released code.
"""

from typing import Literal, NamedTuple

from physlm.data.igsm.problem import Parameter, Problem

Products = Literal["first", "interleaved"]


class Result(NamedTuple):
    """What operation `number` of the same step gave."""

    number: int


Operand = Parameter | Result | int


class Operation(NamedTuple):
    """`left symbol right = result` modulo the modulus; without symbol `left = result`."""

    left: Operand
    symbol: str | None
    right: Operand | None
    result: int


class Step(NamedTuple):
    """How a parameter is computed; the last operation gives its value."""

    parameter: Parameter
    operations: tuple[Operation, ...]


def steps(problem: Problem, products: Products = "first") -> list[Step]:
    """A step for each parameter of the solution, in its order."""
    return [step(problem, parameter, products) for parameter in problem.solution]


def step(problem: Problem, parameter: Parameter, products: Products = "first") -> Step:
    """How this parameter is computed from those it needs."""
    folding = _Folding(problem)
    if parameter.abstract:
        needs = problem.needs[parameter]
        if parameter.level == 1:
            folding.fold("+", needs)
        else:
            pairs = list(zip(needs[::2], needs[1::2], strict=True))
            if products == "first":
                folding.fold("+", [folding.apply("*", *pair) for pair in pairs])
            else:
                folding.fold_products(pairs)
    else:
        definition = problem.definitions[parameter]
        inner = folding.fold("-" if definition.difference else "+", definition.parts)
        if definition.constant is not None and inner is None:
            folding.copy(definition.constant)
        elif definition.constant is not None and inner is not None:
            folding.apply("*" if definition.times else "+", definition.constant, inner)
    if not folding.operations:
        # A single parameter is copied; a total over nothing is 0.
        folding.copy(problem.needs[parameter][0] if problem.needs[parameter] else 0)
    return Step(parameter, tuple(folding.operations))


class _Folding:
    """Operations of a step as they are done."""

    def __init__(self, problem: Problem) -> None:
        self.values = problem.values
        self.modulus = problem.modulus
        self.operations: list[Operation] = []

    def value(self, operand: Operand) -> int:
        if isinstance(operand, Parameter):
            return self.values[operand]
        return self.operations[operand.number].result if isinstance(operand, Result) else operand

    def copy(self, operand: Operand) -> None:
        self.operations.append(Operation(operand, None, None, self.value(operand)))

    def apply(self, symbol: str, left: Operand, right: Operand) -> Result:
        a, b = self.value(left), self.value(right)
        result = a + b if symbol == "+" else a - b if symbol == "-" else a * b
        self.operations.append(Operation(left, symbol, right, result % self.modulus))
        return Result(len(self.operations) - 1)

    def fold(self, symbol: str, operands: tuple[Operand, ...] | list[Result]) -> Operand | None:
        """((a + b) + c) + ...; the operand itself if there is one, None without any."""
        if not operands:
            return None
        left: Operand = operands[0]
        for right in operands[1:]:
            left = self.apply(symbol, left, right)
        return left

    def fold_products(self, pairs: list[tuple[Parameter, Parameter]]) -> None:
        """The sum of products with each sum right after its second operand."""
        total: Operand | None = None
        for pair in pairs:
            product = self.apply("*", *pair)
            total = product if total is None else self.apply("+", total, product)
