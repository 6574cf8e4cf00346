"""A V-probe: a low-rank update of the embedding of a frozen model, and a linear classifier.

Shapes: B row, T token, C d_model, R rank, V vocabulary, N question of a batch, M class. Rows are
those of physlm.probe.v_examples.rows.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.config import require
from physlm.model.cache import Pass
from physlm.model.canon import Canon
from physlm.model.transformer import Transformer
from physlm.probe.v_config import VProbeConfig
from physlm.probe.v_examples import TEXT, Asked
from physlm.probe.v_examples import rows as rows_of
from physlm.random import torch_generator
from physlm.train.losses import IGNORED


class VProbe(nn.Module):
    """Rows to logits [N, M] of the questions, in the order of rows and places.

    The model is frozen, and shared by the probes of all tasks. A layer before the last is read
    through a norm without weights, so that all have the same scale.
    """

    def __init__(self, model: Transformer, task: str, n_classes: int, config: VProbeConfig) -> None:
        super().__init__()
        self.frozen, self.layer = model.requires_grad_(False), config.layer
        d, rank = model.config.d_model, config.rank
        if rank:
            self.embed_tokens = nn.Parameter(torch.zeros(model.config.d_vocab, rank))
            self.embed_out = nn.Parameter(torch.empty(rank, d))
        else:
            self.embed_tokens = self.embed_out = None
        self.head = nn.Linear(d, n_classes)
        with torch.no_grad():
            if self.embed_out is not None:
                generator = torch_generator(config.seed, "v_probe", task, "embed")
                std = config.embed_std or 1 / rank
                self.embed_out.normal_(0.0, std, generator=generator)
            generator = torch_generator(config.seed, "v_probe", task, "head")
            self.head.weight.uniform_(-(d**-0.5), d**-0.5, generator=generator)
            self.head.bias.zero_()

    def forward(self, rows: Tensor) -> Tensor:
        """rows [B, 5, T]."""
        # Without an update nothing below the classifier has a gradient.
        with torch.no_grad() if self.embed_out is None else contextlib.nullcontext():
            states = self.states(rows)
        return self.head(states).float()

    def states(self, rows: Tensor) -> Tensor:
        """What the classifier reads at the ends of the questions, [N, C]."""
        embed_NC = self.frozen.embed(rows[:, 0].reshape(-1))
        if self.embed_tokens is not None and self.embed_out is not None:
            tokens_NR = F.embedding(rows[:, 0].reshape(-1), self.embed_tokens)
            embed_NC = embed_NC + tokens_NR @ self.embed_out
        hidden_NC = branched(self.frozen, embed_NC, rows, self.layer)
        return hidden_NC[rows[:, 1].reshape(-1) != IGNORED]

    def train(self, mode: bool = True) -> "VProbe":
        """As torch's, but the frozen model always works as it does when it is examined."""
        super().train(mode)
        self.frozen.eval()
        return self


def branched(model: Transformer, embed_NC: Tensor, rows: Tensor, layer: int | None) -> Tensor:
    """The stream of `model` after a layer (None: the last one, normed), [B T, C], for embeddings
    [B T, C] of rows in which each token sees its own group and so much of the text.
    """
    places, config = rows[:, 2], model.config
    run = Pass(len(rows), rows.shape[2], 0, causal=True, places=places)
    run.visible = visible(rows)[:, None]
    if model.angles is not None:
        run.angles = model.angles[places]
    x_NC = embed_NC
    if model.embed_positions is not None:
        x_NC = x_NC + model.embed_positions.weight[places.reshape(-1)]
    if config.norm_place == "post":
        x_NC = model.norm(x_NC)
    n_blocks = config.n_layers if layer is None else layer + 1
    with branched_canons(model, rows):
        for block in list(model.blocks)[:n_blocks]:
            x_NC = cast(Any, block)(x_NC, run)
    if layer is not None:
        return F.layer_norm(x_NC, x_NC.shape[-1:])
    return model.norm(x_NC) if config.norm_place == "pre" else x_NC


