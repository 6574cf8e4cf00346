"""Intervals over seeds against textbook values."""

import math

import numpy as np
import pytest

from physlm.statistics import interval


def test_interval_by_hand() -> None:
    # Three values 1, 2, 3: s = 1, t(2, 97.5 %) = 4.3027, half width 4.3027 / sqrt(3) = 2.4841.
    mean, low, high = interval(np.array([1.0, 2.0, 3.0]))
    assert mean == 2
    assert low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert high == pytest.approx(2 + 2.4841, abs=1e-4)


def test_one_value_has_no_interval_and_none_is_an_error() -> None:
    mean, low, high = interval(np.array([5.0]))
    assert (mean, math.isnan(low), math.isnan(high)) == (5.0, True, True)
    with pytest.raises(ValueError, match="at least one"):
        interval(np.array([]))


def test_coverage_is_95_percent() -> None:
    samples = np.random.default_rng(0).normal(size=(4000, 3))
    inside = [low <= 0 <= high for _, low, high in map(interval, samples)]
    assert 0.94 <= np.mean(inside) <= 0.96
