"""Retry upon regret: sentences that a detector refuses are taken back and written again.

Part 2.2, section 3 (arXiv 2408.16293). A solution is written greedily. After each sentence (in a
plan: each vertex) a detector is asked whether the parameter that it defines could be computed then.
If not, the text is cut back to the end of the sentence before and this sentence is drawn from the
model instead (temperature 1), until one is kept; then it goes on greedily. After so many cuts in a
solution the detector is asked no more.

Many solutions are written together, each with random numbers of its own, so what one becomes does
not depend on the others (but for rounding, see physlm.evaluate.generation). A cut costs no reading:
what was cut is masked in the cache, and the model goes on from what it said where the sentence
began. B solutions, T tokens, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physlm.data.igsm.words import EOS
from physlm.evaluate.decoding import Decoder, evaluating, likeliest, pick
from physlm.evaluate.generation import pad_left
from physlm.evaluate.igsm.reading import Reading
from physlm.evaluate.igsm.steps import Fault, head, is_back, sentences_of
from physlm.evaluate.igsm.trained import Posed, Trained, spelt
from physlm.model.canon import Canon
from physlm.model.transformer import Transformer


@dataclass
class Draft:
    """A solution that is being written: `ids`, without prompt and EOS, of at most `limit` tokens.

    start: where the sentence begins that is written now. sampling: whether it is drawn. n_cuts: how
    often a sentence was taken back. over: nothing more is written; stopped: by EOS.
    """

    test: Posed
    limit: int
    rng: np.random.Generator
    ids: list[int] = field(default_factory=list)
    start: int = 0
    sampling: bool = False
    n_cuts: int = 0
    over: bool = False
    stopped: bool = False

    @property
    def text(self) -> list[int]:
        """Prompt and solution so far."""
        return [*self.test.prompt.tolist(), *self.ids]

    def add(self, token: int) -> None:
        """Write a token; EOS ends the solution and is not kept."""
        self.stopped = token == EOS
        if not self.stopped:
            self.ids.append(token)
        self.over = self.stopped or len(self.ids) == self.limit

    def keep(self) -> None:
        """Let the sentence stand; the next one is written greedily."""
        self.start, self.sampling = len(self.ids), False

    def cut(self) -> None:
        """Take the sentence back; it is drawn next time."""
        del self.ids[self.start :]
        self.n_cuts, self.sampling, self.over = self.n_cuts + 1, True, False


# Drafts whose sentence has just ended -> whether each is to be kept.
Detector = Callable[[Sequence[Draft]], list[bool]]


def write_drafts(
    trained: Trained, drafts: Sequence[Draft], detector: Detector, most_cuts: int
) -> None:
    """Write all drafts at once, with at most so many cuts in each.

    The longest prompt and the largest limit must fit into the context together.
    """
    ends = sentence_ends(trained.source, drafts[0].test.reading.language)
    with evaluating(trained.model, "fp32", one_row=False):
        desk = Desk(trained.model, drafts)
        while desk.drafts:
            waiting = list(range(len(desk.drafts)))
            while waiting:
                desk.choose(waiting)
                going = [i for i in waiting if not desk.drafts[i].stopped]
                ended = [i for i in going if desk.drafts[i].ids[-1] in ends]
                asked = [i for i in ended if desk.drafts[i].n_cuts < most_cuts]
                kept = detector([desk.drafts[i] for i in asked]) if asked else []
                waiting = [i for i, good in zip(asked, kept, strict=True) if not good]
                for i in set(ended).difference(waiting):
                    desk.drafts[i].keep()
                for i in waiting:
                    desk.cut(i)
            desk.read()


def sentence_ends(source: Any, language: str) -> frozenset[int]:
    """The tokens that end a sentence: those that end with a stop, which no other place has; all but
    EOS in a plan.
    """
    words = enumerate(source.vocabulary)
    if language == "plan":
        return frozenset(i for i, _ in words) - {EOS}
    return frozenset(i for i, word in words if word.endswith("."))


class Desk:
    """Drafts that are not over, a row each, and what the model says of them.

    now, begun: logits [B, V] after each text, and where the sentence begins that is written now.
    inputs: what each Canon layer had before that, of the tokens that it looks back on.
    """

    def __init__(self, model: Transformer, drafts: Sequence[Draft]) -> None:
        self.model, self.drafts = model, list(drafts)
        # Other positions count tokens that are masked.
        self.can_mask = model.config.positions in ("rotary", "absolute", "none")
        self.canons = [module for module in model.modules() if isinstance(module, Canon)]
        self.now = self._read_anew()
        self.begun, self.inputs = self.now.clone(), self._inputs()
        self.cut_back: list[int] = []

    def choose(self, rows: Sequence[int]) -> None:
        """One more token of these rows: the likeliest, or a drawn one."""
        logits = self.now[list(rows)]
        tokens = likeliest(logits).tolist()
        drawn = [k for k, i in enumerate(rows) if self.drafts[i].sampling]
        if drawn:
            uniform = [self.drafts[rows[k]].rng.random() for k in drawn]
            uniform = torch.tensor(uniform, dtype=torch.float64, device=logits.device)
            found = pick(logits[drawn].softmax(-1), uniform).tolist()
            for k, token in zip(drawn, found, strict=True):
                tokens[k] = token
        for i, token in zip(rows, tokens, strict=True):
            self.drafts[i].add(token)

    def cut(self, row: int) -> None:
        """Take the sentence of a row back. Its last token has not been read yet."""
        draft = self.drafts[row]
        n_read = len(draft.ids) - draft.start - 1
        draft.cut()
        self.now[row] = self.begun[row]
        if n_read:
            cache = self.decoder.cache
            assert cache.mask is not None
            cache.mask[row, cache.length - n_read : cache.length] = False
            self.cut_back.append(row)

    def read(self) -> None:
        """Read the last token of each row; rows that are over leave."""
        going = [i for i, draft in enumerate(self.drafts) if not draft.over]
        self.drafts = [self.drafts[i] for i in going]
        if not going:
            return
        stale = bool(self.cut_back) and not self.can_mask
        self._restore()
        rows = torch.tensor(going, device=self.now.device)
        self.begun, self.inputs = self.begun[rows], [kept[rows] for kept in self.inputs]
        if stale or self.decoder.cache.length == self.decoder.cache.capacity:
            self.now = self._read_anew()
        else:
            if len(going) < len(self.now):
                self.decoder.select(rows)
            tokens = [[draft.ids[-1]] for draft in self.drafts]
            self.now = self.decoder.read(torch.tensor(tokens, device=rows.device))
        fresh = [i for i, draft in enumerate(self.drafts) if draft.start == len(draft.ids)]
        self.begun[fresh] = self.now[fresh]
        for kept, new in zip(self.inputs, self._inputs(), strict=True):
            kept[fresh] = new[fresh]

    def _inputs(self) -> list[Tensor]:
        """The last inputs of every Canon layer, [B, kernel - 1, C]."""
        n_rows = len(self.now)
        empty = [canon.weight.new_empty(n_rows, 0, len(canon.weight)) for canon in self.canons]
        return [self._join(*both) for both in zip(self.canons, empty, strict=True)]

    def _join(self, canon: Canon, last_BTC: Tensor) -> Tensor:
        """The last inputs of a Canon layer after these are appended."""
        n_before = canon.kernel - 1
        joined = self.decoder.cache.join(canon, last_BTC, n_before)
        return joined[:, joined.shape[1] - n_before :]

    def _restore(self) -> None:
        """Canon layers look back from where the sentence began, in rows that were cut."""
        for canon, kept, now in zip(self.canons, self.inputs, self._inputs(), strict=True):
            now[self.cut_back] = kept[self.cut_back]
            self._join(canon, now)
        self.cut_back = []

    def _read_anew(self) -> Tensor:
        """Logits after all texts, with a cache that has room for the rest of each."""
        texts = [np.array(draft.text) for draft in self.drafts]
        tokens, real = pad_left(texts)
        real = np.ones(tokens.shape, bool) if real is None else real
        rest = max(draft.limit - len(draft.ids) for draft in self.drafts)
        self.decoder = Decoder(self.model, min(self.model.config.n_ctx, tokens.shape[1] + rest))
        device = self.decoder.device
        mask = torch.from_numpy(real).to(device)
        return self.decoder.read(torch.from_numpy(tokens).to(device), mask)


def name_of(reading: Reading, sentence: str) -> str | None:
    """What a sentence defines; None if it cannot be read."""
    try:
        return head(reading.language, sentence)[0]
    except Fault:
        return None


def last_name(source: Any, draft: Draft) -> str | None:
    """What the sentence that has just ended defines; None if it cannot be read."""
    language = draft.test.reading.language
    sentences, _ = sentences_of(language, spelt(source, draft.ids[draft.start :]))
    return name_of(draft.test.reading, sentences[0]) if len(sentences) == 1 else None


def perfect(source: Any) -> Detector:
    """A detector that reads the problem: what is needed has been stated, and this has not.

    Of a sentence it looks at what it defines, and not at its numbers; one that cannot be read is
    kept. What the problem does not have cannot be computed.
    """

    def keeps(drafts: Sequence[Draft]) -> list[bool]:
        return [_could_be(source, draft) for draft in drafts]

    return keeps


def _could_be(source: Any, draft: Draft) -> bool:
    reading, name = draft.test.reading, last_name(source, draft)
    if name is None:
        return True
    before, _ = sentences_of(reading.language, spelt(source, draft.ids[: draft.start]))
    stated = {name_of(reading, sentence) for sentence in before if not is_back(sentence)}
    known = name in reading.formulas and name not in stated
    return known and stated.issuperset(reading.needs(name))
