"""Training on problems with solutions that never repeat: rows of whole problems, or windows.

A world of problems is a module with `Config`, a dataclass of its settings, and `Source(config)`.
Block b of the stream is drawn from a generator that is named by the seed and b alone. B batch,
T position.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol

import numpy as np

from physlm.config import ConfigError, require
from physlm.config import build as make_config
from physlm.data.fresh import EOS
from physlm.random import generator

# World name in params.yaml -> module, imported only when its world is asked for. Worlds are found
# by their files, so that a new one leaves this module, and what was trained with it, as it is.
WORLDS = {
    path.stem: f"physlm.data.igsm.worlds.{path.stem}"
    for path in sorted((Path(__file__).parent / "igsm" / "worlds").glob("[a-z]*.py"))
}

Scored = Literal["all", "solution"]
Packing = Literal["whole", "cut"]

# Problems drawn together by one generator.
BLOCK = 256

# The label that is not scored (physlm.train.losses has the same; data imports nothing of train).
IGNORED = -100


class Texts(Protocol):
    """n problems with their solutions, laid end to end without EOS.

    tokens [N]; text i is tokens[offsets[i] : offsets[i + 1]] (offsets [n + 1]), of which the first
    n_prompt[i] are given, through the mark before the solution. masked [N] bool: tokens that nobody
    shall learn to write, whatever is scored; None without any.
    """

    @property
    def tokens(self) -> np.ndarray: ...
    @property
    def offsets(self) -> np.ndarray: ...
    @property
    def n_prompt(self) -> np.ndarray: ...
    @property
    def masked(self) -> np.ndarray | None: ...


Blocks = Callable[[int], Texts]


class Source(Protocol):
    """Problems of a world."""

    @property
    def vocabulary(self) -> list[str]:
        """What every token spells, EOS first."""
        ...

    def draw(self, n: int, rng: np.random.Generator) -> Texts:
        """n independent problems for training."""
        ...


def module(world: str) -> ModuleType:
    """The module of a world by name; ConfigError if there is none."""
    require(world in WORLDS, "world", world, f"one of {', '.join(sorted(WORLDS))}")
    return importlib.import_module(WORLDS[world])


def source(world: str, settings: dict[str, Any]) -> Any:
    """The problems of a world; ConfigError for settings that it does not allow."""
    return module(world).Source(world_config(world, settings))


def world_config(world: str, settings: dict[str, Any]) -> Any:
    """The settings of a world, checked."""
    try:
        return make_config(module(world).Config, settings, "settings")
    except ConfigError as error:
        raise ConfigError(f"world {world}: {error}") from None


def drawn(source: Source, seed: int, block: int) -> Texts:
    """The BLOCK problems of one block of a stream."""
    return source.draw(BLOCK, generator(seed, "problems", block))


class ProblemStream:
    """Batches of `batch_size` rows of n_ctx tokens (the forms of physlm.train.losses).

    packing: whole, as many whole problems in a row as fit, an EOS before each and after the last,
        the rest EOS that is not scored; a problem longer than a row is dropped. Or cut, problems
        end to end, an EOS before each, cut where rows end (Part 2.1, section 3).
    scored: all tokens, or those of solutions alone, each with the EOS that ends it; in either case
        without those that a world masks.

    blocks: who draws them (physlm.data.ahead); None: the stream itself, when it needs them.

    Batches are labelled, [B, 2, T] int64; those of cut rows in which all is scored are windows,
    [B, T + 1].
    """

    def __init__(
        self,
        source: Source,
        seed: int,
        n_ctx: int,
        batch_size: int,
        scored: Scored = "all",
        packing: Packing = "whole",
        blocks: Blocks | None = None,
    ) -> None:
        self.source, self.seed = source, seed
        self._blocks = blocks or (lambda block: drawn(source, seed, block))
        self.n_ctx, self.batch_size = n_ctx, batch_size
        self.scored, self.packing = scored, packing
        self._rows = np.arange(batch_size)[:, None] * n_ctx + np.arange(n_ctx + 1)
        self._latest: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def start(self) -> dict[str, int]:
        """The state before the first batch: a place in the stream (the offset counts problems of
        the block if they are whole, tokens if cut), the problems begun and those dropped so far.
        """
        return {"block": 0, "offset": 0, "problems": 0, "dropped": 0}

    def take(self, state: dict[str, int]) -> tuple[np.ndarray, dict[str, int]]:
        """The batch at `state`, and the state after it.

        ConfigError if no problem of a block fits into a row.
        """
        return self._take_cut(state) if self.packing == "cut" else self._take_whole(state)

    def exposures(self, state: dict[str, int]) -> float:
        """Problems that were begun before `state`; each is read once."""
        return float(state["problems"])

    def texts(self, block: int) -> Texts:
        """The problems of one block, BLOCK of them, without EOS."""
        return self._blocks(block)

    def _take_whole(self, state: dict[str, int]) -> tuple[np.ndarray, dict[str, int]]:
        block, i = state["block"], state["offset"]
        n_begun, n_dropped = state["problems"], state["dropped"]
        tokens, scored, places = self._laid_out(block)
        batch = np.full((self.batch_size, 2, self.n_ctx), EOS, np.int64)
        batch[:, 1] = IGNORED
        for inputs, labels in batch:
            end = 0
            while True:
                if i == BLOCK:
                    block, i = block + 1, 0
                    tokens, scored, places = self._laid_out(block)
                # From the EOS before the problem to the one after it.
                first, last = places[i], places[i + 1]
                if last - first > self.n_ctx:
                    i, n_dropped = i + 1, n_dropped + 1
                    continue
                if end + last - first > self.n_ctx:
                    break
                row = slice(end, end + last - first)
                inputs[row] = tokens[first:last]
                labels[row] = _labels(tokens[first + 1 : last + 1], scored[first + 1 :])
                end, i, n_begun = row.stop, i + 1, n_begun + 1
        after = {"block": block, "offset": i, "problems": n_begun, "dropped": n_dropped}
        return batch, after

    def _take_cut(self, state: dict[str, int]) -> tuple[np.ndarray, dict[str, int]]:
        block, offset = state["block"], state["offset"]
        left, pieces = self.batch_size * self.n_ctx, []
        tokens, scored = self._laid_out(block)[:2]
        # The EOS that ends a block is the one that begins the next.
        while len(tokens) - 1 - offset <= left:
            pieces.append((tokens[offset:-1], scored[offset:-1]))
            left -= len(pieces[-1][0])
            block, offset = block + 1, 0
            tokens, scored = self._laid_out(block)[:2]
        pieces.append((tokens[offset : offset + left + 1], scored[offset : offset + left + 1]))
        flat, targets = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        n_begun = state["problems"] + int(np.count_nonzero(flat[:-1] == EOS))
        after = {"block": block, "offset": offset + left, "problems": n_begun, "dropped": 0}
        windows = flat[self._rows]
        if targets.all():
            return windows, after
        labels = _labels(windows[:, 1:], targets[self._rows][:, 1:])
        return np.stack([windows[:, :-1], labels], axis=1), after

    def _laid_out(self, block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The tokens of a block, an EOS before each problem and after the last; which of them are
        scored; and the places of the EOS [BLOCK + 1].
        """
        if block not in self._latest:
            texts = self.texts(block)
            lengths = np.diff(texts.offsets)
            places = texts.offsets + np.arange(BLOCK + 1)
            if self.packing == "whole" and lengths.min() >= self.n_ctx:
                least = f"at least {lengths.min() + 1}, for the shortest of {BLOCK} problems"
                require(False, "stream.n_ctx", self.n_ctx, least)
            tokens = np.full(len(texts.tokens) + BLOCK + 1, EOS, np.int64)
            scored = np.ones(len(tokens), bool)
            real = np.ones(len(tokens), bool)
            real[places] = False
            tokens[real] = texts.tokens
            if self.scored == "solution":
                n_before = np.arange(len(texts.tokens)) - np.repeat(texts.offsets[:-1], lengths)
                scored[real] = n_before >= np.repeat(texts.n_prompt, lengths)
            if texts.masked is not None:
                scored[real] &= ~texts.masked
            self._latest = {block: (tokens, scored, places)}
        return self._latest[block]


def _labels(following: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """What has to be predicted, IGNORED where it is not scored."""
    return np.where(scored[: len(following)], following, IGNORED)
