"""Probes whose weights depend on positions, against the formula of the paper written as loops."""

import math

import pytest
import torch

from physlm.probe.positions import PositionProbes


def by_formula(
    probes: PositionProbes, hidden: torch.Tensor, length: int, reach: int | None
) -> torch.Tensor:
    """Logits [T, K, M] of one string of `length` tokens, equation 4.2 as it stands."""
    k, h, _, m = probes.maps.shape
    out = torch.zeros(length, k, m)
    for task in range(k):
        for head in range(h):
            for i in range(length):
                near = [j for j in range(length) if reach is None or abs(i - j) <= reach]
                if probes.place is None:
                    weights = torch.ones(1)
                else:
                    place = probes.place[task, head]
                    scores = torch.stack([place[i] @ place[j] for j in near])
                    weights = (scores / math.sqrt(place.shape[1])).softmax(0)
                for weight, j in zip(weights, near, strict=True):
                    out[i, task] += weight * (hidden[j] @ probes.maps[task, head])
    return out


@pytest.mark.parametrize("reach", [None, 0, 1, 2])
def test_probes_are_the_formula(reach: int | None) -> None:
    rng = torch.Generator().manual_seed(0)
    hidden = torch.randn(3, 6, 5, generator=rng)
    lengths = [6, 4, 1]
    real = torch.arange(6) < torch.tensor(lengths)[:, None]
    probes = PositionProbes([3, 2], 5, 8, 2, 4, reach, seed=1)
    with torch.no_grad():
        found = probes(hidden, real)
        for b, length in enumerate(lengths):
            wanted = by_formula(probes, hidden[b], length, reach)
            torch.testing.assert_close(found[b, :length, 0], wanted[:, 0])
            torch.testing.assert_close(found[b, :length, 1, :2], wanted[:, 1, :2])
    assert torch.isinf(found[:, :, 1, 2]).all(), "a task has no more classes than it should"


def test_padding_changes_nothing() -> None:
    rng = torch.Generator().manual_seed(0)
    hidden = torch.randn(1, 6, 5, generator=rng)
    real = torch.arange(6)[None] < 4
    probes = PositionProbes([3], 5, 8, 2, 4, None, seed=1)
    other = hidden.clone()
    other[:, 4:] = 100.0
    with torch.no_grad():
        first, second = (probes(given, real)[:, :4] for given in (hidden, other))
    torch.testing.assert_close(first, second)


def test_the_diagonal_probe_has_no_positions() -> None:
    probes = PositionProbes([3], 5, 8, 2, 4, 0, seed=1)
    assert [name for name, _ in probes.named_parameters()] == ["maps"]


def test_logits_are_linear_in_the_states() -> None:
    rng = torch.Generator().manual_seed(0)
    one, two = (torch.randn(1, 6, 5, generator=rng) for _ in range(2))
    real = torch.ones(1, 6, dtype=torch.bool)
    probes = PositionProbes([3], 5, 8, 2, 4, None, seed=1)
    with torch.no_grad():
        torch.testing.assert_close(
            probes(2 * one - 3 * two, real), 2 * probes(one, real) - 3 * probes(two, real)
        )
