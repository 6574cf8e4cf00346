"""Writers that tests know: sentences with given chances, and the plainest way to write drafts."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from physlm.evaluate.decoding import pick
from physlm.evaluate.igsm.regret import Detector, Draft, sentence_ends
from physlm.model.cache import Cache
from physlm.random import generator

EOS = 0
# What may be written next, as token ids, and how likely each is; from what was written so far.
Chances = Callable[[list[int], list[list[int]]], list[tuple[list[int], float]]]


class Teller(nn.Module):
    """A model in whose place there is a rule: whole sentences with given chances.

    It finds the text of each row in the cache, where it keeps tokens as a layer keeps keys.
    """

    def __init__(self, source: Any, language: str, n_ctx: int, chances: Chances) -> None:
        super().__init__()
        self.config = SimpleNamespace(positions="none", n_ctx=n_ctx)
        self.weight = nn.Parameter(torch.zeros(1))
        self.ends = sentence_ends(source, language)
        self.d_vocab, self.chances, self.mark = len(source.vocabulary), chances, 1

    def forward(self, tokens_BT: Tensor, *, mask: Tensor, cache: Cache, last_only: bool) -> Tensor:
        n_rows, n = tokens_BT.shape
        assert cache.length + n <= cache.capacity
        (kept,) = cache.extend(self, [tokens_BT[:, None, :, None].float()])
        seen = cache.note(mask, n_rows, n)
        assert seen is not None
        cache.length += n
        logits = torch.full((n_rows, 1, self.d_vocab), -torch.inf)
        for row, real, out in zip(kept[:, 0, :, 0].long(), seen, logits[:, 0], strict=True):
            for token, chance in self.next(row[real].tolist()).items():
                out[token] = np.log(chance)
        return logits

    def next(self, text: list[int]) -> dict[int, float]:
        """The chance of each next token, but for a factor."""
        begin = text.index(self.mark) + 1
        whole, begun = split(text[begin:], self.ends)
        found: dict[int, float] = {}
        for sentence, chance in self.chances(text[:begin], whole):
            if sentence[: len(begun)] == begun and len(sentence) > len(begun):
                token = sentence[len(begun)]
                found[token] = found.get(token, 0) + chance
        return found


def split(ids: Sequence[int], ends: frozenset[int]) -> tuple[list[list[int]], list[int]]:
    """The whole sentences, and what has been begun."""
    sentences: list[list[int]] = [[]]
    for token in ids:
        sentences[-1].append(token)
        if token in ends:
            sentences.append([])
    return sentences[:-1], sentences[-1]


def plainly(
    model: Any, drafts: Sequence[Draft], ends: frozenset[int], detector: Detector, most_cuts: int
) -> None:
    """What write_drafts shall do, one draft at a time and without a cache."""
    for draft in drafts:
        while not draft.over:
            with torch.no_grad():
                logits = model(torch.tensor([draft.text]))[0, -1]
            if draft.sampling:
                uniform = torch.tensor([draft.rng.random()], dtype=torch.float64)
                draft.add(int(pick(logits.softmax(-1)[None], uniform)))
            else:
                draft.add(int(logits.argmax()))
            if draft.stopped or draft.ids[-1] not in ends:
                continue
            if draft.n_cuts < most_cuts and not detector([draft])[0]:
                draft.cut()
            else:
                draft.keep()


def drafts_of(given: Sequence[Any], limit: int, seed: int = 0) -> list[Draft]:
    """Drafts of these problems that nothing has been written of."""
    return [Draft(test, limit, generator(seed, "draft", i)) for i, test in enumerate(given)]
