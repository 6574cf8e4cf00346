"""How the Hugging Face classes name and order the tensors of a transformer.

Our query, key and value weights are one matrix of rows (q heads, k heads, v heads). Our rotary
pairs are neighbouring dims, theirs lie d_rotary / 2 apart (see physlm.model.functions.rotate), so
the query and key rows of each head are permuted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from physlm.model.config import ModelConfig


@dataclass(frozen=True)
class Layout:
    """Where a Hugging Face class keeps what; names inside a block are relative to `block`."""

    embed: str
    embed_positions: str | None
    block: str
    norm_attn: str
    norm_mlp: str
    qkv: tuple[str, ...]
    out: str
    up: tuple[str, ...]
    down: str
    norm: str
    # GPT-2 stores [inputs, outputs]; GPT-NeoX orders the rows of qkv by head first.
    transposed: bool = False
    by_head: bool = False


_LLAMA = Layout(
    embed="model.embed_tokens",
    embed_positions=None,
    block="model.layers",
    norm_attn="input_layernorm",
    norm_mlp="post_attention_layernorm",
    qkv=("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    out="self_attn.o_proj",
    up=("mlp.gate_proj", "mlp.up_proj"),
    down="mlp.down_proj",
    norm="model.norm",
)
LAYOUTS = {
    "GPT2LMHeadModel": Layout(
        embed="transformer.wte",
        embed_positions="transformer.wpe",
        block="transformer.h",
        norm_attn="ln_1",
        norm_mlp="ln_2",
        qkv=("attn.c_attn",),
        out="attn.c_proj",
        up=("mlp.c_fc",),
        down="mlp.c_proj",
        norm="transformer.ln_f",
        transposed=True,
    ),
    "GPTNeoXForCausalLM": Layout(
        embed="gpt_neox.embed_in",
        embed_positions=None,
        block="gpt_neox.layers",
        norm_attn="input_layernorm",
        norm_mlp="post_attention_layernorm",
        qkv=("attention.query_key_value",),
        out="attention.dense",
        up=("mlp.dense_h_to_4h",),
        down="mlp.dense_4h_to_h",
        norm="gpt_neox.final_layer_norm",
        by_head=True,
    ),
    "LlamaForCausalLM": _LLAMA,
    "MistralForCausalLM": _LLAMA,
}


def names(layout: Layout, config: ModelConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Our tensors and the names of theirs that hold the same numbers."""
    kinds = ("weight", "bias") if config.biases else ("weight",)
    yield "embed.weight", (f"{layout.embed}.weight",)
    if layout.embed_positions is not None:
        yield "embed_positions.weight", (f"{layout.embed_positions}.weight",)
    if not config.tied:
        yield "unembed.weight", ("lm_head.weight",)
    modules: list[tuple[str, tuple[str, ...]]] = [("norm", (layout.norm,))]
    for i in range(config.n_layers):
        inner = {
            "norm_attn": (layout.norm_attn,),
            "attn.qkv": layout.qkv,
            "attn.out": (layout.out,),
            "norm_mlp": (layout.norm_mlp,),
            "mlp.up": layout.up,
            "mlp.down": (layout.down,),
        }
        for ours, theirs in inner.items():
            modules.append((f"blocks.{i}.{ours}", tuple(f"{layout.block}.{i}.{t}" for t in theirs)))
    for ours, theirs in modules:
        for kind in kinds:
            yield f"{ours}.{kind}", tuple(f"{name}.{kind}" for name in theirs)


def split(tensor: Tensor, name: str, config: ModelConfig, layout: Layout) -> list[Tensor]:
    """Our tensor `name` as the tensors of theirs that hold it."""
    if ".attn.qkv." in name:
        return _split_qkv(tensor, config, layout)
    if ".mlp.up." in name and len(layout.up) == 2:
        return [piece.contiguous() for piece in tensor.chunk(2)]
    return [_turn(tensor, name, layout)]


def join(pieces: list[Tensor], name: str, config: ModelConfig, layout: Layout) -> Tensor:
    """The inverse of `split`."""
    if ".attn.qkv." in name:
        return _join_qkv(pieces, config, layout)
    return _turn(pieces[0], name, layout) if len(pieces) == 1 else torch.cat(pieces)


def _turn(tensor: Tensor, name: str, layout: Layout) -> Tensor:
    turned = layout.transposed and "blocks." in name and tensor.dim() == 2
    return tensor.T.contiguous() if turned else tensor


def _half_split(config: ModelConfig) -> Tensor:
    """Their dim i of a head is our dim order[i]."""
    rotated = torch.arange(config.d_rotary).view(-1, 2).T.flatten()
    return torch.cat([rotated, torch.arange(config.d_rotary, config.d_head)])


def _heads(config: ModelConfig) -> tuple[int, int, int]:
    groups = config.n_kv_heads or 0
    return config.n_heads, groups, groups


def _split_qkv(tensor: Tensor, config: ModelConfig, layout: Layout) -> list[Tensor]:
    heads = tensor.unflatten(0, (-1, config.d_head))
    q, k, v = heads.split(_heads(config))
    order = _half_split(config)
    q, k = q[:, order], k[:, order]
    if layout.by_head:
        return [torch.stack([q, k, v], 1).flatten(0, 2)]
    if len(layout.qkv) == 3:
        return [part.flatten(0, 1).contiguous() for part in (q, k, v)]
    return [_turn(torch.cat([q, k, v]).flatten(0, 1), "blocks.", layout)]


def _join_qkv(pieces: list[Tensor], config: ModelConfig, layout: Layout) -> Tensor:
    if len(pieces) == 3:
        q, k, v = (piece.unflatten(0, (-1, config.d_head)) for piece in pieces)
    elif layout.by_head:
        q, k, v = pieces[0].unflatten(0, (-1, 3, config.d_head)).unbind(1)
    else:
        heads = _turn(pieces[0], "blocks.", layout).unflatten(0, (-1, config.d_head))
        q, k, v = heads.split(_heads(config))
    back = _half_split(config).argsort()
    return torch.cat([q[:, back], k[:, back], v]).flatten(0, 1)
