"""A GPT and its training as one would write them down in a page: the peer of small codebases.

Same function as our `gpt2` preset (learned positions, pre-norm, tanh gelu, tied embeddings), eager
PyTorch with its fused attention and fused AdamW, in the manner of nanoGPT: batches are taken from
the tokens at random places, parameters with two dimensions decay, gradients are not clipped.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Attention and MLP, each on a norm and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gelu = nn.GELU(approximate="tanh")

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.shape
        q, k, v = (
            part.view(b, t, self.heads, c // self.heads).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(c, dim=2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).contiguous().view(b, t, c))
        return x + self.down(self.gelu(self.up(self.norm2(x))))


class PlainGpt(nn.Module):
    """Tokens [B, T] and targets [B, T] to the mean loss."""

    def __init__(self, n_layers: int, width: int, heads: int, vocab: int, context: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocab, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab, bias=False)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0, 0.02)
        self.head.weight = self.tokens.weight

    def forward(self, x: Tensor, targets: Tensor) -> Tensor:
        x = self.tokens(x) + self.places(torch.arange(x.shape[1], device=x.device))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


def train(
    model: nn.Module,
    data: np.ndarray,
    n_steps: int,
    shape: tuple[int, int],
    lr: float,
    precision: torch.dtype,
    tick: object,
) -> None:
    """Train on `data`, a flat array of tokens, with batches of `shape` rows and tokens."""
    device = next(model.parameters()).device
    decayed = [p for p in model.parameters() if p.dim() >= 2]
    rest = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), fused=True)
    rows, context = shape
    autocast = torch.autocast(device.type, precision, enabled=precision != torch.float32)
    for step in range(n_steps):
        tick()  # type: ignore[operator]
        for group in optimiser.param_groups:
            group["lr"] = lr * (1 + math.cos(math.pi * step / n_steps)) / 2
        starts = torch.randint(len(data) - context - 1, (rows,))
        x = torch.stack([torch.from_numpy(data[i : i + context].astype(np.int64)) for i in starts])
        y = torch.stack(
            [torch.from_numpy(data[i + 1 : i + 1 + context].astype(np.int64)) for i in starts]
        )
        with autocast:
            loss = model(x.to(device), y.to(device))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        loss.item()
