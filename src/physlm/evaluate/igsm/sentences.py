"""The sentences of a problem in each language, taken apart.

Every error is a ValueError that says what the sentence must be; who reads adds which one it is.
"""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from physlm.evaluate.igsm.words import number, shown

ENGLISH_NUMBER = "The number of "
ENGLISH_QUESTION = re.compile(r"How many (.+) does (.+) have\?")
ENGLISH_SCALED = re.compile(r"(\d+) (more than|times as much as) (.*)")
COMPACT_NAME = re.compile(r"[a-z](\.[a-z]|#\d)")
LETTERED_ITEM = re.compile(r"([A-Za-z]+)\d+")
# Letters of one category in the compact world.
LETTERS = 4


@dataclass(frozen=True)
class Formula:
    """What a parameter is computed from.

    parts: names. combined: sum of the parts, the first less the second, or the sum of the products
    of parts 1 and 2, 3 and 4, ... (an empty sum is 0). constant: added to that, or what it is
    multiplied by if `times`; the number itself where there are no parts.
    """

    parts: tuple[str, ...] = ()
    combined: str = "sum"
    constant: int | None = None
    times: bool = False

    @property
    def op(self) -> int:
        """Binary operations, by the paper's count (Part 2.1, Definition D.1): at least 1."""
        return max(1, len(self.parts) + (self.constant is not None) - 1)


@dataclass(frozen=True)
class Language:
    """How problems look in one language.

    sentences: of a problem's text. definition: the name that a sentence defines, and its formula.
    split: a name into its owner and what of it is counted; join: the other way, for an item, or
    with `total` for a category. query: the name that a question asks for, one of those given.
    category: of an item.
    """

    name: str
    modulus: int
    sentences: Callable[[str], list[str]]
    definition: Callable[[str], tuple[str, Formula]]
    split: Callable[[str], tuple[str, str]]
    join: Callable[..., str]
    query: Callable[[str, Container[str]], str]
    category: Callable[[str], str]


def language_of(problem: str) -> Language:
    """By the look of the first words."""
    words = problem.split(maxsplit=4)
    if words[:3] == ENGLISH_NUMBER.split():
        return LANGUAGES["english"]
    if words[1:2] == [">"]:
        return LANGUAGES["plan"]
    if words[1:2] == ["="]:
        return LANGUAGES["compact"]
    if words[2:3] == ["="]:
        return LANGUAGES["symbolic"]
    raise ValueError(f"problem: {shown(problem)}: no sentence of English, symbols or a plan")


def english_sentences(text: str) -> list[str]:
    """Sentences end with a full stop, which stands nowhere else."""
    text = text.strip()
    if not text.endswith("."):
        raise ValueError(f"problem: must end with a full stop, not {shown(text[-20:])}")
    return text[:-1].split(". ")


def word_sentences(text: str) -> list[str]:
    """Sentences of words, each ended by the word `.`"""
    text = f" {' '.join(text.split())} "
    if not text.endswith(" . "):
        raise ValueError(f"problem: must end with the word '.', not {shown(text[-20:].strip())}")
    return [sentence.strip() for sentence in text[:-3].split(" . ")]


def _english(sentence: str) -> tuple[str, Formula]:
    left, equals, right = sentence.partition(" equals ")
    if not equals or not left.startswith(ENGLISH_NUMBER):
        raise ValueError("must be 'The number of each X's Y equals ...'")
    name = _each(left.removeprefix(ENGLISH_NUMBER))
    if (alone := number(right)) is not None:
        return name, Formula(constant=alone)
    constant, times = None, False
    if scaled := ENGLISH_SCALED.fullmatch(right):
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
    return name, _formula([_each(text) for text in named], combined, constant, times)


def _each(text: str) -> str:
    if not text.startswith("each ") or text.count("'s ") != 1:
        raise ValueError(f"{shown(text)} must be 'each X's Y'")
    return text.removeprefix("each ")


def _english_query(question: str, known: Container[str]) -> str:
    asked = ENGLISH_QUESTION.fullmatch(question.strip())
    if not asked:
        raise ValueError(f"question: {shown(question)}: must be 'How many Y does X have?'")
    return _known(f"{asked[2]}'s {asked[1]}", known)


def _symbolic(sentence: str) -> tuple[str, Formula]:
    words = sentence.split()
    if len(words) < 4 or words[2] != "=":
        raise ValueError("must be 'X Y = ...'")
    name, body = " ".join(words[:2]), words[3:]
    constant, times, body = _scale(body)
    combined = "difference" if body[:1] == ["DIF"] else "sum"
    listed = body[:1] in (["DIF"], ["SUM"])
    body = body[listed:]
    if len(body) % 2 or (len(body) < 4 if listed else len(body) > 2):
        raise ValueError("must have one name of two words, or several after SUM or DIF")
    parts = [" ".join(body[i : i + 2]) for i in range(0, len(body), 2)]
    return name, _formula(parts, combined, constant, times)


