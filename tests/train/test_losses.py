"""Losses of labelled batches, against log-probabilities by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from physlm.random import torch_generator
from physlm.train.losses import IGNORED, divisors, mean_nats, n_scored
from tests.train import toy


class Table(nn.Module):
    """Logits that depend on the token alone; notes the mask that it was given."""

    def __init__(self, d_vocab: int) -> None:
        super().__init__()
        draw = torch.randn((d_vocab, d_vocab), generator=torch_generator(0, "table"))
        self.logits = nn.Parameter(draw)
        self.mask: Any = "not given"

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        self.mask = mask
        return self.logits[tokens]


@pytest.mark.parametrize("masked", [False, True])
def test_the_mean_is_over_labels_alone(masked: bool) -> None:
    model = Table(5)
    inputs = [[0, 1, 2, 3], [4, 4, 0, 1]]
    labels = [[IGNORED, 2, IGNORED, 0], [IGNORED, IGNORED, 3, IGNORED]]
    real = [[0, 1, 1, 1], [1, 1, 1, 1]]
    parts = [inputs, labels, real] if masked else [inputs, labels]
    batch = torch.tensor(parts).transpose(0, 1)
    log_p = model.logits.log_softmax(-1)
    expected = -(log_p[1, 2] + log_p[3, 0] + log_p[0, 3]) / 3
    torch.testing.assert_close(mean_nats(model, batch), expected)
    if masked:
        assert model.mask.dtype == torch.bool
        assert model.mask.tolist() == [[bool(token) for token in row] for row in real]
    else:
        assert model.mask is None


def test_labels_of_next_tokens_are_the_plain_loss() -> None:
    model = toy.fresh(toy.config())
    windows = torch.from_numpy(toy.Counting(12, 8).take({"taken": 0})[0])
    labelled = torch.stack([windows[:, :-1], windows[:, 1:]], 1)
    torch.testing.assert_close(mean_nats(model, labelled), mean_nats(model, windows))


def test_no_label_is_no_loss_and_no_gradient() -> None:
    model = Table(5)
    batch = torch.stack([torch.zeros(2, 3, dtype=torch.long), torch.full((2, 3), IGNORED)], 1)
    loss = mean_nats(model, batch)
    loss.backward()
    assert loss.item() == 0
    assert model.logits.grad is not None
    assert not model.logits.grad.any()


def test_pieces_count_by_their_labels() -> None:
    batch = np.full((6, 2, 4), IGNORED)
    for row, n in enumerate([4, 0, 1, 3, 0, 0]):
        batch[row, 1, :n] = 7
    assert n_scored(batch) == 8
    assert divisors(batch, slice(0, 6), 2, 1) == [8 / 4, 8 / 4, float("inf")]
    # Processes are averaged: the sum of 1 / divisor over all pieces is the number of processes.
    shares = [divisors(batch, slice(start, start + 3), 3, 2) for start in (0, 3)]
    assert shares == [[8 / 5 / 2], [8 / 3 / 2]]


def test_pieces_of_windows_count_alike() -> None:
    windows = np.zeros((6, 5), np.int64)
    assert n_scored(windows) == 24
    assert divisors(windows, slice(3, 6), 1, 2) == [3, 3, 3]
    assert divisors(windows, slice(0, 6), 6, 1) == [1]
