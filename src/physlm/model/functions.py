"""The functions that the switches choose from: rotary angles, norms, activations, MLPs.

A new activation or MLP is one function and one line of its table. Shapes: B batch, T position,
H head, D dim of a head, C d_model.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def rotary_angles(n_ctx: int, d_head: int, d_rotary: int, base: float) -> Tensor:
    """exp(i angle) of every position and pair of dims, complex [T, D / 2].

    Pair j of the d_rotary / 2 rotated ones turns by position / base^(2 j / d_rotary); the other
    pairs stand still, which costs less than taking the rotated dims out and putting them back.
    """
    frequency = torch.zeros(d_head // 2, dtype=torch.float64)
    pairs = torch.arange(d_rotary // 2, dtype=torch.float64)
    frequency[: d_rotary // 2] = base ** (-2 * pairs / d_rotary)
    angle = torch.outer(torch.arange(n_ctx, dtype=torch.float64), frequency)
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn each pair of neighbouring dims of x [B, T, H D] by `angles`, complex [T, H D / 2].

    Pairs are neighbours (2 j, 2 j + 1), where GPT-NeoX and LLaMA checkpoints pair j with
    j + d_rotary / 2: the same function after a permutation of the rows of the query and key
    weights (physlm.model.huggingface), and one complex product instead of eight small operations.
    """
    pairs = torch.view_as_complex(x.float().view(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * angles).view(x.shape).to(x.dtype)


def standard(up: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """The hidden layer of a two-layer MLP."""
    return activation(up)


def gated(up: Tensor, activation: Callable[[Tensor], Tensor]) -> Tensor:
    """The hidden layer of a gated MLP: `up` holds the gate and then the value."""
    gate, value = up.chunk(2, -1)
    return activation(gate) * value


def gelu_tanh(x: Tensor) -> Tensor:
    """The approximation of gelu that the released GPT-2 has."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": gelu_tanh,
    "silu": F.silu,
}

# Name -> the hidden layer, and how many times d_mlp its input has.
MLPS: dict[str, tuple[Callable[[Tensor, Callable[[Tensor], Tensor]], Tensor], int]] = {
    "standard": (standard, 1),
    "gated": (gated, 2),
}
