"""bioS: synthetic people and their biographies, six sentences made from templates.

Allen-Zhu and Li, Part 3.1 Section 2.1 and Part 3.3 Section 2.2. A biography has a sentence per
attribute, with a template drawn uniformly for each; it starts with the full name, and a pronoun is
the subject of the other sentences. Texts are assembled from pieces that were tokenised once, for
all people of a batch together.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from physlm.data import tokenizers
from physlm.data.bios_config import ATTRIBUTES, BPE_VOCAB, SCORED, Config
from physlm.data.people import COLUMNS, draw_profiles, read_lines, values
from physlm.data.tokenizers import EOS_TEXT, Encoder, Pieces
from physlm.data.world import FIELD, NAME, OTHER, Entries
from physlm.random import generator

RESOURCES = ("resources/templates/*.txt",)

# Row i is the i-th order of the six sentences; row 0 is the canonical one.
ORDERS = np.array(list(itertools.permutations(range(len(ATTRIBUTES)))))

# Entries assembled at a time: the intermediate arrays then stay in the cache.
_BATCH = 4096
_BPE_PEOPLE = 4096


@dataclass(frozen=True)
class Spelling:
    """How pieces are spelt with a tokeniser: vocabulary, pieces, first piece of each group."""

    vocabulary: list[str]
    pieces: Pieces
    first: dict[str, int]


class World:
    """The people of one bioS world; see `make`.

    profiles [n_people, len(COLUMNS)] int16: indices into the pools, in the order of COLUMNS.
    """

    name: ClassVar[str] = "bios"
    eos: ClassVar[int] = 0

    def __init__(self, config: Config, profiles: np.ndarray, vocabulary: list[str]) -> None:
        self.config = config
        self.profiles = profiles
        self.vocabulary = vocabulary
        self.d_vocab = len(vocabulary)
        self.fresh = config.layout.fresh
        named = any(layout.fullname for _, layout in config.layouts)
        self.fields = SCORED[1:] if named else SCORED

    @classmethod
    def restore(cls, config: Config, profiles: np.ndarray, vocabulary: list[str]) -> "World":
        """The world whose profiles and vocabulary were stored; ValueError if they do not fit.

        The tokeniser is not needed before a text is rendered, so fixed texts need none.
        """
        shape = (config.n_people, len(COLUMNS))
        if profiles.shape != shape:
            raise ValueError(f"profiles have shape {profiles.shape}, expected {shape}")
        return cls(config, profiles, vocabulary)

    def render(self, rng: np.random.Generator, people: np.ndarray) -> Entries:
        """One entry per person of `people` [n] in that order: templates and order drawn from `rng`.

        The order is canonical if the variant has no permutations.
        """
        people = np.asarray(people)
        n = len(ATTRIBUTES)
        draws = rng.random((len(people), n + 1))
        templates = (draws[:, :n] * self.config.templates).astype(np.int32)
        orders = (draws[:, n] * len(ORDERS)).astype(np.int32)
        if not self.config.layout.permutations:
            orders[:] = 0
        return self.spell(people, templates, orders, self.config.layout.fullname)

    def stored(self, rng: np.random.Generator, people: np.ndarray) -> Entries:
        """The fixed entries of `people` [n]: those of a person together, wording by wording.

        The choices of the i-th person of a variant depend on `rng` and i, not on n. Raises
        ValueError if the variant is fresh.
        """
        parts = [self.spell(*chosen) for chosen in self._stored_choices(rng, np.asarray(people))]
        return parts[0] if len(parts) == 1 else _end_to_end(parts)

    def stored_starts(self, rng: np.random.Generator, people: np.ndarray) -> np.ndarray:
        """Where each value begins in the entries that `stored` gives for the same arguments.

        Places of tokens in their entry, [n_entries, 6] by attribute.
        """
        starts = []
        for who, templates, orders, fullname in self._stored_choices(rng, np.asarray(people)):
            order = ORDERS[orders]
            numbers, _ = self._choose(who, templates, order, fullname)
            lengths = self.spelling.pieces.lengths[numbers]
            before = lengths.cumsum(axis=1) - lengths
            values = before[:, _value_places(fullname)]
            by_attribute = np.empty_like(values)
            np.put_along_axis(by_attribute, order, values, axis=1)
            starts.append(by_attribute)
        return np.concatenate(starts).astype(np.int64)

    def _stored_choices(
        self, rng: np.random.Generator, people: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, bool]]:
        """What `spell` needs for the fixed entries of `people` (ascending), variant by variant."""
        per_person = max(layout.entries_per_person for _, layout in self.config.layouts)
        for group, layout in self.config.layouts:
            if layout.fresh:
                raise ValueError("a fresh world has no stored texts")
            who = people[(people >= group.start) & (people < group.stop)]
            n, m, p = len(who), layout.wordings, max(layout.permutations, 1)
            draws = rng.random((n, m, len(ATTRIBUTES) + p))
            templates = (draws[:, :, : len(ATTRIBUTES)] * self.config.templates).astype(np.int32)
            orders = (draws[:, :, len(ATTRIBUTES) :] * len(ORDERS)).astype(np.int32)
            if not layout.permutations:
                orders[:] = 0
            again = per_person // (m * p)
            templates = np.tile(templates.repeat(p, axis=1), (1, again, 1))
            orders = np.tile(orders.reshape(n, m * p), (1, again))
            templates = templates.reshape(n * per_person, len(ATTRIBUTES))
            yield who.repeat(per_person), templates, orders.reshape(-1), layout.fullname

    def spell(
        self, people: np.ndarray, templates: np.ndarray, orders: np.ndarray, fullname: bool
    ) -> Entries:
        """The entries of given choices.

        people [n], templates [n, 6] (by attribute in canonical order), orders [n] (row of ORDERS).
        """
        dtype = np.min_scalar_type(self.d_vocab - 1)
        tokens, kinds = [np.empty(0, dtype)], [np.empty(0, np.uint8)]
        lengths = [np.zeros(1, np.int64)]
        for start in range(0, len(people), _BATCH):
            batch = slice(start, start + _BATCH)
            chosen = people[batch], templates[batch], ORDERS[orders[batch]]
            numbers, kind = self._choose(*chosen, fullname)
            spelt, n_tokens = self.spelling.pieces.join(numbers)
            tokens.append(spelt.astype(dtype))
            kinds.append(np.repeat(kind.reshape(-1), n_tokens))
            lengths.append(n_tokens.reshape(numbers.shape).sum(axis=1))
        return Entries(
            np.concatenate(tokens),
            np.concatenate(lengths).cumsum(dtype=np.int64),
            people.astype(np.int32),
            np.concatenate(kinds),
        )

    def information(self) -> dict[str, Any]:
        """The sizes that fix how many bits the people hold (physlm.evaluate.bits)."""
        c = self.config
        sizes = {
            "pronoun": 2,
            "birth_date": c.birth_dates,
            "birth_city": c.birth_cities,
            "university": c.universities,
            "major": c.majors,
            "employer": c.employers,
        }
        return {
            "world": self.name,
            "n_people": c.n_people,
            "name_space": c.name_space,
            "pool_sizes": {field: sizes[field] for field in self.fields},
        }

    def text(self, tokens: np.ndarray) -> str:
        """The text that the tokens spell, EOS as "<eos>"."""
        return "".join([self.vocabulary[token] for token in tokens])

    @cached_property
    def spelling(self) -> Spelling:
        """How the pieces of this world are spelt; ValueError if its vocabulary is another."""
        spelling = spell_pieces(self.config)
        if spelling.vocabulary != self.vocabulary:
            raise ValueError(
                "the stored vocabulary is not the one of this bioS configuration and tokeniser"
            )
        return spelling

    def _choose(
        self, people: np.ndarray, templates: np.ndarray, order: np.ndarray, fullname: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the pieces of each entry [n, k] int32 and their kinds [n, k] uint8."""
        first, profile = self.spelling.first, self.profiles[people].astype(np.int32)
        column = {name: profile[:, i] for i, name in enumerate(COLUMNS)}
        c = self.config
        month_day = column["month"] * c.days + column["day"]
        column["birth_date"] = month_day * c.years + column["year"]
        column["employer_city"] = column["employer"]
        value = np.stack([first[a] + column[a] for a in ATTRIBUTES], axis=1)
        template = templates + np.arange(len(ATTRIBUTES), dtype=np.int32) * c.templates
        value = np.take_along_axis(value, order, axis=1)
        template = np.take_along_axis(template, order, axis=1)
        name = [first[part] + column[part] for part in COLUMNS[:3]]
        pieces: list[Any] = [np.zeros_like(name[0])]
        kinds: list[Any] = [OTHER]
        for place in range(len(ATTRIBUTES)):
            if place == 0 or fullname:
                pieces += name
                kinds += [OTHER if place else NAME] * len(name)
            else:
                pieces.append(first["pronoun"] + column["pronoun"])
                scored = place == 1 and "pronoun" in self.fields
                kinds.append(FIELD if scored else OTHER)
            pieces += [first["before"] + template[:, place], value[:, place]]
            pieces.append(first["after"] + template[:, place])
            kinds += [OTHER, self._value_kinds[order[:, place]], OTHER]
        kind = np.empty((len(people), len(kinds)), np.uint8)
        for i, column_kind in enumerate(kinds):
            kind[:, i] = column_kind
        return np.stack(pieces, axis=1), kind

    @cached_property
    def _value_kinds(self) -> np.ndarray:
        kinds = [FIELD + self.fields.index(a) if a in self.fields else OTHER for a in ATTRIBUTES]
        return np.array(kinds, np.uint8)


