"""A world of sums modulo 5 that stands in for a real one: `2 + 3 sol` is asked, `0 . .` follows."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from physlm.config import require
from physlm.data import problems

WORDS = ["EOS", "sol", *"01234", "+", "."]


@dataclass(frozen=True, kw_only=True)
class Config:
    """terms: the most that a sum has. named: another word for `sol`, so another vocabulary."""

    terms: int = 4
    named: str = "sol"

    def __post_init__(self) -> None:
        require(self.terms >= 1, "terms", self.terms, "1 or more")


class Source:
    """Sums: terms with + between them, `sol`, the terms' sum modulo 5, and so many `.` as terms."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.vocabulary = ["EOS", config.named, *WORDS[2:]]

    def draw(self, n: int, rng: np.random.Generator) -> Any:
        texts, n_prompt = [], []
        for _ in range(n):
            numbers = rng.integers(5, size=rng.integers(1, self.config.terms + 1))
            prompt = [token for number in numbers for token in (2 + int(number), 7)]
            prompt[-1] = 1
            n_prompt.append(len(prompt))
            texts.append([*prompt, 2 + int(numbers.sum()) % 5, *[8] * len(numbers)])
        return SimpleNamespace(
            tokens=np.concatenate(texts).astype(np.int32),
            offsets=np.cumsum([0, *map(len, texts)]),
            n_prompt=np.array(n_prompt),
            masked=None,
        )


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this module the world `sums`."""
    monkeypatch.setitem(problems.WORLDS, "sums", __name__)