@contextlib.contextmanager
def branched_canons(model: Transformer, rows: Tensor) -> Iterator[None]:
    """Meanwhile Canon layers sum over the tokens before in the text that a token continues, which
    at the beginning of a question are not those before it in the row.
    """
    canons = [module for module in model.modules() if isinstance(module, Canon)]
    if not canons or model.config.canon_kernel == 1:
        yield
        return
    crossed = crossings(rows, model.config.canon_kernel)

    def corrected(canon: nn.Module, args: tuple[Tensor, Pass], y_NC: Tensor) -> Tensor:
        assert isinstance(canon, Canon)
        weight_MC = canon.weight.T[crossed.tap] * crossed.sign[:, None]
        return y_NC.index_add(0, crossed.to, args[0].index_select(0, crossed.source) * weight_MC)

    hooks = [canon.register_forward_hook(corrected) for canon in canons]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class Crossings(NamedTuple):
    """Terms of the sums of Canon layers over a row that have to change, M of them, int64 but sign.

    Each adds (sign 1) or takes back (-1) the weight `tap` tokens before, times the token `source`,
    at the token `to`; tokens are numbered through all rows, [B T].
    """

    to: Tensor
    source: Tensor
    tap: Tensor
    sign: Tensor


def crossings(rows: Tensor, kernel: int) -> Crossings:
    """What crosses the beginning of a question: it is taken back of the token that stands before it
    in the row, and added of the one in the text that the question continues, if there is one.
    """
    place, group, seen = rows[:, 2], rows[:, 3], rows[:, 4]
    n_rows, n = place.shape
    column = torch.arange(n, device=rows.device)
    first = torch.arange(0, n_rows * n, n, device=rows.device)[:, None]
    parts = []
    for tap in range(1, kernel):
        crosses = (group > TEXT) & (place - tap < seen)
        kinds = (-1.0, crosses & (column >= tap), column), (1.0, crosses & (place >= tap), place)
        for sign, chosen, begin in kinds:
            to, source = (first + column)[chosen], (first + begin - tap)[chosen]
            parts.append(
                (
                    to,
                    source,
                    torch.full_like(to, tap),
                    torch.full(to.shape, sign, device=rows.device),
                )
            )
    return Crossings(*(torch.cat(columns) for columns in zip(*parts, strict=True)))


def visible(rows: Tensor) -> Tensor:
    """Which keys each token sees, bool [B, T, S]."""
    place, group, seen = rows[:, 2], rows[:, 3], rows[:, 4]
    key, of_key = place[:, None], group[:, None]
    text = (of_key == TEXT) & (key < seen[..., None])
    own = (of_key > TEXT) & (of_key == group[..., None]) & (key <= place[..., None])
    # A token always sees itself, so that padding is no division by 0.
    itself = torch.eye(rows.shape[2], dtype=torch.bool, device=rows.device)
    return text | own | itself


def check(model: Transformer, layer: int | None) -> None:
    """ConfigError if V-probes cannot read the model, or it has not this layer."""
    config = model.config
    ok = config.positions in ("rotary", "absolute", "none") and config.causal
    allowed = "causal, with rotary, absolute or no positions"
    require(bool(ok), "model.arch", config.arch, allowed)
    known = layer is None or layer < config.n_layers
    require(known, "layer", layer, f"below the model's {config.n_layers}, or null")


def probe_nats(probe: nn.Module, batch: Tensor) -> Tensor:
    """The mean loss in nats of the questions of `batch`."""
    labels = batch[:, 1].reshape(-1)
    labels = labels[labels != IGNORED]
    return F.cross_entropy(probe(batch), labels, reduction="sum") / max(1, len(labels))


def logits_of(probe: VProbe, examples: Sequence[Asked], batch_size: int) -> np.ndarray:
    """Logits [N, M] of all questions in order."""
    return np.concatenate(list(_logits(probe, examples, batch_size)))


def _logits(probe: VProbe, examples: Sequence[Asked], batch_size: int) -> Iterator[np.ndarray]:
    probe.eval()
    where = probe.head.weight.device
    for start in range(0, len(examples), batch_size):
        batch: Tensor = torch.from_numpy(rows_of(examples[start : start + batch_size])).to(where)
        with torch.no_grad():
            yield probe(batch).cpu().numpy()
