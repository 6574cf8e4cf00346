"""Kinds of MLP, and the mixture of experts against a loop over tokens."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from physlm.model.cache import Pass
from physlm.model.config import ModelConfig
from physlm.model.functions import gelu_tanh
from physlm.model.mlp import Experts, balance_loss
from physlm.model.transformer import Transformer, init_weights
from physlm.random import torch_generator


def make(**switches: Any) -> Transformer:
    values = {"arch": "gpt2_rot", "n_layers": 1, "d_model": 16, "n_heads": 2, "init_std": 0.5}
    model = Transformer(ModelConfig(**values | switches, d_vocab=11, n_ctx=12))
    init_weights(model, 0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bias" in name:
                parameter.normal_(generator=torch_generator(0, name))
    return model


def test_gelu_tanh_is_pytorchs_in_value_and_slope() -> None:
    x = torch.linspace(-8, 8, 999, dtype=torch.float64, requires_grad=True)
    ours, theirs = gelu_tanh(x), F.gelu(x, approximate="tanh")
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    gradient = torch.randn(999, dtype=torch.float64, generator=torch_generator(0, "gradient"))
    (slope,) = torch.autograd.grad(ours, x, gradient)
    (expected,) = torch.autograd.grad(theirs, x, gradient)
    torch.testing.assert_close(slope, expected, rtol=1e-12, atol=1e-12)
    extreme = torch.tensor([-1e4, 1e4, 0.0], requires_grad=True)
    gelu_tanh(extreme).sum().backward()
    assert extreme.grad is not None
    assert extreme.grad.tolist() == [0.0, 1.0, 0.5]


def test_quarter_is_a_standard_mlp_as_wide_as_the_model() -> None:
    quarter, standard = make(mlp="quarter"), make(mlp="standard", d_mlp=16)
    tokens = torch.arange(10)[None]
    with torch.no_grad():
        assert torch.equal(quarter(tokens), standard(tokens))
    assert quarter.blocks[0].mlp.up.out_features == 16


def test_none_leaves_attention_alone() -> None:
    model = make(mlp="none")
    capture: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        model(torch.arange(10)[None], capture)
        total = capture["embed"] + capture["blocks.0.attn.out"]
    torch.testing.assert_close(total, capture["blocks.0.resid_post"])
    assert not [name for name in [*capture, *model.state_dict()] if "mlp" in name]


@pytest.mark.parametrize(
    ("arch", "mlp", "ratio"),
    [("llama", "standard", 4), ("gpt2", "gated", 8 / 3), ("mistral", None, 3.5), ("gpt2", None, 4)],
)
def test_the_width_follows_the_kind(arch: str, mlp: str | None, ratio: float) -> None:
    model = make(arch=arch, mlp=mlp, d_model=48)
    assert model.blocks[0].mlp.down.in_features == round(ratio * 48)


def by_token(experts: Experts, x: torch.Tensor, n: int, factor: float) -> torch.Tensor:
    """The mixture token by token: first choices before others, then by position, then by row."""
    rows = len(x) // n
    probability = experts.router(x).softmax(-1)
    room = [math.ceil(factor * len(x) * experts.top_k / experts.n_experts) if factor else 10**9] * (
        experts.n_experts
    )
    y = torch.zeros_like(x)
    for choice in range(experts.top_k):
        for t in range(n):
            for b in range(rows):
                i = b * n + t
                e = int(probability[i].argsort(descending=True)[choice])
                if room[e] == 0:
                    continue
                room[e] -= 1
                up = x[i] @ experts.up[e]
                up = up if experts.up_bias is None else up + experts.up_bias[e]
                out = F.gelu(up) @ experts.down[e]
                out = out if experts.down_bias is None else out + experts.down_bias[e]
                y[i] += probability[i, e] * out
    return y


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("biases", [True, False])
@torch.no_grad()
def test_experts_are_a_loop_over_tokens(
    factor: float, top_k: int, training: bool, biases: bool
) -> None:
    factors = {"capacity_factor": 3.0, "eval_capacity_factor": 3.0}
    factors["capacity_factor" if training else "eval_capacity_factor"] = factor
    model = make(mlp="moe", n_experts=4, top_k=top_k, biases=biases, **factors).train(training)
    experts = model.blocks[0].mlp
    x = torch.randn(3 * 8, 16, generator=torch_generator(0, "x"))
    y = experts(x, Pass(n_rows=3, n=8, first=0, causal=True))
    torch.testing.assert_close(y, by_token(experts, x, 8, factor))
    if factor == 0.5 and not biases:
        assert (y == 0).all(-1).any()


def test_a_later_token_never_takes_a_place_from_an_earlier_one() -> None:
    model = make(mlp="moe", n_experts=4, capacity_factor=0.7)
    tokens = torch.randint(11, (5, 12), generator=torch_generator(0, "tokens"))
    other = tokens.clone()
    other[:, 6:] = (other[:, 6:] + 3) % 11
    with torch.no_grad():
        a, b = model(tokens), model(other)
    assert torch.equal(a[:, :6], b[:, :6])
    assert not torch.equal(a[:, 6:], b[:, 6:])


def test_the_balancing_loss_is_one_when_even_and_largest_when_all_agree() -> None:
    model = make(mlp="moe", n_experts=4, balance_weight=0.5)
    experts = model.blocks[0].mlp
    even = torch.full((8, 4), 0.25)
    assert experts._balance(even, torch.arange(8) % 4).item() == pytest.approx(1.0)
    agreed = torch.zeros(8, 4)
    agreed[:, 2] = 1.0
    assert experts._balance(agreed, torch.full((8,), 2)).item() == pytest.approx(4.0)
    model.train()(torch.arange(10)[None])
    loss = balance_loss(model)
    assert isinstance(loss, torch.Tensor)
    torch.testing.assert_close(loss, 0.5 * experts.balance)
    loss.backward()
    assert experts.router.weight.grad.abs().max() > 0
    assert balance_loss(make()) == 0.0


def test_every_expert_learns() -> None:
    experts = make(mlp="moe", n_experts=4, top_k=2).blocks[0].mlp
    x = torch.randn(96, 16, generator=torch_generator(0, "x"))
    experts(x, Pass(n_rows=8, n=12, first=0, causal=True)).square().mean().backward()
    for name, parameter in experts.named_parameters():
        gradient = parameter.grad
        assert gradient is not None, name
        assert (gradient.flatten(1).abs().amax(1) > 0).all(), name
