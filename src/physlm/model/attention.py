"""Attention in all its variants: what decides where a query looks.

Dot products of queries and keys (absolute, rotary and no positions) run in PyTorch's fused kernels.
A variant is a module that either adds scores to them (`relative`) or replaces them altogether
(`distance`, `uniform`); it is one class and one line of SCORES. Shapes: B batch, T query, S key,
H head, D dim of a head, K distances told apart, N = B T rows, C d_model.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.model.cache import Pass
from physlm.model.canon import Canon
from physlm.model.config import CONTENT_FREE, ModelConfig
from physlm.model.functions import rotate


def distances(run: Pass, device: torch.device) -> Tensor:
    """Position of each query minus that of each key, [T, S]."""
    place = torch.arange(run.first + run.n, device=device)
    return place[run.first :, None] - place


def content_to_position(q_BHTD: Tensor, key_HKD: Tensor, index_TS: Tensor) -> Tensor:
    """Scores of queries with the keys of their distance: q_i . key[index[i, j]], [B, H, T, S]."""
    # A matrix product would copy the keys for every row of the batch.
    scores_BHTK = torch.einsum("bhtd,hkd->bhtk", q_BHTD, key_HKD)
    return scores_BHTK.gather(3, index_TS.expand(*scores_BHTK.shape[:2], -1, -1))


def position_to_content(k_BHSD: Tensor, query_HKD: Tensor, index_TS: Tensor) -> Tensor:
    """Scores of keys with the queries of their distance: k_j . query[index[i, j]], [B, H, T, S]."""
    if len(index_TS) == 1:
        # While one token is generated each key meets one distance, not all.
        return (k_BHSD * query_HKD[:, index_TS[0]]).sum(-1)[:, :, None]
    return content_to_position(k_BHSD, query_HKD, index_TS.T).transpose(2, 3)


class Relative(nn.Module):
    """DeBERTa's disentangled attention: two terms of content and distance beside the dot product.

    With K_r = P W_k and Q_r = P W_q of one table P of 2 k distances for all layers, the score is
    (q_i . k_j + q_i . K_r[d(i, j)] + k_j . Q_r[d(j, i)]) / sqrt(3 D), where d(i, j) is i - j + k
    clipped to 0 .. 2 k - 1 (He et al., arXiv 2006.03654, equations 3 and 4). The released code
    reads the table of the last term from the other end; here the equation holds.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.d_head, self.reach = config.d_head, config.max_distance or 0
        self.key = nn.Linear(config.d_model, config.d_model, bias=False)
        self.query = nn.Linear(config.d_model, config.d_model, bias=bool(config.biases))

    def forward(self, q_BHTD: Tensor, k_BHSD: Tensor, run: Pass) -> Tensor:
        """What is added to the dot products before they are scaled."""
        key_HKD, query_HKD = run.once(self, lambda: self._tables(run.distance_table))
        apart = distances(run, q_BHTD.device)
        last = 2 * self.reach - 1
        from_content = content_to_position(q_BHTD, key_HKD, (apart + self.reach).clamp(0, last))
        to_content = position_to_content(k_BHSD, query_HKD, (self.reach - apart).clamp(0, last))
        return from_content + to_content

    def _tables(self, table_KC: Tensor | None) -> list[Tensor]:
        assert table_KC is not None
        both = (layer(table_KC) for layer in (self.key, self.query))
        return [table.view(len(table), -1, self.d_head).transpose(0, 1) for table in both]


