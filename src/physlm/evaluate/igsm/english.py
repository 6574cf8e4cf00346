"""The English sentences of a problem, taken apart; errors as in physlm.evaluate.igsm.sentences."""

import re
from functools import cache
from importlib import resources
from typing import Any

from physlm.evaluate.igsm.formula import Formula, formula_of
from physlm.evaluate.igsm.words import number, shown

NUMBER = "The number of "
QUESTION = re.compile(r"How many (.+) does (.+) have\?")
SCALED = re.compile(r"(\d+) (more than|times as much as) (.*)")


def sentences(text: str) -> list[str]:
    """Sentences end with a full stop, which stands nowhere else."""
    text = text.strip()
    if not text.endswith("."):
        raise ValueError(f"problem: must end with a full stop, not {shown(text[-20:])}")
    return text[:-1].split(". ")


def definition(sentence: str) -> tuple[str, Formula]:
    """The name that it defines, and how."""
    left, equals, right = sentence.partition(" equals ")
    if not equals or not left.startswith(NUMBER):
        raise ValueError("must be 'The number of each X's Y equals ...'")
    name = _each(left.removeprefix(NUMBER))
    if (alone := number(right)) is not None:
        return name, Formula(constant=alone)
    constant, times = None, False
    if scaled := SCALED.fullmatch(right):
        constant, times = number(scaled[1]), scaled[2].startswith("times")
        right = scaled[3]
        if constant is None:
            raise ValueError(f"{shown(scaled[1])} is no number of ours")
    combined = "sum"
    if right.startswith("the sum of "):
        rest, both, last = right.removeprefix("the sum of ").rpartition(" and ")
        named = [*rest.split(", "), last]
    elif right.startswith("the difference of "):
        combined = "difference"
        rest, both, last = right.removeprefix("the difference of ").rpartition(" and ")
        named = [rest, last]
    else:
        both, named = "and", [right]
    if not both:
        raise ValueError("a sum or difference must have an 'and'")
    return name, formula_of([_each(text) for text in named], combined, constant, times)


def _each(text: str) -> str:
    if not text.startswith("each ") or text.count("'s ") != 1:
        raise ValueError(f"{shown(text)} must be 'each X's Y'")
    return text.removeprefix("each ")


def query(question: str) -> str:
    """The name that it asks for."""
    asked = QUESTION.fullmatch(question.strip())
    if not asked:
        raise ValueError(f"question: {shown(question)}: must be 'How many Y does X have?'")
    return f"{asked[2]}'s {asked[1]}"


@cache
def _items() -> dict[str, str]:
    """The category of every item of the lists, where no name occurs twice."""
    import yaml

    text = resources.files("physlm.data").joinpath("igsm/names.yaml").read_text("utf-8")
    lists: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return {
        item: level["category"]
        for hierarchy in lists["hierarchies"]
        for level in hierarchy
        for items in level["kinds"].values()
        for item in items
    }


def category(item: str) -> str:
    """By the lists of the package."""
    if item not in _items():
        raise ValueError(f"{shown(item)} is no item of the lists")
    return _items()[item]
