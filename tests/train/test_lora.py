"""Adapters: what they compute, what is trained and saved, and what is refused."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from physlm.config import ConfigError, build
from physlm.model.config import ModelConfig
from physlm.model.transformer import Transformer, init_weights
from physlm.random import torch_generator
from physlm.train import lora
from physlm.train.config import LoraSettings
from tests.train import toy

ARCHS = ["gpt2", "gpt2_rot", "gpt2_rel", "llama", "mistral", "gbert", "deberta"]
RANKS = [(3, 5), (4, 0), (0, 6)]
TOKENS = torch.arange(24).view(2, 12) % toy.D_VOCAB


def plain(arch: str = "gpt2_rot", seed: int = 0, **changes: Any) -> Transformer:
    sizes = {"n_layers": 2, "d_model": 16, "n_heads": 4, "d_vocab": toy.D_VOCAB, "n_ctx": 12}
    model = Transformer(ModelConfig(arch=arch, **(sizes | changes)))
    init_weights(model, seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0, 0.1, generator=torch_generator(seed, name))
    return model


def settings(rank_qv: int = 3, rank_embed: int = 5, **changes: Any) -> LoraSettings:
    return build(LoraSettings, {"rank_qv": rank_qv, "rank_embed": rank_embed, **changes})


def shaken(model: Transformer) -> Transformer:
    """Every adapter moved away from where it started."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.normal_(0, 0.3, generator=torch_generator(9, name))
    return model


