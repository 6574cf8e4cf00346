"""A batch of prompts read and continued token by token (see physlm.evaluate.generation).

Shapes: B rows, T tokens read at once, V vocabulary.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from physlm.evaluate.generation import Text
from physlm.model.cache import Cache

if TYPE_CHECKING:
    from physlm.evaluate.generation import GenerateConfig
    from physlm.model.transformer import Transformer

# Rows leave when so many have ended: it costs a copy of the cache, which a step reads once.
WORTH_LEAVING = 0.25
# An accelerator is asked this often whether rows have ended: to ask is to wait for it.
STEPS_BETWEEN_QUESTIONS = 8


@contextlib.contextmanager
def evaluating(model: "Transformer", precision: str, one_row: bool) -> Iterator[None]:
    """No gradients, evaluation mode (the old one comes back), and autocast unless fp32.

    one_row: no pass is over more than one row.
    """
    training, kind = model.training, {"bf16": torch.bfloat16, "fp16": torch.float16}
    device = next(model.parameters()).device.type
    model.eval()
    try:
        with contextlib.ExitStack() as stack:
            if one_row and device == "cpu":
                stack.enter_context(laid_out_for_one_row(model))
            stack.enter_context(torch.inference_mode())
            if precision != "fp32":
                stack.enter_context(torch.autocast(device, kind[precision]))
            yield
    finally:
        model.train(training)


@contextlib.contextmanager
def laid_out_for_one_row(model: nn.Module) -> Iterator[None]:
    """Weights of layers that widen lie in memory with their columns together; the old come back.

    On a CPU the product with one row waits for memory, and reads such weights 1.3 to 1.7 times as
    fast this way (layers that narrow, and products with 2 to 16 rows, do better the other way). The
    copies cost as much as they save in 10 to 30 tokens.
    """
    wide = [m for m in model.modules() if isinstance(m, nn.Linear)]
    old = {m: m.weight.data for m in wide if m.out_features > m.in_features}
    try:
        for layer, weight in old.items():
            layer.weight.data = weight.t().contiguous().t()
        yield
    finally:
        for layer, weight in old.items():
            layer.weight.data = weight


class Decoder:
    """A model and the texts that it has read so far, one a row, at most `capacity` tokens each.

    To go on from one text in several ways, `select` its row several times.
    """

    def __init__(self, model: "Transformer", capacity: int) -> None:
        self.model = model
        self.device = next(model.parameters()).device
        self.cache = Cache(capacity)

    def read(self, tokens_BT: Tensor, real_BT: Tensor | None = None) -> Tensor:
        """Logits [B, V] after these tokens; real_BT is False for padding, on the left only."""
        logits = self.model(tokens_BT, mask=real_BT, cache=self.cache, last_only=True)
        return logits[:, -1].float()

    def select(self, rows: Tensor) -> None:
        """Keep the rows `rows` [B'], in that order."""
        self.cache.select(rows)


def begin(
    model: "Transformer", tokens: np.ndarray, real: np.ndarray | None, max_new_tokens: int
) -> tuple[Decoder, Tensor]:
    """A decoder that has read the prompts [B, T] but for padding, and the logits [B, V]."""
    decoder = Decoder(model, tokens.shape[1] + max_new_tokens)
    mask = None if real is None else torch.from_numpy(real).to(decoder.device)
    return decoder, decoder.read(torch.from_numpy(tokens).to(decoder.device), mask)


def pick(weights_BV: Tensor, uniform_B: Tensor) -> Tensor:
    """A token of each row, drawn in proportion to `weights_BV` by inverse transform."""
    sums_BV = weights_BV.cumsum(-1, dtype=torch.float64)
    wanted_B = uniform_B * sums_BV[:, -1]
    token_B1 = torch.searchsorted(sums_BV, wanted_B[:, None], right=True)
    return token_B1[:, 0].clamp(max=weights_BV.shape[1] - 1)


def likeliest(logits_BV: Tensor) -> Tensor:
    """The first token of each row with the largest logit."""
    if logits_BV.device.type == "cpu":
        # A tenth of the time that PyTorch's own takes.
        return torch.from_numpy(logits_BV.numpy().argmax(1))
    return logits_BV.argmax(-1)


def any_of(tokens: Tensor, stop: Tensor) -> Tensor:
    """Which of `tokens` are among `stop` [n], of the same shape."""
    return tokens == stop if len(stop) == 1 else (tokens[..., None] == stop).any(-1)


def write(
    model: "Transformer",
    tokens: np.ndarray,
    real: np.ndarray | None,
    uniforms: np.ndarray | None,
    config: "GenerateConfig",
) -> list[Text]:
    """Greedy texts, or drawn ones with uniforms [max_new_tokens, B, 1]; inside `evaluating`."""
    decoder, logits = begin(model, tokens, real, config.max_new_tokens)
    device = decoder.device
    stop = torch.tensor(config.stop, device=device)
    uniform_TB = None if uniforms is None else torch.from_numpy(uniforms[:, :, 0]).to(device)
    pages = Pages(len(tokens), config.max_new_tokens, device)
    ask_every = 1 if device.type == "cpu" else STEPS_BETWEEN_QUESTIONS
    ended = torch.zeros(len(tokens), dtype=torch.bool, device=device)
    for step in range(1, config.max_new_tokens + 1):
        log_prob_BV = logits.log_softmax(-1)
        if uniform_TB is None:
            token_B = likeliest(logits)
        elif config.temperature == 1:
            token_B = pick(log_prob_BV.exp(), uniform_TB[step - 1])
        else:
            weights_BV = (log_prob_BV / config.temperature).softmax(-1)
            token_B = pick(weights_BV, uniform_TB[step - 1])
        pages.add(token_B, log_prob_BV.gather(1, token_B[:, None])[:, 0])
        if step == config.max_new_tokens:
            break
        if len(stop):
            ended |= any_of(token_B, stop)
            n_ended = int(ended.sum()) if step % ask_every == 0 else 0
            if n_ended == len(ended):
                break
            if n_ended > WORTH_LEAVING * len(ended):
                rows = (~ended).nonzero()[:, 0]
                decoder.select(rows)
                pages.select(rows)
                token_B, ended = token_B[rows], ended[rows]
                uniform_TB = None if uniform_TB is None else uniform_TB[:, rows]
        logits = decoder.read(token_B[:, None])
    return pages.texts(config.stop)


class Pages:
    """What was written so far: columns of the rows that are left, put down when rows leave."""

    def __init__(self, n_rows: int, n_steps: int, device: torch.device) -> None:
        self.tokens = torch.zeros(n_rows, n_steps, dtype=torch.long, device=device)
        self.log_probs = torch.zeros(n_rows, n_steps, device=device)
        self.rows = torch.arange(n_rows, device=device)
        self.n_put, self.columns = 0, []

    def add(self, token_B: Tensor, log_prob_B: Tensor) -> None:
        """One more token of every row that is left."""
        self.columns.append((token_B, log_prob_B))

    def select(self, rows: Tensor) -> None:
        """From now on only these of the rows that are left."""
        self._put()
        self.rows = self.rows[rows]

    def texts(self, stop: tuple[int, ...]) -> list[Text]:
        """All rows, each up to its first stop token."""
        self._put()
        tokens, log_probs = self.tokens.cpu().numpy(), self.log_probs.cpu().numpy()
        stops = np.isin(tokens, stop)
        stops[:, self.n_put :] = False
        texts = []
        for row_tokens, row_log_probs, row_stops in zip(tokens, log_probs, stops, strict=True):
            stopped = bool(row_stops.any())
            n = int(row_stops.argmax()) + 1 if stopped else self.n_put
            texts.append(Text(row_tokens[:n].copy(), row_log_probs[:n].copy(), stopped))
        return texts

    def _put(self) -> None:
        if not self.columns:
            return
        tokens, log_probs = (torch.stack(kind, 1) for kind in zip(*self.columns, strict=True))
        end = self.n_put + len(self.columns)
        self.tokens[self.rows, self.n_put : end] = tokens
        self.log_probs[self.rows, self.n_put : end] = log_probs
        self.n_put, self.columns = end, []