def make(config: Config, seed: int) -> World:
    """Draw the people; ConfigError, before any work, if the tokeniser cannot be had."""
    spelling = spell_pieces(config)
    profiles = draw_profiles(config.pools, config.n_people, seed, config.pronoun)
    world = World(config, profiles, spelling.vocabulary)
    world.__dict__["spelling"] = spelling
    return world


def read_templates(n: int) -> list[tuple[str, str]]:
    """The first n templates of each attribute, canonical order: the texts around the value.

    Each begins with the subject; the texts are what stands between subject and value, and after it.
    """
    lines = [line for a in ATTRIBUTES for line in read_lines(f"templates/{a}.txt")[:n]]
    halves = [line.removeprefix("{subject}").split(" {value}") for line in lines]
    return [(before, after) for before, after in halves]


def read_questions() -> list[tuple[str, str, str]]:
    """What stands before the name, between name and value, and after it, by attribute."""
    lines = [
        re.split(r" \{name\}| \{value\}", f" {line}")
        for line in read_lines("templates/questions.txt")
    ]
    return [(before, between, after) for before, between, after in lines]


def spell_pieces(config: Config) -> Spelling:
    """Tokenise everything the texts of this configuration can contain.

    Raises ConfigError if the tokeniser cannot be had.
    """
    texts = values(config.pools)
    templates = read_templates(config.templates)
    groups: dict[str, Sequence[str]] = {
        "eos": [EOS_TEXT],
        **{name: [f" {text}" for text in pool] for name, pool in texts.items()},
        "comma": [","],
        "before": [before for before, _ in templates],
        "after": [after for _, after in templates],
    }
    if all(layout.fullname for _, layout in config.layouts):
        del groups["pronoun"]
    if config.questions:
        asked = read_questions()
        groups["question"] = [before for before, _, _ in asked]
        groups["answer"] = [between for _, between, _ in asked]
        groups["closing"] = [asked[0][2]]
    if config.tokenizer == "symbols":
        # Marks that every text has at the same place tell nothing.
        groups["comma"] = [""]
        if config.questions:
            groups["closing"] = [""]
        groups["after"] = ["" if text == "." else text for text in groups["after"]]
    vocabulary, pieces, first = tokenizers.number_pieces(groups, _encoder(config, groups))
    first["birth_date"] = len(pieces.lengths)
    month, day, year = np.indices((config.months, config.days, config.years)).reshape(3, -1)
    parts = [first["month"] + month, first["day"] + day]
    parts += [np.full_like(month, first["comma"]), first["year"] + year]
    return Spelling(vocabulary, pieces.extended(np.stack(parts, axis=1)), first)


