"""The named architectures: for each, the values of the switches of ModelSettings.

Sources: `gpt2`, `gpt2_rot`, `llama`, `mistral`: Part 3.3, section 3 and appendix A (rotary on a
quarter of the head: Part 3.1, appendix B). `gpt2_rel`, `gpt2_pos`, `gpt2_uni`: Part 1, section 3.
`bert`: Devlin et al. (arXiv 1810.04805); `deberta`: He et al. (arXiv 2006.03654); `gbert`: the
encoder of Part 3.1, section 6, which is `gpt2_rot` without the causal mask.
"""

from dataclasses import dataclass, replace
from typing import Literal

Positions = Literal["absolute", "rotary", "relative", "distance", "uniform", "none"]
Norm = Literal["layer", "rms"]
NormPlace = Literal["pre", "post"]
Activation = Literal["gelu", "gelu_tanh", "silu"]
Head = Literal["linear", "masked"]


@dataclass(frozen=True)
class Preset:
    """Values of the switches that a preset sets. d_mlp_ratio is d_mlp / d_model."""

    causal: bool = True
    positions: Positions = "absolute"
    rotary_fraction: float = 0.0
    norm: Norm = "layer"
    norm_place: NormPlace = "pre"
    norm_eps: float = 1e-5
    mlp: str = "standard"
    activation: Activation = "gelu_tanh"
    d_mlp_ratio: float = 4
    grouped: bool = False
    biases: bool = True
    tied: bool = True
    head: Head = "linear"


_GPT2 = Preset()
_ROTARY = Preset(positions="rotary", rotary_fraction=0.25, activation="gelu")
_LLAMA = Preset(
    positions="rotary",
    rotary_fraction=1.0,
    norm="rms",
    norm_eps=1e-6,
    mlp="gated",
    activation="silu",
    d_mlp_ratio=8 / 3,
    biases=False,
    tied=False,
)
_BERT = Preset(causal=False, norm_place="post", norm_eps=1e-12, activation="gelu", head="masked")

PRESETS = {
    "gpt2": _GPT2,
    "gpt2_rot": _ROTARY,
    "gpt2_rel": replace(_ROTARY, positions="relative", rotary_fraction=0.0),
    "gpt2_pos": replace(_ROTARY, positions="distance", rotary_fraction=0.0),
    "gpt2_uni": replace(_ROTARY, positions="uniform", rotary_fraction=0.0),
    "llama": _LLAMA,
    "mistral": replace(_LLAMA, d_mlp_ratio=3.5, grouped=True),
    "bert": _BERT,
    "deberta": replace(_BERT, positions="relative", norm_eps=1e-7),
    "gbert": replace(_ROTARY, causal=False),
}


@dataclass(frozen=True)
class MlpShape:
    """n_up: how many times d_mlp its first layer puts out; ratio: d_mlp / d_model by default."""

    n_up: int
    ratio: float


# The kinds of MLP; their functions are in physlm.model.mlp.
MLPS = {
    "standard": MlpShape(1, 4),
    "gated": MlpShape(2, 8 / 3),
    "quarter": MlpShape(1, 1),
    "none": MlpShape(0, 0),
    "moe": MlpShape(1, 1),
}
