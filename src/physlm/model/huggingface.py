"""Weights to and from the Hugging Face classes of the same architectures.

gpt2 is GPT2LMHeadModel, gpt2_rot GPTNeoXForCausalLM (sequential residuals), llama and mistral
LlamaForCausalLM and MistralForCausalLM, bert BertForMaskedLM. An export followed by an import
returns every bit; what each class has is in physlm.model.layouts.
"""

import dataclasses
import math
from typing import Any

from torch import Tensor

from physlm.config import ConfigError, require
from physlm.model.config import ModelConfig
from physlm.model.layouts import LAYOUTS, Layout
from physlm.model.tensors import join, names, split
from physlm.model.transformer import Transformer

# Their names of an activation -> ours; the first of several is written.
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "silu": "silu",
}


def to_huggingface(model: Transformer) -> Any:
    """The Hugging Face model with these weights, in evaluation mode.

    Raises ConfigError if no class has this architecture.
    """
    import transformers  # takes a second, which only conversions should pay

    config = model.config
    name = _class_name(config)
    layout, peer_class = LAYOUTS[name], getattr(transformers, name)
    peer = peer_class(peer_class.config_class(**_their_settings(config, layout)))
    theirs: dict[str, Tensor] = {}
    for ours, tensor in model.state_dict().items():
        pieces = split(tensor.detach().cpu(), ours, config, layout)
        theirs.update(zip(names(ours, config, layout), pieces, strict=True))
    peer.load_state_dict(theirs)
    return peer.eval()


def from_huggingface(peer: Any) -> Transformer:
    """Our model with the weights of one of the classes above; ConfigError for what we lack."""
    name = type(peer).__name__
    config = config_from_huggingface(peer.config, name)
    layout, theirs = LAYOUTS[name], peer.state_dict()
    model = Transformer(config)
    ours: dict[str, Tensor] = {}
    for key in model.state_dict():
        pieces = [theirs[their_key].detach().cpu() for their_key in names(key, config, layout)]
        ours[key] = join(pieces, key, config, layout)
    model.load_state_dict(ours)
    return model.eval()


def _class_name(config: ModelConfig) -> str:
    """The class that has these switches; ConfigError naming those that keep the nearest away."""
    lacking = {name: _lacking(config, layout) for name, layout in LAYOUTS.items()}
    fewest = min(map(len, lacking.values()))
    nearest = [name for name, keys in lacking.items() if len(keys) == fewest]
    if not fewest:
        return next((name for name in nearest if LAYOUTS[name].arch == config.arch), nearest[0])
    lines = []
    for key in lacking[nearest[0]]:
        allowed = [f"{_either(lacking[name][key])} for {name}" for name in nearest
                   if key in lacking[name]]  # fmt: skip
        lines.append(f"{key}={getattr(config, key)!r}: must be {', '.join(allowed)}")
    raise ConfigError("; ".join(lines))


def _lacking(config: ModelConfig, layout: Layout) -> dict[str, tuple[Any, ...]]:
    """The switches that a class does not have, with the values that it has."""
    switches = dict(layout.switches)
    if "n_kv_heads" not in layout.settings:
        switches["n_kv_heads"] = (config.n_heads,)
    return {key: has for key, has in switches.items() if getattr(config, key) not in has}


def _either(values: tuple[Any, ...]) -> str:
    return " or ".join(map(repr, values))


def _their_settings(config: ModelConfig, layout: Layout) -> dict[str, Any]:
    settings = {theirs: getattr(config, ours) for ours, theirs in layout.settings.items()}
    activation = next(k for k, v in ACTIVATIONS.items() if v == config.activation)
    settings |= {layout.settings["activation"]: activation} | layout.fixed | layout.written
    if config.positions == "rotary":
        settings["rope_parameters"] = {
            "rope_type": "default",
            "rope_theta": config.rotary_base,
            "partial_rotary_factor": _fraction(config.d_rotary, config.d_head),
        }
    return settings


def config_from_huggingface(theirs: Any, name: str) -> ModelConfig:
    """Our configuration of the class `name` with configuration `theirs`; ConfigError as above.

    Where several of our configurations are one function it is the preset's: `quarter` comes back
    as `standard` with its d_mlp.
    """
    require(name in LAYOUTS, "class", name, f"one of {', '.join(LAYOUTS)}")
    layout = LAYOUTS[name]
    for key, value in layout.fixed.items():
        found = getattr(theirs, key, value)
        require(found == value, key, found, f"{value!r} for {name}")
    values = {ours: getattr(theirs, key) for ours, key in layout.settings.items()}
    key, activation = layout.settings["activation"], values["activation"]
    require(activation in ACTIVATIONS, key, activation, f"one of {', '.join(ACTIVATIONS)}")
    values["activation"] = ACTIVATIONS[activation]
    # GPT-2 may leave it out.
    values["d_mlp"] = values["d_mlp"] or 4 * values["d_model"]
    head = getattr(theirs, "head_dim", None)
    same = head is None or head * values["n_heads"] == values["d_model"]
    require(same, "head_dim", head, "hidden_size / num_attention_heads")
    rope = getattr(theirs, "rope_parameters", None)
    if rope is None:
        return ModelConfig(arch=layout.arch, **values)
    config = ModelConfig(arch=layout.arch, rotary_base=rope["rope_theta"], **values)
    return _rotated(config, rope, layout)


def _rotated(config: ModelConfig, rope: dict[str, Any], layout: Layout) -> ModelConfig:
    """`config` with as many rotated dims as `rope` has."""
    kind, fraction = rope.get("rope_type", "default"), rope.get("partial_rotary_factor", 1.0)
    require(kind == "default", "rope_type", kind, "'default'")
    (whole,) = layout.switches.get("rotary_fraction", (fraction,))
    require(fraction == whole, "partial_rotary_factor", fraction, f"{whole!r} for {layout.arch}")
    n_dims = int(config.d_head * fraction)
    # Their frequencies of an odd number of dims are others.
    even = n_dims >= 2 and n_dims % 2 == 0
    require(even, "partial_rotary_factor", fraction, f"an even part of {config.d_head} dims")
    if n_dims == config.d_rotary:
        return config
    return dataclasses.replace(config, rotary_fraction=_fraction(n_dims, config.d_head))


def _fraction(n_dims: int, d_head: int) -> float:
    """The share of a head that rounds down to `n_dims` of its dims, on both sides."""
    fraction = n_dims / d_head
    return fraction if int(d_head * fraction) == n_dims else math.nextafter(fraction, 1)
