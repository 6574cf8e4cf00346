"""The transformer: causality, rotary angles, captured activations, initial weights, storage."""

import math
from pathlib import Path

import pytest
import torch

from physlm.model.config import ModelConfig
from physlm.model.functions import rotary_angles, rotate
from physlm.model.presets import PRESETS
from physlm.model.storage import load_model, save_model
from physlm.model.transformer import Transformer, init_weights, loss_nats, loss_nats_BT
from physlm.random import torch_generator

CAUSAL = [name for name, preset in PRESETS.items() if preset.causal]


def make(arch: str = "gpt2_rot", seed: int = 0, n_layers: int = 2) -> Transformer:
    config = ModelConfig(
        arch=arch, n_layers=n_layers, d_model=32, n_heads=4, d_vocab=19, n_ctx=12, init_std=0.2
    )
    model = Transformer(config)
    init_weights(model, seed)
    return model


def tokens(n: int = 12) -> torch.Tensor:
    return torch.randint(19, (3, n), generator=torch_generator(0, "tokens"))


@pytest.mark.parametrize("arch", CAUSAL)
def test_a_later_token_never_changes_an_earlier_logit(arch: str) -> None:
    model, before = make(arch), tokens()
    after = before.clone()
    after[:, 7] = (after[:, 7] + 1) % 19
    with torch.no_grad():
        a, b = model(before), model(after)
    assert torch.equal(a[:, :7], b[:, :7])
    assert (a[:, 7:] != b[:, 7:]).any(-1).all()


@pytest.mark.parametrize("arch", CAUSAL)
def test_a_prefix_has_the_logits_of_the_whole(arch: str) -> None:
    model = make(arch)
    with torch.no_grad():
        torch.testing.assert_close(model(tokens())[:, :5], model(tokens()[:, :5]))


def test_rotary_angles_are_those_of_the_definition() -> None:
    angles = rotary_angles(n_ctx=20, d_head=16, d_rotary=8, base=10000.0)
    for position in (0, 1, 19):
        for pair in range(8):
            angle = position * 10000 ** (-2 * pair / 8) if pair < 4 else 0.0
            expected = complex(math.cos(angle), math.sin(angle))
            assert abs(complex(*angles[position, pair].tolist()) - expected) < 1e-6


def test_scores_depend_on_the_distance_alone() -> None:
    angles = rotary_angles(30, 8, 8, 100.0)
    q, k = torch.randn(2, 8, generator=torch_generator(0, "qk"))
    q_rows, k_rows = (rotate(v.expand(1, 30, 8), angles)[0] for v in (q, k))
    scores = q_rows @ k_rows.T
    torch.testing.assert_close(scores[5:, 5:], scores[:-5, :-5], rtol=1e-4, atol=1e-4)


def test_captured_activations_have_stable_names_and_shapes() -> None:
    model, capture = make(), {}
    logits = model(tokens(), capture)
    block = [f"blocks.{i}.{name}" for i in range(2)
             for name in ("attn.out", "mlp.hidden", "mlp.out", "resid_post")]  # fmt: skip
    assert list(capture) == ["embed", *block, "final_norm"]
    for name, activation in capture.items():
        assert activation.shape == (3, 12, 128 if name.endswith("hidden") else 32)
    torch.testing.assert_close(model.norm(capture["blocks.1.resid_post"]), capture["final_norm"])
    torch.testing.assert_close(capture["final_norm"] @ model.embed.weight.T, logits)
    stream = capture["embed"] + capture["blocks.0.attn.out"] + capture["blocks.0.mlp.out"]
    torch.testing.assert_close(stream, capture["blocks.0.resid_post"])


def test_initial_weights_are_a_function_of_the_seed() -> None:
    first, same, other = make(seed=1), make(seed=1), make(seed=2)
    assert torch.equal(first.embed.weight, same.embed.weight)
    assert not torch.equal(first.embed.weight, other.embed.weight)
    assert torch.equal(first.embed.weight, make(seed=1, n_layers=3).embed.weight)
    init_weights(first, 1)
    assert torch.equal(first.embed.weight, same.embed.weight)
    block = first.blocks[0]
    names = dict(block.named_parameters())
    assert abs(names["mlp.up.weight"].std().item() / 0.2 - 1) < 0.1
    assert abs(names["mlp.down.weight"].std().item() / (0.2 / 2) - 1) < 0.1
    assert not names["attn.qkv.bias"].any()


def test_losses_are_cross_entropies_of_the_next_token() -> None:
    model, windows = make(), tokens(9)
    losses = loss_nats_BT(model, windows)
    log_probability = model(windows[:, :-1]).log_softmax(-1)
    for row, place in ((0, 0), (2, 7)):
        expected = -log_probability[row, place, windows[row, place + 1]]
        torch.testing.assert_close(losses[row, place], expected)
    torch.testing.assert_close(losses.mean(), loss_nats(model, windows))


@pytest.mark.parametrize("arch", PRESETS)
def test_a_saved_model_is_the_same(arch: str, tmp_path: Path) -> None:
    model = make(arch)
    save_model(tmp_path, model, steps=3)
    loaded, info = load_model(tmp_path)
    assert info["steps"] == 3
    assert info["n_params"] == sum(p.numel() for p in loaded.parameters())
    assert loaded.config == model.config
    with torch.no_grad():
        assert torch.equal(model.eval()(tokens()), loaded(tokens()))


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "a", make(n_layers=1))
    save_model(tmp_path / "b", make(n_layers=2))
    (tmp_path / "a" / "model.json").replace(tmp_path / "b" / "model.json")
    with pytest.raises(ValueError, match=r"b/model\.safetensors: does not fit"):
        load_model(tmp_path / "b")
