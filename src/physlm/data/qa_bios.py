"""The six questions of the bioS world (Allen-Zhu and Li, Part 3.1 Section 2.2), in English.

A question is put together from the pieces that the biographies are made of and a few of its own
(resources/templates/questions.txt), so names and values have the same tokens in both.
"""

import numpy as np

from physlm.config import ConfigError
from physlm.data.bios import ATTRIBUTES, World
from physlm.data.people import COLUMNS, values
from physlm.data.qa import Questions


def questions(world: World) -> Questions:
    """One question per attribute; answers end with a full stop (not with tokenizer=symbols).

    ConfigError if the tokeniser cannot be had or the corpus has no questions in its vocabulary,
    ValueError if the tokeniser is not the corpus's.
    """
    c = world.config
    if not c.questions:
        raise ConfigError("settings.questions=False: must be true in a corpus to be asked about")
    first = world.spelling.first
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
        prompts[:, a, 1], prompts[:, a, 5] = first["question"] + a, first["answer"] + a
        answers[:, a, 0] = first[attribute] + column[attribute]
    answers[:, :, 1] = first["closing"]
    pools = values(c.pools)
    sizes = {a: len(set(pools[a])) for a in ATTRIBUTES if a != "birth_date"}
    return Questions(
        attributes=ATTRIBUTES,
        vocabulary=world.vocabulary,
        eos=world.eos,
        n_values={a: sizes.get(a, c.birth_dates) for a in ATTRIBUTES},
        pieces=world.spelling.pieces,
        prompts=prompts,
        answers=answers,
    )
