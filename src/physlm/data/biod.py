"""bioD(N, K, C, D, L, T): people whose attributes are strings of a known number of bits.

Allen-Zhu and Li, Part 3.3 (arXiv 2404.05405), Definition 2.2. N people have distinct names out of a
space of N0. For each of K attributes a dictionary of D distinct strings is drawn out of the T^L
strings of L characters over an alphabet of T; a value is C chunks, each a uniform independent
choice from that dictionary. So a value has C * L characters and D^C possibilities.

Two forms of the same people. `symbolic`: EOS, the name's symbols, then the values; in random order
each value has its attribute's marker in front, in fixed order the place says which attribute it is.
`text`: the published paragraph, "<full name>'s ID 7 is ab,cd. Her ID 2 is ...", one token per name
part, word, mark and character; its names are the first, middle and last names of bioS.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from physlm.config import require
from physlm.data.draw import distinct_strings
from physlm.data.world import FIELD, NAME, OTHER, Entries
from physlm.random import generator

EOS_TEXT = "<eos>"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Config:
    """Sizes N, K, C, D, L, T in this order, then how an entry is written.

    name_length and name_alphabet (None: 4 and 64) give the symbolic name space N0 = name_alphabet
    ** name_length; the text form has its own names and takes neither. With shared_alphabet the
    symbolic form uses the same vocabulary rows for symbols of names and of values.
    """

    n_people: int
    n_attributes: int = 5
    n_chunks: int = 1
    n_values: int = 64
    chunk_length: int = 1
    alphabet: int = 64
    form: Literal["symbolic", "text"] = "symbolic"
    attribute_order: Literal["fixed", "random"] = "fixed"
    name_length: int | None = None
    name_alphabet: int | None = None
    shared_alphabet: bool = True

    def __post_init__(self) -> None:
        for key in ("n_people", "n_chunks", "n_values", "chunk_length", "alphabet"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        most = 255 - FIELD
        ok = 1 <= self.n_attributes <= most
        require(ok, "n_attributes", self.n_attributes, f"between 1 and {most}")
        for key, default in (("name_length", 4), ("name_alphabet", 64)):
            if self.form == "text":
                absent = getattr(self, key) is None
                require(absent, key, getattr(self, key), "left out with form=text (real names)")
            elif getattr(self, key) is None:
                object.__setattr__(self, key, default)
            else:
                require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        strings = self.alphabet**self.chunk_length
        allowed = f"at most alphabet ** chunk_length = {strings}, the number of distinct strings"
        require(self.n_values <= strings, "n_values", self.n_values, allowed)
        allowed = f"at most {self.name_space}, the number of distinct names"
        require(self.n_people <= self.name_space, "n_people", self.n_people, allowed)

    @property
    def name_sizes(self) -> tuple[int, ...]:
        """Number of choices for each part of a name."""
        if self.form == "text":
            return tuple(len(names) for names in _name_lists())
        assert self.name_length is not None
        assert self.name_alphabet is not None
        return (self.name_alphabet,) * self.name_length

    @property
    def name_space(self) -> int:
        """N0, the number of possible full names."""
        space = 1
        for size in self.name_sizes:
            space *= size
        return space


@dataclass(frozen=True)
class Layout:
    """How an entry is spelled: constants, places and the tokens for each symbol.

    template [n_tokens] has the constant tokens (values and names are filled in); value_slots
    [n_attributes, n_chunks * chunk_length] and marker_slots [n_attributes] (or None) are columns of
    an entry; name_tokens[j] maps the j-th part of a name to its token, value_tokens [alphabet] a
    character, marker_tokens [n_attributes] an attribute.
    """

    vocabulary: list[str]
    template: np.ndarray
    value_slots: np.ndarray
    marker_slots: np.ndarray | None
    name_tokens: list[np.ndarray]
    value_tokens: np.ndarray
    marker_tokens: np.ndarray


class World:
    """The people of one bioD world; see `make`.

    profiles [n_people, n_name_parts + n_attributes * n_chunks * chunk_length]: the parts of the
    name, then the characters of every value, attribute by attribute.
    """

    name: ClassVar[str] = "biod"
    fresh: ClassVar[bool] = True

    def __init__(self, config: Config, profiles: np.ndarray, layout: Layout) -> None:
        self.config = config
        self.profiles = profiles
        self.layout = layout
        self.vocabulary = layout.vocabulary
        self.d_vocab = len(layout.vocabulary)
        self.eos = layout.vocabulary.index(EOS_TEXT)
        self.fields = tuple(f"id_{a + 1}" for a in range(config.n_attributes))

    @classmethod
    def restore(cls, config: Config, profiles: np.ndarray, vocabulary: list[str]) -> "World":
        """The world whose profiles and vocabulary were stored; ValueError if they do not fit."""
        layout = make_layout(config)
        value_length = config.n_chunks * config.chunk_length
        columns = len(config.name_sizes) + config.n_attributes * value_length
        if profiles.shape != (config.n_people, columns):
            raise ValueError(
                f"profiles have shape {profiles.shape}, expected {(config.n_people, columns)}"
            )
        if vocabulary != layout.vocabulary:
            raise ValueError("the stored vocabulary is not the one of this bioD configuration")
        return cls(config, profiles, layout)

    @cached_property
    def _kinds(self) -> np.ndarray:
        kinds = np.full(len(self.layout.template), OTHER, np.uint8)
        kinds[1 : 1 + len(self.layout.name_tokens)] = NAME
        fields = np.arange(FIELD, FIELD + self.config.n_attributes, dtype=np.uint8)
        kinds[self.layout.value_slots] = fields[:, None]
        return kinds

    def render(self, rng: np.random.Generator, people: np.ndarray) -> Entries:
        """One entry per person of `people` [n], in that order; all have the same length.

        Only the order of the attributes is random (attribute_order=random): a fixed-order entry is
        the same at every exposure.
        """
        layout, n, n_names = self.layout, len(people), len(self.layout.name_tokens)
        profiles = self.profiles[people]
        tokens = np.empty((n, len(layout.template)), layout.template.dtype)
        tokens[:] = layout.template
        for part, token_of in enumerate(layout.name_tokens):
            tokens[:, 1 + part] = token_of[profiles[:, part]]
        values = layout.value_tokens[profiles[:, n_names:]].reshape(n, *layout.value_slots.shape)
        kinds = np.tile(self._kinds, n)
        if self.config.attribute_order == "random":
            order = rng.random(values.shape[:2]).argsort(axis=1)
            values = np.take_along_axis(values, order[:, :, None], axis=1)
            spread = (order + FIELD).astype(np.uint8)[:, :, None]
            kinds.reshape(tokens.shape)[:, layout.value_slots] = spread
            if layout.marker_slots is not None:
                tokens[:, layout.marker_slots] = layout.marker_tokens[order]
        tokens[:, layout.value_slots] = values
        offsets = np.arange(n + 1, dtype=np.int64) * tokens.shape[1]
        return Entries(tokens.reshape(-1), offsets, np.asarray(people, np.int32), kinds)

    def information(self) -> dict[str, Any]:
        """The sizes that fix how many bits the people hold (physlm.evaluate.bits)."""
        c = self.config
        return {
            "world": self.name,
            "n_people": c.n_people,
            "n_attributes": c.n_attributes,
            "n_chunks": c.n_chunks,
            "n_values": c.n_values,
            "chunk_length": c.chunk_length,
            "alphabet": c.alphabet,
            "name_space": c.name_space,
        }

    def text(self, tokens: np.ndarray) -> str:
        """Tokens as people read them: symbols apart, the text form without needless spaces."""
        words = [self.vocabulary[token] for token in tokens]
        if self.config.form == "symbolic":
            return " ".join(words)
        characters = {self.vocabulary[token] for token in self.layout.value_tokens}
        inside = characters | {","}
        text = ""
        for before, word in zip(["", *words], words, strict=False):
            joined = word in {"'s", ",", "."} or (word in characters and before in inside)
            text += word if joined or not text else f" {word}"
        return text


def make(config: Config, seed: int) -> World:
    """Draw the people: names and dictionaries without replacement, values i.i.d. uniform."""
    layout = make_layout(config)
    people, attributes = config.n_people, config.n_attributes
    names = distinct_strings(generator(seed, "biod", "names"), people, config.name_sizes)
    columns = [names]
    for a in range(attributes):
        rng = generator(seed, "biod", "dictionary", a)
        sizes = (config.alphabet,) * config.chunk_length
        dictionary = distinct_strings(rng, config.n_values, sizes)
        rng = generator(seed, "biod", "values", a)
        chosen = rng.integers(config.n_values, size=(people, config.n_chunks))
        columns.append(dictionary[chosen].reshape(people, -1))
    largest = max(config.alphabet, *config.name_sizes) - 1
    profiles = np.concatenate(columns, axis=1).astype(np.min_scalar_type(largest))
    return World(config, profiles, layout)


def make_layout(config: Config) -> Layout:
    """The vocabulary and the places of an entry.

    The vocabulary has a row for every symbol the configuration allows, also for characters that no
    dictionary happens to use: dropping those would tell the model which strings were drawn, which
    is part of what it has to learn.
    """
    return _text_layout(config) if config.form == "text" else _symbolic_layout(config)


def _symbolic_layout(config: Config) -> Layout:
    parts, size = len(config.name_sizes), config.name_sizes[0]
    if config.shared_alphabet:
        symbols = [f"s{i}" for i in range(max(size, config.alphabet))]
        first_value = 0
    else:
        symbols = [f"n{i}" for i in range(size)] + [f"v{i}" for i in range(config.alphabet)]
        first_value = size
    marked = config.attribute_order == "random"
    markers = [f"id{a + 1}" for a in range(config.n_attributes)] if marked else []
    vocabulary = [*symbols, *markers, EOS_TEXT]
    dtype = np.min_scalar_type(len(vocabulary) - 1)
    value_length = config.n_chunks * config.chunk_length
    block = value_length + marked
    starts = 1 + parts + block * np.arange(config.n_attributes)
    template = np.full(1 + parts + block * config.n_attributes, len(vocabulary) - 1, dtype)
    return Layout(
        vocabulary=vocabulary,
        template=template,
        value_slots=starts[:, None] + marked + np.arange(value_length),
        marker_slots=starts if marked else None,
        name_tokens=[np.arange(size, dtype=dtype)] * parts,
        value_tokens=np.arange(first_value, first_value + config.alphabet, dtype=dtype),
        marker_tokens=(len(symbols) + np.arange(len(markers))).astype(dtype),
    )


def _text_layout(config: Config) -> Layout:
    lists = _name_lists()
    spare = max(0, config.alphabet - len(LETTERS))
    characters = [*LETTERS[: config.alphabet], *(f"c{len(LETTERS) + i}" for i in range(spare))]
    numbers = [str(a + 1) for a in range(config.n_attributes)]
    value: list[str] = []
    for _ in range(config.n_chunks):
        value += ["", *[""] * (config.chunk_length - 1), ","]
    value[-1] = "."
    words = [EOS_TEXT, *([""] * len(lists))]
    value_slots, marker_slots = [], []
    for a, number in enumerate(numbers):
        words += ["Her" if a else "'s", "ID", number, "is"]
        marker_slots.append(len(words) - 2)
        value_slots.append([len(words) + i for i, word in enumerate(value) if word == ""])
        words += value
    rows = dict.fromkeys(w for group in (*lists, characters, words) for w in group if w)
    token_of = {word: token for token, word in enumerate(rows)}
    dtype = np.min_scalar_type(len(token_of) - 1)

    def tokens(group: Sequence[str]) -> np.ndarray:
        return np.array([token_of.get(word, 0) for word in group], dtype)

    return Layout(
        vocabulary=list(token_of),
        template=tokens(words),
        value_slots=np.array(value_slots),
        marker_slots=np.array(marker_slots),
        name_tokens=[tokens(names) for names in lists],
        value_tokens=tokens(characters),
        marker_tokens=tokens(numbers),
    )


def _name_lists() -> list[tuple[str, ...]]:
    # Read only for the text form.
    from physlm.data.people import read_lines

    return [read_lines(f"{part}_names.txt") for part in ("first", "middle", "last")]
