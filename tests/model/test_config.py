"""Model settings: presets, checks, counts of parameters; importable without torch."""

import dataclasses
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from physlm.config import ConfigError, build
from physlm.model.config import ModelConfig, ModelSettings, count_parameters, named_size
from physlm.model.presets import MLPS, PRESETS
from physlm.model.transformer import Transformer

# Part 3.3, figure 1: model size in millions, for the 3275 tokens that bioS can have.
PUBLISHED = {"2-2": 0.8160, "3-2": 1.0143, "6-6": 11.905, "12-12": 87.571, "20-16": 255.280}


@pytest.mark.parametrize(("size", "millions"), PUBLISHED.items())
def test_counts_are_the_published_ones(size: str, millions: float) -> None:
    config = ModelConfig(arch="gpt2_rot", d_vocab=3275, n_ctx=512, **named_size(size))
    count = count_parameters(config)
    digits = len(f"{millions}".split(".")[1])
    assert round(count / 1e6, digits) == millions
    d, n_layers = config.d_model, config.n_layers
    assert count == 3275 * d + n_layers * (12 * d**2 + 13 * d) + 2 * d


# Released models: layers, width, heads, vocabulary, context, other switches, parameters.
RELEASED = {
    "gpt2": ("gpt2", 12, 768, 12, 50257, 1024, {}, 124_439_808),
    "pythia-160m": ("gpt2_rot", 12, 768, 12, 50304, 2048, {"tied": False}, 162_322_944),
    "llama-7b": ("llama", 32, 4096, 32, 32000, 2048, {"d_mlp": 11008}, 6_738_415_616),
    "mistral-7b": ("mistral", 32, 4096, 32, 32000, 32768, {"n_kv_heads": 8}, 7_241_732_096),
    # bert-base-uncased with its head, less the two embeddings of token types.
    "bert-base": ("bert", 12, 768, 12, 30522, 512, {}, 109_514_298 - 2 * 768),
}


@pytest.mark.parametrize("name", RELEASED)
def test_counts_are_those_of_the_released_models(name: str) -> None:
    arch, n_layers, d_model, n_heads, d_vocab, n_ctx, switches, expected = RELEASED[name]
    sizes = {"n_layers": n_layers, "d_model": d_model, "n_heads": n_heads}
    config = ModelConfig(arch=arch, d_vocab=d_vocab, n_ctx=n_ctx, **sizes, **switches)
    assert count_parameters(config) == expected


def count_tensors(config: ModelConfig) -> int:
    with torch.device("meta"):
        model = Transformer(config)
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("arch", PRESETS)
@pytest.mark.parametrize("size", ["1-1", "2-3", "3-4", "12-12", "20-16"])
def test_the_formula_is_the_sum_over_the_tensors(arch: str, size: str) -> None:
    config = ModelConfig(arch=arch, d_vocab=3275, n_ctx=512, **named_size(size))
    assert count_tensors(config) == count_parameters(config)


def canon_letters(arch: str, mlp: str) -> list[str]:
    """Every set of Canon layers that the architecture may have."""
    places = {"none": "AB", "moe": "ABC"}.get(mlp, "ABCD") if PRESETS[arch].causal else ""
    subsets = (itertools.combinations(places, n) for n in range(len(places) + 1))
    return ["".join(letters) for letters in itertools.chain.from_iterable(subsets)]


def switches_of(arch: str, mlp: str) -> Iterator[dict[str, Any]]:
    for canon in canon_letters(arch, mlp):
        yield {"canon": canon, "canon_kernel": 3}
    for tied, biases, norm, head in itertools.product(
        (True, False), (True, False), ("layer", "rms"), ("linear", "masked")
    ):
        yield {"tied": tied, "biases": biases, "norm": norm, "head": head}
    yield {"d_mlp": 0 if mlp == "none" else 11, "n_experts": 5, "top_k": 2}
    if PRESETS[arch].positions in ("absolute", "rotary"):
        yield {"n_kv_heads": 1}
        yield {"positions": "none", "n_kv_heads": 3}
    if PRESETS[arch].positions == "relative":
        yield {"max_distance": 4}


@pytest.mark.parametrize("mlp", MLPS)
@pytest.mark.parametrize("arch", PRESETS)
def test_the_formula_holds_for_every_switch(arch: str, mlp: str) -> None:
    for switches in switches_of(arch, mlp):
        for n_heads, d_model in ((6, 36), (3, 30)):
            sizes = {"n_layers": 2, "d_model": d_model, "n_heads": n_heads}
            config = ModelConfig(arch=arch, mlp=mlp, d_vocab=7, n_ctx=9, **sizes, **switches)
            assert count_tensors(config) == count_parameters(config), (switches, sizes)


