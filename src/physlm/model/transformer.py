"""One transformer with the switches of ModelConfig.

Shapes: B batch, T position, N = B T rows, C d_model, V vocabulary. Inside, the stream is [N, C]: a
linear layer takes rows as they are, anything else costs views that a small model feels.

Activations that can be captured, all [B, T, C] unless said: embed, blocks.{i}.attn.out,
blocks.{i}.mlp.hidden [B, T, d_mlp], blocks.{i}.mlp.out, blocks.{i}.resid_post, final_norm (the
input of the output layer; not there with norms after the sum), and on demand
blocks.{i}.attn.pattern [B, H, T, S]. What an architecture lacks (an MLP, the single hidden layer of
a mixture) has no name.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.model.attention import Attention
from physlm.model.cache import Cache, Pass, visible
from physlm.model.canon import Canon
from physlm.model.config import ModelConfig
from physlm.model.functions import ACTIVATIONS, rotary_angles
from physlm.model.mlp import Experts, Mlp
from physlm.random import torch_generator

Capture = dict[str, Tensor]


def _norm(config: ModelConfig) -> nn.Module:
    eps = config.norm_eps or 0.0
    if config.norm == "rms":
        return nn.RMSNorm(config.d_model, eps)
    return nn.LayerNorm(config.d_model, eps, bias=bool(config.biases))


def _canon(config: ModelConfig, letter: str) -> Canon | None:
    if letter not in config.canon:
        return None
    return Canon(config.d_model, config.canon_kernel, config.canon_residual)


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); or, with norms after, norm(x + ...)."""

    def __init__(self, config: ModelConfig, index: int) -> None:
        super().__init__()
        self.name, self.pre = f"blocks.{index}", config.norm_place == "pre"
        self.norm_attn = _norm(config)
        self.canon_attn = _canon(config, "A")
        self.attn = Attention(config, index)
        if config.mlp == "none":
            self.mlp = None
            return
        self.norm_mlp = _norm(config)
        self.canon_mlp = _canon(config, "C")
        self.mlp = (Experts if config.mlp == "moe" else Mlp)(config, index)

    def forward(self, x_NC: Tensor, run: Pass) -> Tensor:
        """The stream after this block."""
        inner = self.norm_attn(x_NC) if self.pre else x_NC
        if self.canon_attn is not None:
            inner = self.canon_attn(inner, run)
        out = self.attn(inner, run)
        run.keep(f"{self.name}.attn.out", out)
        x_NC = x_NC + out
        if not self.pre:
            x_NC = self.norm_attn(x_NC)
        if self.mlp is not None:
            x_NC = self._add_mlp(x_NC, run)
        run.keep(f"{self.name}.resid_post", x_NC)
        return x_NC

    def _add_mlp(self, x_NC: Tensor, run: Pass) -> Tensor:
        inner = self.norm_mlp(x_NC) if self.pre else x_NC
        if self.canon_mlp is not None:
            inner = self.canon_mlp(inner, run)
        out = self.mlp(inner, run)  # type: ignore[misc]
        run.keep(f"{self.name}.mlp.out", out)
        return x_NC + out if self.pre else self.norm_mlp(x_NC + out)


