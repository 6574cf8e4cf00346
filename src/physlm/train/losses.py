"""What training minimises: the mean loss over the scored tokens of a global batch.

A batch is one integer array whose first axis is rows, in one of three forms:

windows [B, T + 1]: every token but the first is the target of the one before it.
labelled [B, 2, T]: inputs and labels. Label t is what position t has to predict (the next token for
    a causal model, the token itself for a masked one); IGNORED is not scored.
masked [B, 3, T]: the same with 1 for real tokens and 0 for padding, which the model must not see.

B batch, T position, V vocabulary.
"""

import math
from collections.abc import Callable

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from physlm.model.config import ModelConfig
from physlm.model.mlp import balance_loss
from physlm.model.transformer import loss_nats

Loss = Callable[[nn.Module, Tensor], Tensor]

IGNORED = -100


def mean_nats(model: nn.Module, batch: Tensor) -> Tensor:
    """The mean loss in nats over the scored tokens of `batch` in any form; 0 if there are none."""
    if batch.dim() == 2:
        return loss_nats(model, batch)
    inputs_BT, labels_BT = batch[:, 0], batch[:, 1]
    if batch.shape[1] == 3:
        logits_BTV = model(inputs_BT, mask=batch[:, 2].bool())
    else:
        logits_BTV = model(inputs_BT)
    labels = labels_BT.reshape(-1)
    logits = logits_BTV.view(-1, logits_BTV.shape[-1]).float()
    total = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
    # The stock mean of no token is not a number, and a piece of a batch may have none.
    return total / (labels != IGNORED).sum().clamp(min=1)


def balanced_nats(model: nn.Module, batch: Tensor) -> Tensor:
    """`mean_nats`, whose gradient has the load-balancing losses of the model's mixtures in it."""
    loss = mean_nats(model, batch)
    balance = balance_loss(model)
    # Trained but not told: the loss of a run is that of its tokens.
    return loss + (balance - balance.detach()) if isinstance(balance, Tensor) else loss


def objective(config: ModelConfig) -> Loss:
    """The loss that trains a model of this configuration."""
    return balanced_nats if config.mlp == "moe" else mean_nats


def n_scored(batch: np.ndarray) -> int:
    """Scored tokens of a batch or of some of its rows."""
    if batch.ndim == 2:
        return len(batch) * (batch.shape[1] - 1)
    return int(np.count_nonzero(batch[:, 1] != IGNORED))


def divisors(batch: np.ndarray, rows: slice, micro: int, n_processes: int) -> list[float]:
    """What the mean loss of each piece of `micro` rows is divided by, for this process's `rows`.

    Pieces are summed and processes averaged, so a piece with n of the N scored tokens of the global
    `batch` counts n * n_processes / N: the result is the mean over all scored tokens however they
    are spread. ValueError if there are none.
    """
    starts = range(rows.start, rows.stop, micro)
    if batch.ndim == 2:
        return [float(len(starts))] * len(starts)
    total = n_scored(batch)
    if not total:
        raise ValueError("no token of the batch is scored, so it has no mean loss")
    counts = [n_scored(batch[start : start + micro]) for start in starts]
    return [total / (n * n_processes) if n else math.inf for n in counts]