def _compact(sentence: str) -> tuple[str, Formula]:
    words = sentence.split()
    if len(words) < 3 or words[1] != "=" or not COMPACT_NAME.fullmatch(words[0]):
        raise ValueError("must be 'a.e = ...'")
    constant, times, body = _scale(words[2:])
    parts, signs = body[::2], set(body[1::2])
    good = len(body) % 2 == (len(body) > 0) and all(map(COMPACT_NAME.fullmatch, parts))
    if not good or signs not in (set(), {"+"}, {"-"}):
        raise ValueError("must have names like a.e or a#2, joined by + or by -")
    combined = "difference" if signs == {"-"} else "sum"
    return words[0], _formula(parts, combined, constant, times)


def _scale(body: list[str]) -> tuple[int | None, bool, list[str]]:
    """The constant in front, whether it multiplies, and the words after it."""
    constant = number(body[0])
    if constant is None:
        return None, False, body
    if len(body) == 1:
        return constant, False, []
    if body[1] not in ("+", "*") or len(body) == 2:
        raise ValueError(f"after the constant {constant} must come + or * and a name, or nothing")
    return constant, body[1] == "*", body[2:]


def _formula(parts: list[str], combined: str, constant: int | None, times: bool) -> Formula:
    if combined == "difference" and len(parts) != 2:
        raise ValueError(f"a difference must be of 2 numbers, not {len(parts)}")
    if len(set(parts)) < len(parts):
        raise ValueError("names a number twice")
    return Formula(tuple(parts), combined, constant, times)


def _word_query(question: str, known: Container[str]) -> str:
    mark, *words = question.split()[:4] or [""]
    if mark != "?" or not words:
        raise ValueError(f"question: {shown(question)}: must be '?' and a name")
    return _known(" ".join(words), known)


def _known(name: str, known: Container[str]) -> str:
    if name not in known:
        raise ValueError(f"question: {shown(name)} is no number of the problem")
    return name


def _edge(sentence: str) -> tuple[str, Formula]:
    words = sentence.split()
    if len(words) != 3 or words[1] != ">" or words[0] == words[2]:
        raise ValueError("must be 'u > v'")
    return words[2], Formula((words[0],))


def _halves(separator: str) -> Callable[[str], tuple[str, str]]:
    def split(name: str) -> tuple[str, str]:
        owner, _, item = name.partition(separator)
        return owner, item

    return split


def _compact_split(name: str) -> tuple[str, str]:
    if "#" in name:
        raise ValueError(f"problem: {shown(name)} is a total, which no sentence tells")
    return name[0], name[2]


def _joined(separator: str) -> Callable[..., str]:
    return lambda owner, counted, total=False: f"{owner}{separator}{counted}"


def _compact_joined(owner: str, counted: str, total: bool = False) -> str:
    return f"{owner}{'#' if total else '.'}{counted}"


@cache
def _english_items() -> dict[str, str]:
    """The category of every item of the lists: hierarchy, category, sub-category, names."""
    import yaml

    text = resources.files("physlm.data").joinpath("igsm/names.yaml").read_text("utf-8")
    hierarchies: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return {
        item: category
        for categories in hierarchies.values()
        for category, groups in categories.items()
        for group in groups.values()
        for item in group
    }


def _english_category(item: str) -> str:
    if item not in _english_items():
        raise ValueError(f"problem: {shown(item)} is no item of the lists")
    return _english_items()[item]


def _symbolic_category(item: str) -> str:
    if not (found := LETTERED_ITEM.fullmatch(item)):
        raise ValueError(f"problem: {shown(item)} is no item: must be letters and a number")
    return found[1]


def _compact_category(item: str) -> str:
    return str((ord(item) - ord("a")) // LETTERS)


def _none(text: str) -> str:
    return text


LANGUAGES = {
    language.name: language
    for language in (
        Language(
            "english",
            23,
            english_sentences,
            _english,
            _halves("'s "),
            _joined("'s "),
            _english_query,
            _english_category,
        ),
        Language(
            "symbolic",
            5,
            word_sentences,
            _symbolic,
            _halves(" "),
            _joined(" "),
            _word_query,
            _symbolic_category,
        ),
        Language(
            "compact",
            5,
            word_sentences,
            _compact,
            _compact_split,
            _compact_joined,
            _word_query,
            _compact_category,
        ),
        Language("plan", 0, word_sentences, _edge, _halves(" "), _joined(" "), _word_query, _none),
    )
}
