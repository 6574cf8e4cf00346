"""Disentangled attention: the paper's formula as plain loops, and DeBERTa's two released classes.

The released code (v1 and v2) reads the table of the position-to-content term at delta(i, j), where
equation 4 of the paper has delta(j, i). The two are one function of tables that lie the other way
round, except where distances are cut off: the paper tells k - 1 from k and more, the code
-(k - 1) from -k and less. So tables here have equal first rows where the two are compared beyond
that, and the formula itself is compared with loops for any table.
"""

from typing import Any, NamedTuple

import pytest
import torch
import transformers
import transformers.models.deberta.modeling_deberta as v1
import transformers.models.deberta_v2.modeling_deberta_v2 as v2
from torch import Tensor, nn

from physlm.model.attention import Attention, Relative, content_to_position, position_to_content
from physlm.model.cache import Pass, visible
from physlm.model.config import ModelConfig
from physlm.model.transformer import Transformer
from physlm.random import torch_generator

N_ROWS = 3
VERSIONS = ["v1", "v2"]


class Case(NamedTuple):
    """Heads, dims of each, distances told apart, tokens."""

    n_heads: int
    d_head: int
    reach: int
    n: int


CLIPPED = [Case(1, 8, 5, 13), Case(3, 6, 4, 17), Case(5, 4, 1, 6), Case(2, 16, 12, 13)]
WHOLE = [Case(4, 8, 20, 13), Case(3, 10, 13, 13)]
MASKS = [None, "left", "right"]


def draw(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch_generator(0, name))


def delta(i: int, j: int, k: int) -> int:
    """Equation 3 of the paper."""
    if i - j <= -k:
        return 0
    return 2 * k - 1 if i - j >= k else i - j + k


def other_end(table: Tensor) -> Tensor:
    """Row m is row 2 k - m (there is no row 2 k: the last)."""
    rows = len(table) - torch.arange(len(table))
    return table[rows.clamp(max=len(table) - 1)]


def two_ended(name: str, n_distances: int, d: int) -> Tensor:
    """A table that is its own other end after its halves of dims change places."""
    half = draw(name, n_distances, d // 2)
    half[0] = half[1]
    return torch.cat([half, other_end(half)], 1)


def make_attention(case: Case, causal: bool = False) -> Attention:
    config = ModelConfig(
        arch="deberta",
        n_layers=1,
        d_model=case.n_heads * case.d_head,
        n_heads=case.n_heads,
        max_distance=case.reach,
        d_vocab=7,
        n_ctx=case.n,
        **({"causal": True, "head": "linear"} if causal else {}),
    )
    attention = Attention(config, 0).eval()
    with torch.no_grad():
        for name, parameter in attention.named_parameters():
            parameter.copy_(draw(name, *parameter.shape) * (0.5 if parameter.dim() == 1 else 0.3))
        # The first version has no bias of keys; in all of them it changes no weight.
        attention.qkv.bias[config.d_model : 2 * config.d_model] = 0
    return attention


def parts(attention: Attention) -> tuple[Relative, Tensor, Tensor]:
    """The module of the added scores; weights [3, C, C] and biases [3, C] of q, k, v."""
    assert isinstance(attention.scores, Relative)
    weight, bias = (p.unflatten(0, (3, -1)) for p in attention.qkv.parameters())
    return attention.scores, weight, bias


def peer_of(attention: Attention, case: Case, version: str) -> Any:
    """Their module with our weights; its table must be read from the other end for p2c."""
    settings = {
        "hidden_size": case.n_heads * case.d_head,
        "num_attention_heads": case.n_heads,
        "relative_attention": True,
        "pos_att_type": ["c2p", "p2c"],
        "max_relative_positions": case.reach,
        "position_buckets": -1,
        "share_att_key": False,
    }
    scores, weight, bias = parts(attention)
    if version == "v1":
        peer = v1.DisentangledSelfAttention(transformers.DebertaConfig(**settings))
        by_head = weight.unflatten(1, (case.n_heads, -1)).transpose(0, 1).flatten(0, 2)
        theirs = {
            "in_proj.weight": by_head,
            "q_bias": bias[0],
            "v_bias": bias[2],
            "pos_proj.weight": scores.key.weight,
            "pos_q_proj.weight": scores.query.weight,
            "pos_q_proj.bias": scores.query.bias,
        }
    else:
        peer = v2.DisentangledSelfAttention(transformers.DebertaV2Config(**settings))
        theirs = {
            "pos_key_proj.weight": scores.key.weight,
            # Added to all scores of a query alike: no weight depends on it.
            "pos_key_proj.bias": torch.zeros_like(scores.query.bias),
            "pos_query_proj.weight": scores.query.weight,
            "pos_query_proj.bias": scores.query.bias,
        }
        for i, name in enumerate(("query_proj", "key_proj", "value_proj")):
            theirs |= {f"{name}.weight": weight[i], f"{name}.bias": bias[i]}
    peer.load_state_dict(theirs)
    return peer.eval()


def term_of(peer: Any, kind: list[str], q: Tensor, k: Tensor, table: Tensor) -> Tensor:
    """Their scaled scores of the terms `kind` for queries and keys [B, H, T, D]."""
    peer.pos_att_type = kind
    n, (n_rows, n_heads) = q.shape[2], q.shape[:2]
    place = torch.arange(n)
    apart = (place[:, None] - place)[None]
    if isinstance(peer, v1.DisentangledSelfAttention):
        scale = v1.scaled_size_sqrt(q, 3)
        return peer.disentangled_att_bias(q / scale, k, apart, table, 3)
    bias = peer.disentangled_attention_bias(q.flatten(0, 1), k.flatten(0, 1), apart, table, 3)
    return bias.view(n_rows, n_heads, n, n)


def indices(case: Case) -> tuple[Tensor, Tensor]:
    """delta(i, j) and delta(j, i), [T, T], by the definition."""
    place = range(case.n)
    there = torch.tensor([[delta(i, j, case.reach) for j in place] for i in place])
    return there, there.T


def close(ours: Tensor, theirs: Tensor) -> bool:
    assert ours.shape == theirs.shape
    return bool((ours - theirs).abs().max() <= 1e-5 * theirs.abs().max().clamp(min=1))


@pytest.mark.parametrize("case", CLIPPED + WHOLE)
@torch.no_grad()
def test_each_term_is_the_formula(case: Case) -> None:
    attention = make_attention(case)
    scores, _, _ = parts(attention)
    table = draw("table", 2 * case.reach, case.n_heads * case.d_head)
    q, k = (draw(name, N_ROWS, case.n_heads, case.n, case.d_head) for name in "qk")
    key, query = scores._tables(table)
    c2p, p2c = torch.zeros(2, N_ROWS, case.n_heads, case.n, case.n)
    for h in range(case.n_heads):
        rows = slice(h * case.d_head, (h + 1) * case.d_head)
        for i in range(case.n):
            for j in range(case.n):
                row = table[delta(i, j, case.reach)]
                c2p[:, h, i, j] = q[:, h, i] @ (scores.key.weight[rows] @ row)
                row = table[delta(j, i, case.reach)]
                position = scores.query.weight[rows] @ row + scores.query.bias[rows]
                p2c[:, h, i, j] = k[:, h, j] @ position
    there, back = indices(case)
    assert close(content_to_position(q, key, there), c2p)
    assert close(position_to_content(k, query, back), p2c)
    run = Pass(N_ROWS, case.n, 0, False, distance_table=table)
    assert close(scores(q, k, run), c2p + p2c)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CLIPPED + WHOLE)
