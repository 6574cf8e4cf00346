"""The functions that the switches choose from: rotary angles, activations, hidden layers.

A new activation or hidden layer is one function and one line of its table (a new MLP has its shape
in physlm.model.presets). Shapes: B batch, T position, H head, D dim of a head.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Activation = Callable[[Tensor], Tensor]


def rotary_angles(n_ctx: int, d_head: int, d_rotary: int, base: float) -> Tensor:
    """Cosine and sine of the angle of every position and pair of dims, [T, D / 2, 2].

    Pair j of the d_rotary / 2 rotated ones turns by position / base^(2 j / d_rotary); the other
    pairs stand still, which costs less than taking the rotated dims out and putting them back.
    """
    frequency = torch.zeros(d_head // 2, dtype=torch.float64)
    pairs = torch.arange(d_rotary // 2, dtype=torch.float64)
    frequency[: d_rotary // 2] = base ** (-2 * pairs / d_rotary)
    angle = torch.outer(torch.arange(n_ctx, dtype=torch.float64), frequency)
    return torch.stack((angle.cos(), angle.sin()), -1).float()


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn each pair of neighbouring dims of x [B, T, H D] by `angles`, [(B,) T, H D / 2, 2].

    Pairs are neighbours (2 j, 2 j + 1), where GPT-NeoX and LLaMA checkpoints pair j with
    j + d_rotary / 2: the same function after a permutation of the rows of the query and key
    weights (physlm.model.huggingface), and one complex product instead of eight small operations.
    """
    pairs = x.float().view(*x.shape[:-1], -1, 2)
    if torch.compiler.is_compiling():
        # The compiler makes one kernel of this and cannot make one of complex numbers.
        cos, sin = angles.unbind(-1)
        even, odd = pairs.unbind(-1)
        turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1)
    else:
        complex_angles = torch.view_as_complex(angles)
        turned = torch.view_as_real(torch.view_as_complex(pairs) * complex_angles)
    return turned.view(x.shape).to(x.dtype)


def standard(up: Tensor, activation: Activation) -> Tensor:
    """The hidden layer of a two-layer MLP."""
    return activation(up)


def gated(up: Tensor, activation: Activation) -> Tensor:
    """The hidden layer of a gated MLP: `up` holds the gate and then the value."""
    gate, value = up.chunk(2, -1)
    return activation(gate) * value


# sqrt(8 / pi) and 0.044715 times it: tanh(u) = 2 sigmoid(2 u) - 1 makes the released GPT-2's
# 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) equal x sigmoid(x (_A + _B x^2)).
_A = math.sqrt(8 / math.pi)
_B = 0.044715 * _A
# Up to so many numbers PyTorch's one call is faster than six.
_FEW = 1 << 13


class _GeluTanh(torch.autograd.Function):
    """x sigmoid(x (_A + _B x^2)): on a CPU half the time of PyTorch's own, forward and backward.

    With y the value and s the sigmoid, the slope is s + y (1 - s) (_A + 3 _B x^2). It is made in
    the forward pass, where x is at hand, and is all that is kept.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        square = x * x
        sigmoid = (square * _B).add_(_A).mul_(x).sigmoid_()
        y = x * sigmoid
        if ctx.needs_input_grad[0]:
            slope = square.mul_(3 * _B).add_(_A).mul_(y)
            ctx.save_for_backward(slope.addcmul_(slope, sigmoid, value=-1).add_(sigmoid))
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        return slope * gradients[0]


def gelu_tanh(x: Tensor) -> Tensor:
    """The approximation of gelu that the released GPT-2 has."""
    few = x.numel() <= _FEW and not torch.is_grad_enabled()
    if few or x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.gelu(x, approximate="tanh")
    return _GeluTanh.apply(x)  # type: ignore[return-value]


ACTIVATIONS: dict[str, Activation] = {
    "gelu": F.gelu,
    "gelu_tanh": gelu_tanh,
    "silu": F.silu,
}

# Kind of MLP -> its hidden layer, of the first layer's output and an activation.
HIDDEN: dict[str, Callable[[Tensor, Activation], Tensor]] = {
    "standard": standard,
    "gated": gated,
    "quarter": standard,
    "moe": standard,
}
