"""The last block of a transformer, worked out at the places where its states are read.

Other tokens of the last block matter by their keys and values alone. Shapes: B batch, T token, P
place read, N = B T and R = B P rows, H head, D dim of a head, C d_model.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from physlm.model.attention import Attention
from physlm.model.cache import Pass
from physlm.model.functions import rotate
from physlm.model.mlp import Mlp
from physlm.model.transformer import Block


def states_at(block: Block, x_NC: Tensor, run: Pass, places_BP: Tensor) -> Tensor:
    """The stream [R, C] after `block` at `places_BP`, of the stream before it.

    Without a cache, and for causal models without padding. A block in which tokens meet elsewhere
    than in dot products of attention (Canon layers, experts, attention by distance) works as it
    always does, and is read afterwards.
    """
    first_B1 = torch.arange(run.n_rows, device=x_NC.device)[:, None] * run.n
    # As embeddings, rows are taken faster than by an index, and gradients are added in one order.
    rows_R = (first_B1 + places_BP).flatten()
    if not _plain(block):
        return F.embedding(rows_R, block(x_NC, run))
    inner_NC = block.norm_attn(x_NC) if block.pre else x_NC
    out_RC = _attention(block.attn, inner_NC, run, places_BP, rows_R)
    x_RC = F.embedding(rows_R, x_NC) + out_RC
    if not block.pre:
        x_RC = block.norm_attn(x_RC)
    return x_RC if block.mlp is None else block._add_mlp(x_RC, run)


def _plain(block: Block) -> bool:
    attn, mlp = block.attn, block.mlp
    if block.canon_attn is not None or attn.canon is not None or attn.scores is not None:
        return False
    return mlp is None or (isinstance(mlp, Mlp) and mlp.canon is None and block.canon_mlp is None)


def _attention(
    attn: Attention, x_NC: Tensor, run: Pass, places_BP: Tensor, rows_R: Tensor
) -> Tensor:
    """What the attention adds at the places, [R, C]: their queries with all keys and values."""
    n_q = attn.heads[0] * attn.d_head
    weight, bias = attn.qkv.weight, attn.qkv.bias
    q_bias, kv_bias = (None, None) if bias is None else (bias[:n_q], bias[n_q:])
    q = F.linear(F.embedding(rows_R, x_NC), weight[:n_q], q_bias).view(*places_BP.shape, -1)
    kv = F.linear(x_NC, weight[n_q:], kv_bias).view(run.n_rows, run.n, -1)
    k, v = kv.split_with_sizes((attn.widths[0] - n_q, attn.widths[1]), -1)
    if run.angles is not None:
        q_angles, k_angles = run.angles.split_with_sizes((n_q // 2, k.shape[-1] // 2), -2)
        row_B1 = torch.arange(run.n_rows, device=x_NC.device)[:, None]
        at = (places_BP,) if q_angles.dim() == 3 else (row_B1, places_BP)
        q, k = rotate(q, q_angles[at]), rotate(k, k_angles)
    seen = run.visible
    if run.causal:
        seen = torch.arange(run.n, device=x_NC.device) <= places_BP[:, None, :, None]
    heads = [t.unflatten(-1, (-1, attn.d_head)).transpose(1, 2) for t in (q, k, v)]
    y_BHPD = F.scaled_dot_product_attention(*heads, seen, enable_gqa=attn.grouped)  # type: ignore[call-arg]
    return attn.out(y_BHPD.transpose(1, 2).flatten(0, 1).flatten(1))
