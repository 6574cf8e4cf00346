"""Windows over texts that never repeat: each is drawn, read once and thrown away.

So Part 1 trains on grammars (section 3) and Part 2 on arithmetic problems. A world of such texts is
a module with `Config`, a dataclass of its settings that is cheap to import, and `Source(config)`.

Texts are laid end to end, an EOS before each: the one separator of Part 4.1. (Part 1 has an EOS
behind a text and a BOS before the next, of which the second tells nothing.) Windows cut texts where
they fall. Block b of the stream is drawn from a generator that is named by the seed and b alone.
"""

import importlib
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from physlm.config import ConfigError, require
from physlm.config import build as make_config
from physlm.data.grammars.strings import Strings
from physlm.random import generator

# World name in params.yaml -> module, imported only when its world is asked for.
WORLDS = {"grammar": "physlm.data.grammars.source"}

EOS = 0

# Texts drawn together by one generator.
BLOCK = 512


class Source(Protocol):
    """Texts of a world."""

    @property
    def vocabulary(self) -> list[str]:
        """What every token spells, EOS first."""
        ...

    def draw(self, n: int, rng: np.random.Generator) -> Strings:
        """n independent texts for training, without EOS."""
        ...


def module(world: str) -> ModuleType:
    """The module of a world by name; ConfigError if there is none."""
    require(world in WORLDS, "world", world, f"one of {', '.join(sorted(WORLDS))}")
    return importlib.import_module(WORLDS[world])


def source(world: str, settings: dict[str, Any]) -> Any:
    """The texts of a world; ConfigError for settings that it does not allow."""
    return module(world).Source(world_config(world, settings))


def world_config(world: str, settings: dict[str, Any]) -> Any:
    """The settings of a world, checked."""
    try:
        return make_config(module(world).Config, settings, "settings")
    except ConfigError as error:
        raise ConfigError(f"world {world}: {error}") from None


class FreshStream:
    """Batches of windows of n_ctx tokens (and the next one) in `batch_size` rows.

    Row r + 1 goes on where row r ends, so each token of the stream is predicted once.
    """

    def __init__(self, source: Source, seed: int, n_ctx: int, batch_size: int) -> None:
        self.source, self.seed = source, seed
        self.n_ctx, self.batch_size = n_ctx, batch_size
        self._rows = np.arange(batch_size)[:, None] * n_ctx + np.arange(n_ctx + 1)
        self._latest: dict[int, np.ndarray] = {}

    def start(self) -> dict[str, int]:
        """The state before the first batch: a place in the stream, and the texts begun so far."""
        return {"block": 0, "offset": 0, "texts": 0}

    def take(self, state: dict[str, int]) -> tuple[np.ndarray, dict[str, int]]:
        """The batch at `state`, int64 [batch_size, n_ctx + 1], and the state after it."""
        block, offset = state["block"], state["offset"]
        left = self.batch_size * self.n_ctx
        tokens, pieces = self._tokens(block), []
        while len(tokens) - offset <= left:
            pieces.append(tokens[offset:])
            left -= len(pieces[-1])
            block, offset = block + 1, 0
            tokens = self._tokens(block)
        pieces.append(tokens[offset : offset + left + 1])
        flat = np.concatenate(pieces)
        texts = state["texts"] + int(np.count_nonzero(flat[:-1] == EOS))
        return flat[self._rows], {"block": block, "offset": offset + left, "texts": texts}

    def exposures(self, state: dict[str, int]) -> float:
        """Texts that were begun before `state`; each is read once."""
        return float(state["texts"])

    def texts(self, block: int) -> Strings:
        """The texts of one block, BLOCK of them, without EOS."""
        return self.source.draw(BLOCK, generator(self.seed, "fresh", block))

    def _tokens(self, block: int) -> np.ndarray:
        if block not in self._latest:
            texts = self.texts(block)
            # Before token i of the block stand as many EOS as its text has in front of it, and one.
            n_before = np.repeat(np.arange(1, len(texts) + 1), texts.lengths)
            tokens = np.full(len(texts.tokens) + len(texts), EOS, np.int64)
            tokens[np.arange(len(texts.tokens)) + n_before] = texts.tokens
            self._latest = {block: tokens}
        return self._latest[block]


def seen_share(stream: FreshStream, n_texts: int, tested: Strings) -> float:
    """Share of the texts `tested` that are among the first n_texts of the stream."""
    wanted = [text.tobytes() for text in tested]
    missing, seen = set(wanted), set()
    for block in range(-(-n_texts // BLOCK)):
        texts = stream.texts(block)
        n = min(BLOCK, n_texts - block * BLOCK)
        seen |= missing.intersection(texts[i].tobytes() for i in range(n))
    return sum(text in seen for text in wanted) / len(wanted)
