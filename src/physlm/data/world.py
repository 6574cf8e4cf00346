"""What a world of people offers to the corpus, the stream and the measures; where each is."""

import importlib
from dataclasses import dataclass
from types import ModuleType

import numpy as np

# World name in params.yaml -> module. A module is imported only when its world is asked for, and
# only then counts as code of the job (see physlm.provenance.grid).
WORLDS = {"biod": "physlm.data.biod", "bios": "physlm.data.bios"}

# Kinds of tokens in an entry; field i of the world (its attributes, in order) has kind FIELD + i.
OTHER, NAME, FIELD = 0, 1, 2


@dataclass(frozen=True)
class Entries:
    """Entries (one text about one person each) as flat arrays.

    tokens [n_tokens] unsigned, offsets [n_entries + 1] int64 (entry i is tokens[offsets[i] :
    offsets[i + 1]] and starts with EOS), person [n_entries] int32, kinds [n_tokens] uint8.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    person: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.person)


def module(world: str) -> ModuleType:
    """The module of a world by name; KeyError if there is none."""
    return importlib.import_module(WORLDS[world])