class Distance(nn.Module):
    """GPT_pos: the weight of a token is a trained number for its head and distance (Part 1)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.by_distance = nn.Parameter(torch.zeros(config.n_heads, config.n_ctx))

    def forward(self, run: Pass) -> Tensor:
        """Scores [H, T, S]; those of later keys mean nothing."""
        apart = distances(run, self.by_distance.device)
        return self.by_distance[:, apart.clamp(min=0)]


class Uniform(nn.Module):
    """GPT_uni: each head averages over a window of fixed length that ends at the query (Part 1)."""

    windows: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        windows = torch.tensor(config.windows or ())
        self.register_buffer("windows", windows[:, None, None], persistent=False)

    def forward(self, run: Pass) -> Tensor:
        """Scores [H, T, S]: 0 inside the window, -inf outside."""
        outside = distances(run, self.windows.device) >= self.windows
        return torch.zeros(outside.shape, device=outside.device).masked_fill_(outside, -math.inf)


# Positions that change the scores -> how. The others act before attention or not at all.
SCORES: dict[str, type[nn.Module]] = {
    "relative": Relative,
    "distance": Distance,
    "uniform": Uniform,
}


class Attention(nn.Module):
    """Self-attention; keys and values may be shared by groups of query heads."""

    def __init__(self, config: ModelConfig, index: int) -> None:
        super().__init__()
        biases = bool(config.biases)
        self.name = f"blocks.{index}.attn.pattern"
        self.d_head, self.grouped = config.d_head, config.n_kv_heads != config.n_heads
        self.content_free = config.positions in CONTENT_FREE
        # Three terms of like size are added in disentangled attention.
        terms = 3 if config.positions == "relative" else 1
        self.scale = 1 / math.sqrt(terms * config.d_head)
        q, k, v = config.d_qkv
        self.widths, self.heads = (q + k, v), (q // config.d_head, k // config.d_head)
        self.qkv = nn.Linear(config.d_model, q + k + v, bias=biases)
        self.out = nn.Linear(config.d_model, config.d_model, bias=biases)
        variant = SCORES.get(config.positions or "")
        self.scores = variant(config) if variant else None
        self.canon = (
            Canon(q + k + v, config.canon_kernel, config.canon_residual)
            if "B" in config.canon
            else None
        )

    def forward(self, x_NC: Tensor, run: Pass) -> Tensor:
        """The stream [N, C] to what is added to it."""
        qkv = self.qkv(x_NC)
        if self.canon is not None:
            qkv = self.canon(qkv, run)
        y_BHTD = (self._by_place if self.content_free else self._by_content)(qkv, run)
        return self.out(y_BHTD.transpose(1, 2).reshape(x_NC.shape))

    def _by_content(self, qkv: Tensor, run: Pass) -> Tensor:
        qk, v_NC = qkv.split_with_sizes(self.widths, -1)
        qk = qk.view(run.n_rows, -1, self.widths[0])
        if run.angles is not None:
            qk = rotate(qk, run.angles)
        shape = (*qk.shape[:2], -1, self.d_head)
        q_BTHD, k_BTHD = qk.view(shape).split_with_sizes(self.heads, 2)
        q, k, v = q_BTHD.transpose(1, 2), k_BTHD.transpose(1, 2), v_NC.view(shape).transpose(1, 2)
        if run.cache is not None:
            k, v = run.cache.extend(self, [k, v])
        if self.scores is None and not run.patterns:
            return F.scaled_dot_product_attention(
                q,
                k,
                v,
                run.visible,
                is_causal=run.causal and run.visible is None and run.n > 1,
                enable_gqa=self.grouped,
            )
        return self._explicit(q, k, v, run)

    def _explicit(self, q: Tensor, k: Tensor, v: Tensor, run: Pass) -> Tensor:
        """The same with added scores, or step by step for the pattern."""
        if self.grouped:
            k, v = (t.repeat_interleave(self.heads[0] // self.heads[1], 1) for t in (k, v))
        seen = run.look(q.device)
        added = None if self.scores is None else self.scores(q, k, run) * self.scale
        if run.patterns:
            scores = q @ k.transpose(2, 3) * self.scale
            return self._mix(scores if added is None else scores + added, seen, v, run)
        if added is not None and seen is not None:
            added = added.masked_fill(~seen, -math.inf)
        return F.scaled_dot_product_attention(q, k, v, added, scale=self.scale)

    def _by_place(self, v_NC: Tensor, run: Pass) -> Tensor:
        assert self.scores is not None
        v = v_NC.view(run.n_rows, -1, v_NC.shape[-1] // self.d_head, self.d_head).transpose(1, 2)
        if run.cache is not None:
            (v,) = run.cache.extend(self, [v])
        return self._mix(self.scores(run), run.look(v.device), v, run)

    def _mix(self, scores: Tensor, seen: Tensor | None, v: Tensor, run: Pass) -> Tensor:
        """Values by the softmax of scores [(B,) H, T, S], of what is seen."""
        if seen is not None:
            scores = scores.masked_fill(~seen, -math.inf)
        pattern = scores.float().softmax(-1).to(v.dtype)
        if run.patterns and run.found is not None:
            run.found[self.name] = pattern.expand(len(v), -1, -1, -1)
        return pattern @ v
