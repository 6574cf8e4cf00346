"""Canon layers: a short causal convolution of each channel (Part 4.1, section 4).

h'_t = h_t + sum_k w_k * h_{t-k}, k = 0 .. kernel - 1, without bias or activation, zeros before the
text. They stand at A (input of attention), B (queries, keys and values together), C (input of the
MLP) and D (before its activation).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.model.cache import Pass


class Canon(nn.Module):
    """One Canon layer; weight [channels, kernel], weight[:, k] belongs to the token k before.

    Shapes in and out are [B T, channels], as in the rest of the stream.
    """

    def __init__(self, channels: int, kernel: int, residual: bool) -> None:
        super().__init__()
        self.kernel, self.residual = kernel, residual
        self.weight = nn.Parameter(torch.zeros(channels, kernel))

    def forward(self, x_NC: Tensor, run: Pass) -> Tensor:
        """The stream after the layer; padding counts as zeros."""
        x_BTC = x_NC.view(run.n_rows, -1, x_NC.shape[-1])
        if run.mask is not None:
            x_BTC = x_BTC * run.mask[:, :, None]
        n, before = x_BTC.shape[1], self.kernel - 1
        if run.cache is None:
            padded = F.pad(x_BTC, (0, 0, before, 0))
        else:
            padded = run.cache.join(self, x_BTC, before)
        y = x_BTC if self.residual else None
        for k in range(self.kernel):
            term = padded[:, before - k : before - k + n] * self.weight[:, k]
            y = term if y is None else y + term
        assert y is not None
        return y.reshape(x_NC.shape)