class MaskedHead(nn.Module):
    """BERT's output layer without the embeddings: linear, activation, norm; a bias per token."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.transform = nn.Linear(config.d_model, config.d_model, bias=bool(config.biases))
        self.activation = ACTIVATIONS[config.activation or ""]
        self.norm = _norm(config)
        self.bias = nn.Parameter(torch.zeros(config.d_vocab)) if config.biases else None

    def forward(self, x_NC: Tensor) -> Tensor:
        """The stream as the embeddings will read it."""
        return self.norm(self.activation(self.transform(x_NC)))


class Transformer(nn.Module):
    """Tokens [B, T] to logits [B, T, V]; T may be anything up to n_ctx."""

    angles: Tensor | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d = config.d_model
        self.embed = nn.Embedding(config.d_vocab, d)
        absolute, relative = config.positions == "absolute", config.positions == "relative"
        self.embed_positions = nn.Embedding(config.n_ctx, d) if absolute else None
        self.embed_distances = nn.Embedding(config.n_distances, d) if relative else None
        self.blocks = nn.ModuleList(Block(config, i) for i in range(config.n_layers))
        # Before the output layer, or after the embeddings if norms come after.
        self.norm = _norm(config)
        self.head = MaskedHead(config) if config.head == "masked" else None
        self.unembed = None if config.tied else nn.Linear(d, config.d_vocab, bias=False)
        self.register_buffer("angles", self._angles(), persistent=False)

    def _angles(self) -> Tensor | None:
        config = self.config
        if config.positions != "rotary":
            return None
        angles = rotary_angles(config.n_ctx, config.d_head, config.d_rotary, config.rotary_base)
        return angles.repeat(1, config.n_heads + (config.n_kv_heads or 0), 1)

    def forward(
        self,
        tokens_BT: Tensor,
        capture: Capture | None = None,
        *,
        mask: Tensor | None = None,
        cache: Cache | None = None,
        patterns: bool = False,
        last_only: bool = False,
    ) -> Tensor:
        """Logits [B, T, V] of the tokens that come next (of the tokens themselves if not causal).

        capture: a dict into which the activations are put by name, patterns of attention only if
            `patterns`. mask: bool [B, T], False for padding, which changes nothing of the rest
            (positions count real tokens); logits of padding mean nothing. cache: of the tokens read
            before, to which these are added; causal models only. last_only: logits [B, 1, V] of the
            last tokens alone.
        """
        run = self._begin(tokens_BT, mask, cache)
        run.found, run.patterns = capture, patterns and capture is not None
        x_NC = self._embed(tokens_BT, run)
        for block in self.blocks:
            x_NC = block(x_NC, run)
        if cache is not None:
            cache.length += run.n
        if self.config.norm_place == "pre":
            x_NC = self.norm(x_NC)
            run.keep("final_norm", x_NC)
        if last_only:
            x_NC = x_NC.view(run.n_rows, run.n, -1)[:, -1]
        return self._logits(x_NC).view(run.n_rows, -1, self.config.d_vocab)

    def _begin(self, tokens_BT: Tensor, mask: Tensor | None, cache: Cache | None) -> Pass:
        n_rows, n = tokens_BT.shape
        first = 0 if cache is None else cache.length
        causal = bool(self.config.causal)
        if first + n > self.config.n_ctx:
            raise ValueError(f"{first + n} tokens: must be at most n_ctx={self.config.n_ctx}")
        run = Pass(n_rows, n, first, causal, cache=cache)
        if self.angles is not None:
            run.angles = self.angles[first : first + n]
        if self.embed_distances is not None:
            run.distance_table = self.embed_distances.weight
        if mask is None and cache is None:
            return run
        if cache is not None and not causal:
            raise ValueError("a cache is for causal models only")
        seen = mask if cache is None else cache.note(mask, n_rows, n)
        run.visible = visible(causal, first, n, seen, tokens_BT.device)
        if seen is not None:
            run.mask = seen[:, first:]
            run.places = (seen.cumsum(1) - 1).clamp(min=0)[:, first:]
            if self.angles is not None:
                run.angles = self.angles[run.places]
        return run

    def _embed(self, tokens_BT: Tensor, run: Pass) -> Tensor:
        x_NC = self.embed(tokens_BT.reshape(-1))
        if self.embed_positions is not None:
            position_TC = self.embed_positions.weight
            if run.places is not None:
                position_TC = position_TC[run.places]
            elif run.first or run.n < self.config.n_ctx:
                position_TC = position_TC[run.first : run.first + run.n]
            x_NC = (x_NC.view(run.n_rows, run.n, -1) + position_TC).view(x_NC.shape)
        if self.config.norm_place == "post":
            x_NC = self.norm(x_NC)
        run.keep("embed", x_NC)
        return x_NC

    def _logits(self, x_NC: Tensor) -> Tensor:
        bias = None
        if self.head is not None:
            x_NC, bias = self.head(x_NC), self.head.bias
        weight = self.embed.weight if self.unembed is None else self.unembed.weight
        return F.linear(x_NC, weight, bias)


def init_weights(model: Transformer, seed: int) -> None:
    """GPT-2's initial weights, in place: normal with deviation init_std, biases 0, norms 1.

    Projections into the residual stream are smaller by sqrt(2 n_layers), so that the stream keeps
    its scale; Canon layers are uniform in +-1 / sqrt(kernel), as convolutions are (Part 4.1). Each
    tensor has its own generator, named by the tensor: a switch that adds one leaves the others as
    they are.
    """
    config = model.config
    small = config.init_std / math.sqrt(2 * config.n_layers)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = torch.empty(parameter.shape)
            generator = torch_generator(seed, "init", name)
            if name.endswith("bias"):
                draw.zero_()
            elif parameter.dim() == 1:
                draw.fill_(1.0)
            elif ".canon" in name:
                bound = 1 / math.sqrt(config.canon_kernel)
                draw.uniform_(-bound, bound, generator=generator)
            else:
                into_stream = name.endswith(("attn.out.weight", "mlp.down.weight", "mlp.down"))
                draw.normal_(0.0, small if into_stream else config.init_std, generator=generator)
            parameter.copy_(draw)


def loss_nats_BT(model: nn.Module, tokens: Tensor) -> Tensor:
    """Next-token losses in nats, [B, T], of windows `tokens` [B, T + 1]."""
    targets = tokens[:, 1:]
    return _cross_entropy(model(tokens[:, :-1]), targets, "none").view(targets.shape)


def loss_nats(model: nn.Module, tokens: Tensor) -> Tensor:
    """The mean of `loss_nats_BT`, cheaper: what training minimises."""
    return _cross_entropy(model(tokens[:, :-1]), tokens[:, 1:], "mean")


def _cross_entropy(logits_BTV: Tensor, targets_BT: Tensor, reduction: str) -> Tensor:
    logits = logits_BTV.view(-1, logits_BTV.shape[-1]).float()
    return F.cross_entropy(logits, targets_BT.reshape(-1), reduction=reduction)
