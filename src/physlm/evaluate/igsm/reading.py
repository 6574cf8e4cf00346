"""A problem of Part 2 read from its text alone: what is asked, and what each number comes from.

Shares no code with the generator (physlm.data.igsm), so that one can check the other. Four kinds of
text are told apart by how they look (docs/igsm_texts.md): `english`, `symbolic`, `compact` and `plan`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from physlm.evaluate.igsm.formula import Formula
from physlm.evaluate.igsm.sentences import Language, language_of
from physlm.evaluate.igsm.words import shown

# A longer problem is none of ours: the largest has some 5,000 characters.
MAX_CHARACTERS = 100_000
MAX_CATEGORIES = 20


@dataclass(frozen=True)
class Reading:
    """What a problem says.

    formulas: of every parameter by its name as the text has it; totals that the text never defines
        (abstract parameters) included, also those that nothing uses. In a plan the formula of a
        vertex has its parents and no value.
    told: the parameters that a sentence defines (all vertices of a plan), in the order of the text.
    query: the name that is asked for. modulus: of the arithmetic; 0 in a plan, which has none.
    """

    language: str
    modulus: int
    formulas: dict[str, Formula]
    told: tuple[str, ...]
    query: str

    def needs(self, name: str) -> tuple[str, ...]:
        """The parameters that this one is computed from."""
        return self.formulas[name].parts


def read(
    problem: str,
    question: str,
    items: Mapping[str, str] | None = None,
    modulus: int | None = None,
) -> Reading:
    """The problem and its question. ValueError, naming the sentence, for a text that is none.

    items: category of each item; by default that of the world of the language: the package's lists
        of English names; `A3` is of the category `A`; a to d are of "0", e to h of "1", and so on.
    modulus: by default 23 for English and 5 for the others.
    """
    if len(problem) > MAX_CHARACTERS:
        allowed = f"at most {MAX_CHARACTERS}"
        raise ValueError(f"problem: {len(problem)} characters, must be {allowed}")
    if len(question) > MAX_CHARACTERS:
        raise ValueError(f"question: {len(question)} characters, must be a single sentence")
    language = language_of(problem)
    if language.name == "plan":
        return _plan(language, problem, question)
    formulas: dict[str, Formula] = {}
    for number, sentence in enumerate(language.sentences(problem), 1):
        name, formula = _told(language, sentence, number)
        if name in formulas:
            raise ValueError(f"problem: sentence {number}: {shown(name)} is told a second time")
        formulas[name] = formula
    told = tuple(formulas)
    query = language.query(question)
    named = [*told, *(part for formula in formulas.values() for part in formula.parts), query]
    category = language.category if items is None else _given(items)
    owners = [*(language.split(name)[0] for name in named), *(items or ())]
    formulas |= _totals(language, told, owners, category)
    for name, formula in formulas.items():
        for part in formula.parts:
            if part not in formulas:
                raise ValueError(f"problem: {shown(name)} needs {shown(part)}, which it never has")
    _check_query(query, formulas)
    return Reading(language.name, modulus or language.modulus, formulas, told, query)


def _check_query(query: str, formulas: Mapping[str, Formula]) -> None:
    if query not in formulas:
        raise ValueError(f"question: {shown(query)} is no number of the problem")


def _told(language: Language, sentence: str, number: int) -> tuple[str, Formula]:
    try:
        return language.definition(sentence)
    except ValueError as error:
        raise ValueError(f"problem: sentence {number}: {shown(sentence)}: {error}") from None


def _totals(
    language: Language,
    told: Sequence[str],
    owners: Iterable[str],
    category: Callable[[str], str],
) -> dict[str, Formula]:
    """Formulas of the totals that every item has of every category below its own.

    told: the names that have a sentence. owners: items; some may not be in any of these, as they
    own nothing.

    Of the next category: the sum of how many the item has of each; of a later one: the sum, over
    these, of how many there are times their own total. What the text does not mention is zero.
    """
    children: dict[str, list[str]] = {}
    for name in told:
        owner, item = language.split(name)
        children.setdefault(owner, []).append(item)
        children.setdefault(item, [])
    chain = _chain(children, category)
    children |= {owner: [] for owner in owners if owner not in children}
    totals: dict[str, Formula] = {}
    for owner, owned in children.items():
        kind = category(owner)
        below = chain[chain.index(kind) + 1 :] if kind in chain else []
        for place, kind in enumerate(below):
            counts = [language.join(owner, item) for item in owned]
            if place == 0:
                formula = Formula(tuple(counts))
            else:
                inner = [language.join(item, kind, total=True) for item in owned]
                pairs = tuple(part for pair in zip(counts, inner, strict=True) for part in pair)
                formula = Formula(pairs, combined="products")
            totals[language.join(owner, kind, total=True)] = formula
    return totals


def _chain(children: Mapping[str, Sequence[str]], category: Callable[[str], str]) -> list[str]:
    """The categories from the top down; ValueError unless each contains the next one alone."""
    below: dict[str, str] = {}
    for owner, owned in children.items():
        for item in owned:
            upper, lower = category(owner), category(item)
            if below.setdefault(upper, lower) != lower:
                kinds = f"{shown(below[upper])} and {shown(lower)}"
                raise ValueError(f"problem: {shown(upper)} contains {kinds}, must be one category")
    tops = sorted(set(below) - set(below.values()))
    chain = tops[:1]
    while chain and chain[-1] in below:
        chain.append(below[chain[-1]])
    if len(tops) != 1 or len(chain) != len(below) + 1:
        raise ValueError("problem: its categories must be a chain, each within the one before")
    if len(chain) > MAX_CATEGORIES:
        raise ValueError(f"problem: {len(chain)} categories, must be at most {MAX_CATEGORIES}")
    return chain


def _given(items: Mapping[str, str]) -> Callable[[str], str]:
    def category(item: str) -> str:
        if item not in items:
            raise ValueError(f"items: {shown(item)} has no category")
        return items[item]

    return category


def _plan(language: Language, problem: str, question: str) -> Reading:
    """Sentences `u > v .`: v needs u."""
    parents: dict[str, dict[str, None]] = {}  # a dict keeps the order of the text
    for number, sentence in enumerate(language.sentences(problem), 1):
        name, formula = _told(language, sentence, number)
        (parent,) = formula.parts
        if parent in parents.setdefault(name, {}):
            raise ValueError(f"problem: sentence {number}: {shown(sentence)} is told twice")
        parents[name][parent] = None
        parents.setdefault(parent, {})
    formulas = {name: Formula(tuple(known)) for name, known in parents.items()}
    query = language.query(question)
    _check_query(query, formulas)
    return Reading(language.name, 0, formulas, tuple(formulas), query)
