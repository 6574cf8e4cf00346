"""Attention in its variants against plain loops, and what each may and may not look at."""

import math
from typing import Any

import pytest
import torch

from physlm.model.attention import SCORES, Attention, Uniform
from physlm.model.cache import Pass
from physlm.model.config import ModelConfig
from physlm.model.presets import PRESETS
from physlm.model.transformer import Transformer, init_weights
from physlm.random import torch_generator


def config(arch: str, n_ctx: int = 10, **switches: Any) -> ModelConfig:
    return ModelConfig(
        arch=arch,
        n_layers=2,
        d_model=24,
        n_heads=4,
        d_vocab=17,
        n_ctx=n_ctx,
        init_std=0.4,
        **switches,
    )


def make(arch: str, **switches: Any) -> Transformer:
    model = Transformer(config(arch, **switches))
    init_weights(model, 0)
    return model.eval()


def tokens(n: int = 10, name: str = "tokens") -> torch.Tensor:
    return torch.randint(17, (3, n), generator=torch_generator(0, name))


@torch.no_grad()
def patterns(model: Transformer, seen: torch.Tensor, **more: Any) -> list[torch.Tensor]:
    capture: dict[str, torch.Tensor] = {}
    model(seen, capture, patterns=True, **more)
    return [capture[f"blocks.{i}.attn.pattern"] for i in range(model.config.n_layers)]


@pytest.mark.parametrize("arch", PRESETS)
def test_patterns_are_weights_of_what_may_be_seen(arch: str) -> None:
    model = make(arch)
    for pattern in patterns(model, tokens()):
        assert pattern.shape == (3, 4, 10, 10)
        torch.testing.assert_close(pattern.sum(-1), torch.ones(3, 4, 10))
        later = torch.ones(10, 10, dtype=torch.bool).triu(1)
        if PRESETS[arch].causal:
            assert not pattern[..., later].any()
        else:
            assert (pattern[..., later] > 0).all()


@pytest.mark.parametrize("arch", PRESETS)
@torch.no_grad()
def test_the_pattern_explains_the_output_of_the_kernel(arch: str) -> None:
    model = make(arch)
    capture: dict[str, torch.Tensor] = {}
    slow, fast = model(tokens(), capture, patterns=True), model(tokens())
    torch.testing.assert_close(slow, fast, rtol=1e-5, atol=1e-5)
    attention, pattern = model.blocks[0].attn, capture["blocks.0.attn.pattern"]
    x = capture["embed"]
    inner = model.blocks[0].norm_attn(x) if model.config.norm_place == "pre" else x
    d_head, groups = model.config.d_head, model.config.n_kv_heads or 0
    v = attention.qkv(inner)[..., -groups * d_head :].view(3, 10, groups, d_head)
    v = v.repeat_interleave(4 // groups, 2)
    y = torch.einsum("bhts,bshd->bthd", pattern, v).flatten(2)
    torch.testing.assert_close(attention.out(y), capture["blocks.0.attn.out"])


def test_distance_weights_ignore_the_content() -> None:
    model = make("gpt2_pos")
    one, other = patterns(model, tokens()), patterns(model, tokens(name="others"))
    for i, (a, b) in enumerate(zip(one, other, strict=True)):
        assert torch.equal(a, b)
        table = model.blocks[i].attn.scores.by_distance
        for t in range(10):
            expected = table[:, : t + 1].softmax(-1).flip(-1)
            torch.testing.assert_close(a[0, :, t, : t + 1], expected)
    assert model.blocks[0].attn.qkv.out_features == 24


@pytest.mark.parametrize("windows", [None, (1, 2, 5, 40)])
def test_uniform_heads_average_exactly_their_windows(windows: tuple[int, ...] | None) -> None:
    model = make("gpt2_uni", windows=windows)
    lengths = windows or (1, 3, 7, 15)
    for pattern in patterns(model, tokens()):
        for head, length in enumerate(lengths):
            for t in range(10):
                expected = torch.zeros(10)
                window = range(max(0, t - length + 1), t + 1)
                expected[list(window)] = 1 / len(window)
                torch.testing.assert_close(pattern[1, head, t], expected)
    assert not list(model.blocks[0].attn.scores.parameters())


@pytest.mark.parametrize(("arch", "reach"), [("gpt2_rel", 10), ("gpt2_rel", 3), ("deberta", 4)])
@torch.no_grad()
def test_disentangled_scores_are_those_of_the_equation(arch: str, reach: int) -> None:
    model = make(arch, max_distance=reach)
    capture: dict[str, torch.Tensor] = {}
    model(tokens(), capture, patterns=True)
    block, x = model.blocks[0], capture["embed"]
    inner = block.norm_attn(x) if model.config.norm_place == "pre" else x
    q, k, _ = block.attn.qkv(inner).view(3, 10, 3, 4, 6).unbind(2)
    assert model.embed_distances is not None
    table = model.embed_distances.weight
    keys = block.attn.scores.key(table).view(-1, 4, 6)
    queries = block.attn.scores.query(table).view(-1, 4, 6)

    def delta(i: int, j: int) -> int:
        return min(max(i - j + reach, 0), 2 * reach - 1)

    for b, h, i in ((0, 0, 9), (1, 3, 4), (2, 1, 0)):
        last = i if model.config.causal else 9
        scores = [
            (q[b, i, h] @ k[b, j, h] + q[b, i, h] @ keys[delta(i, j), h])
            + k[b, j, h] @ queries[delta(j, i), h]
            for j in range(last + 1)
        ]
        expected = (torch.stack(scores) / math.sqrt(3 * 6)).softmax(0)
        found = capture["blocks.0.attn.pattern"][b, h, i, : last + 1]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_without_positions_the_order_of_the_past_is_lost() -> None:
    model, swapped = make("gpt2", positions="none", canon=""), tokens().clone()
    swapped[:, [1, 3]] = swapped[:, [3, 1]]
    one_layer = make("gpt2", positions="none")
    one_layer.blocks = one_layer.blocks[:1]
    with torch.no_grad():
        torch.testing.assert_close(one_layer(tokens())[:, 9], one_layer(swapped)[:, 9])
        ordered = make("gpt2")
        assert not torch.allclose(ordered(tokens())[:, 9], ordered(swapped)[:, 9])
        assert not torch.allclose(model(tokens())[:, 1], model(swapped)[:, 1])


def test_every_variant_of_scores_has_a_position_switch() -> None:
    for positions, variant in SCORES.items():
        attention = Attention(config("gpt2", positions=positions), 0)
        assert type(attention.scores) is variant
    assert Attention(config("gpt2"), 0).scores is None


def test_scores_of_uniform_windows_do_not_learn() -> None:
    scores = Uniform(config("gpt2_uni"))
    run = Pass(n_rows=1, n=4, first=0, causal=True)
    assert not scores(run).requires_grad


@pytest.mark.parametrize("arch", ["gpt2_rel", "gpt2_pos", "gpt2_uni", "bert", "deberta", "gbert"])
def test_every_weight_gets_a_gradient(arch: str) -> None:
    model = make(arch)
    model(tokens())[:, 1:].square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if name.endswith("embed_distances.weight") or "key" in name or "query" in name:
            assert parameter.grad.abs().max() > 0, name
