"""Low-rank adapters on a frozen transformer, through PEFT.

Adapted, a weight W acts as W + alpha A B with factors of small rank that alone are trained (Part
3.1, section 4; Part 3.2, footnote 21). The query and value matrices of every layer may have one
rank, the token embedding another.

Where embeddings are tied, the output layer keeps the embedding as it was: the adapter changes what
a token is read as, not how it is predicted, as PEFT has it for the GPT-2 of Hugging Face. A merged
model with an adapted embedding is therefore untied.
"""

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from physlm.config import ConfigError, build
from physlm.files import read_json, replacing, write_json
from physlm.model.transformer import Transformer
from physlm.random import torch_generator
from physlm.train.checkpoints import digest
from physlm.train.config import LoraSettings

# PEFT calls a set of adapters by a name, which we leave out of ours.
_NAME = "default"


class SplitQkv(nn.Module):
    """Query, key and value matrices apart, so that some of them can be adapted."""

    def __init__(self, fused: nn.Linear, sizes: tuple[int, int, int]) -> None:
        super().__init__()
        weights = fused.weight.detach().split(sizes)
        biases = [None] * 3 if fused.bias is None else fused.bias.detach().split(sizes)
        self.q, self.k, self.v = (
            _linear(weight, bias) for weight, bias in zip(weights, biases, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """What the fused matrix gives: queries, keys and values side by side."""
        return torch.cat([self.q(x), self.k(x), self.v(x)], -1)


def adapt(model: Transformer, settings: LoraSettings, seed: int) -> None:
    """Freeze `model` and give it adapters, in place; its function is unchanged until they train.

    ConfigError if it has no matrix to adapt where `settings` asks for one, or has adapters already.
    """
    ranks = {place: shapes[0][0] for place, shapes in _places(model, settings).items()}
    if settings.rank_qv:
        for block in model.blocks:
            attn = cast(Any, block).attn
            attn.qkv = SplitQkv(attn.qkv, model.config.d_qkv)
    config = LoraConfig(
        target_modules=list(ranks),
        rank_pattern={re.escape(place): rank for place, rank in ranks.items()},
        # PEFT divides by the rank.
        alpha_pattern={re.escape(p): settings.alpha * rank for p, rank in ranks.items()},
        lora_dropout=0.0,
    )
    # PEFT draws initial values, which are replaced below, from the global generator.
    with torch.random.fork_rng(devices=[]):
        inject_adapter_in_model(config, model, _NAME)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
    _init(model, settings, seed)


def merge(model: Transformer) -> Transformer:
    """A plain model that computes what the adapted `model` does, which stays as it is.

    It is untied if the embedding of a tied model was adapted: `embed` has the adapter in it,
    `unembed` is the old embedding.
    """
    config, state = model.config, _plain_state(model, merged=True)
    if config.tied and isinstance(model.embed, LoraLayer):
        config = dataclasses.replace(config, tied=False)
        state["unembed.weight"] = _plain_state(model, merged=False)["embed.weight"]
    plain = Transformer(config)
    plain.load_state_dict(state)
    return plain.to(state["embed.weight"].device).train(model.training)


def base_digest(model: Transformer) -> str:
    """SHA-256 of the weights of `model` without adapters: the base that its adapters belong to."""
    return digest(_plain_state(model, merged=False))


def trainable(model: nn.Module) -> dict[str, int]:
    """The number of elements of every parameter that is trained, by name."""
    return {_short(name): p.numel() for name, p in model.named_parameters() if p.requires_grad}


def save_adapters(
    folder: str | os.PathLike[str], model: Transformer, settings: LoraSettings, **facts: Any
) -> None:
    """Write the adapters alone, and beside them their settings, the base's digest and `facts`."""
    target = Path(folder)
    adapters = {_short(name): p.detach().cpu().contiguous() for name, p in _adapters(model)}
    with replacing(target / "adapters.safetensors") as temporary:
        save_file(adapters, temporary)
    info = {
        "base_digest": base_digest(model),
        "settings": dataclasses.asdict(settings),
        "n_params": sum(adapter.numel() for adapter in adapters.values()),
        **facts,
    }
    write_json(target / "adapters.json", info)


def load_adapters(base: Transformer, folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Adapt `base` in place with what `save_adapters` wrote; what adapters.json says.

    ValueError, and `base` unchanged, if they belong to another base or the files are damaged.
    """
    source = Path(folder)
    info = read_json(source / "adapters.json")
    settings = build(LoraSettings, info["settings"], str(source / "adapters.json"))
    file = source / "adapters.safetensors"
    try:
        tensors = load_file(file)
    except SafetensorError as error:
        raise ValueError(f"{file}: is damaged ({' '.join(str(error).split())})") from None
    expected = dict(_shapes(base, settings))
    for name in sorted({*tensors, *expected}):
        if name not in expected:
            raise ValueError(f"{file}: has {name}, for which this base has no module")
        if name not in tensors:
            raise ValueError(f"{file}: lacks {name}, which this base needs")
        there, here = tuple(tensors[name].shape), expected[name]
        if there != here:
            raise ValueError(f"{file}: {name} is {there} there and must be {here} for this base")
    ours = base_digest(base)
    if info["base_digest"] != ours:
        raise ValueError(
            f"{file}: belongs to a base of other weights "
            f"(digest {info['base_digest'][:12]} there, {ours[:12]} here)"
        )
    adapt(base, settings, seed=0)
    with torch.no_grad():
        for name, parameter in _adapters(base):
            parameter.copy_(tensors[_short(name)])
    return info


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.clone())
    linear.bias = None if bias is None else nn.Parameter(bias.clone())  # type: ignore[assignment]
    return linear


def _places(
    model: Transformer, settings: LoraSettings
) -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    """Module -> the shapes of its two factors, as PEFT stores them: [rank, in] and [out, rank]."""
    if any(isinstance(module, LoraLayer) for module in model.modules()):
        raise ConfigError("the model has adapters already; merge them before others are added")
    d_q, d_k, d_v = model.config.d_qkv
    r, places = settings.rank_qv, {}
    for i, block in enumerate(model.blocks if r else []):
        fused = getattr(getattr(block, "attn", None), "qkv", None)
        if not d_q or not isinstance(fused, nn.Linear) or fused.out_features != d_q + d_k + d_v:
            raise ConfigError(
                f"rank_qv={r}: must be 0 for this model, blocks.{i} has no query and value matrices"
            )
        places[f"blocks.{i}.attn.qkv.q"] = ((r, fused.in_features), (d_q, r))
        places[f"blocks.{i}.attn.qkv.v"] = ((r, fused.in_features), (d_v, r))
    r = settings.rank_embed
    if r:
        places["embed"] = ((r, model.embed.num_embeddings), (model.embed.embedding_dim, r))
    return places


def _shapes(model: Transformer, settings: LoraSettings) -> Iterator[tuple[str, tuple[int, int]]]:
    for place, (a, b) in _places(model, settings).items():
        if place == "embed":
            yield from ((f"{place}.lora_embedding_A", a), (f"{place}.lora_embedding_B", b))
        else:
            yield from ((f"{place}.lora_A.weight", a), (f"{place}.lora_B.weight", b))


def _adapters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, p) for name, p in model.named_parameters() if "lora_" in name)


def _short(name: str) -> str:
    return name.replace(f".{_NAME}", "")


def _init(model: nn.Module, settings: LoraSettings, seed: int) -> None:
    """PEFT starts the factor at the tokens' side of an embedding at 0, and B of a matrix."""
    with torch.no_grad():
        for name, parameter in _adapters(model):
            if "lora_A" not in name and "lora_embedding_B" not in name:
                parameter.zero_()
                continue
            rank = parameter.shape[0 if "lora_A" in name else 1]
            draw = torch.empty(parameter.shape)
            generator = torch_generator(seed, "lora", _short(name))
            draw.normal_(0.0, settings.init_std or 1 / rank, generator=generator)
            parameter.copy_(draw)


def _plain_state(model: nn.Module, merged: bool) -> dict[str, Tensor]:
    """The weights under the names of a plain model, with the adapters in them or without."""
    state = {
        name.replace(".base_layer", ""): value
        for name, value in model.state_dict().items()
        if "lora_" not in name
    }
    for name, module in model.named_modules():
        if merged and isinstance(module, LoraLayer):
            delta = cast(Any, module).get_delta_weight(_NAME).detach()
            state[f"{name}.weight"] = state[f"{name}.weight"] + delta
    for name in [name for name in state if ".qkv.q." in name]:
        parts = [state.pop(name.replace(".qkv.q.", f".qkv.{part}.")) for part in "qkv"]
        state[name.replace(".qkv.q.", ".qkv.")] = torch.cat(parts)
    return state
