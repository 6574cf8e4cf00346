"""The divergences, against sums written out."""

import math

import numpy as np
import pytest

from physlm.config import ConfigError
from physlm.data.grammars.divergence import divergence, divergences, loss_gap
from physlm.random import generator

P = np.array([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])
Q = np.array([[0.5, 0.25, 0.25], [0.125, 0.5, 0.375]])


def by_hand(p: np.ndarray, q: np.ndarray) -> float:
    """The published code's sum for a row: logarithms of smoothed rows, weights of the exact one."""
    eps, total = 1e-5, 0.0
    p_sum, q_sum = sum(x + eps for x in p), sum(x + eps for x in q)
    for x, y in zip(p, q, strict=True):
        total += x * (math.log((x + eps) / p_sum) - math.log((y + eps) / q_sum))
    return total


def test_divergence_by_hand() -> None:
    rows = [by_hand(p, q) for p, q in zip(P, Q, strict=True)]
    np.testing.assert_allclose(divergences(P, Q), rows, rtol=1e-12)
    assert divergence(P, Q) == pytest.approx(sum(rows) / 2, rel=1e-12)
    assert divergence(P[None], Q[None]) == pytest.approx(sum(rows) / 2, rel=1e-12)
    assert divergence(P[0], Q[0]) == pytest.approx(rows[0], rel=1e-12)


def test_nats_and_what_the_smoothing_changes() -> None:
    exact = (0.5 * math.log(2) + 0.25 * math.log(0.5) + 0.75 * math.log(2)) / 2
    assert loss_gap(P, Q) == pytest.approx(exact, rel=1e-12)
    assert divergence(P, Q) == pytest.approx(exact, abs=1e-4)
    assert divergence(P, Q) != pytest.approx(exact, abs=1e-7)


def test_the_same_rows() -> None:
    assert divergence(P, P) == 0
    assert loss_gap(P, P) == 0


def test_a_model_that_excludes_what_happens() -> None:
    never = np.array([[1.0, 0.0, 0.0], [0.0, 0.25, 0.75]])
    assert loss_gap(P, never) == np.inf
    expected = (0.5 * (math.log(0.5) - math.log(1.0)) + 0.5 * math.log(0.5 / 1e-5)) / 2
    assert divergence(P, never) == pytest.approx(expected, rel=1e-4)


def test_the_gap_is_the_difference_of_cross_entropies() -> None:
    rng = generator(0, "test divergence")
    p, q = rng.dirichlet(np.ones(4), size=20), rng.dirichlet(np.ones(4), size=20)
    cross, entropy = -(p * np.log(q)).sum(axis=1).mean(), -(p * np.log(p)).sum(axis=1).mean()
    assert loss_gap(p, q) == pytest.approx(cross - entropy, rel=1e-12)


def test_single_precision_is_accepted() -> None:
    assert divergence(P, Q.astype(np.float32)) == pytest.approx(divergence(P, Q), rel=1e-6)


@pytest.mark.parametrize("function", [divergence, divergences, loss_gap])
def test_bad_rows(function) -> None:
    for exact, model, message in [
        (P, Q[:1], r"^model: shape \[1, 3\]: must be that of the exact rows, \[2, 3\]"),
        (P[:0], Q[:0], r"^model: shape \[0, 3\]: .* and not empty$"),
        (P, np.log(Q), r"^model: rows must be probabilities with the sum 1$"),
        (P * 2, Q, r"^exact: rows must be probabilities with the sum 1$"),
        (P, np.full_like(Q, np.nan), r"^model: rows must be probabilities"),
    ]:
        with pytest.raises(ConfigError, match=message):
            function(exact, model)
