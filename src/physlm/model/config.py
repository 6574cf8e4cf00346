"""The settings of a transformer, the papers' named sizes, and counts of parameters.

An architecture is a point in a space of small independent switches; a preset (physlm.model.presets)
names one. Needs no torch, so that a grid of runs is checked before anything heavy starts.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from physlm.config import ConfigError, require
from physlm.model.presets import (
    MLPS,
    PRESETS,
    Activation,
    Head,
    Norm,
    NormPlace,
    Positions,
)

# Positions whose attention weights do not look at the tokens: they have no queries and keys.
CONTENT_FREE = ("distance", "uniform")


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What a run chooses of its model; the corpus and the stream add d_vocab and n_ctx.

    A switch left out takes the value of the preset `arch`, so that every instance is complete.

    positions: absolute (learned embeddings), rotary, relative (DeBERTa's disentangled attention),
        distance (a trained weight per head and distance, GPT_pos), uniform (each head averages over
        a window, GPT_uni) or none.
    rotary_fraction: share of each head's dims that are rotated, from the first.
    windows: tokens that each head averages over, itself included (default 2^h - 1, h = 1, 2, ...).
    max_distance: distances that `relative` tells apart (default: the context).
    norm_place: pre (of the residual branches) or post (on the sum, and after the embeddings).
    n_kv_heads: heads that keys and values have (groups of queries share one).
    n_experts, top_k: of the `moe` MLP. A token chooses top_k experts; an expert takes at most
        capacity_factor top_k tokens / n_experts of them (eval_capacity_factor when not training;
        0: no limit), the rest pass by. balance_weight is the weight of the load-balancing loss.
    canon: where Canon layers stand, letters of ABCD (Part 4.1); canon_kernel tokens are summed,
        on top of the input if canon_residual.
    head: linear, or masked (BERT's: a layer, a norm and a bias before the embeddings).
    init_std: standard deviation of the initial weights (GPT-2's 0.02; the papers state none).
    """

    n_layers: int
    d_model: int
    n_heads: int
    arch: str = "gpt2_rot"
    causal: bool | None = None
    positions: Positions | None = None
    rotary_fraction: float | None = None
    rotary_base: float = 10000.0
    windows: tuple[int, ...] | None = None
    max_distance: int | None = None
    norm: Norm | None = None
    norm_place: NormPlace | None = None
    norm_eps: float | None = None
    mlp: str | None = None
    activation: Activation | None = None
    d_mlp: int | None = None
    n_experts: int = 32
    top_k: int = 1
    capacity_factor: float = 2.0
    eval_capacity_factor: float = 8.0
    balance_weight: float = 0.01
    canon: str = ""
    canon_kernel: int = 4
    canon_residual: bool = True
    n_kv_heads: int | None = None
    biases: bool | None = None
    tied: bool | None = None
    head: Head | None = None
    init_std: float = 0.02

    def __post_init__(self) -> None:
        require(self.arch in PRESETS, "arch", self.arch, f"one of {', '.join(sorted(PRESETS))}")
        known = self.mlp is None or self.mlp in MLPS
        require(known, "mlp", self.mlp, f"one of {', '.join(MLPS)}")
        for key in ("n_layers", "d_model", "n_heads"):
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        require(
            self.d_model % self.n_heads == 0,
            "n_heads",
            self.n_heads,
            f"a divisor of d_model={self.d_model}",
        )
        for key, value in self._defaults().items():
            if getattr(self, key) is None:
                object.__setattr__(self, key, value)
        self._check_switches()
        self._check_positions()
        self._check_mlp()

    def _defaults(self) -> dict[str, Any]:
        preset, heads = PRESETS[self.arch], self.n_heads
        defaults = {key: value for key, value in vars(preset).items() if hasattr(self, key)}
        mlp = self.mlp or preset.mlp
        ratio = preset.d_mlp_ratio if mlp == preset.mlp else MLPS[mlp].ratio
        positions = self.positions or preset.positions
        if positions != "rotary":
            defaults["rotary_fraction"] = 0.0
        elif preset.positions != "rotary":
            defaults["rotary_fraction"] = 1.0
        if positions == "uniform":
            defaults["windows"] = tuple(2**h - 1 for h in range(1, heads + 1))
        groups = 4 if heads % 4 == 0 else 1 if heads % 2 else 2
        return defaults | {
            "d_mlp": round(ratio * self.d_model),
            "n_kv_heads": groups if preset.grouped else heads,
        }

    def _check_switches(self) -> None:
        n_kv_heads = self.n_kv_heads or 0
        require(
            n_kv_heads >= 1 and self.n_heads % n_kv_heads == 0,
            "n_kv_heads",
            self.n_kv_heads,
            f"a divisor of n_heads={self.n_heads}",
        )
        for key, value in vars(self).items():
            require(value != math.inf, key, value, "finite")
        require(self.init_std > 0, "init_std", self.init_std, "above 0")
        require((self.norm_eps or 0) > 0, "norm_eps", self.norm_eps, "above 0")
        letters = "".join(letter for letter in "ABCD" if letter in self.canon)
        require(letters == self.canon, "canon", self.canon, "letters of ABCD in order, each once")
        require(self.canon_kernel >= 1, "canon_kernel", self.canon_kernel, "at least 1")
        require(not self.canon or bool(self.causal), "canon", self.canon, "'' unless causal")
        absent = {"none": "CD", "moe": "D"}.get(self.mlp or "", "")
        allowed = not set(absent) & set(self.canon)
        require(allowed, "canon", self.canon, f"without {absent} for mlp={self.mlp}")

    def _check_positions(self) -> None:
        fraction, windows = self.rotary_fraction or 0, self.windows
        require(self.rotary_base > 1, "rotary_base", self.rotary_base, "above 1")
        if self.positions == "rotary":
            require(0 < fraction <= 1, "rotary_fraction", fraction, "above 0 and at most 1")
            require(
                self.d_head % 2 == 0,
                "d_model",
                self.d_model,
                f"an even multiple of n_heads={self.n_heads} for rotary positions",
            )
        else:
            require(not fraction, "rotary_fraction", fraction, "0 without rotary positions")
        if self.positions == "uniform":
            good = len(windows or ()) == self.n_heads and all(w >= 1 for w in windows or ())
            require(good, "windows", windows, f"{self.n_heads} lengths of at least 1, one per head")
        else:
            require(windows is None, "windows", windows, "null without uniform positions")
        if self.positions in CONTENT_FREE:
            require(
                bool(self.causal), "causal", self.causal, f"true for {self.positions} positions"
            )
        if self.positions != "relative":
            distance = self.max_distance
            require(distance is None, "max_distance", distance, "null without relative positions")
        else:
            distance = self.max_distance if self.max_distance is not None else 1
            require(distance >= 1, "max_distance", distance, "at least 1")
        if self.positions not in ("absolute", "rotary", "none"):
            same = self.n_kv_heads == self.n_heads
            require(same, "n_kv_heads", self.n_kv_heads, f"n_heads for {self.positions} positions")

    def _check_mlp(self) -> None:
        d_mlp = self.d_mlp or 0
        if self.mlp == "none":
            require(d_mlp == 0, "d_mlp", d_mlp, "0 for mlp=none")
            return
        require(d_mlp >= 1, "d_mlp", d_mlp, "at least 1")
        require(self.n_experts >= 1, "n_experts", self.n_experts, "at least 1")
        good = 1 <= self.top_k <= self.n_experts
        require(good, "top_k", self.top_k, f"from 1 to n_experts={self.n_experts}")
        for key in ("capacity_factor", "eval_capacity_factor", "balance_weight"):
            require(getattr(self, key) >= 0, key, getattr(self, key), "0 or more")

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    @property
    def d_rotary(self) -> int:
        """Rotated dims of each head: an even number, at least 2 (0 without rotary positions)."""
        if self.positions != "rotary":
            return 0
        return max(2, int(self.d_head * (self.rotary_fraction or 0)) // 2 * 2)

    @property
    def d_qkv(self) -> tuple[int, int, int]:
        """Dims of all queries, keys and values; the first two are 0 if attention has no content."""
        grouped = (self.n_kv_heads or 0) * self.d_head
        return (
            (0, 0, grouped) if self.positions in CONTENT_FREE else (self.d_model, grouped, grouped)
        )

    @property
    def n_up(self) -> int:
        """How many times d_mlp the first layer of the MLP puts out: twice for a gated one."""
        return MLPS[self.mlp or ""].n_up

    @property
    def n_distances(self) -> int:
        """Rows of the table of `relative` positions."""
        return 2 * (self.max_distance or 0)

    def resolve(self, d_vocab: int, n_ctx: int) -> "ModelConfig":
        """The complete configuration for this vocabulary and context."""
        return ModelConfig(**vars(self), d_vocab=d_vocab, n_ctx=n_ctx)


@dataclass(frozen=True, kw_only=True)
class ModelConfig(ModelSettings):
    """Everything that defines a model's function and the shapes of its tensors."""

    d_vocab: int
    n_ctx: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.d_vocab >= 1, "d_vocab", self.d_vocab, "at least 1")
        require(self.n_ctx >= 1, "n_ctx", self.n_ctx, "at least 1")
        if self.positions == "relative" and self.max_distance is None:
            object.__setattr__(self, "max_distance", self.n_ctx)


