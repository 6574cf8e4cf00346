"""Where a model of a grammar looks: by distance, and beyond that at the ends of constituents.

Part 1, section 5 (Results 6 to 9). A[j, i] is what query j gives to key i, over the tokens of a
string (what goes to the EOS before it is left out, and the rest not scaled up). Abar[p] is its mean
over all strings and pairs with j - i = p, for each layer and head; the excess is
B[j, i] = A[j, i] - Abar[j - i]. An end of depth d is a token at which a constituent of depth d ends
and none nearer to the root: b#(i) = d.

B batch, H head, T position (J as query, I as key), D depth.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physlm.data.grammars.sample import Trees
from physlm.data.grammars.strings import Strings
from physlm.evaluate.grammars.config import AttentionConfig
from physlm.evaluate.grammars.trained import Trained, load_trained, rows_of
from physlm.random import generator


class Mean:
    """A mean over heads of sums that come in pieces, for each layer."""

    def __init__(self) -> None:
        self.total: dict[int, float] = defaultdict(float)
        self.count: dict[int, float] = defaultdict(float)

    def add(self, layer: int, excess_BHJI: Tensor, pairs_BJI: Tensor) -> None:
        """Take the pairs [B, J, I] (bool) of a layer in."""
        total = torch.einsum("bhji,bji->", excess_BHJI, pairs_BJI.to(excess_BHJI.dtype))
        self.total[layer] += float(total)
        self.count[layer] += float(pairs_BJI.sum()) * excess_BHJI.shape[1]

    def of(self, layer: int) -> float | None:
        """The mean; None without pairs."""
        return self.total[layer] / self.count[layer] if self.count[layer] else None


def measure(folder: Path, config: AttentionConfig) -> dict[str, Any]:
    """The content of evaluate.json (docs/grammars.md)."""
    trained = load_trained(folder)
    trees = trained.source.trees(config.n, generator(config.seed, "test", "attention"))
    return {
        **trained.facts,
        "measure_seed": config.seed,
        "n": config.n,
        **analyse(trained, trees, config),
    }


def analyse(trained: Trained, trees: Trees, config: AttentionConfig) -> dict[str, Any]:
    """by_distance: for each layer and head, Abar[p] for p from 0. excess: records of a kind, layer
    and value, the mean excess over heads:

    end: depth, shift (of the key from an end of that depth).
    end_to_end: depth, depth_key, shift (of the query), shift_key.
    adjacent: depth, apart (constituents of that depth from the key's to the query's; both at ends).
    """
    spans = [
        (start, min(start + config.batch_size, len(trees.strings)))
        for start in range(0, len(trees.strings), config.batch_size)
    ]
    total, count = _by_distance(trained, trees, spans)
    mean_LHP = (total / count.clamp(min=1)).float()
    means: dict[tuple[Any, ...], Mean] = defaultdict(Mean)
    for start, stop in spans:
        batch = Batch(trees, start, stop, trained.source.grammar.n_levels)
        for layer, pattern in enumerate(patterns(trained, batch.strings)):
            _add_excess(means, layer, pattern - mean_LHP[layer][:, batch.apart], batch, config)
    n_layers = trained.model.config.n_layers
    records = []
    for (kind, *where), mean in means.items():
        names = {"end": ("depth", "shift"), "adjacent": ("depth", "apart")}.get(
            kind, ("depth", "depth_key", "shift", "shift_key")
        )
        for layer in range(n_layers):
            value = mean.of(layer)
            if value is not None:
                pairs = round(mean.count[layer] / trained.model.config.n_heads)
                records.append(
                    {
                        "kind": kind,
                        **dict(zip(names, where, strict=True)),
                        "layer": layer,
                        "n_pairs": pairs,
                        "excess": value,
                    }
                )
    known = count.numpy() > 0
    return {"by_distance": mean_LHP.numpy()[:, :, known].tolist(), "excess": records}


def patterns(trained: Trained, strings: Strings) -> list[Tensor]:
    """A [B, H, J, I] of every layer, over the tokens of the strings; padding at the right, where
    what it says means nothing.
    """
    rows, real = rows_of(strings)
    where = next(trained.model.parameters()).device
    tokens, mask = torch.from_numpy(rows).to(where), torch.from_numpy(real).to(where)
    capture: dict[str, Tensor] = {}
    with torch.no_grad():
        causal = trained.model.config.causal
        trained.model(tokens, capture, mask=None if causal else mask, patterns=True)
    layers = range(trained.model.config.n_layers)
    return [capture[f"blocks.{i}.attn.pattern"][:, :, 1:-1, 1:-1].float().cpu() for i in layers]


class Batch:
    """Strings start to stop of `trees`, padded, with what is known of their trees.

    apart [J, I]: distance of query and key, 0 where the key comes later. valid [B, J, I]: both are
    tokens of the string and the key does not come later. ends [D][B, T]: ends of each depth
    (depths 1 to n_levels - 2; False at padding). index [D][B, T]: the constituent's number.
    """

    def __init__(self, trees: Trees, start: int, stop: int, n_levels: int) -> None:
        offsets = trees.strings.offsets
        self.strings = Strings.of([trees.strings[i] for i in range(start, stop)])
        part = slice(int(offsets[start]), int(offsets[stop]))
        lengths = self.strings.lengths
        width = int(lengths.max())
        self.real = np.arange(width) < lengths[:, None]
        sharp = self._padded(trees.sharp[part], 0)
        self.depths = range(1, n_levels - 1)
        self.ends = {d: torch.from_numpy(sharp == d) for d in self.depths}
        self.index = {
            d: torch.from_numpy(self._padded(trees.ancestor[d][part], -1)) for d in self.depths
        }
        place = torch.arange(width)
        self.apart = (place[:, None] - place).clamp(min=0)
        real = torch.from_numpy(self.real)
        self.valid = real[:, :, None] & real[:, None, :] & (place[:, None] >= place)

    def _padded(self, values: np.ndarray, fill: int) -> np.ndarray:
        padded = np.full(self.real.shape, fill, np.int64)
        padded[self.real] = values
        return padded


def _by_distance(
    trained: Trained, trees: Trees, spans: list[tuple[int, int]]
) -> tuple[Tensor, Tensor]:
    """Sums of attention [layer, H, P] and pairs [P] by distance, over all strings."""
    config = trained.model.config
    width = int(trees.strings.lengths.max())
    total = torch.zeros(config.n_layers, config.n_heads, width, dtype=torch.float64)
    count = torch.zeros(width, dtype=torch.float64)
    for start, stop in spans:
        batch = Batch(trees, start, stop, trained.source.grammar.n_levels)
        n_pairs = batch.valid.sum(0).double()
        count.index_add_(0, batch.apart.flatten(), n_pairs.flatten())
        for layer, pattern in enumerate(patterns(trained, batch.strings)):
            sums = (pattern * batch.valid[:, None]).sum(0).double()
            total[layer].index_add_(1, batch.apart.flatten(), sums.flatten(1))
    return total, count


def _add_excess(
    means: dict[tuple[Any, ...], Mean],
    layer: int,
    excess: Tensor,
    batch: Batch,
    config: AttentionConfig,
) -> None:
    for depth in batch.depths:
        for shift in range(-config.max_shift, config.max_shift + 1):
            at = shifted(batch.ends[depth], shift)
            means["end", depth, shift].add(layer, excess, batch.valid & at[:, None, :])
        query = batch.ends[depth]
        number = batch.index[depth]
        apart = number[:, :, None] - number[:, None, :]
        both = query[:, :, None] & query[:, None, :] & batch.valid
        for steps in range(1, config.max_apart + 1):
            means["adjacent", depth, steps].add(layer, excess, both & (apart == steps))
        for other in batch.depths:
            for shift in (-1, 0, 1):
                for shift_key in (-1, 0, 1):
                    pairs = (
                        shifted(query, shift)[:, :, None]
                        & shifted(batch.ends[other], shift_key)[:, None, :]
                        & batch.valid
                    )
                    key = ("end_to_end", depth, other, shift, shift_key)
                    means[key].add(layer, excess, pairs)


def shifted(ends: Tensor, shift: int) -> Tensor:
    """Tokens that are `shift` after an end [B, T] (before it, where negative).

    >>> shifted(torch.tensor([[False, True, False]]), 1)
    tensor([[False, False,  True]])
    """
    moved = torch.zeros_like(ends)
    width = ends.shape[1]
    if abs(shift) < width:
        moved[:, max(shift, 0) : width + min(shift, 0)] = ends[
            :, max(-shift, 0) : width - max(shift, 0)
        ]
    return moved