@pytest.mark.parametrize("mlp", MLPS)
@pytest.mark.parametrize("arch", PRESETS)
def test_every_architecture_with_every_mlp_runs(arch: str, mlp: str) -> None:
    sizes = {"n_layers": 2, "d_model": 24, "n_heads": 3, "d_vocab": 7, "n_ctx": 9}
    model = Transformer(
        ModelConfig(arch=arch, mlp=mlp, canon=canon_letters(arch, mlp)[-1], **sizes)
    )
    logits = model(torch.arange(14).view(2, 7) % 7)
    assert logits.shape == (2, 7, 7)
    assert logits.isfinite().all()
    logits.square().sum().backward()
    # Every tensor that is counted is used.
    assert all(p.grad is not None for p in model.parameters())


def test_presets_have_the_published_shapes() -> None:
    llama = ModelSettings(arch="llama", **named_size("6-6"))
    mistral = ModelSettings(arch="mistral", **named_size("6-6"))
    d = llama.d_model
    assert abs(3 * d * (llama.d_mlp or 0) / (8 * d**2) - 1) < 1e-3
    assert 3 * d * (mistral.d_mlp or 0) == 10.5 * d**2
    groups = {h: ModelSettings(arch="mistral", n_layers=1, d_model=64 * h, n_heads=h).n_kv_heads
              for h in (1, 2, 3, 4, 6, 8, 20)}  # fmt: skip
    assert groups == {1: 1, 2: 2, 3: 1, 4: 4, 6: 2, 8: 4, 20: 4}
    assert ModelSettings(n_layers=1, d_model=128, n_heads=2).d_rotary == 16


@pytest.mark.parametrize("arch", PRESETS)
def test_an_mlp_that_is_not_the_presets_has_the_width_of_its_kind(arch: str) -> None:
    widths = {
        mlp: ModelSettings(arch=arch, mlp=mlp, n_layers=1, d_model=96, n_heads=2).d_mlp
        for mlp in MLPS
    }
    gated = 336 if arch == "mistral" else 256
    assert widths == {"standard": 384, "gated": gated, "quarter": 96, "none": 0, "moe": 96}


def test_positions_bring_their_own_defaults() -> None:
    def settings(arch: str, **switches: Any) -> ModelSettings:
        return ModelSettings(arch=arch, n_layers=1, d_model=80, n_heads=5, **switches)

    assert settings("gpt2_uni").windows == (1, 3, 7, 15, 31)
    assert settings("gpt2_rot", positions="uniform").windows == (1, 3, 7, 15, 31)
    assert settings("llama", positions="none").rotary_fraction == 0
    assert settings("gpt2", positions="rotary").d_rotary == 16
    assert settings("gpt2_rel").resolve(d_vocab=7, n_ctx=33).max_distance == 33
    assert settings("deberta", max_distance=4).resolve(d_vocab=7, n_ctx=33).max_distance == 4
    assert settings("gpt2").resolve(d_vocab=7, n_ctx=33).max_distance is None


@pytest.mark.parametrize("arch", PRESETS)
def test_json_and_back_is_the_same(arch: str) -> None:
    size = {"n_layers": 2, "d_model": 32, "n_heads": 2}
    settings = ModelSettings(arch=arch, **size)
    assert build(ModelSettings, {"arch": arch, **size}) == settings
    for made in (settings, settings.resolve(d_vocab=11, n_ctx=8)):
        text = json.dumps(dataclasses.asdict(made))
        assert build(type(made), json.loads(text)) == made
        # Nothing is left open: no value depends on defaults that may change.
        open_switches = {key for key, value in json.loads(text).items() if value is None}
        assert open_switches <= {"windows", "max_distance"}


def test_lists_become_tuples() -> None:
    values = {"arch": "gpt2_uni", "n_layers": 1, "d_model": 8, "n_heads": 2, "windows": [2, 5]}
    assert build(ModelSettings, values).windows == (2, 5)


