"""FLOPs by formula against PyTorch's counter on real models, and against 6 N D."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from physlm.config import build
from physlm.costs.flops import forward_flops, training_flops
from physlm.model.config import ModelConfig, ModelSettings, count_parameters, named_size
from physlm.model.presets import PRESETS
from physlm.model.transformer import Transformer, loss_nats

SIZES = [
    ({"n_layers": 1, "d_model": 16, "n_heads": 1}, 11, 8),
    ({"n_layers": 3, "d_model": 48, "n_heads": 6}, 101, 33),
    ({"n_layers": 2, "d_model": 128, "n_heads": 8, "d_mlp": 200}, 300, 64),
]


def counted(config: ModelConfig, rows: int) -> tuple[int, int]:
    """What PyTorch counts, forward and backward, of `rows` whole windows.

    With plain attention, whose products it sees; it does not know the fused kernel of the CPU.
    """
    model = Transformer(config)
    tokens = torch.zeros(rows, config.n_ctx + 1, dtype=torch.long)
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as forward:
            loss = loss_nats(model, tokens)
        with FlopCounterMode(display=False) as backward:
            loss.backward()
    return forward.get_total_flops(), backward.get_total_flops()


def tables(config: ModelConfig) -> int:
    """FLOPs of the tables of disentangled attention, once a pass, which the formula leaves out."""
    if config.positions != "relative":
        return 0
    return config.n_layers * 2 * 2 * config.n_distances * config.d_model**2


@pytest.mark.parametrize("arch", sorted(PRESETS))
@pytest.mark.parametrize(("sizes", "d_vocab", "n_ctx"), SIZES)
def test_equals_what_pytorch_counts(arch: str, sizes: dict, d_vocab: int, n_ctx: int) -> None:
    # To the last digit: both count the matrix products and nothing else, attention in full.
    config = ModelSettings(arch=arch, **sizes).resolve(d_vocab, n_ctx)
    n_tokens, once = 3 * n_ctx, tables(config)
    forward, backward = counted(config, 3)
    assert forward == n_tokens * sum(forward_flops(config, n_ctx).values()) + once
    assert forward + backward == n_tokens * training_flops(config, n_ctx) + 3 * once


@pytest.mark.parametrize(
    "switches",
    [
        {"mlp": "quarter"},
        {"mlp": "none"},
        {"mlp": "gated"},
        {"canon": "ABCD"},
        {"mlp": "moe", "n_experts": 4},
        {"mlp": "moe", "n_experts": 4, "top_k": 2, "capacity_factor": 1.5},
    ],
)
def test_every_kind_of_mlp_is_counted(switches: dict) -> None:
    config = ModelSettings(n_layers=2, d_model=48, n_heads=6, **switches).resolve(31, 16)
    forward, backward = counted(config, 4)
    assert forward == 4 * 16 * sum(forward_flops(config, 16).values())
    assert forward + backward == 4 * 16 * training_flops(config, 16)


@pytest.mark.parametrize("size", ["12-12", "24-16", "28-20"])
def test_is_6_n_d_for_large_models_and_short_windows(size: str) -> None:
    # What differs are biases and norms (0.1 % of the parameters) and 1 position of attention.
    config = build(ModelSettings, named_size(size)).resolve(3275, 1)
    assert training_flops(config, 1) == pytest.approx(6 * count_parameters(config), rel=2e-3)


def test_attention_is_palms_12_l_h_q_t() -> None:
    config = build(ModelSettings, named_size("6-8")).resolve(100, 512)
    # Chowdhery et al. 2022, appendix B, forward and backward.
    assert 3 * forward_flops(config, 512)["attention"] == 12 * 6 * 8 * 64 * 512
