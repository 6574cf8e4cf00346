"""Weights to and from the Hugging Face classes of the same architectures.

gpt2 is GPT2LMHeadModel, gpt2_rot GPTNeoXForCausalLM (sequential residuals), llama and mistral
LlamaForCausalLM and MistralForCausalLM. Both directions copy every tensor bit for bit; only rows
and columns change places (physlm.model.layouts).
"""

from typing import Any

from torch import Tensor

from physlm.config import ConfigError
from physlm.model.config import ModelConfig
from physlm.model.layouts import LAYOUTS, join, names, split
from physlm.model.transformer import Transformer

State = dict[str, Tensor]


# The switches that decide the class -> its name.
CLASSES = {
    ("absolute", "layer", "standard", True): "GPT2LMHeadModel",
    ("rotary", "layer", "standard", True): "GPTNeoXForCausalLM",
    ("rotary", "rms", "gated", False): "LlamaForCausalLM",
}

# Their names of an activation -> ours; the first of several is written.
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "silu": "silu",
}


def to_huggingface(model: Transformer) -> Any:
    """The Hugging Face model with these weights, in evaluation mode.

    Raises ConfigError if no class has this architecture, ImportError without transformers.
    """
    transformers = _transformers()
    config = model.config
    name = _class_name(config)
    peer_class = getattr(transformers, name)
    peer = peer_class(peer_class.config_class(**_their_settings(name, config)))
    ours = model.state_dict()
    theirs: State = {}
    for our_name, their_names in names(LAYOUTS[name], config):
        pieces = split(ours[our_name].detach().cpu(), our_name, config, LAYOUTS[name])
        theirs.update(zip(their_names, pieces, strict=True))
    if config.tied:
        theirs["lm_head.weight"] = ours["embed.weight"].detach().cpu()
    peer.load_state_dict(theirs)
    return peer.eval()


def from_huggingface(peer: Any) -> Transformer:
    """Our model with the weights of one of the classes above; ConfigError for what we lack."""
    config = config_from_huggingface(peer.config, type(peer).__name__)
    layout, theirs = LAYOUTS[type(peer).__name__], peer.state_dict()
    ours: State = {}
    for our_name, their_names in names(layout, config):
        pieces = [theirs[name].detach().cpu() for name in their_names]
        ours[our_name] = join(pieces, our_name, config, layout)
    model = Transformer(config)
    model.load_state_dict(ours)
    return model.eval()


def config_from_huggingface(theirs: Any, name: str) -> ModelConfig:
    """Our configuration of the class `name` with configuration `theirs`."""
    if name not in LAYOUTS:
        raise ConfigError(f"class={name}: must be one of {', '.join(LAYOUTS)}")
    gpt2, neox = name == "GPT2LMHeadModel", name == "GPTNeoXForCausalLM"
    llama = not gpt2 and not neox
    _refuse_variants(theirs, name)
    rope = {} if gpt2 else theirs.rope_parameters
    d_model = theirs.hidden_size
    activation = theirs.activation_function if gpt2 else theirs.hidden_act
    if activation not in ACTIVATIONS:
        raise ConfigError(f"activation={activation}: must be one of {', '.join(ACTIVATIONS)}")
    return ModelConfig(
        arch={"MistralForCausalLM": "mistral", "LlamaForCausalLM": "llama"}.get(
            name, "gpt2" if gpt2 else "gpt2_rot"
        ),
        n_layers=theirs.num_hidden_layers,
        d_model=d_model,
        n_heads=theirs.num_attention_heads,
        d_vocab=theirs.vocab_size,
        n_ctx=theirs.max_position_embeddings,
        rotary_fraction=rope.get("partial_rotary_factor", 1.0) if rope else 0.0,
        rotary_base=rope.get("rope_theta", 10000.0),
        norm_eps=(
            theirs.rms_norm_eps
            if llama
            else theirs.layer_norm_epsilon
            if gpt2
            else theirs.layer_norm_eps
        ),
        activation=ACTIVATIONS[activation],  # type: ignore[arg-type]
        d_mlp=(theirs.n_inner or 4 * d_model) if gpt2 else theirs.intermediate_size,
        n_kv_heads=theirs.num_key_value_heads if llama else theirs.num_attention_heads,
        tied=theirs.tie_word_embeddings,
    )


def _refuse_variants(theirs: Any, name: str) -> None:
    variants = {
        "use_parallel_residual": False,
        "attention_bias": name == "GPTNeoXForCausalLM",
        "mlp_bias": False,
        "scale_attn_by_inverse_layer_idx": False,
        "sliding_window": None,
    }
    for key, ours in variants.items():
        if hasattr(theirs, key) and (getattr(theirs, key) or None) != (ours or None):
            raise ConfigError(f"{key}={getattr(theirs, key)!r}: must be {ours!r} for {name}")
    kind = (getattr(theirs, "rope_parameters", None) or {}).get("rope_type", "default")
    if kind != "default":
        raise ConfigError(f"rope_type={kind!r}: must be 'default'")
    head = getattr(theirs, "head_dim", None)
    if head is not None and head * theirs.num_attention_heads != theirs.hidden_size:
        raise ConfigError(f"head_dim={head}: must be hidden_size / num_attention_heads")


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise ImportError(
            "transformers is not installed: pip install 'physlm[hub]' to convert models"
        ) from None
    return transformers


def _class_name(config: ModelConfig) -> str:
    key = (config.positions, config.norm, config.mlp, config.biases)
    name = CLASSES.get(key)  # type: ignore[arg-type]
    llama = name == "LlamaForCausalLM"
    grouped = config.n_kv_heads != config.n_heads
    if name is None or (not llama and grouped) or (llama and config.d_rotary != config.d_head):
        raise ConfigError(f"arch={config.arch!r}: no Hugging Face class has these switches")
    return "MistralForCausalLM" if config.arch == "mistral" else name


def _their_settings(name: str, config: ModelConfig) -> dict[str, Any]:
    activation = next(k for k, v in ACTIVATIONS.items() if v == config.activation)
    common = {
        "vocab_size": config.d_vocab,
        "tie_word_embeddings": config.tied,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    if name == "GPT2LMHeadModel":
        return common | {
            "n_positions": config.n_ctx,
            "n_embd": config.d_model,
            "n_layer": config.n_layers,
            "n_head": config.n_heads,
            "n_inner": config.d_mlp,
            "activation_function": activation,
            "layer_norm_epsilon": config.norm_eps,
            "resid_pdrop": 0.0,
            "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
        }
    common |= {
        "hidden_size": config.d_model,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "intermediate_size": config.d_mlp,
        "max_position_embeddings": config.n_ctx,
        "hidden_act": activation,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": config.rotary_base,
            "partial_rotary_factor": config.d_rotary / config.d_head,
        },
    }
    if name == "GPTNeoXForCausalLM":
        return common | {"layer_norm_eps": config.norm_eps, "use_parallel_residual": False}
    common |= {"rms_norm_eps": config.norm_eps, "num_key_value_heads": config.n_kv_heads}
    return common | ({"sliding_window": None} if name == "MistralForCausalLM" else {})
