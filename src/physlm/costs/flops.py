"""Floating-point operations of a model, by formula; see docs/plan.md for the conventions.

A multiply-add is 2. Counted are matrix products, the unembedding and attention included; norms,
activations, Canon layers, softmax and the optimiser are not. Attention counts every pair of
positions, as PaLM does (Chowdhery et al. 2022, appendix B), although a causal kernel may skip half
of them. The backward pass is twice the forward one; recomputation is not counted.
"""

from physlm.model.config import CONTENT_FREE, ModelConfig

# Forward once, backward twice.
TRAINING = 3


def forward_flops(config: ModelConfig, n_positions: int) -> dict[str, int]:
    """FLOPs of one token in a window of `n_positions`, forward, by component of the model.

    Keys: projections (queries, keys, values, output), attention (scores and weighted sum), mlp,
    unembedding.
    """
    d, layers = config.d_model, config.n_layers
    return {
        "projections": layers * 2 * d * (sum(config.d_qkv) + d),
        "attention": layers * _attention(config, n_positions),
        "mlp": layers * _mlp(config),
        "unembedding": 2 * d * config.d_vocab + (2 * d * d if config.head == "masked" else 0),
    }


def _attention(config: ModelConfig, n_positions: int) -> int:
    """Scores and weighted sum of one token in one layer.

    Where weights do not look at the tokens there is only the sum. Disentangled attention has a
    product of queries and one of keys with the tables of distances besides; making the tables is
    not counted, they serve a whole batch.
    """
    d = config.d_model
    if config.positions in CONTENT_FREE:
        return 2 * n_positions * d
    tables = 2 * 2 * config.n_distances * d if config.positions == "relative" else 0
    return 2 * 2 * n_positions * d + tables


def _mlp(config: ModelConfig) -> int:
    """One token in the MLP of one layer; a mixture computes all places that its experts have."""
    d = config.d_model
    one = 2 * (config.n_up + 1) * d * (config.d_mlp or 0)
    if config.mlp != "moe":
        return one
    return round(config.top_k * config.capacity_factor * one) + 2 * d * config.n_experts


def training_flops(config: ModelConfig, n_positions: int) -> int:
    """FLOPs of one token, forward and backward."""
    forward = forward_flops(config, n_positions)
    # Uniform windows are constants: no gradient goes to them.
    constant = forward["attention"] if config.positions == "uniform" else 0
    return TRAINING * sum(forward.values()) - constant
