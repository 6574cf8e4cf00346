"""The steps of a solution in each language, taken apart and checked one by one."""

import operator
import re
from collections import Counter
from dataclasses import dataclass, field

from physlm.evaluate.igsm.reading import Reading
from physlm.evaluate.igsm.sentences import COMPACT_NAME
from physlm.evaluate.igsm.solve import Solved
from physlm.evaluate.igsm.words import number

SYMBOLS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
# A vertex of a plan, with the word that takes it back.
VERTEX = re.compile(r"\S+(?: BACK(?!\S))?")


class Fault(Exception):
    """A step is wrong; `kind` is one of those of physlm.evaluate.igsm.grade."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass
class Stated:
    """What a solution has said so far.

    steps: the sentence in which each parameter was defined. values: of each parameter. letters: for
    each letter its value and the parameters that it was computed from; the letter of a parameter
    stands for this one alone.
    """

    steps: dict[str, int] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    letters: dict[str, tuple[int, frozenset[str]]] = field(default_factory=dict)


def sentences_of(language: str, solution: str) -> tuple[list[str], str]:
    """The whole sentences of a solution, and what stands behind the last of them."""
    if language == "english":
        pieces = f"{solution.strip()} ".split(". ")
    else:
        spaced = " ".join(solution.split())
        if language == "plan":
            return VERTEX.findall(spaced), ""
        pieces = f" {spaced} ".split(" . ")
    tail = pieces.pop().strip()
    return [piece.strip() for piece in pieces], tail


def is_back(sentence: str) -> bool:
    """Whether a sentence takes itself back (retry data of Part 2.2)."""
    return sentence.endswith(" BACK")


def head(language: str, sentence: str) -> tuple[str, str, list[str]]:
    """The name that a sentence defines, the letter it gives it ("" without) and its clauses."""
    if language == "plan":
        return sentence, "", []
    if language == "compact":
        name, colon, rest = sentence.partition(" : ")
        if not colon:
            raise Fault("syntax")
        return name, "", rest.split(" ; ")
    first, *clauses = sentence.split("; " if language == "english" else " ; ")
    define, as_ = ("Define ", " as ") if language == "english" else ("DEF ", " AS ")
    name, found, letter = first.removeprefix(define).rpartition(as_)
    if not first.startswith(define) or not found or not clauses:
        raise Fault("syntax")
    if language == "english":
        if not clauses[-1].startswith("so "):
            raise Fault("syntax")
        clauses[-1] = clauses[-1].removeprefix("so ")
    return name, letter, clauses


def check_step(
    reading: Reading, solved: Solved, stated: Stated, name: str, letter: str, clauses: list[str]
) -> None:
    """Raise Fault if the step is wrong, else add what it says to `stated`."""
    if name not in reading.formulas:
        raise Fault("unknown")
    if name in stated.steps:
        raise Fault("repeated")
    needs = reading.needs(name)
    if any(part not in stated.steps for part in needs):
        raise Fault("not_ready")
    if reading.language == "plan":
        return
    if reading.language == "compact":
        value, uses = _compact_step(reading, stated, name, clauses)
    else:
        value, uses = _lettered_step(reading, stated, letter, clauses)
    if uses != set(needs):
        raise Fault("wrong_dependency")
    if value != solved.values[name]:
        raise Fault("wrong_value")
    stated.values[name] = value
    if letter:
        stated.letters[letter] = value, frozenset([name])


def _lettered_step(
    reading: Reading, stated: Stated, letter: str, clauses: list[str]
) -> tuple[int, frozenset[str]]:
    """Clauses `v = a + b = 3 + 4 = 2`, `v = a = 3` and `v = 3`; the last one of the letter."""
    _new_letter(stated, letter)
    for place, clause in enumerate(clauses):
        target, *fields = clause.split(" = ")
        final = place == len(clauses) - 1
        if final and target != letter:
            raise Fault("syntax")
        if not final and target == letter:
            raise Fault("repeated")
        _new_letter(stated, target)
        result = _number(fields[-1] if fields else "")
        value, uses = _lettered(stated, fields[:-1], result, reading.modulus)
        if value != result:
            raise Fault("wrong_value")
        stated.letters[target] = value, uses
    return stated.letters.pop(letter)


def _new_letter(stated: Stated, letter: str) -> None:
    if len(letter) != 1 or not letter.isascii() or not letter.isalpha():
        raise Fault("syntax")
    if letter in stated.letters:
        raise Fault("repeated")


def _lettered(
    stated: Stated, fields: list[str], result: int, modulus: int
) -> tuple[int, frozenset[str]]:
    """The value of what stands between the letter and the result, and the parameters in it."""
    if not fields:
        return result, frozenset()
    if len(fields) == 1:
        # A copy: the letter, and its value is the result.
        if number(fields[0]) is not None:
            raise Fault("syntax")
        return _operand(stated, fields[0])
    if len(fields) > 2:
        raise Fault("syntax")
    named, quoted = (text.split(" ") for text in fields)
    if len(named) != 3 or len(quoted) != 3 or named[1] != quoted[1] or named[1] not in SYMBOLS:
        raise Fault("syntax")
    operands = [_operand(stated, named[place]) for place in (0, 2)]
    if [_number(quoted[place]) for place in (0, 2)] != [value for value, _ in operands]:
        raise Fault("wrong_value")
    (left, of_left), (right, of_right) = operands
    return SYMBOLS[named[1]](left, right) % modulus, of_left | of_right


def _operand(stated: Stated, text: str) -> tuple[int, frozenset[str]]:
    """Value of a letter or number, and the parameters it comes from."""
    if (value := number(text)) is not None:
        return value, frozenset()
    if len(text) != 1 or not text.isascii() or not text.isalpha():
        raise Fault("syntax")
    if text not in stated.letters:
        raise Fault("undefined_symbol")
    return stated.letters[text]


def _compact_step(
    reading: Reading, stated: Stated, name: str, clauses: list[str]
) -> tuple[int, set[str]]:
    """Clauses `a.f 3 + b.g 3 = 1`; the last one gives the name and its value."""
    uses: set[str] = set()
    # Results that a later clause has to take up; any other number is a constant.
    pending: Counter[int] = Counter()
    value = 0
    for place, clause in enumerate(clauses):
        left, _, right = clause.partition(" = ")
        result = right.removeprefix(f"{name} ") if place == len(clauses) - 1 else right
        if place == len(clauses) - 1 and result == right:
            raise Fault("syntax")
        value = _compact_value(reading, stated, left.split(" "), uses, pending)
        if value != _number(result):
            raise Fault("wrong_value")
        pending[value] += 1
    pending[value] -= 1
    if pending.total():
        raise Fault("wrong_value")
    return value, uses


def _compact_value(
    reading: Reading, stated: Stated, words: list[str], uses: set[str], pending: Counter[int]
) -> int:
    """The value of `3`, `a.f 3`, or two such joined by a symbol."""
    operands: list[int] = []
    symbol = None
    while words:
        if operands:
            symbol, *words = words
        named, words = (words[0], words[1:]) if words else ("", [])
        value = number(named)
        if value is None:
            value = _quoted(reading, stated, named)
            if _number(words[0] if words else "") != value:
                raise Fault("wrong_value")
            words = words[1:]
            uses.add(named)
        elif pending[value]:
            pending[value] -= 1
        operands.append(value)
        if len(operands) == 2:
            break
    if words or (symbol is not None and symbol not in SYMBOLS):
        raise Fault("syntax")
    if symbol is None:
        return operands[0] % reading.modulus
    return SYMBOLS[symbol](*operands) % reading.modulus


def _quoted(reading: Reading, stated: Stated, name: str) -> int:
    if not COMPACT_NAME.fullmatch(name):
        raise Fault("syntax")
    if name not in reading.formulas:
        raise Fault("undefined_symbol")
    if name not in stated.values:
        raise Fault("not_ready")
    return stated.values[name]


def _number(text: str) -> int:
    found = number(text)
    if found is None:
        raise Fault("syntax")
    return found
