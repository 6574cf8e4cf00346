"""The six questions of the bioS world (Allen-Zhu and Li, Part 3.1 Section 2.2), in English.

A question is spelt with the corpus's own tokeniser from the pieces its biographies are made of, so
names and values have the same tokens in both. The words of the questions that no biography needs
("Which", "?", "Answer") have no row in the compact vocabulary of the corpus; they get the first ids
after it, in the order in which the questions need them.
"""

import itertools

import numpy as np

from physlm.data import bios
from physlm.data.bios import ATTRIBUTES, World
from physlm.data.people import COLUMNS, values
from physlm.data.qa import Questions
from physlm.data.tokenizers import Pieces

# What stands before and after the full name, by attribute.
WORDS = {
    "birth_date": (" What is the birth date of", "? Answer:"),
    "birth_city": (" What is the birth city of", "? Answer:"),
    "university": (" Which university did", " study? Answer:"),
    "major": (" What major did", " study? Answer:"),
    "employer": (" Which company did", " work for? Answer:"),
    "employer_city": (" Where did", " work? Answer:"),
}
CLOSING = "."


def questions(world: World, reserved: tuple[str, ...]) -> Questions:
    """One question per attribute; answers end with a full stop.

    ConfigError if the tokeniser cannot be had, ValueError if it is not the corpus's.
    """
    c = world.config
    spelling = bios.spell_pieces(c)
    if spelling.vocabulary != world.vocabulary:
        raise ValueError("the tokeniser is not the one of the corpus: their vocabularies differ")
    texts = [*itertools.chain.from_iterable(WORDS.values()), CLOSING]
    vocabulary, extra = _spell(texts, c, [*world.vocabulary, *reserved])
    pieces = _joined(spelling.pieces, extra)
    new, first = len(spelling.pieces.lengths), spelling.first
    column = {name: world.profiles[:, i].astype(np.int32) for i, name in enumerate(COLUMNS)}
    month_day = column["month"] * c.days + column["day"]
    column["birth_date"] = month_day * c.years + column["year"]
    column["employer_city"] = column["employer"]
    prompts = np.empty((c.n_people, len(ATTRIBUTES), 6), np.int32)
    answers = np.empty((c.n_people, len(ATTRIBUTES), 2), np.int32)
    prompts[:, :, 0] = first["eos"]
    for part, name in enumerate(COLUMNS[:3]):
        prompts[:, :, 2 + part] = (first[name] + column[name])[:, None]
    for a, attribute in enumerate(ATTRIBUTES):
        before = new + 2 * list(WORDS).index(attribute)
        prompts[:, a, 1], prompts[:, a, 5] = before, before + 1
        answers[:, a, 0] = first[attribute] + column[attribute]
    answers[:, :, 1] = new + len(texts) - 1
    pools = values(c.pools)
    sizes = {a: len(set(pools[a])) for a in ATTRIBUTES if a != "birth_date"}
    return Questions(
        attributes=ATTRIBUTES,
        vocabulary=vocabulary,
        eos=world.eos,
        n_values={a: sizes.get(a, c.birth_dates) for a in ATTRIBUTES},
        pieces=pieces,
        prompts=prompts,
        answers=answers,
    )


def _spell(
    texts: list[str], config: bios.Config, vocabulary: list[str]
) -> tuple[list[str], Pieces]:
    """The texts as pieces, and the vocabulary with the rows added that they need."""
    # The encoder takes the groups for its symbolic atoms alone (names, values), and no text here is
    # one of those.
    encoded = bios._encoder(config, {})(texts)
    row = {token: i for i, token in enumerate(vocabulary)}
    for token in itertools.chain.from_iterable(encoded):
        row.setdefault(token, len(row))
    return list(row), Pieces.of([[row[token] for token in tokens] for tokens in encoded])


def _joined(some: Pieces, more: Pieces) -> Pieces:
    """The pieces `some`, then the pieces `more`."""
    return Pieces(
        np.concatenate([some.tokens, more.tokens]),
        np.concatenate([some.starts, more.starts + np.int32(len(some.tokens))]),
        np.concatenate([some.lengths, more.lengths]),
    )
