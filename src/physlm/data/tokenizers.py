"""Tokenisers of the biographies, and texts as pieces that are tokenised once.

A text is a sequence of pieces, each of them words with their leading space or punctuation. All
three tokenisers split at those boundaries, so the tokens of a text are the tokens of its pieces put
end to end, and rendering needs no tokeniser at all. The vocabulary is compact: a row for every
token that some person and some template can need, and no other (Part 3.3 Appendix A removes unused
rows too).

symbols: a token per phrase of a template, name or date part, and word of a value; no punctuation
(symbolic). words: a token per word, mark or entry of a list. bpe: byte-level BPE trained on the
texts. gpt2: the published tokeniser, from a file or the Hugging Face hub.
"""

import re
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from physlm.config import ConfigError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

EOS_TEXT = "<eos>"
HUB_NAME = "openai-community/gpt2"

# Texts -> the texts of the tokens of each.
Encoder = Callable[[Sequence[str]], list[list[str]]]

_WORD = re.compile(r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+")


@dataclass(frozen=True)
class Pieces:
    """Token sequences by number: piece p is tokens[starts[p] : starts[p] + lengths[p]]."""

    tokens: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int]]) -> "Pieces":
        """Number the sequences from 0."""
        sequences = list(sequences)
        lengths = np.array([len(s) for s in sequences], np.int32)
        tokens = np.array([t for s in sequences for t in s], np.int32)
        return cls(tokens, lengths.cumsum(dtype=np.int32) - lengths, lengths)

    def join(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens of the pieces `numbers` (any shape, in C order) end to end, and their lengths."""
        flat = numbers.reshape(-1)
        lengths = self.lengths[flat]
        ends = lengths.cumsum(dtype=np.int32)
        places = np.repeat(self.starts[flat] - (ends - lengths), lengths)
        places += np.arange(len(places), dtype=np.int32)
        return self.tokens[places], lengths

    def extended(self, numbers: np.ndarray) -> "Pieces":
        """These pieces, then one for each row of `numbers` [n, k]: its k pieces end to end."""
        tokens, lengths = self.join(numbers)
        lengths = lengths.reshape(numbers.shape).sum(axis=1, dtype=np.int32)
        starts = len(self.tokens) + lengths.cumsum(dtype=np.int32) - lengths
        return Pieces(
            np.concatenate([self.tokens, tokens]),
            np.concatenate([self.starts, starts]),
            np.concatenate([self.lengths, lengths]),
        )


def number_pieces(
    groups: Mapping[str, Sequence[str]], encode: Encoder
) -> tuple[list[str], Pieces, dict[str, int]]:
    """Compact vocabulary, pieces, and the number of the first piece of each group of texts.

    Token 0 is EOS, the others follow in the order in which the texts first need them.
    """
    first, n = {}, 0
    for name, texts in groups.items():
        first[name], n = n, n + len(texts)
    encoded = encode([text for texts in groups.values() for text in texts])
    row = {EOS_TEXT: 0}
    for tokens in encoded:
        for token in tokens:
            row.setdefault(token, len(row))
    pieces = Pieces.of([[row[token] for token in tokens] for tokens in encoded])
    return list(row), pieces, first


def words(atoms: Iterable[str]) -> Encoder:
    """The symbolic tokeniser: texts among `atoms` and EOS are one token, others split at words."""
    whole = {EOS_TEXT, *atoms}
    return lambda texts: [[text] if text in whole else _WORD.findall(text) for text in texts]


def symbols(atoms: Iterable[str]) -> Encoder:
    """The shortest spelling: texts among `atoms` are one token (none if empty), of others each
    word without its comma.
    """
    whole = {EOS_TEXT, *atoms}

    def encode(texts: Sequence[str]) -> list[list[str]]:
        return [
            [text] if text and text in whole else re.findall(r" ?[^\s,]+", text) for text in texts
        ]

    return encode


def trained_bpe(texts: Iterable[str], d_vocab: int) -> Encoder:
    """Byte-level BPE with at most `d_vocab` tokens, a function of `texts` alone."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=d_vocab,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _encoder(tokenizer)


def gpt2(path: str | None) -> Encoder:
    """The GPT-2 tokeniser from `path`: a tokenizer.json, or a folder that has it, vocab.json and
    merges.txt, or encoder.json and vocab.bpe; None asks the Hugging Face hub (or its local cache).

    ConfigError if there is nothing to be had or it is another tokeniser.
    """
    try:
        tokenizer = _from_hub() if path is None else _from_path(Path(path))
    except Exception as error:  # the tokenizers library raises bare Exception
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"tokenizer_file={path!r}: must be GPT-2's tokenizer.json, or a folder with vocab.json "
            f"and merges.txt (huggingface.co/{HUB_NAME} has them), or null to get it from the "
            f"Hugging Face hub ({reason})"
        ) from None
    if tokenizer.get_vocab_size() != 50257 or tokenizer.encode("Hello world was born on").ids != [
        15496,
        995,
        373,
        4642,
        319,
    ]:
        raise ConfigError(f"tokenizer_file={path!r}: must be the tokeniser of GPT-2, not another")
    return _encoder(tokenizer)


def _from_hub() -> "Tokenizer":
    from huggingface_hub import constants, hf_hub_download
    from tokenizers import Tokenizer

    try:
        file = hf_hub_download(HUB_NAME, "tokenizer.json", local_files_only=True)
    except Exception:
        # Without a network the hub's client would try again and again before it gives up.
        urllib.request.urlopen(constants.ENDPOINT, timeout=10).close()
        file = hf_hub_download(HUB_NAME, "tokenizer.json")
    return Tokenizer.from_file(file)


def _from_path(path: Path) -> "Tokenizer":
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    if path.is_dir() and (path / "tokenizer.json").is_file():
        path = path / "tokenizer.json"
    if not path.is_dir():
        if not path.is_file():
            raise FileNotFoundError("no such file or folder")
        return Tokenizer.from_file(str(path))
    for vocabulary, merges in (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")):
        if (path / vocabulary).is_file() and (path / merges).is_file():
            break
    else:
        raise FileNotFoundError("the folder has none of these")
    model = models.BPE.from_file(str(path / vocabulary), str(path / merges))
    tokenizer = Tokenizer(model)
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>")])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _encoder(tokenizer: "Tokenizer") -> Encoder:
    spelt: dict[int, str] = {}

    def text(token: int) -> str:
        if token not in spelt:
            spelt[token] = tokenizer.decode([token])
        return spelt[token]

    def encode(texts: Sequence[str]) -> list[list[str]]:
        encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [
            [EOS_TEXT] if piece == EOS_TEXT else [text(token) for token in encoding.ids]
            for piece, encoding in zip(texts, encoded, strict=True)
        ]

    return encode