def adapted(arch: str = "gpt2_rot", **ranks: Any) -> Transformer:
    model = plain(arch)
    lora.adapt(model, settings(**ranks), seed=1)
    return model


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize(("rank_qv", "rank_embed"), RANKS)
def test_the_function_is_unchanged_at_the_start(arch: str, rank_qv: int, rank_embed: int) -> None:
    base, model = plain(arch), adapted(arch, rank_qv=rank_qv, rank_embed=rank_embed)
    before, after = base(TOKENS), model(TOKENS)
    if rank_qv:
        # The rows of one product computed as three may round differently on some machine.
        torch.testing.assert_close(after, before, rtol=0, atol=1e-6)
        for block in base.blocks:
            attn: Any = block.attn
            attn.qkv = lora.SplitQkv(attn.qkv, base.config.d_qkv)
    assert torch.equal(base(TOKENS), after)
    weights = dict(plain(arch).named_parameters())
    merged = lora.merge(model)
    for name, weight in merged.named_parameters():
        assert torch.equal(weight, weights.get(name, weights["embed.weight"]))


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize(("rank_qv", "rank_embed"), RANKS)
def test_merged_equals_unmerged(arch: str, rank_qv: int, rank_embed: int) -> None:
    model = shaken(adapted(arch, rank_qv=rank_qv, rank_embed=rank_embed))
    base, wanted = plain(arch), model(TOKENS)
    assert (wanted - base(TOKENS)).abs().max() > 0.01
    merged = lora.merge(model)
    torch.testing.assert_close(merged(TOKENS), wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(model(TOKENS), wanted)
    assert merged.config.tied == (base.config.tied and not rank_embed)
    assert type(merged.embed) is torch.nn.Embedding
    assert not [name for name, _ in merged.named_parameters() if "lora" in name]
    if base.config.tied and rank_embed:
        assert merged.unembed is not None
        assert torch.equal(merged.unembed.weight, base.embed.weight)


@pytest.mark.parametrize("alpha", [4.0, 0.3])
def test_a_layer_by_hand(alpha: float) -> None:
    """W + alpha A B on queries and values, and on the embedding's rows but not the head's."""
    model = plain()
    lora.adapt(model, settings(alpha=alpha), seed=1)
    shaken(model)
    found = {name.replace(".default", ""): p for name, p in model.named_parameters()}
    weights = dict(plain().named_parameters())
    x = torch.randn((7, 16), generator=torch_generator(0, "x"))
    attn: Any = model.blocks[1].attn
    fused = weights["blocks.1.attn.qkv.weight"].clone()
    for part, rows in (("q", slice(0, 16)), ("v", slice(32, 48))):
        a = found[f"blocks.1.attn.qkv.{part}.lora_A.weight"]
        b = found[f"blocks.1.attn.qkv.{part}.lora_B.weight"]
        fused[rows] += alpha * torch.einsum("or,ri->oi", b, a)
    expected = x @ fused.T + weights["blocks.1.attn.qkv.bias"]
    torch.testing.assert_close(attn.qkv(x), expected, rtol=1e-5, atol=1e-5)
    a, b = found["embed.lora_embedding_A"], found["embed.lora_embedding_B"]
    table = weights["embed.weight"] + alpha * torch.einsum("rt,dr->td", a, b)
    torch.testing.assert_close(model.embed(TOKENS), table[TOKENS], rtol=1e-5, atol=1e-5)
    capture: dict[str, Tensor] = {}
    logits = model(TOKENS, capture)
    by_hand = capture["final_norm"] @ weights["embed.weight"].T
    torch.testing.assert_close(logits, by_hand, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("rank_qv", "rank_embed"), RANKS)
def test_adapters_alone_train_with_the_ranks_asked_for(rank_qv: int, rank_embed: int) -> None:
    model = plain("mistral", n_kv_heads=1)
    lora.adapt(model, settings(rank_qv, rank_embed), seed=1)
    expected: dict[str, int] = {}
    if rank_qv:
        for i in range(2):
            # Queries have four heads of 4 dims, keys and values share one.
            for part, d_out in (("q", 16), ("v", 4)):
                expected[f"blocks.{i}.attn.qkv.{part}.lora_A.weight"] = rank_qv * 16
                expected[f"blocks.{i}.attn.qkv.{part}.lora_B.weight"] = rank_qv * d_out
    if rank_embed:
        expected["embed.lora_embedding_A"] = rank_embed * toy.D_VOCAB
        expected["embed.lora_embedding_B"] = rank_embed * 16
    assert lora.trainable(model) == expected
    model(TOKENS).sum().backward()
    with_gradient = {name for name, p in model.named_parameters() if p.grad is not None}
    assert {name.replace(".default", "") for name in with_gradient} == set(expected)


def test_the_start_depends_on_the_seed_alone() -> None:
    one, again, other = plain(), plain(), plain()
    before = torch.get_rng_state()
    lora.adapt(one, settings(100, 200), seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    lora.adapt(again, settings(100, 200), seed=1)
    lora.adapt(other, settings(100, 200, init_std=0.5), seed=2)
    assert toy.equal(one, again)
    assert not toy.equal(one, other)
    for name, parameter in one.named_parameters():
        if not parameter.requires_grad:
            continue
        theirs = dict(other.named_parameters())[name]
        if "lora_A" in name or "lora_embedding_B" in name:
            rank = 100 if "lora_A" in name else 200
            assert parameter.std().item() == pytest.approx(1 / rank, rel=0.1)
            assert theirs.std().item() == pytest.approx(0.5, rel=0.1)
        else:
            assert not parameter.any()


def test_only_adapters_are_saved_and_they_come_back(tmp_path: Path) -> None:
    model = shaken(adapted())
    lora.save_adapters(tmp_path, model, settings(), corpus_digest="c")
    with safe_open(tmp_path / "adapters.safetensors", "pt") as file:
        assert set(file.keys()) == set(lora.trainable(model))
    other = plain()
    info = lora.load_adapters(other, tmp_path)
    assert torch.equal(other(TOKENS), model(TOKENS))
    assert (info["corpus_digest"], info["n_params"]) == ("c", sum(lora.trainable(model).values()))
    assert info["base_digest"] == lora.base_digest(plain()) == lora.base_digest(model)
    assert lora.trainable(other) == lora.trainable(model)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ({"seed": 1}, "belongs to a base of other weights"),
        ({"n_layers": 1}, "has blocks.1.attn.qkv.q.lora_A.weight, for which this base has no mod"),
        ({"n_layers": 3}, "lacks blocks.2.attn.qkv.q.lora_A.weight, which this base needs"),
        ({"d_model": 8}, r"lora_A.weight is \(3, 16\) there and must be \(3, 8\) for this base"),
    ],
)
def test_adapters_of_another_base_are_refused(tmp_path: Path, base: dict, message: str) -> None:
    lora.save_adapters(tmp_path, adapted(), settings())
    other = plain(**base)
    before = copy.deepcopy(other)
    with pytest.raises(ValueError, match=message) as error:
        lora.load_adapters(other, tmp_path)
    assert "\n" not in str(error.value)
    assert str(tmp_path / "adapters.safetensors") in str(error.value)
    assert toy.equal(other, before)
    assert all(p.requires_grad for p in other.parameters())


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    lora.save_adapters(tmp_path, adapted(), settings())
    file = tmp_path / "adapters.safetensors"
    good = file.read_bytes()
    file.write_bytes(good[:-1])
    with pytest.raises(ValueError, match="is damaged"):
        lora.load_adapters(plain(), tmp_path)
    tensors = load_file_bytes(good, tmp_path)
    tensors.pop("embed.lora_embedding_A")
    save_file(tensors, file)
    with pytest.raises(ValueError, match=r"lacks embed\.lora_embedding_A"):
        lora.load_adapters(plain(), tmp_path)
    file.write_bytes(good)
    info = json.loads((tmp_path / "adapters.json").read_text())
    info["settings"]["rank"] = 3
    (tmp_path / "adapters.json").write_text(json.dumps(info))
    with pytest.raises(ConfigError, match=r"adapters\.json\.rank=3: unknown key"):
        lora.load_adapters(plain(), tmp_path)


