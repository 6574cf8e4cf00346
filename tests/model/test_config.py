"""Model settings: presets, checks, counts of parameters; importable without torch."""

import subprocess
import sys

import pytest
import torch

from physlm.config import ConfigError, build
from physlm.model.config import (
    PRESETS,
    ModelConfig,
    ModelSettings,
    count_parameters,
    named_size,
)
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


@pytest.mark.parametrize("arch", PRESETS)
@pytest.mark.parametrize("size", ["1-1", "2-3", "3-4", "12-12", "20-16"])
def test_the_formula_is_the_sum_over_the_tensors(arch: str, size: str) -> None:
    config = ModelConfig(arch=arch, d_vocab=3275, n_ctx=512, **named_size(size))
    with torch.device("meta"):
        model = Transformer(config)
    assert sum(p.numel() for p in model.parameters()) == count_parameters(config)


@pytest.mark.parametrize(
    "switches",
    [
        {"norm": "rms"},
        {"biases": False},
        {"mlp": "gated", "d_mlp": 10},
        {"tied": False, "n_kv_heads": 1},
        {"positions": "absolute", "rotary_fraction": 0.0},
    ],
)
def test_the_switches_are_independent(switches: dict) -> None:
    config = ModelConfig(n_layers=2, d_model=24, n_heads=2, d_vocab=7, n_ctx=6, **switches)
    model = Transformer(config)
    assert sum(p.numel() for p in model.parameters()) == count_parameters(config)
    assert model(torch.zeros(1, 6, dtype=torch.long)).shape == (1, 6, 7)


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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_heads": 3}, "model.n_heads=3: must be a divisor of d_model=32"),
        ({"n_layers": 0}, "model.n_layers=0: must be at least 1"),
        ({"arch": "gpt3"}, "model.arch='gpt3': must be one of"),
        ({"d_modle": 3}, "model.d_modle=3: unknown key"),
        ({"n_kv_heads": 3}, "model.n_kv_heads=3: must be a divisor of n_heads=2"),
        ({"n_heads": 32}, "model.d_model=32: must be an even multiple of n_heads=32"),
        ({"rotary_fraction": 1.5}, "model.rotary_fraction=1.5: must be above 0 and at most 1"),
        ({"arch": "gpt2", "rotary_fraction": 0.5}, "must be 0 without rotary positions"),
    ],
)
def test_bad_settings_are_one_clear_line(values: dict, message: str) -> None:
    good = {"n_layers": 2, "d_model": 32, "n_heads": 2}
    with pytest.raises(ConfigError) as error:
        build(ModelSettings, good | values, "model")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_size_that_is_none() -> None:
    with pytest.raises(ConfigError, match="must be layers-heads"):
        named_size("12x12")


def test_settings_need_no_torch() -> None:
    code = "import sys, physlm.model.config, physlm.train.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