def _end_to_end(parts: Sequence[Entries]) -> Entries:
    """Entries one part after the other."""
    lengths = [np.diff(part.offsets) for part in parts]
    return Entries(
        np.concatenate([part.tokens for part in parts]),
        np.concatenate([np.zeros(1, np.int64), *lengths]).cumsum(dtype=np.int64),
        np.concatenate([part.person for part in parts]),
        np.concatenate([part.kinds for part in parts]),
    )


def _value_places(fullname: bool) -> np.ndarray:
    """Which pieces of an entry are values, in text order: see World._choose."""
    subjects = [3, *([3] if fullname else [1]) * (len(ATTRIBUTES) - 1)]
    return np.cumsum([subject + 3 for subject in subjects]) - 1


def _encoder(config: Config, groups: dict[str, Sequence[str]]) -> Encoder:
    if config.tokenizer == "symbols":
        split = ("birth_city", "university", "major", "employer", "employer_city")
        lists = [texts for name, texts in groups.items() if name not in split]
        return tokenizers.symbols(itertools.chain.from_iterable(lists))
    if config.tokenizer == "gpt2":
        return tokenizers.gpt2(config.tokenizer_file)
    if config.tokenizer == "words":
        worded = ("before", "after", "question", "answer", "closing")
        lists = [texts for name, texts in groups.items() if name not in worded]
        return tokenizers.words(itertools.chain.from_iterable(lists))
    # Trained on people of its own, so that it depends on the pools and templates alone.
    n_people = min(_BPE_PEOPLE, config.name_space)
    plain = replace(
        config,
        n_people=n_people,
        variant="fresh",
        celebrities=0,
        questions=False,
        tokenizer="words",
        bpe_vocab=None,
    )
    sample = make(plain, 0)
    entries = sample.render(generator(0, "bpe"), np.arange(plain.n_people))
    texts = [sample.text(entries.tokens[a + 1 : b]) for a, b in itertools.pairwise(entries.offsets)]
    return tokenizers.trained_bpe(texts, config.bpe_vocab or BPE_VOCAB)
