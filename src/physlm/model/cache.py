"""What a forward pass shares among its layers, and what is kept from one pass to the next.

Shapes: B batch, T new tokens, S tokens so far (the new ones included), H head, D dim of a head.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Cache:
    """Keys, values and last inputs of the tokens that were read, for at most `capacity` of them.

    length is the number of tokens read, mask [B, capacity] says which are real (None: all are).
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.length = 0
        self.mask: Tensor | None = None
        self._kept: dict[nn.Module, list[Tensor]] = {}
        self.constants: dict[nn.Module, list[Tensor]] = {}

    def extend(self, layer: nn.Module, new: list[Tensor]) -> list[Tensor]:
        """Append tensors [B, H, T, D] of a layer; all of them so far, [B, H, S, D]."""
        if layer not in self._kept:
            self._kept[layer] = [t.new_empty(*t.shape[:2], self.capacity, t.shape[3]) for t in new]
        start, n = self.length, new[0].shape[2]
        so_far = []
        for kept, t in zip(self._kept[layer], new, strict=True):
            kept.narrow(2, start, n).copy_(t)
            so_far.append(kept.narrow(2, 0, start + n))
        return so_far

    def join(self, layer: nn.Module, new_BTC: Tensor, n_before: int) -> Tensor:
        """The new inputs of a layer after the last `n_before` ones, zeros before the first."""
        if layer not in self._kept:
            self._kept[layer] = [new_BTC.new_zeros(len(new_BTC), n_before, new_BTC.shape[2])]
        joined = torch.cat([self._kept[layer][0], new_BTC], 1)
        self._kept[layer] = [joined[:, joined.shape[1] - n_before :]]
        return joined

    def note(self, mask_BT: Tensor | None, n_rows: int, n: int) -> Tensor | None:
        """Append `n` tokens of which `mask_BT` are real; the mask of all so far, [B, S]."""
        if mask_BT is not None and self.mask is None:
            self.mask = mask_BT.new_ones(n_rows, self.capacity)
        if self.mask is None:
            return None
        end = self.length + n
        self.mask[:, self.length : end] = True if mask_BT is None else mask_BT
        return self.mask[:, :end]

    @torch.no_grad()
    def select(self, rows: Tensor) -> None:
        """Keep the rows `rows` [B'], in that order; a row may be kept several times."""
        self._kept = {k: [self._rows_of(t, rows) for t in ts] for k, ts in self._kept.items()}
        if self.mask is not None:
            self.mask = self.mask.index_select(0, rows)

    def _rows_of(self, kept: Tensor, rows: Tensor) -> Tensor:
        if kept.dim() == 3:
            return kept.index_select(0, rows)
        # Beams do this at every step: places that hold nothing yet are not copied.
        chosen = kept.new_empty(len(rows), *kept.shape[1:])
        used, into = (t.narrow(2, 0, self.length) for t in (kept, chosen))
        torch.index_select(used, 0, rows, out=into)
        return chosen


@dataclass
class Pass:
    """One forward pass of n_rows x n new tokens after `first` cached ones.

    angles: of the new tokens, [(B,) T, dims / 2, 2]; None without rotary positions.
    mask: which new tokens are real, bool [B, T], and places: the position of each, counting real
        ones; None if all are and positions are first, first + 1, ...
    visible: what each query may look at, bool broadcast to [B, H, T, S]; None: all that `causal`
        allows, which the fast kernels know by themselves.
    distance_table: the table of distances that all layers share, [K, C].
    found: where activations are put by name, patterns included if `patterns`.
    """

    n_rows: int
    n: int
    first: int
    causal: bool
    angles: Tensor | None = None
    mask: Tensor | None = None
    places: Tensor | None = None
    visible: Tensor | None = None
    distance_table: Tensor | None = None
    cache: Cache | None = None
    found: dict[str, Tensor] | None = None
    patterns: bool = False

    def keep(self, name: str, x_NC: Tensor) -> None:
        """Put an activation of the stream into `found` as [B, T, C]."""
        if self.found is not None:
            self.found[name] = x_NC.view(self.n_rows, self.n, -1)

    def once(self, layer: nn.Module, make: Callable[[], list[Tensor]]) -> list[Tensor]:
        """What a layer makes of its weights alone: kept by the cache, if there is one."""
        if self.cache is None:
            return make()
        if layer not in self.cache.constants:
            self.cache.constants[layer] = make()
        return self.cache.constants[layer]

    def look(self, device: torch.device) -> Tensor | None:
        """`visible` in full, also where a kernel would not need it; None if all see all."""
        if self.visible is None and self.causal:
            return causal_mask(self.first, self.n, device)
        return self.visible


def causal_mask(first: int, n: int, device: torch.device) -> Tensor:
    """Which of the tokens so far each of `n` new ones after `first` may see, bool [T, S]."""
    place = torch.arange(first + n, device=device)
    return place <= place[first:, None]


def visible(
    causal: bool, first: int, n: int, mask_BS: Tensor | None, device: torch.device
) -> Tensor | None:
    """The `visible` of a Pass. A query always sees itself, so that padding is no division by 0."""
    if mask_BS is None:
        # Without a cache kernels know the causal mask; a single new token sees everything.
        return causal_mask(first, n, device) if causal and first and n > 1 else None
    seen = mask_BS[:, None, None, :]
    if not causal:
        return seen
    place = torch.arange(first + n, device=device)
    return (seen & causal_mask(first, n, device)) | (place == place[first:, None])