KINDS = "standard, gated, quarter, none, moe"
BAD = [
    ({"n_heads": 3}, "n_heads=3: must be a divisor of d_model=32"),
    ({"n_layers": 0}, "n_layers=0: must be at least 1"),
    ({"d_model": 0}, "d_model=0: must be at least 1"),
    ({"n_heads": -1}, "n_heads=-1: must be at least 1"),
    ({"n_heads": 2.0}, "n_heads=2.0: must be int, not float"),
    ({"arch": "gpt3"}, f"arch='gpt3': must be one of {', '.join(sorted(PRESETS))}"),
    ({"d_modle": 3}, "d_modle=3: unknown key"),
    ({"positions": "alibi"}, "positions='alibi': must be one of absolute, rotary, relative, "),
    ({"norm": "batch"}, "norm='batch': must be one of layer, rms or null"),
    ({"norm_place": "both"}, "norm_place='both': must be one of pre, post or null"),
    ({"activation": "relu"}, "activation='relu': must be one of gelu, gelu_tanh, silu or null"),
    ({"head": "none"}, "head='none': must be one of linear, masked or null"),
    ({"causal": "yes"}, "causal='yes': must be bool or null, not str"),
    ({"norm_eps": 0}, "norm_eps=0.0: must be above 0"),
    ({"init_std": 0}, "init_std=0.0: must be above 0"),
    ({"capacity_factor": float("inf")}, "capacity_factor=inf: must be finite"),
    # Heads of keys and values.
    ({"n_kv_heads": 3}, "n_kv_heads=3: must be a divisor of n_heads=2"),
    ({"n_kv_heads": 0}, "n_kv_heads=0: must be a divisor of n_heads=2"),
    ({"arch": "gpt2_rel", "n_kv_heads": 1}, "n_kv_heads=1: must be n_heads for relative positions"),
    ({"arch": "gpt2_pos", "n_kv_heads": 1}, "n_kv_heads=1: must be n_heads for distance positions"),
    ({"arch": "gpt2_uni", "n_kv_heads": 1}, "n_kv_heads=1: must be n_heads for uniform positions"),
    # Positions.
    ({"n_heads": 32}, "d_model=32: must be an even multiple of n_heads=32"),
    ({"rotary_fraction": 1.5}, "rotary_fraction=1.5: must be above 0 and at most 1"),
    ({"rotary_fraction": 0.0}, "rotary_fraction=0: must be above 0 and at most 1"),
    ({"rotary_base": 1}, "rotary_base=1.0: must be above 1"),
    (
        {"arch": "gpt2", "rotary_fraction": 0.5},
        "rotary_fraction=0.5: must be 0 without rotary positions",
    ),
    ({"max_distance": 3}, "max_distance=3: must be null without relative positions"),
    ({"arch": "deberta", "max_distance": 0}, "max_distance=0: must be at least 1"),
    ({"windows": [1, 3]}, "windows=(1, 3): must be null without uniform positions"),
    ({"arch": "gpt2_uni", "windows": [1]}, "windows=(1,): must be 2 lengths of at least 1, one"),
    ({"arch": "gpt2_uni", "windows": [0, 3]}, "windows=(0, 3): must be 2 lengths of at least 1"),
    ({"arch": "gpt2_pos", "causal": False}, "causal=False: must be true for distance positions"),
    ({"arch": "gpt2_uni", "causal": False}, "causal=False: must be true for uniform positions"),
    # MLPs.
    ({"mlp": "big"}, f"mlp='big': must be one of {KINDS}"),
    ({"d_mlp": 0}, "d_mlp=0: must be at least 1"),
    ({"mlp": "none", "d_mlp": 8}, "d_mlp=8: must be 0 for mlp=none"),
    ({"mlp": "moe", "n_experts": 0}, "n_experts=0: must be at least 1"),
    ({"mlp": "moe", "top_k": 33}, "top_k=33: must be from 1 to n_experts=32"),
    ({"mlp": "moe", "top_k": 0}, "top_k=0: must be from 1 to n_experts=32"),
    ({"mlp": "moe", "capacity_factor": -1}, "capacity_factor=-1.0: must be 0 or more"),
    ({"mlp": "moe", "eval_capacity_factor": -1}, "eval_capacity_factor=-1.0: must be 0 or more"),
    ({"mlp": "moe", "balance_weight": -1}, "balance_weight=-1.0: must be 0 or more"),
    ({"mlp": "moe", "capacity_factor": float("nan")}, "capacity_factor=nan: must be 0 or more"),
    # Canon layers.
    ({"canon": "CA"}, "canon='CA': must be letters of ABCD in order, each once"),
    ({"canon": "AA"}, "canon='AA': must be letters of ABCD in order, each once"),
    ({"canon": "AE"}, "canon='AE': must be letters of ABCD in order, each once"),
    ({"canon": "A", "canon_kernel": 0}, "canon_kernel=0: must be at least 1"),
    ({"mlp": "none", "canon": "AC"}, "canon='AC': must be without CD for mlp=none"),
    ({"mlp": "moe", "canon": "D"}, "canon='D': must be without D for mlp=moe"),
]
ENCODERS = [arch for arch, preset in PRESETS.items() if not preset.causal]
BAD += [({"arch": arch, "canon": "A"}, "canon='A': must be '' unless causal") for arch in ENCODERS]


@pytest.mark.parametrize(("values", "message"), BAD)
def test_bad_settings_are_one_clear_line(values: dict, message: str) -> None:
    good = {"n_layers": 2, "d_model": 32, "n_heads": 2}
    with pytest.raises(ConfigError) as error:
        build(ModelSettings, good | values, "model")
    assert str(error.value).startswith(f"model.{message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["d_vocab", "n_ctx"])
def test_a_vocabulary_and_a_context_are_needed(key: str) -> None:
    good = {"n_layers": 2, "d_model": 32, "n_heads": 2, "d_vocab": 5, "n_ctx": 6}
    with pytest.raises(ConfigError, match=f"^{key}=0: must be at least 1$"):
        build(ModelConfig, good | {key: 0})
    with pytest.raises(ConfigError, match=f"^{key}: missing, expected int$"):
        build(ModelConfig, {k: v for k, v in good.items() if k != key})


@pytest.mark.parametrize("size", ["12x12", "12", "0-2", "2-0", "-1-2", "2-2 ", "02-2"])
def test_a_size_that_is_none(size: str) -> None:
    with pytest.raises(ConfigError, match="must be layers-heads"):
        named_size(size)


def test_settings_need_no_torch() -> None:
    code = "import sys, physlm.model.config, physlm.train.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
