"""One causal transformer, pre-norm, with the switches of ModelConfig.

Shapes: B batch, T position, N = B T rows, C d_model, H head, D dim of a head, V vocabulary. Inside,
the stream is [N, C]: a linear layer takes rows as they are, anything else costs views that a small
model feels. Activations that can be captured, all [B, T, C] unless said: embed,
blocks.{i}.attn.out, blocks.{i}.mlp.hidden [B, T, d_mlp], blocks.{i}.mlp.out,
blocks.{i}.resid_post, final_norm.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.model.config import ModelConfig
from physlm.model.functions import ACTIVATIONS, MLPS, rotary_angles, rotate
from physlm.random import torch_generator

Capture = dict[str, Tensor]

# What a block can tell, in the order in which it returns it.
BLOCK_ACTIVATIONS = ("attn.out", "mlp.hidden", "mlp.out", "resid_post")


def _norm(config: ModelConfig) -> nn.Module:
    eps = config.norm_eps or 0.0
    if config.norm == "rms":
        return nn.RMSNorm(config.d_model, eps)
    return nn.LayerNorm(config.d_model, eps, bias=bool(config.biases))


class Attention(nn.Module):
    """Causal self-attention; keys and values may be shared by groups of query heads."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d, d_head, groups = config.d_model, config.d_head, config.n_kv_heads or 0
        self.d_head = d_head
        self.heads = (config.n_heads, groups)
        self.widths = (d + groups * d_head, groups * d_head)
        self.qkv = nn.Linear(d, d + 2 * groups * d_head, bias=bool(config.biases))
        self.out = nn.Linear(d, d, bias=bool(config.biases))

    def forward(self, x_NC: Tensor, n_rows: int, angles: Tensor | None) -> Tensor:
        """`n_rows` is B; `angles` complex [T, (query and key dims) / 2], None without rotary."""
        qk, v_NC = self.qkv(x_NC).split_with_sizes(self.widths, -1)
        qk = qk.view(n_rows, -1, self.widths[0])
        if angles is not None:
            qk = rotate(qk, angles)
        shape = (*qk.shape[:2], -1, self.d_head)
        q_BTHD, k_BTHD = qk.view(shape).split_with_sizes(self.heads, 2)
        y_BHTD = F.scaled_dot_product_attention(
            q_BTHD.transpose(1, 2),
            k_BTHD.transpose(1, 2),
            v_NC.view(shape).transpose(1, 2),
            is_causal=True,
            enable_gqa=self.heads[0] != self.heads[1],
        )
        return self.out(y_BHTD.transpose(1, 2).reshape(x_NC.shape))


class Mlp(nn.Module):
    """Up, a hidden function, down."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.hidden, n_up = MLPS[config.mlp or ""]
        self.activation = ACTIVATIONS[config.activation or ""]
        d_mlp, biases = config.d_mlp or 0, bool(config.biases)
        self.up = nn.Linear(config.d_model, n_up * d_mlp, bias=biases)
        self.down = nn.Linear(d_mlp, config.d_model, bias=biases)

    def forward(self, x_NC: Tensor) -> tuple[Tensor, Tensor]:
        """The output and the hidden layer."""
        hidden = self.hidden(self.up(x_NC), self.activation)
        return self.down(hidden), hidden


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm_attn = _norm(config)
        self.attn = Attention(config)
        self.norm_mlp = _norm(config)
        self.mlp = Mlp(config)

    def forward(self, x_NC: Tensor, n_rows: int, angles: Tensor | None) -> tuple[Tensor, ...]:
        """The activations of BLOCK_ACTIVATIONS, the last of which goes on."""
        attn = self.attn(self.norm_attn(x_NC), n_rows, angles)
        x_NC = x_NC + attn
        mlp, hidden = self.mlp(self.norm_mlp(x_NC))
        return attn, hidden, mlp, x_NC + mlp


class Transformer(nn.Module):
    """Tokens [B, T] to logits [B, T, V]; T may be anything up to n_ctx."""

    angles: Tensor | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d = config.d_model
        self.embed = nn.Embedding(config.d_vocab, d)
        absolute = config.positions == "absolute"
        self.embed_positions = nn.Embedding(config.n_ctx, d) if absolute else None
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = _norm(config)
        self.unembed = None if config.tied else nn.Linear(d, config.d_vocab, bias=False)
        self.register_buffer("angles", self._angles(), persistent=False)

    def _angles(self) -> Tensor | None:
        config = self.config
        if config.positions != "rotary":
            return None
        angles = rotary_angles(config.n_ctx, config.d_head, config.d_rotary, config.rotary_base)
        return angles.repeat(1, config.n_heads + (config.n_kv_heads or 0))

    def forward(self, tokens_BT: Tensor, capture: Capture | None = None) -> Tensor:
        """Logits [B, T, V]; if `capture` is a dict, the activations are put into it by name."""
        n_rows, n = tokens_BT.shape
        x_NC = self.embed(tokens_BT.reshape(-1))
        if self.embed_positions is not None:
            position_TC = self.embed_positions.weight
            if n < self.config.n_ctx:
                position_TC = position_TC[:n]
            x_NC = (x_NC.view(n_rows, n, -1) + position_TC).view(x_NC.shape)
        angles = None if self.angles is None else self.angles[:n]
        found = {"embed": x_NC}
        for i, block in enumerate(self.blocks):
            activations = block(x_NC, n_rows, angles)
            x_NC = activations[-1]
            if capture is not None:
                names = (f"blocks.{i}.{name}" for name in BLOCK_ACTIVATIONS)
                found.update(zip(names, activations, strict=True))
        x_NC = self.norm(x_NC)
        if capture is not None:
            found["final_norm"] = x_NC
            capture.update({name: x.view(n_rows, n, -1) for name, x in found.items()})
        head = self.embed.weight if self.unembed is None else self.unembed.weight
        return F.linear(x_NC, head).view(n_rows, n, -1)


def init_weights(model: Transformer, seed: int) -> None:
    """GPT-2's initial weights, in place: normal with deviation init_std, biases 0, norms 1.

    Projections into the residual stream are smaller by sqrt(2 n_layers), so that the stream keeps
    its scale. Each tensor has its own generator, named by the tensor: a switch that adds one
    leaves the others as they are.
    """
    init_std = model.config.init_std
    small = init_std / math.sqrt(2 * model.config.n_layers)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.dim() == 1:
                parameter.fill_(1.0)
            else:
                std = small if name.endswith(("attn.out.weight", "mlp.down.weight")) else init_std
                draw = torch.empty(parameter.shape)
                draw.normal_(0.0, std, generator=torch_generator(seed, "init", name))
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