@torch.no_grad()
def test_each_term_is_that_of_the_released_code(case: Case, version: str) -> None:
    attention = make_attention(case)
    scores, peer = parts(attention)[0], peer_of(attention, case, version)
    table = draw("table", 2 * case.reach, case.n_heads * case.d_head)
    q, k = (draw(name, N_ROWS, case.n_heads, case.n, case.d_head) for name in "qk")
    key, query = scores._tables(table)
    there, back = indices(case)
    c2p = content_to_position(q, key, there) * attention.scale
    assert close(c2p, term_of(peer, ["c2p"], q, k, table))
    # As released, the other term has delta(i, j) too ...
    released = term_of(peer, ["p2c"], q, k, table)
    assert close(position_to_content(k, query, there) * attention.scale, released)
    # ... which is the formula for a table that lies the other way round, up to the cut.
    turned = term_of(peer, ["p2c"], q, k, other_end(table))
    p2c = position_to_content(k, query, back) * attention.scale
    beyond = torch.arange(case.n)[:, None] - torch.arange(case.n) >= case.reach
    assert close(p2c[..., ~beyond], turned[..., ~beyond])
    if case in CLIPPED:
        assert ((p2c - turned)[..., beyond].abs() > 1e-4).any()
        assert not close(p2c, released)
    table[0] = table[1]
    run = Pass(N_ROWS, case.n, 0, False, distance_table=table)
    theirs = term_of(peer, ["c2p"], q, k, table) + term_of(peer, ["p2c"], q, k, other_end(table))
    assert close(scores(q, k, run) * attention.scale, theirs)


