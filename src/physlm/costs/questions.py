"""How many questions a corpus has for its training half and how long they are, without building it.

As in physlm.data.forecast the people of a sample stand for all.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from physlm.config import build, require
from physlm.data import qa_bios
from physlm.data.corpus import DataConfig
from physlm.data.forecast import SAMPLE, forecast
from physlm.data.world import module


@dataclass(frozen=True)
class QuestionsForecast:
    """n: questions about the training half. longest: tokens of the longest one with its answer."""

    n: int
    longest: int


def asked_in(config: Mapping[str, Any]) -> QuestionsForecast:
    """The questions of a data job with these settings; ConfigError if it has none."""
    data = build(DataConfig, config)
    require(data.world == "bios", "world", data.world, "bios to ask questions")
    settings = json.dumps(data.settings, sort_keys=True)
    n_attributes, longest = _sample(data.world, settings, min(data.n_people, SAMPLE), data.seed)
    if _unread(data.settings):
        # Names, cities and companies are cut into tokens as in biographies.
        words = DataConfig(data.world, data.seed, data.n_people, _with_words(data.settings))
        longest *= forecast(data).tokens_per_exposure / forecast(words).tokens_per_exposure
    half = data.settings.get("celebrities") or data.n_people // 2
    return QuestionsForecast(half * n_attributes, round(longest))


@functools.cache
def _sample(world_name: str, settings: str, n_people: int, seed: int) -> tuple[int, int]:
    """Attributes, and tokens of the longest question about some people of a world."""
    values = json.loads(settings)
    if _unread(values):
        values = _with_words(values)
    values = values | {"celebrities": min(values.get("celebrities", 0), n_people - 1)}
    config = DataConfig(world_name, seed, n_people, values).world_config()
    made = qa_bios.questions(module(world_name).make(config, seed))
    return len(made.attributes), int(np.max(made.lengths))


def _unread(settings: Mapping[str, Any]) -> bool:
    """Whether the tokeniser would have to be asked for; a plan needs no network."""
    return settings.get("tokenizer") == "gpt2" and settings.get("tokenizer_file") is None


def _with_words(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {**settings, "tokenizer": "words"}
