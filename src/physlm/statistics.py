"""Intervals over seeds."""

import math

import numpy as np


def interval(values: np.ndarray, confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean and the interval of the mean by Student's t: (mean, low, high).

    `values` [n]; a single value has no interval and gives (value, nan, nan). Raises ValueError for
    no values at all.
    """
    from scipy.stats import t

    values = np.asarray(values, dtype=float)
    if values.size == 0:
        raise ValueError("an interval needs at least one value")
    mean = float(values.mean())
    if values.size == 1:
        return mean, math.nan, math.nan
    half = (
        t.ppf(0.5 + confidence / 2, values.size - 1) * values.std(ddof=1) / math.sqrt(values.size)
    )
    return mean, float(mean - half), float(mean + half)
