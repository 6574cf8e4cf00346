"""The sentences of a problem in each language, taken apart.

Every error is a ValueError that says what the sentence must be; who reads adds which one it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from physlm.evaluate.igsm import english
from physlm.evaluate.igsm.formula import Formula, formula_of
from physlm.evaluate.igsm.words import number, shown

COMPACT_NAME = re.compile(r"[a-z](\.[a-z]|#\d+)")
LETTERED_ITEM = re.compile(r"([A-Za-z]+)\d+")
# Letters of one category in the compact world.
LETTERS = 4


@dataclass(frozen=True)
class Language:
    """How problems look in one language.

    sentences: of a problem's text. definition: the name that a sentence defines, and its formula.
    split: a name into its owner and what of it is counted; join: the other way, for an item, or
    with `total` for a category. query: the name that a question asks for. category: of an
    item.
    """

    name: str
    modulus: int
    sentences: Callable[[str], list[str]]
    definition: Callable[[str], tuple[str, Formula]]
    split: Callable[[str], tuple[str, str]]
    join: Callable[..., str]
    query: Callable[[str], str]
    category: Callable[[str], str]


def language_of(problem: str) -> Language:
    """By the look of the first words."""
    words = problem.split(maxsplit=4)
    if words[:3] == english.NUMBER.split():
        return LANGUAGES["english"]
    if words[1:2] == [">"]:
        return LANGUAGES["plan"]
    if words[1:2] == ["="]:
        return LANGUAGES["compact"]
    if words[2:3] == ["="]:
        return LANGUAGES["symbolic"]
    raise ValueError(f"problem: {shown(problem)}: no sentence of English, symbols or a plan")


def word_sentences(text: str) -> list[str]:
    """Sentences of words, each ended by the word `.`"""
    text = f" {' '.join(text.split())} "
    if not text.endswith(" . "):
        raise ValueError(f"problem: must end with the word '.', not {shown(text[-20:].strip())}")
    return [sentence.strip() for sentence in text[:-3].split(" . ")]


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
    return name, formula_of(parts, combined, constant, times)


def _compact(sentence: str) -> tuple[str, Formula]:
    words = sentence.split()
    told = COMPACT_NAME.fullmatch(words[0]) and "#" not in words[0]
    if len(words) < 3 or words[1] != "=" or not told:
        raise ValueError("must be 'a.e = ...'")
    constant, times, body = _scale(words[2:])
    parts, signs = body[::2], set(body[1::2])
    good = len(body) % 2 == (len(body) > 0) and all(map(COMPACT_NAME.fullmatch, parts))
    if not good or signs not in (set(), {"+"}, {"-"}):
        raise ValueError("must have names like a.e or a#2, joined by + or by -")
    combined = "difference" if signs == {"-"} else "sum"
    return words[0], formula_of(parts, combined, constant, times)


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


def _word_query(question: str) -> str:
    mark, *words = question.split()[:4] or [""]
    if mark != "?" or not words:
        raise ValueError(f"question: {shown(question)}: must be '?' and a name")
    return " ".join(words)


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
    if not COMPACT_NAME.fullmatch(name):
        raise ValueError(f"{shown(name)} is no name like a.e or a#2")
    return name[0], name[2:]


def _joined(separator: str) -> Callable[..., str]:
    return lambda owner, counted, total=False: f"{owner}{separator}{counted}"


def _compact_joined(owner: str, counted: str, total: bool = False) -> str:
    return f"{owner}{'#' if total else '.'}{counted}"


def _symbolic_category(item: str) -> str:
    if not (found := LETTERED_ITEM.fullmatch(item)):
        raise ValueError(f"{shown(item)} is no item: must be letters and a number")
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
            english.sentences,
            english.definition,
            _halves("'s "),
            _joined("'s "),
            english.query,
            english.category,
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
