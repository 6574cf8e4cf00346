"""The key-value cache and padding: neither changes a logit of a real token."""

from typing import Any

import pytest
import torch

from physlm.model.cache import Cache
from physlm.model.config import ModelConfig
from physlm.model.presets import PRESETS
from physlm.model.transformer import Transformer, init_weights
from physlm.random import torch_generator

CAUSAL = [name for name, preset in PRESETS.items() if preset.causal]
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((arch, {}) for arch in CAUSAL),
    ("gpt2_rot", {"canon": "ABCD"}),
    ("gpt2_uni", {"canon": "ABCD"}),
    ("gpt2", {"positions": "none", "canon": "AC", "canon_residual": False}),
    ("gpt2", {"mlp": "none"}),
    ("llama", {"mlp": "moe", "n_experts": 4, "eval_capacity_factor": 0.0}),
    ("gpt2_rel", {"max_distance": 4}),
]


def make(arch: str, **switches: Any) -> Transformer:
    config = ModelConfig(
        arch=arch,
        n_layers=2,
        d_model=32,
        n_heads=4,
        d_vocab=19,
        n_ctx=14,
        init_std=0.3,
        **switches,
    )
    model = Transformer(config)
    init_weights(model, 0)
    return model.eval()


def tokens() -> torch.Tensor:
    return torch.randint(19, (3, 14), generator=torch_generator(0, "tokens"))


@pytest.mark.parametrize(("arch", "switches"), VARIANTS)
@torch.no_grad()
def test_pieces_read_with_a_cache_have_the_logits_of_the_whole(
    arch: str, switches: dict[str, Any]
) -> None:
    model, whole = make(arch, **switches), tokens()
    cache, pieces, start = Cache(14), [], 0
    for n in (5, 1, 3, 1, 1, 2, 1):
        pieces.append(model(whole[:, start : start + n], cache=cache))
        start += n
    assert cache.length == 14
    torch.testing.assert_close(torch.cat(pieces, 1), model(whole), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("arch", "switches"), [*VARIANTS, ("bert", {}), ("gbert", {})])
@torch.no_grad()
def test_padding_changes_nothing(arch: str, switches: dict[str, Any], side: str) -> None:
    model, lengths = make(arch, **switches), (14, 9, 1)
    padded = torch.full((3, 14), 7)
    mask = torch.zeros(3, 14, dtype=torch.bool)
    for row, n in enumerate(lengths):
        place = slice(14 - n, 14) if side == "left" else slice(0, n)
        padded[row, place], mask[row, place] = tokens()[row, :n], True
    logits = model(padded, mask=mask)
    assert logits.isfinite().all()
    for row, n in enumerate(lengths):
        alone = model(tokens()[row : row + 1, :n])
        torch.testing.assert_close(logits[row][mask[row]], alone[0], rtol=1e-4, atol=1e-5)
    padded[~mask] = 3
    assert torch.equal(model(padded, mask=mask)[mask], logits[mask])


@pytest.mark.parametrize(("arch", "switches"), VARIANTS)
@torch.no_grad()
def test_rows_can_be_padded_cached_and_chosen_anew(arch: str, switches: dict[str, Any]) -> None:
    model, whole, cache = make(arch, **switches), tokens(), Cache(14)
    mask = torch.ones(3, 6, dtype=torch.bool)
    mask[1, :4] = False
    model(whole[:, :6], mask=mask, cache=cache)
    rows = torch.tensor([1, 1, 0])
    cache.select(rows)
    nexts = whole[:, 6:7]
    logits = model(nexts, cache=cache)
    for row, source in enumerate(rows.tolist()):
        text = torch.cat([whole[source, :6][mask[source]], nexts[row]])
        torch.testing.assert_close(logits[row, 0], model(text[None])[0, -1], rtol=1e-4, atol=1e-5)


def test_what_a_cache_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match="a cache is for causal models only"):
        make("bert")(tokens(), cache=Cache(14))
    model, cache = make("gpt2"), Cache(14)
    model(tokens()[:, :10], cache=cache)
    with pytest.raises(ValueError, match="15 tokens: must be at most n_ctx=14"):
        model(tokens()[:, :5], cache=cache)