def named_size(size: str) -> dict[str, int]:
    """n_layers, n_heads and d_model of a published size "l-h", whose heads have 64 dims.

    >>> named_size("12-12")
    {'n_layers': 12, 'n_heads': 12, 'd_model': 768}
    """
    match = re.fullmatch(r"([1-9]\d*)-([1-9]\d*)", size)
    if match is None:
        raise ConfigError(f"size={size!r}: must be layers-heads, e.g. 12-12")
    n_layers, n_heads = map(int, match.groups())
    return {"n_layers": n_layers, "n_heads": n_heads, "d_model": 64 * n_heads}


def count_parameters(config: ModelConfig) -> int:
    """Parameters by formula, counted as Part 3.3 does (appendix A; tied embeddings once).

    Biases and norms count, so do absolute positions, tables of distances and all experts of a
    mixture; rows of the vocabulary that cannot occur do not exist. For `gpt2_rot` this is
    d_vocab d + n_layers (12 d^2 + 13 d) + 2 d.
    """
    d, bias = config.d_model, int(bool(config.biases))
    norm = d * (1 + bias) if config.norm == "layer" else d
    positions = config.positions
    block = _count_attention(config) + norm
    if config.mlp != "none":
        block += _count_mlp(config) + norm
    # Pre-norm has a norm before the output, post-norm one after the embeddings.
    total = config.n_layers * block + norm + config.d_vocab * d * (1 if config.tied else 2)
    if config.head == "masked":
        total += d * d + d * bias + norm + config.d_vocab * bias
    if positions == "absolute":
        total += config.n_ctx * d
    if positions == "relative":
        total += config.n_distances * d
    return total


def _count_attention(config: ModelConfig) -> int:
    d, bias, d_qkv = config.d_model, int(bool(config.biases)), sum(config.d_qkv)
    total = d * d_qkv + d_qkv * bias + d * d + d * bias
    if config.positions == "relative":
        total += 2 * d * d + d * bias
    if config.positions == "distance":
        total += config.n_heads * config.n_ctx
    return total + config.canon_kernel * (d * ("A" in config.canon) + d_qkv * ("B" in config.canon))


def _count_mlp(config: ModelConfig) -> int:
    d, bias, d_mlp, n_up = config.d_model, int(bool(config.biases)), config.d_mlp or 0, config.n_up
    total = (n_up + 1) * d * d_mlp + (n_up * d_mlp + d) * bias
    if config.mlp == "moe":
        total = config.n_experts * (total + d)
    canon = d * ("C" in config.canon) + n_up * d_mlp * ("D" in config.canon)
    return total + config.canon_kernel * canon
