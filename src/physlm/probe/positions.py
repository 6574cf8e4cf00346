"""Linear probes whose weights depend on positions alone (Part 1, section 4.2).

Task k is asked of every token i of a string, and answers with

    G_i = sum over heads h and tokens j of w_h[i, j] f_h(E_j),

where E_j is the hidden state at token j, f_h a trained linear map to the classes, and w_h[i, :] the
softmax over the tokens j of the string of P_h[i] . P_h[j] with trained vectors P_h of positions.
With a reach, j goes over |i - j| <= reach only. G is linear in E, so what is read was there.
The paper does not say whether scores are scaled; here they are divided by sqrt(d_position).

B batch, T position, C d_model, K task, H head, D d_position, M class.
"""

import math

import torch
from torch import Tensor, nn

from physlm.random import torch_generator


class PositionProbes(nn.Module):
    """Probes of K tasks side by side, which share nothing.

    n_classes: of each task; logits of classes that a task does not have are -inf.
    """

    lacking: Tensor

    def __init__(
        self,
        n_classes: list[int],
        d_model: int,
        n_ctx: int,
        n_heads: int,
        d_position: int,
        reach: int | None,
        seed: int,
    ) -> None:
        super().__init__()
        k, m = len(n_classes), max(n_classes)
        self.reach, self.scale = reach, 1 / math.sqrt(d_position)
        rng = torch_generator(seed, "tree_probe")
        draw = torch.randn(k, n_heads, d_model, m, generator=rng)
        self.maps = nn.Parameter(draw / math.sqrt(d_model))
        # With reach 0 a token reads itself alone, whatever the weights.
        self.place = None
        if reach != 0:
            self.place = nn.Parameter(torch.randn(k, n_heads, n_ctx, d_position, generator=rng))
        missing = torch.arange(m) >= torch.tensor(n_classes)[:, None]
        self.register_buffer("lacking", missing, persistent=False)

    def forward(self, hidden_BTC: Tensor, real_BT: Tensor) -> Tensor:
        """Logits [B, T, K, M]; real_BT: which positions are tokens of the string."""
        if self.place is None:
            logits_BTKM = torch.einsum("btc,khcm->btkm", hidden_BTC, self.maps)
        else:
            mapped = torch.einsum("btc,khcm->bkhtm", hidden_BTC, self.maps)
            weights = self._weights(hidden_BTC.shape[1])
            real = real_BT.to(mapped.dtype)
            # The softmax over a string's own tokens: what padding has is taken out again.
            summed = torch.einsum(
                "khij,bkhjm->bkhim", weights, mapped * real[:, None, None, :, None]
            )
            share = torch.einsum("khij,bj->bkhi", weights, real).clamp(min=1e-9)
            logits_BTKM = (summed / share[..., None]).sum(2).permute(0, 2, 1, 3)
        return logits_BTKM.masked_fill(self.lacking, -math.inf)

    def _weights(self, n: int) -> Tensor:
        assert self.place is not None
        place = self.place[:, :, :n]
        scores = torch.einsum("khid,khjd->khij", place, place) * self.scale
        if self.reach is not None:
            at = torch.arange(n, device=scores.device)
            scores = scores.masked_fill((at[:, None] - at).abs() > self.reach, -math.inf)
        return scores.softmax(-1)
