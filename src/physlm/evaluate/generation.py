"""Text that a model writes after prompts: greedy, sampled, or by beam search.

Prompts of any lengths are sorted by length and read in batches with padding on the left; each new
token then costs one pass over one token, with a cache of keys and values. Rows that have ended
leave their batch.

What prompt i gets depends on the prompt, the settings, the seed and i alone: its uniform numbers
have a generator of their own, and padding changes nothing. One thing does depend on the company a
prompt is read in: sums of floating-point numbers are rounded differently for matrices of other
sizes, so two tokens that are equally likely to 1e-6 or so may change places. And mixtures of
experts: an expert has places for the tokens of one pass, so with a limit (eval_capacity_factor
above 0) what a row gets depends on the others and on the cache. Without one they are as the rest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from physlm.config import require
from physlm.random import generator

if TYPE_CHECKING:
    from physlm.model.transformer import Transformer

# From so many tokens on it pays to copy weights for passes over one row (decoding.evaluating).
MANY_TOKENS = 32


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """How to write.

    max_new_tokens: after a prompt; the longest prompt and these must fit into the context.
    stop: tokens that end a text (they are part of it).
    sample: draw from the softmax of logits / temperature; otherwise the most likely is taken.
    n_beams: width of a beam search; 1: none. A text's score is its log probability (nats) divided
        by its length ** length_penalty: 0 for the log probability itself, 1 for the default of
        Hugging Face. physlm.evaluate.beams says how sampling and beams go together.
    batch_size: prompts that are read at once. precision: of the passes, by autocast unless fp32.
    """

    max_new_tokens: int
    stop: tuple[int, ...] = ()
    sample: bool = False
    temperature: float = 1.0
    n_beams: int = 1
    length_penalty: float = 0.0
    batch_size: int = 64
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"

    def __post_init__(self) -> None:
        for key in ("max_new_tokens", "n_beams", "batch_size"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        require(self.temperature > 0, "temperature", self.temperature, "above 0")
        good = self.sample or self.temperature == 1
        require(good, "temperature", self.temperature, "1 unless sample")
        good = self.n_beams > 1 or not self.length_penalty
        require(good, "length_penalty", self.length_penalty, "0 unless n_beams is above 1")
        require(all(token >= 0 for token in self.stop), "stop", self.stop, "tokens, 0 or above")

    @property
    def n_drawn(self) -> int:
        """Uniform numbers that one prompt needs for one token: as many as candidates."""
        return 1 if self.n_beams == 1 else max(2, 1 + len(self.stop)) * self.n_beams


@dataclass(frozen=True)
class Text:
    """What was written after one prompt.

    tokens: without the prompt, with the stop token if `stopped`. log_probs: of each token given all
        before it, in nats, by the model itself (temperature 1).
    """

    tokens: np.ndarray
    log_probs: np.ndarray
    stopped: bool

    @property
    def log_prob(self) -> float:
        """Log probability of the whole text, nats."""
        return float(self.log_probs.sum())


def generate(
    model: "Transformer",
    prompts: Sequence[np.ndarray],
    config: GenerateConfig,
    seed: int = 0,
    ids: Sequence[int] | None = None,
) -> list[Text]:
    """A text for each prompt (integers, at least one), in the order of the prompts.

    ids: the i that names the random numbers of each prompt, by default its place; a caller that
    writes in several calls, or several times after one prompt, gives its own.

    Raises ValueError for a model that is not causal, a prompt that is empty, holds tokens that the
    model does not know, or leaves too little room in the context.
    """
    from physlm.evaluate.beams import search
    from physlm.evaluate.decoding import evaluating, write

    texts: list[Text | None] = [None] * len(prompts)
    _check(model, prompts, config)
    names = range(len(prompts)) if ids is None else ids
    if len(names) != len(prompts):
        raise ValueError(f"ids: {len(names)} of them, must be one for each of {len(prompts)}")
    one_row = config.n_beams == 1 and min(config.batch_size, len(prompts)) == 1
    one_row = one_row and len(prompts) * config.max_new_tokens >= MANY_TOKENS
    with evaluating(model, config.precision, one_row):
        for places in batches([len(prompt) for prompt in prompts], config.batch_size):
            tokens, real = pad_left([prompts[i] for i in places])
            uniforms = draw(config, seed, [names[i] for i in places]) if config.sample else None
            run = write if config.n_beams == 1 else search
            for i, text in zip(places, run(model, tokens, real, uniforms, config), strict=True):
                texts[i] = text
    return [text for text in texts if text is not None]


def batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Places of at most batch_size prompts each, the longest first (memory runs out at once)."""
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size].tolist()


def pad_left(prompts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
    """Tokens [B, T] of prompts that all end in the last column, and which are real (None: all)."""
    lengths = np.array([len(prompt) for prompt in prompts])
    longest = int(lengths.max())
    tokens = np.zeros((len(prompts), longest), np.int64)
    for row, prompt in zip(tokens, prompts, strict=True):
        row[longest - len(prompt) :] = prompt
    if (lengths == longest).all():
        return tokens, None
    return tokens, np.arange(longest) >= longest - lengths[:, None]


def draw(config: GenerateConfig, seed: int, ids: Sequence[int]) -> np.ndarray:
    """Uniform numbers [max_new_tokens, B, n_drawn] of these prompts.

    A longer max_new_tokens adds to them and changes none.
    """
    shape = (config.max_new_tokens, config.n_drawn)
    rows = [generator(seed, "generate", int(i)).random(shape) for i in ids]
    return np.stack(rows, 1)


def _check(model: "Transformer", prompts: Sequence[np.ndarray], config: GenerateConfig) -> None:
    settings = model.config
    if not settings.causal:
        raise ValueError(f"arch={settings.arch!r}: only a causal model can generate")
    d_vocab, room = settings.d_vocab, settings.n_ctx - config.max_new_tokens
    unknown = [token for token in config.stop if token >= d_vocab]
    if unknown:
        raise ValueError(f"stop={config.stop}: must be below d_vocab={d_vocab}")
    for i, prompt in enumerate(prompts):
        if len(prompt) == 0:
            raise ValueError(f"prompts[{i}]: empty, must have at least one token")
        low, high = int(np.min(prompt)), int(np.max(prompt))
        if low < 0 or high >= d_vocab:
            wrong = low if low < 0 else high
            raise ValueError(f"prompts[{i}]: token {wrong}, must be 0 to {d_vocab - 1}")
        if len(prompt) > room:
            raise ValueError(
                f"prompts[{i}]: {len(prompt)} tokens and max_new_tokens={config.max_new_tokens} "
                f"must be at most n_ctx={settings.n_ctx}"
            )
