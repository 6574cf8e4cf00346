"""Losses of labelled batches, against log-probabilities by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from physlm.random import torch_generator
from physlm.train.losses import IGNORED, balanced_nats, divisors, mean_nats, n_scored, objective
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


@pytest.mark.parametrize("arch", ["gbert", "gpt2", "gpt2_rot"])
def test_padding_changes_nothing(arch: str) -> None:
    model = toy.fresh(toy.config(model={"arch": arch, "n_layers": 2, "d_model": 16, "n_heads": 2}))
    inputs = torch.tensor([[3, 1, 4, 1, 5, 9, 2, 6]])
    labels = torch.tensor([[IGNORED, 7, IGNORED, 2, 2, IGNORED, 8, 1]])
    alone = mean_nats(model, torch.stack([inputs, labels], 1))
    for left, right in ((3, 0), (0, 2)) if arch == "gbert" else ((4, 0), (0, 4)):
        pad = (left, right)
        parts = [
            nn.functional.pad(inputs, pad, value=11),
            nn.functional.pad(labels, pad, value=IGNORED),
            nn.functional.pad(torch.ones_like(inputs), pad),
        ]
        padded = mean_nats(model, torch.stack(parts, 1))
        torch.testing.assert_close(padded, alone, rtol=0, atol=1e-6)


def test_mixtures_train_with_their_balance() -> None:
    model = {"arch": "gpt2_rot", "n_layers": 2, "d_model": 16, "n_heads": 2, "mlp": "moe"}
    settings = toy.config(model=model | {"n_experts": 4, "balance_weight": 0.5})
    ours, reference = toy.fresh(settings).train(), toy.fresh(settings).train()
    assert objective(ours.config) is balanced_nats
    assert objective(toy.fresh(toy.config()).config) is mean_nats
    windows = torch.from_numpy(toy.Counting(12, 8).take({"taken": 0})[0])
    value = balanced_nats(ours, windows)
    value.backward()
    plain = mean_nats(reference, windows)
    blocks: list[Any] = list(reference.blocks)
    (plain + 0.5 * sum(block.mlp.balance for block in blocks)).backward()
    assert value.item() == plain.item()
    for a, b in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    assert blocks[0].mlp.router.weight.grad.abs().max() > 1e-3


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
