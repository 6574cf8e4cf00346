"""The training stream: all entries of a corpus, pass after pass, cut into windows.

A pass holds every stored entry once, or one fresh rendering of every person. It is laid out in
rounds, each a random order of all people: one round per entry of a person, the person's entries
dealt over the rounds at random. So no person appears twice in a round, and two entries of a person
can only meet where one round ends and the next begins, also across passes. There the first person
of the new round, if it is the last of the old one, changes places with a random other that is not
the last. (Entries of one person in a row ruin knowledge extraction; see docs/data.md.)

How near the order is to uniform: each round is a uniform permutation except for that exchange,
which happens in 1 of n_people rounds; the law of a round differs from the uniform law on all
permitted orders by 1 / (n_people (n_people - 1)) in total variation. With several entries per
person it is a stratified shuffle: every entry is equally likely at every place of a pass, and the
entries of a person come once per round instead of in random clumps.

Blocks of a round are rendered when they are needed, from a generator that is named by the seed, the
pass, the round and the block, so the batches are a function of seed and position alone.
"""

from collections import OrderedDict
from typing import Any

import numpy as np

from physlm.config import ConfigError
from physlm.data.corpus import BLOCK, Corpus
from physlm.random import generator

State = dict[str, int]


class Stream:
    """Batches of `corpus`: windows of n_ctx tokens (and the next one) in `batch_size` rows.

    ConfigError for a corpus of one person, whose entries cannot be kept apart. With two people all
    rounds have the same order, the only way to keep theirs apart.
    """

    def __init__(self, corpus: Corpus, seed: int, n_ctx: int, batch_size: int) -> None:
        if corpus.n_people < 2:
            raise ConfigError(
                "n_people=1: must be at least 2 to train, entries of one person may not be adjacent"
            )
        self.corpus = corpus
        self.seed = seed
        self.n_ctx = n_ctx
        self.batch_size = batch_size
        self._rows = np.arange(batch_size)[:, None] * n_ctx + np.arange(n_ctx + 1)
        self._blocks = -(-corpus.n_people // BLOCK)
        self._cache: OrderedDict[tuple[str | int, ...], Any] = OrderedDict()

    def start(self) -> State:
        """The state before the first batch.

        pass, round (of the pass), block (of the round) and offset (tokens of the block) say where
        the next window begins; entries counts the entries that ended before it.
        """
        return {"pass": 0, "round": 0, "block": 0, "offset": 0, "entries": 0}

    def take(self, state: State) -> tuple[np.ndarray, State]:
        """The batch at `state`, int64 [batch_size, n_ctx + 1], and the state after it.

        Row r + 1 goes on where row r ends; the last token of a row is the first of the next, so
        each token of the stream is predicted once.
        """
        needed = self.batch_size * self.n_ctx
        place = (state["pass"], state["round"], state["block"])
        offset, before = state["offset"], self._entries_before(place)
        tokens, offsets = self._block(place)
        pieces = [tokens[offset : offset + needed + 1]]
        found = len(tokens) - offset
        while found < needed:
            before += len(offsets) - 1
            place, offset = self._after(place), 0
            tokens, offsets = self._block(place)
            pieces.append(tokens[: needed + 1 - found])
            found += len(tokens)
        end = len(tokens) - (found - needed)
        if found == needed:
            before += len(offsets) - 1
            place, end = self._after(place), 0
            tokens, offsets = self._block(place)
            pieces.append(tokens[:1])
        flat = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        ended = int(offsets.searchsorted(end, side="right")) - 1
        after = {
            "pass": place[0],
            "round": place[1],
            "block": place[2],
            "offset": end,
            "entries": before + ended,
        }
        return flat.astype(np.int64)[self._rows], after

    def exposures(self, state: State) -> float:
        """Mean number of entries per person that ended before `state` (each text counts once)."""
        return state["entries"] / self.corpus.n_people

    def n_steps(self, exposures: float) -> int:
        """Batches that show every person `exposures` times, rounded; 0 for no exposures only."""
        if exposures <= 0:
            return 0
        tokens_per_exposure = self.corpus.tokens_per_pass / self.corpus.entries_per_person
        return max(1, round(exposures * tokens_per_exposure / (self.batch_size * self.n_ctx)))

    def _after(self, place: tuple[int, int, int]) -> tuple[int, int, int]:
        epoch, turn, block = place
        if block + 1 < self._blocks:
            return epoch, turn, block + 1
        if turn + 1 < self.corpus.entries_per_person:
            return epoch, turn + 1, 0
        return epoch + 1, 0, 0

    def _entries_before(self, place: tuple[int, int, int]) -> int:
        epoch, turn, block = place
        rounds = epoch * self.corpus.entries_per_person + turn
        return rounds * self.corpus.n_people + block * BLOCK

    def _remember(self, key: tuple[str | int, ...], make: Any, most: int) -> Any:
        """The cached value of `make(*key[1:])`, with the `most` latest of its kind kept."""
        if key not in self._cache:
            same = [other for other in self._cache if other[0] == key[0]]
            for other in same[: len(same) + 1 - most]:
                del self._cache[other]
            self._cache[key] = make(*key[1:])
        return self._cache[key]

    def _block(self, place: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and entry offsets [n + 1] of one block."""
        return self._remember(("block", *place), self._render, 2)

    def _render(self, epoch: int, turn: int, block: int) -> tuple[np.ndarray, np.ndarray]:
        order = self._remember(("order", epoch, turn), self._order, 2)
        people = order[block * BLOCK : (block + 1) * BLOCK]
        corpus = self.corpus
        if not len(corpus.train_offsets):
            entries = corpus.world.render(generator(self.seed, "render", epoch, block), people)
            return entries.tokens, entries.offsets
        index = people * corpus.entries_per_person
        if corpus.entries_per_person > 1:
            index += self._remember(("deal", epoch), self._deal, 2)[people, turn]
        starts = corpus.train_offsets[index]
        lengths = corpus.train_offsets[index + 1] - starts
        offsets = np.concatenate([np.zeros(1, np.int64), lengths.cumsum()])
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return corpus.train_tokens[places], offsets

    def _deal(self, epoch: int) -> np.ndarray:
        """Which entry of each person comes in which round, [n_people, entries_per_person]."""
        shape = (self.corpus.n_people, self.corpus.entries_per_person)
        rng = generator(self.seed, "deal", epoch)
        return rng.random(shape, dtype=np.float32).argsort(axis=1)

    def _order(self, epoch: int, turn: int) -> np.ndarray:
        """The people of one round in order, never beginning with the last of the round before."""
        order, _, swap = self._remember(("draw", epoch, turn), self._draw, 2)
        if epoch == turn == 0 or self.corpus.n_people == 2:
            return order
        turns = self.corpus.entries_per_person
        previous = (epoch, turn - 1) if turn else (epoch - 1, turns - 1)
        if order[0] == self._remember(("draw", *previous), self._draw, 2)[1]:
            order = order.copy()
            order[[0, swap]] = order[[swap, 0]]
        return order

    def _draw(self, epoch: int, turn: int) -> tuple[np.ndarray, int, int]:
        """A random order, its last person, and a place to exchange the first with, if need be.

        The exchange never moves the last, so a round depends on the draw of the one before alone.
        """
        n = self.corpus.n_people
        if n == 2:
            epoch = turn = 0
        rng = generator(self.seed, "pass", epoch, turn)
        order = rng.permutation(n)
        return order, int(order[-1]), int(rng.integers(1, n - 1)) if n > 2 else 0
