"""The settings of a transformer: presets, the papers' named sizes, counts of parameters.

An architecture is a point in a space of small independent switches; a preset names one. Needs no
torch, so that a grid of runs is checked before anything heavy starts.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal

from physlm.config import ConfigError, require

Positions = Literal["absolute", "rotary"]
Norm = Literal["layer", "rms"]
Mlp = Literal["standard", "gated"]
Activation = Literal["gelu", "gelu_tanh", "silu"]


@dataclass(frozen=True)
class Preset:
    """Values of the switches that a preset sets. d_mlp_ratio is d_mlp / d_model."""

    positions: Positions
    rotary_fraction: float
    norm: Norm
    norm_eps: float
    mlp: Mlp
    activation: Activation
    d_mlp_ratio: float
    grouped: bool
    biases: bool
    tied: bool


# Part 3.3, section 3 and appendix A; Part 3.1, appendix B (rotary on a quarter of the head).
PRESETS = {
    "gpt2": Preset(
        positions="absolute",
        rotary_fraction=0.0,
        norm="layer",
        norm_eps=1e-5,
        mlp="standard",
        activation="gelu_tanh",
        d_mlp_ratio=4,
        grouped=False,
        biases=True,
        tied=True,
    ),
    "gpt2_rot": Preset(
        positions="rotary",
        rotary_fraction=0.25,
        norm="layer",
        norm_eps=1e-5,
        mlp="standard",
        activation="gelu",
        d_mlp_ratio=4,
        grouped=False,
        biases=True,
        tied=True,
    ),
    "llama": Preset(
        positions="rotary",
        rotary_fraction=1.0,
        norm="rms",
        norm_eps=1e-6,
        mlp="gated",
        activation="silu",
        d_mlp_ratio=8 / 3,
        grouped=False,
        biases=False,
        tied=False,
    ),
    "mistral": Preset(
        positions="rotary",
        rotary_fraction=1.0,
        norm="rms",
        norm_eps=1e-6,
        mlp="gated",
        activation="silu",
        d_mlp_ratio=3.5,
        grouped=True,
        biases=False,
        tied=False,
    ),
}


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What a run chooses of its model; the corpus and the stream add d_vocab and n_ctx.

    A switch left out takes the value of the preset `arch`, so that every instance is complete.
    rotary_fraction is the share of each head's dims that are rotated, from the first; n_kv_heads
    is the number of heads that keys and values have (groups of queries share one); init_std is the
    standard deviation of the initial weights (GPT-2's 0.02; the papers do not state theirs).
    """

    n_layers: int
    d_model: int
    n_heads: int
    arch: str = "gpt2_rot"
    positions: Positions | None = None
    rotary_fraction: float | None = None
    rotary_base: float = 10000.0
    norm: Norm | None = None
    norm_eps: float | None = None
    mlp: Mlp | None = None
    activation: Activation | None = None
    d_mlp: int | None = None
    n_kv_heads: int | None = None
    biases: bool | None = None
    tied: bool | None = None
    init_std: float = 0.02

    def __post_init__(self) -> None:
        require(self.arch in PRESETS, "arch", self.arch, f"one of {', '.join(sorted(PRESETS))}")
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

    def _defaults(self) -> dict[str, Any]:
        preset = PRESETS[self.arch]
        heads = self.n_heads
        groups = 4 if heads % 4 == 0 else 1 if heads % 2 else 2
        return {
            **{key: value for key, value in vars(preset).items() if hasattr(self, key)},
            "d_mlp": round(preset.d_mlp_ratio * self.d_model),
            "n_kv_heads": groups if preset.grouped else heads,
        }

    def _check_switches(self) -> None:
        d_mlp, n_kv_heads, fraction = self.d_mlp or 0, self.n_kv_heads or 0, self.rotary_fraction
        require(d_mlp >= 1, "d_mlp", d_mlp, "at least 1")
        require(
            n_kv_heads >= 1 and self.n_heads % n_kv_heads == 0,
            "n_kv_heads",
            self.n_kv_heads,
            f"a divisor of n_heads={self.n_heads}",
        )
        require(self.init_std > 0, "init_std", self.init_std, "above 0")
        require((self.norm_eps or 0) > 0, "norm_eps", self.norm_eps, "above 0")
        require(self.rotary_base > 1, "rotary_base", self.rotary_base, "above 1")
        if self.positions != "rotary":
            require(not fraction, "rotary_fraction", fraction, "0 without rotary positions")
            return
        require(0 < (fraction or 0) <= 1, "rotary_fraction", fraction, "above 0 and at most 1")
        require(
            self.d_head % 2 == 0,
            "d_model",
            self.d_model,
            f"an even multiple of n_heads={self.n_heads} for rotary positions",
        )

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads

    @property
    def d_rotary(self) -> int:
        """Rotated dims of each head: an even number, at least 2 (0 without rotary positions)."""
        if self.positions != "rotary":
            return 0
        return max(2, int(self.d_head * (self.rotary_fraction or 0)) // 2 * 2)

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

    Biases and norms count, absolute positions count, rows of the vocabulary that cannot occur do
    not exist. For `gpt2_rot` this is d_vocab d + n_layers (12 d^2 + 13 d) + 2 d.
    """
    d, d_mlp = config.d_model, config.d_mlp or 0
    d_qkv = d + 2 * (config.n_kv_heads or 0) * config.d_head
    n_up = 2 if config.mlp == "gated" else 1
    norm = 2 * d if config.norm == "layer" and config.biases else d
    block = d * d_qkv + d * d + (n_up + 1) * d * d_mlp + 2 * norm
    if config.biases:
        block += d_qkv + d + n_up * d_mlp + d
    total = config.n_layers * block + norm + config.d_vocab * d * (1 if config.tied else 2)
    return total + (config.n_ctx * d if config.positions == "absolute" else 0)
