"""What a corpus will hold (rows, tokens, bytes), from a few of its people and without building it.

Lengths of texts are alike for all people, so a sample gives the mean to 0.1 % and everything else
follows; a world no larger than the sample is told exactly. Renderings are named as in corpus.build.
"""

import dataclasses
import functools
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from physlm.data.corpus import ARRAYS, DataConfig
from physlm.data.world import module
from physlm.random import generator

SAMPLE = 4096

# Without GPT-2's tokeniser: rows and mean tokens of a text with EOS that it gives to our lists and
# templates (docs/data.md), by whether the full name is the subject of every sentence.
GPT2 = {False: (2085, 67.09), True: (2084, 89.23)}
ASSUMED = (
    "tokens as GPT-2's tokeniser gives them to the published pools{} (no tokenizer_file is set)"
)
# Every word of the questions is one token of GPT-2's, and a biography's or new.
ROWS = ", and a row for each word that only questions have"

_HEADER = 128  # bytes before the data of an .npy file


@dataclass(frozen=True)
class Forecast:
    """The corpus to come.

    tokens_per_pass: of all entries once. n_tokens, n_bytes: of its files. lengths: tokens of a text
    of each person of a sample. prompts, answers [n, n_attributes]: tokens of each question about
    the sample up to its answer, and of the answer; empty if the vocabulary has no questions.
    assumed: what was taken for granted, in words (mostly nothing).
    """

    n_people: int
    d_vocab: int
    entries_per_person: int
    tokens_per_pass: float
    n_tokens: int
    n_bytes: int
    lengths: np.ndarray
    prompts: np.ndarray
    answers: np.ndarray
    assumed: str

    @property
    def tokens_per_exposure(self) -> float:
        """Tokens of one entry of everybody."""
        return self.tokens_per_pass / self.entries_per_person

    def n_windows(self, n_ctx: int) -> int:
        """Windows of at most n_ctx tokens that hold one whole entry of everybody."""
        ends, first = self.lengths.cumsum(), [0]
        while first[-1] < len(ends):
            before = ends[first[-1] - 1] if first[-1] else 0
            next_one = int(ends.searchsorted(before + n_ctx, side="right"))
            first.append(max(first[-1] + 1, next_one))
        if self.n_people == len(ends) or len(first) == 2:
            return -(-self.n_people * (len(first) - 1) // len(ends))
        # The last window of a sample is seldom full.
        return -(-self.n_people * (len(first) - 2) // first[-2])


def forecast(config: DataConfig) -> Forecast:
    """The corpus that `config` will make; ConfigError for settings that its world refuses."""
    n_sample = min(config.n_people, SAMPLE)
    settings = json.dumps(_scaled(config, n_sample), sort_keys=True)
    sample = _sample(config.world, settings, n_sample, config.seed)
    n, per_person, mean = config.n_people, sample["entries_per_person"], sample["mean"]
    stored = 0 if sample["fresh"] else n * per_person
    token = np.min_scalar_type(sample["d_vocab"] - 1).itemsize
    n_bytes = len(ARRAYS) * _HEADER + sample["vocabulary_bytes"] + n * sample["profile_bytes"]
    for entries, kinds in ((stored, 0), (n, 1)):
        # Tokens, offsets (int64) and person (int32) of every entry; kinds (uint8) of every token.
        n_bytes += round(entries * (mean * (token + kinds) + 12)) + 8 * (entries > 0)
    return Forecast(
        n_people=n,
        d_vocab=sample["d_vocab"],
        entries_per_person=per_person,
        tokens_per_pass=float(n * per_person * mean),
        n_tokens=round((stored + n) * mean),
        n_bytes=n_bytes,
        lengths=sample["lengths"],
        prompts=sample["prompts"],
        answers=sample["answers"],
        assumed=sample["assumed"],
    )


def _scaled(config: DataConfig, n_sample: int) -> dict[str, Any]:
    """The settings for a sample: of the celebrities as large a share as of everybody."""
    stars = config.settings.get("celebrities", 0)
    if not stars or n_sample == config.n_people:
        return config.settings
    few = round(stars * n_sample / config.n_people)
    return config.settings | {"celebrities": min(max(few, 1), n_sample - 1)}


@functools.cache
def _sample(world_name: str, settings: str, n_people: int, seed: int) -> dict[str, Any]:
    """What some people of a world say of all of them."""
    values = json.loads(settings)
    absent = values.get("tokenizer") == "gpt2" and values.get("tokenizer_file") is None
    if absent:
        # Asking the hub would need a network; a plan needs none.
        values["tokenizer"] = "words"
    config = DataConfig(world_name, seed, n_people, values).world_config()
    world = module(world_name).make(config, seed)
    people = np.arange(n_people)
    if world.fresh:
        per_person, scored = 1, world.render(generator(seed, "eval", 0), people)
        passes = [world.render(generator(seed, "length", i), people) for i in range(4)]
        mean = sum(len(entries.tokens) for entries in passes) / (4 * n_people)
    else:
        scored = world.stored(generator(seed, "stored", 0), people)
        per_person, mean = len(scored) // n_people, len(scored.tokens) / len(scored)
    lengths = np.diff(scored.offsets)[::per_person]
    prompts, answers = _asked(world) if values.get("questions") else (np.empty((0, 1)),) * 2
    d_vocab, assumed = world.d_vocab, ""
    if absent:
        d_vocab, longer = _as_gpt2(config, world)
        lengths, prompts, answers = (a * (longer / mean) for a in (lengths, prompts, answers))
        mean, assumed = longer, ASSUMED.format(ROWS if config.questions else "")
    return {
        "d_vocab": d_vocab,
        "fresh": world.fresh,
        "entries_per_person": per_person,
        "mean": mean,
        "lengths": lengths,
        "prompts": prompts,
        "answers": answers,
        "profile_bytes": world.profiles.itemsize * world.profiles.shape[1],
        "vocabulary_bytes": len(json.dumps(world.vocabulary, indent=1, ensure_ascii=False)),
        "assumed": assumed,
    }


def _asked(world: Any) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of each question up to its answer, and of the answer, [n_people, n_attributes]."""
    from physlm.data.qa_bios import questions

    asked = questions(world)
    answers = asked.pieces.lengths[asked.answers].sum(axis=2)
    return asked.lengths - answers, answers


def _as_gpt2(config: Any, world: Any) -> tuple[int, float]:
    """Rows and mean tokens of a text that GPT-2's tokeniser would give, for one spelt in words."""
    plain = module("bios").spell_pieces(dataclasses.replace(config, questions=False))
    added = world.d_vocab - len(plain.vocabulary)
    named = all(layout.fullname for _, layout in config.layouts)
    tokens = sum(len(people) * GPT2[layout.fullname][1] for people, layout in config.layouts)
    return GPT2[named][0] + added, tokens / config.n_people
