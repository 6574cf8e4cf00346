"""Floating-point operations of a model, by formula; see docs/plan.md for the conventions.

A multiply-add is 2. Counted are matrix products, the unembedding and attention included; norms,
activations, softmax and the optimiser are not. Attention counts every pair of positions, as PaLM
does (Chowdhery et al. 2022, appendix B), although a causal kernel may skip half of them. The
backward pass is twice the forward one; recomputation is not counted.
"""

from physlm.model.config import ModelConfig

# Forward once, backward twice.
TRAINING = 3


def forward_flops(config: ModelConfig, n_positions: int) -> dict[str, int]:
    """FLOPs of one token in a window of `n_positions`, forward, by component of the model.

    Keys: projections (queries, keys, values, output), attention (scores and weighted sum), mlp,
    unembedding.
    """
    d, layers = config.d_model, config.n_layers
    d_qkv = d + 2 * (config.n_kv_heads or 0) * config.d_head
    n_mlp = 3 if config.mlp == "gated" else 2
    return {
        "projections": layers * 2 * d * (d_qkv + d),
        "attention": layers * 2 * 2 * n_positions * d,
        "mlp": layers * 2 * n_mlp * d * (config.d_mlp or 0),
        "unembedding": 2 * d * config.d_vocab,
    }


def training_flops(config: ModelConfig, n_positions: int) -> int:
    """FLOPs of one token, forward and backward."""
    return TRAINING * sum(forward_flops(config, n_positions).values())
