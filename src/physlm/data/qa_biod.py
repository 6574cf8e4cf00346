"""Questions of the symbolic bioD world: a token for the attribute, the name, a mark, the value.

EOS what_3 s41 s20 s25 s19 answer s56: the order of "What is the major of <full name>? Answer:
<value>." (Part 3.1) with one symbol for each of its parts. All values of an attribute are equally
long, so no mark closes them. The symbols are the first ids after the corpus's vocabulary.
"""

import numpy as np

from physlm.config import require
from physlm.data.biod import World
from physlm.data.qa import Questions
from physlm.data.tokenizers import Pieces

ANSWER_TEXT = "answer"


def questions(world: World, reserved: tuple[str, ...]) -> Questions:
    """One question per attribute; ConfigError for form=text, whose questions are not worded."""
    config, layout = world.config, world.layout
    require(config.form == "symbolic", "form", config.form, "symbolic to ask questions")
    n, k = config.n_people, config.n_attributes
    vocabulary = [*world.vocabulary, *reserved]
    first = len(vocabulary)
    vocabulary += [*(f"what_{a + 1}" for a in range(k)), ANSWER_TEXT]
    n_names = len(layout.name_tokens)
    prompts = np.empty((n, k, n_names + 3), np.int32)
    prompts[:, :, 0] = world.eos
    prompts[:, :, 1] = first + np.arange(k)
    for part, token_of in enumerate(layout.name_tokens):
        prompts[:, :, 2 + part] = token_of[world.profiles[:, part]][:, None]
    prompts[:, :, -1] = first + k
    n_values: int = config.n_values**config.n_chunks
    values = layout.value_tokens[world.profiles[:, n_names:]]
    return Questions(
        attributes=world.fields,
        vocabulary=vocabulary,
        eos=world.eos,
        n_values=dict.fromkeys(world.fields, n_values),
        # Every token is a piece of its own.
        pieces=Pieces.of([[token] for token in range(len(vocabulary))]),
        prompts=prompts,
        answers=values.reshape(n, k, -1).astype(np.int32),
    )
