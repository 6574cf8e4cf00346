"""Masked modelling: words of a window are hidden, and the model has to say what they were.

Whole words (Part 3.1, BERT experiments): all tokens of a word share its fate, and the fate is drawn
once for each word. A chosen word becomes mask tokens, or random tokens (each of its tokens another
uniform draw from the vocabulary without control tokens), or stays as it is. B batch, T position.
"""

from typing import Any, Protocol

import numpy as np

from physlm.data.corpus import Corpus
from physlm.random import generator
from physlm.train.config import MaskingConfig
from physlm.train.losses import IGNORED

# Tokenisers that cut words into pieces; with every other one a token is a word.
SUBWORD = ("bpe", "gpt2")

# Kinds of characters; a change of kind ends a word, but a space belongs to what follows it.
_LETTER, _DIGIT, _MARK, _SPACE, _CONTROL = range(5)


class Windows(Protocol):
    """A source of windows [B, T + 1], such as physlm.data.stream.Stream."""

    batch_size: int
    n_ctx: int

    def start(self) -> dict[str, Any]: ...
    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]: ...
    def exposures(self, state: dict[str, Any]) -> float: ...


class Words:
    """Where words begin, from what the tokens of a vocabulary spell.

    With subwords a word begins at a token with a leading space, after a control token, and where
    letters, digits and marks meet: the boundaries at which the byte-level tokenisers split a text
    before they encode it, so punctuation is no part of the word before it. Without, at every token.
    """

    def __init__(self, vocabulary: list[str], control: tuple[int, ...], subwords: bool) -> None:
        self.control = np.zeros(len(vocabulary), bool)
        self.control[list(control)] = True
        self._first = np.array([_kind(text[:1]) for text in vocabulary], np.int8)
        self._last = np.array([_kind(text[-1:]) for text in vocabulary], np.int8)
        self._first[self.control] = self._last[self.control] = _CONTROL
        self.starts_word = (self._first >= _SPACE) | (not subwords)

    @classmethod
    def of(cls, corpus: Corpus) -> "Words":
        """The words of a corpus; its control token is EOS."""
        subwords = corpus.manifest["config"].get("tokenizer") in SUBWORD
        return cls(corpus.world.vocabulary, (corpus.manifest["eos"],), subwords)

    def number(self, tokens_BT: np.ndarray) -> np.ndarray:
        """The number of the word of every token [B, T], from 0 on through the rows.

        What a window shows of a word that it cuts counts as a word.
        """
        begins = self.starts_word[tokens_BT]
        begins[:, 0] = True
        first, last = self._first[tokens_BT[:, 1:]], self._last[tokens_BT[:, :-1]]
        begins[:, 1:] |= (first != last) & (last != _SPACE)
        return begins.reshape(-1).cumsum().reshape(tokens_BT.shape) - 1


class Masked:
    """Batches [B, 2, T] of inputs and labels (physlm.train.losses) made of windows of `source`.

    Every word is chosen with probability `config.rate`, control tokens never; labels are the chosen
    tokens. If chance chooses none in a whole batch, one word is chosen uniformly. The mask token is
    the first id after the vocabulary, d_vocab. The draws of batch i depend on the seed and i alone.
    """

    def __init__(self, source: Windows, words: Words, config: MaskingConfig, seed: int) -> None:
        self.source, self.words, self.config, self.seed = source, words, config, seed
        self.batch_size, self.n_ctx = source.batch_size, source.n_ctx
        self.mask_token = len(words.control)
        self._plain = np.flatnonzero(~words.control)

    def start(self) -> dict[str, Any]:
        """The state before the first batch."""
        return {"source": self.source.start(), "taken": 0}

    def take(self, state: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        """The batch at `state`, int64 [B, 2, T], and the state after it."""
        windows, after = self.source.take(state["source"])
        # The last token of a row is the first of the next one.
        tokens = windows[:, :-1]
        rng = generator(self.seed, "mask", state["taken"])
        return self._mask(tokens, rng), {"source": after, "taken": state["taken"] + 1}

    def exposures(self, state: dict[str, Any]) -> float:
        """Mean number of entries per person that ended before `state`."""
        return self.source.exposures(state["source"])

    def _mask(self, tokens: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        word = self.words.number(tokens)
        free = ~self.words.control[tokens]
        draws = rng.random((int(word[-1, -1]) + 1, 2))
        chosen = (draws[word, 0] < self.config.rate) & free
        if not chosen.any() and free.any():
            chosen = (word == rng.choice(np.unique(word[free]))) & free
        fate = draws[word, 1]
        masked = chosen & (fate < self.config.mask_share)
        swapped = chosen & ~masked & (fate < self.config.mask_share + self.config.random_share)
        batch = np.empty((len(tokens), 2, tokens.shape[1]), np.int64)
        batch[:, 0] = tokens
        batch[:, 0][masked] = self.mask_token
        batch[:, 0][swapped] = self._plain[rng.integers(len(self._plain), size=swapped.sum())]
        batch[:, 1] = np.where(chosen, tokens, IGNORED)
        return batch


def _kind(character: str) -> int:
    # A token may be a part of a letter's bytes, which decodes to the replacement character.
    if character.isalpha() or character == "\N{REPLACEMENT CHARACTER}":
        return _LETTER
    if character.isspace():
        return _SPACE
    return _DIGIT if character.isnumeric() else _MARK
