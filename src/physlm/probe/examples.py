"""What is probed: rows of tokens, where their states are read, and the labels of their people.

A P-example is a biography, read just before each of its six values; a Q-example is a person's name
between two EOS, read at the last (Allen-Zhu and Li, Part 3.1, P- and Q-probing).
"""

from dataclasses import dataclass

import numpy as np

from physlm.config import ConfigError
from physlm.data.bios import ATTRIBUTES
from physlm.data.corpus import BLOCK, Corpus
from physlm.data.people import COLUMNS
from physlm.data.qa import about
from physlm.data.tokenizers import Pieces
from physlm.probe.config import ProbeConfig
from physlm.random import generator


@dataclass(frozen=True)
class Task:
    """One label to read: of the attribute's value its first token ("first") or all ("whole")."""

    name: str
    attribute: str
    n_classes: int


@dataclass(frozen=True)
class Examples:
    """All examples of a corpus, those of a person together.

    tokens [n, T] int64, filled up with EOS after `lengths` [n]; places [n, P] int64: the tokens
    whose states are read, in text order; scored [n, P, K] bool: whether task k is asked there;
    labels [n, K] int64; person [n] int64.
    """

    tasks: tuple[Task, ...]
    tokens: np.ndarray
    lengths: np.ndarray
    places: np.ndarray
    scored: np.ndarray
    labels: np.ndarray
    person: np.ndarray


def examples(corpus: Corpus, config: ProbeConfig) -> Examples:
    """The examples of `config.kind` with the labels of `config.tasks`, or their shuffled ones.

    ConfigError for a corpus that cannot be asked about (physlm.data.qa.about), or, for P-probing,
    one without stored texts.
    """
    tasks, labels = label_people(corpus, config.tasks)
    if config.control == "labels":
        labels = labels[generator(config.seed, "probe", "labels").permutation(corpus.n_people)]
    if config.kind == "q":
        tokens, lengths = names(corpus)
        person, places = np.arange(corpus.n_people), lengths[:, None] - 1
        scored = np.ones((corpus.n_people, 1, len(tasks)), bool)
    else:
        tokens, lengths, person = biographies(corpus)
        starts = value_starts(corpus)
        places = np.sort(starts, axis=1) - 1
        # An attribute is asked for at every place up to the one before its own value.
        asked = [ATTRIBUTES.index(task.attribute) for task in tasks]
        scored = starts[:, None, asked] > places[:, :, None]
    return Examples(tasks, tokens, lengths, places, scored, labels[person], person)


def label_people(corpus: Corpus, names: tuple[str, ...]) -> tuple[tuple[Task, ...], np.ndarray]:
    """The tasks, and every person's labels [n_people, K] int64.

    Classes are the first tokens, or values, that the people of the corpus have; values that are
    spelt alike are one.
    """
    questions = about(corpus)
    tasks, columns = [], []
    for name in names:
        for a, attribute in enumerate(ATTRIBUTES):
            if attribute == "birth_date" and name == "whole":
                continue
            if attribute == "birth_date":
                classes = corpus.world.profiles[:, COLUMNS.index("month")]
            else:
                classes = _spelt(questions.pieces, questions.answers[:, a, 0], name == "whole")
            distinct, labels = np.unique(classes, return_inverse=True)
            tasks.append(Task(name, attribute, len(distinct)))
            columns.append(labels.reshape(-1))
    return tuple(tasks), np.stack(columns, axis=1).astype(np.int64)


def biographies(corpus: Corpus) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows [n, T] of the stored texts, their lengths [n] and people [n]; ConfigError if fresh."""
    if corpus.world.fresh:
        variant = corpus.manifest["config"]["variant"]
        raise ConfigError(f"variant={variant!r}: must be of fixed texts for P-probing")
    lengths = np.diff(corpus.train_offsets)
    rows = _rows(np.asarray(corpus.train_tokens), lengths, corpus.manifest["eos"])
    return rows, lengths, np.asarray(corpus.train_person, np.int64)


def value_starts(corpus: Corpus) -> np.ndarray:
    """Where each value begins in each stored text, [n, 6] by attribute.

    The choices behind the texts are drawn again as physlm.data.corpus drew them.
    """
    seed, n = corpus.manifest["seed"], corpus.n_people
    blocks = [np.arange(first, min(first + BLOCK, n)) for first in range(0, n, BLOCK)]
    parts = [
        corpus.world.stored_starts(generator(seed, "stored", int(block[0])), block)
        for block in blocks
    ]
    return np.concatenate(parts)


def names(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """Rows [n_people, T] of EOS, full name and EOS, and their lengths [n_people]."""
    world = corpus.world
    first, pieces = world.spelling.first, world.spelling.pieces
    parts = [
        first[part] + world.profiles[:, i].astype(np.int32) for i, part in enumerate(COLUMNS[:3])
    ]
    eos = np.full_like(parts[0], first["eos"])
    tokens, lengths = pieces.join(np.stack([eos, *parts, eos], axis=1))
    lengths = lengths.reshape(corpus.n_people, -1).sum(axis=1, dtype=np.int64)
    return _rows(tokens, lengths, world.eos), lengths


def _rows(tokens: np.ndarray, lengths: np.ndarray, fill: int) -> np.ndarray:
    rows = np.full((len(lengths), lengths.max()), fill, np.int64)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = tokens
    return rows


def _spelt(pieces: Pieces, numbers: np.ndarray, whole: bool) -> np.ndarray:
    """A class for each of the pieces `numbers`: its first token, or a number for all of them."""
    if not whole:
        return pieces.tokens[pieces.starts[numbers]]
    distinct, inverse = np.unique(numbers, return_inverse=True)
    spelt = [tuple(pieces.join(number[None])[0].tolist()) for number in distinct]
    order = {tokens: i for i, tokens in enumerate(dict.fromkeys(spelt))}
    return np.array([order[tokens] for tokens in spelt])[inverse]
