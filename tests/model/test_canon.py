"""Canon layers against a plain loop over tokens, at every place where they may stand."""

import pytest
import torch

from physlm.model.cache import Pass
from physlm.model.canon import Canon
from physlm.model.config import ModelConfig
from physlm.model.transformer import Transformer, init_weights
from physlm.random import torch_generator


def loop(x_BTC: torch.Tensor, weight: torch.Tensor, residual: bool) -> torch.Tensor:
    """h'_t = h_t + sum_k w_k * h_{t-k}, term by term."""
    y = torch.zeros_like(x_BTC)
    for b in range(len(x_BTC)):
        for t in range(x_BTC.shape[1]):
            y[b, t] = x_BTC[b, t] if residual else 0
            for k in range(weight.shape[1]):
                if t - k >= 0:
                    y[b, t] += weight[:, k] * x_BTC[b, t - k]
    return y


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch_generator(0, "canon", *shape))


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("kernel", [1, 2, 4])
@pytest.mark.parametrize("n", [1, 3, 9])
def test_it_is_the_sum_over_the_last_tokens(kernel: int, n: int, residual: bool) -> None:
    layer = Canon(5, kernel, residual)
    with torch.no_grad():
        layer.weight.copy_(random(5, kernel))
        x = random(2, n, 5)
        run = Pass(n_rows=2, n=n, first=0, causal=True)
        y = layer(x.view(-1, 5), run).view(2, n, 5)
        torch.testing.assert_close(y, loop(x, layer.weight, residual))


def make(canon: str, mlp: str = "standard") -> Transformer:
    config = ModelConfig(
        arch="gpt2_rot",
        n_layers=1,
        d_model=16,
        n_heads=2,
        d_vocab=11,
        n_ctx=9,
        canon=canon,
        mlp=mlp,
        init_std=0.4,
    )
    model = Transformer(config)
    init_weights(model, 0)
    return model.eval()


@pytest.mark.parametrize("mlp", ["standard", "gated"])
@torch.no_grad()
def test_each_letter_stands_where_the_paper_puts_it(mlp: str) -> None:
    model = make("ABCD", mlp)
    block = model.blocks[0]
    tokens = torch.randint(11, (2, 9), generator=torch_generator(0, "tokens"))
    capture: dict[str, torch.Tensor] = {}
    model(tokens, capture, patterns=True)

    x = capture["embed"]
    inner = loop(block.norm_attn(x), block.canon_attn.weight, True)
    qkv = loop(block.attn.qkv(inner), block.attn.canon.weight, True)
    v = qkv[..., 32:].view(2, 9, 2, 8)
    y = torch.einsum("bhts,bshd->bthd", capture["blocks.0.attn.pattern"], v).flatten(2)
    torch.testing.assert_close(block.attn.out(y), capture["blocks.0.attn.out"])

    x = x + capture["blocks.0.attn.out"]
    inner = loop(block.norm_mlp(x), block.canon_mlp.weight, True)
    up = loop(block.mlp.up(inner), block.mlp.canon.weight, True)
    activated = torch.nn.functional.gelu(up)
    if mlp == "gated":
        activated = torch.nn.functional.gelu(up[..., : up.shape[-1] // 2])
        activated = activated * up[..., up.shape[-1] // 2 :]
    torch.testing.assert_close(activated, capture["blocks.0.mlp.hidden"])
    torch.testing.assert_close(block.mlp.down(activated), capture["blocks.0.mlp.out"])
    widths = [layer.weight.shape for layer in model.modules() if isinstance(layer, Canon)]
    d_up = 64 if mlp == "standard" else 2 * 43
    assert sorted(widths) == sorted([(16, 4), (16, 4), (48, 4), (d_up, 4)])


def test_they_start_as_convolutions_do_and_leave_the_rest_alone() -> None:
    with_canon, without = make("ABCD").state_dict(), make("").state_dict()
    for name, tensor in without.items():
        assert torch.equal(tensor, with_canon[name]), name
    weights = torch.cat([t.flatten() for n, t in with_canon.items() if "canon" in n])
    assert weights.abs().max() <= 0.5
    assert abs(weights.std().item() - 1 / 12**0.5) < 0.02


def test_order_is_seen_without_positions() -> None:
    # One layer without positions treats the past as a bag, one with Canon layers does not.
    config = ModelConfig(
        arch="gpt2",
        positions="none",
        n_layers=1,
        d_model=16,
        n_heads=2,
        d_vocab=11,
        n_ctx=9,
        canon="A",
        init_std=0.4,
    )
    model = Transformer(config)
    init_weights(model, 0)
    tokens = torch.arange(9)[None] % 11
    swapped = tokens[:, [0, 4, 2, 3, 1, 5, 6, 7, 8]]
    with torch.no_grad():
        assert not torch.allclose(model(tokens)[:, 8], model(swapped)[:, 8])