def load_file_bytes(content: bytes, folder: Path) -> dict[str, Tensor]:
    copied = folder / "copy.safetensors"
    copied.write_bytes(content)
    return load_file(copied)


@pytest.mark.parametrize("arch", ["gpt2_pos", "gpt2_uni"])
def test_a_model_without_queries_is_refused(arch: str) -> None:
    model = plain(arch)
    with pytest.raises(ConfigError, match=r"rank_qv=3: must be 0 for this model, blocks\.0 has no"):
        lora.adapt(model, settings(), seed=0)
    assert all(p.requires_grad for p in model.parameters())
    lora.adapt(model, settings(rank_qv=0), seed=0)
    assert torch.equal(model(TOKENS), plain(arch)(TOKENS))
    with pytest.raises(ConfigError, match="has adapters already"):
        lora.adapt(model, settings(rank_qv=0), seed=0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rank_qv": -1, "rank_embed": 1}, "rank_qv=-1: must be 0 or more"),
        ({"rank_qv": 0, "rank_embed": 0}, "rank_qv=0: must be above 0 where rank_embed is 0"),
        ({"rank_qv": 1, "rank_embed": 1, "alpha": 0}, "alpha=0.0: must be above 0"),
        ({"rank_qv": 1, "rank_embed": 1, "init_std": 0}, "init_std=0.0: must be above 0, or"),
    ],
)
def test_impossible_settings_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(LoraSettings, values)


def start() -> Transformer:
    """The toy's model with adapters."""
    model = toy.fresh(toy.config())
    lora.adapt(model, settings(), seed=0)
    return model


def test_training_leaves_the_base_alone_and_resumes_bit_equal(tmp_path: Path) -> None:
    base = dict(toy.fresh(toy.config()).named_parameters())
    whole, outcome = toy.run(tmp_path / "whole", 40, start=start())
    frozen = 0
    for name, parameter in whole.named_parameters():
        before = dict(start().named_parameters())[name]
        assert torch.equal(parameter, before) != parameter.requires_grad
        frozen += not parameter.requires_grad
    # The fused matrix and its bias are three each.
    assert frozen == len(base) + 4
    with pytest.raises(ValueError, match="no token"):
        cut_at(17, tmp_path / "cut")
    with safe_open(tmp_path / "cut/checkpoint.safetensors", "pt") as file:
        saved = {name.removeprefix("model.") for name in file.keys() if name.startswith("model.")}  # noqa: SIM118
    assert {name.replace(".default", "") for name in saved} == set(lora.trainable(whole))
    resumed, again = toy.run(tmp_path / "cut", 40, start=start())
    assert toy.equal(resumed, whole)
    assert again == outcome


def cut_at(step: int, folder: Path) -> None:
    """A run with adapters that ends in the middle."""
    calls = iter(range(step))

    def loss(model: torch.nn.Module, batch: Tensor) -> Tensor:
        if next(calls, None) is None:
            raise ValueError("no token")
        return toy.mean_nats(model, batch)

    toy.run(folder, 40, loss, start=start(), checkpoint_every_s=0)


def test_a_checkpoint_with_other_tensors_is_refused(tmp_path: Path) -> None:
    toy.run(tmp_path, 10, start=start(), checkpoint_every_s=0)
    content = (tmp_path / "checkpoint.safetensors").read_bytes()
    for other in (None, settings(4, 5), settings(3, 0)):
        model = toy.fresh(toy.config())
        if other is not None:
            lora.adapt(model, other, seed=0)
        with pytest.raises(ValueError, match="its tensors are not those of this model"):
            toy.run(tmp_path, 10, start=model)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == content
