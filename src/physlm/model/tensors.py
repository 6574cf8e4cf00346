"""Our tensors as those of the Hugging Face classes, and back; no number changes but in one sum.

Our query, key and value weights are one matrix of rows (q heads, k heads, v heads). Our rotary
pairs are neighbouring dims, theirs lie d_rotary / 2 apart (see physlm.model.functions.rotate), so
the query and key rows of each head are permuted. BERT adds an embedding of the token's type, which
we lack: that of type 0 goes into the positions (the sum), and an export has zeros.
"""

import torch
from torch import Tensor

from physlm.model.config import ModelConfig
from physlm.model.layouts import Layout


def names(ours: str, config: ModelConfig, layout: Layout) -> tuple[str, ...]:
    """The tensors of theirs that hold our tensor `ours`."""
    module, _, kind = ours.rpartition(".")
    if module.startswith("blocks."):
        _, index, inner = module.split(".", 2)
        return tuple(f"{layout.block}.{index}.{name}.{kind}" for name in layout.inner[inner])
    theirs = layout.outer[module]
    if module == "embed" and config.tied:
        theirs += layout.outer["unembed"]
    return tuple(f"{name}.{kind}" for name in theirs)


def split(tensor: Tensor, ours: str, config: ModelConfig, layout: Layout) -> list[Tensor]:
    """Our tensor `ours` as the tensors of theirs that hold it, in the order of `names`."""
    n = len(names(ours, config, layout))
    if ".attn.qkv." in ours:
        return _split_qkv(tensor, config, layout)
    if ".mlp.up." in ours:
        return [_turn(piece, layout).contiguous() for piece in tensor.chunk(n)]
    if ours.startswith("blocks."):
        return [_turn(tensor, layout)]
    if ours == "embed_positions.weight" and n == 2:
        return [tensor, tensor.new_zeros(layout.written["type_vocab_size"], tensor.shape[1])]
    return [tensor] * n


def join(pieces: list[Tensor], ours: str, config: ModelConfig, layout: Layout) -> Tensor:
    """The inverse of `split`."""
    if ".attn.qkv." in ours:
        return _join_qkv(pieces, config, layout)
    if ours.startswith("blocks."):
        return torch.cat([_turn(piece, layout) for piece in pieces])
    if ours == "embed_positions.weight" and len(pieces) == 2:
        # Adding a zero would change the sign of another.
        return pieces[0] + pieces[1][0] if pieces[1][0].any() else pieces[0]
    return pieces[0]


def _turn(tensor: Tensor, layout: Layout) -> Tensor:
    return tensor.T.contiguous() if layout.transposed and tensor.dim() == 2 else tensor


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
    if len(layout.inner["attn.qkv"]) == 3:
        return [part.flatten(0, 1).contiguous() for part in (q, k, v)]
    return [_turn(torch.cat([q, k, v]).flatten(0, 1), layout)]


def _join_qkv(pieces: list[Tensor], config: ModelConfig, layout: Layout) -> Tensor:
    if len(pieces) == 3:
        q, k, v = (piece.unflatten(0, (-1, config.d_head)) for piece in pieces)
    elif layout.by_head:
        q, k, v = pieces[0].unflatten(0, (-1, 3, config.d_head)).unbind(1)
    else:
        heads = _turn(pieces[0], layout).unflatten(0, (-1, config.d_head))
        q, k, v = heads.split(_heads(config))
    back = _half_split(config).argsort()
    return torch.cat([q[:, back], k[:, back], v]).flatten(0, 1)