def draw_mask(side: str | None, n: int) -> Tensor | None:
    """Rows with all, some and a third of their tokens; padding on one side."""
    if side is None:
        return None
    mask = torch.arange(n) < torch.tensor([n, n - 2, n // 3])[:, None]
    return mask if side == "right" else mask.flip(1)


def swap_halves(layer: nn.Linear) -> None:
    layer.weight.copy_(layer.weight.roll(layer.in_features // 2, 1))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("side", MASKS)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CLIPPED + WHOLE)
@torch.no_grad()
def test_attention_is_that_of_the_released_code(
    case: Case, version: str, side: str | None, causal: bool
) -> None:
    attention, n = make_attention(case, causal), case.n
    peer = peer_of(attention, case, version)
    swap_halves(peer.pos_q_proj if version == "v1" else peer.pos_query_proj)
    x = draw("stream", N_ROWS, n, case.n_heads * case.d_head)
    table, mask = two_ended("table", 2 * case.reach, x.shape[2]), draw_mask(side, n)
    seen = visible(causal, 0, n, mask, x.device)
    real = torch.ones(N_ROWS, n, dtype=torch.bool) if mask is None else mask
    allowed = (real[:, None, :] & real[:, :, None])[:, None]
    if causal:
        allowed = allowed & torch.ones(n, n, dtype=torch.bool).tril()
    place = torch.arange(n)
    apart = (place[:, None] - place)[None]
    context, pattern = peer(
        x, allowed, output_attentions=True, relative_pos=apart, rel_embeddings=table
    )
    run = Pass(N_ROWS, n, 0, causal, mask=mask, visible=seen, distance_table=table)
    assert close(attention(x.flatten(0, 1), run).view(x.shape)[real], attention.out(context)[real])
    run.patterns, run.found = True, {}
    ours = attention(x.flatten(0, 1), run).view(x.shape)
    assert close(ours[real], attention.out(context)[real])
    captured = run.found["blocks.0.attn.pattern"].transpose(1, 2)[real]
    assert close(captured, pattern.transpose(1, 2)[real])


# Our module -> theirs, outside of blocks and inside.
OUTER = {
    "embed": "deberta.embeddings.word_embeddings",
    "embed_distances": "deberta.encoder.rel_embeddings",
    "norm": "deberta.embeddings.LayerNorm",
    "head.transform": "cls.predictions.transform.dense",
    "head.norm": "cls.predictions.transform.LayerNorm",
    "head": "cls.predictions.decoder",
}
INNER = {
    "attn.out": "attention.output.dense",
    "attn.scores.key": "attention.self.pos_key_proj",
    "attn.scores.query": "attention.self.pos_query_proj",
    "norm_attn": "attention.output.LayerNorm",
    "mlp.up": "intermediate.dense",
    "mlp.down": "output.dense",
    "norm_mlp": "output.LayerNorm",
}


def copy_into(peer: Any, model: Transformer) -> None:
    """Our weights into DebertaV2ForMaskedLM; queries of distances with their halves swapped."""
    theirs = peer.state_dict()
    for name, tensor in model.state_dict().items():
        module, kind = name.rsplit(".", 1)
        if not module.startswith("blocks."):
            theirs[f"{OUTER[module]}.{kind}"].copy_(tensor)
            continue
        _, index, inner = module.split(".", 2)
        layer = f"deberta.encoder.layer.{index}"
        if inner == "attn.qkv":
            for piece, part in zip(tensor.chunk(3), ("query", "key", "value"), strict=True):
                theirs[f"{layer}.attention.self.{part}_proj.{kind}"].copy_(piece)
        else:
            theirs[f"{layer}.{INNER[inner]}.{kind}"].copy_(tensor)
    for layer in peer.deberta.encoder.layer:
        swap_halves(layer.attention.self.pos_query_proj)
        layer.attention.self.pos_key_proj.bias.zero_()


@pytest.mark.parametrize("side", MASKS)
@pytest.mark.parametrize("case", [Case(3, 6, 4, 17), Case(4, 8, 20, 13)])
@torch.no_grad()
def test_logits_equal_those_of_the_released_model(case: Case, side: str | None) -> None:
    """The whole of DebertaV2ForMaskedLM without buckets, norm of the table or convolution."""
    d = case.n_heads * case.d_head
    sizes: dict[str, Any] = {"d_model": d, "n_heads": case.n_heads, "n_layers": 2, "d_vocab": 23}
    config = ModelConfig(arch="deberta", n_ctx=20, max_distance=case.reach, **sizes)
    model = Transformer(config).eval()
    for name, parameter in model.named_parameters():
        parameter.copy_(0.3 * draw(name, *parameter.shape) + ("norm" in name))
    model.embed_distances.weight.copy_(two_ended("table", 2 * case.reach, d))  # type: ignore[union-attr]
    peer = transformers.DebertaV2ForMaskedLM(
        transformers.DebertaV2Config(
            vocab_size=23,
            hidden_size=d,
            num_hidden_layers=2,
            num_attention_heads=case.n_heads,
            intermediate_size=4 * d,
            max_position_embeddings=20,
            relative_attention=True,
            max_relative_positions=case.reach,
            pos_att_type=["c2p", "p2c"],
            position_biased_input=False,
            layer_norm_eps=config.norm_eps,
            pad_token_id=None,
        )
    ).eval()
    copy_into(peer, model)
    tokens = torch.randint(23, (N_ROWS, case.n), generator=torch_generator(0, "tokens"))
    mask = draw_mask(side, case.n)
    real = torch.ones_like(tokens, dtype=torch.bool) if mask is None else mask
    theirs = peer(tokens, attention_mask=real.long()).logits
    assert close(model(tokens, mask=mask)[real], theirs[real])
