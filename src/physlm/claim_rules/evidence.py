"""What a rule of a claim returns."""

from dataclasses import dataclass

import pandas as pd

from physlm.statistics import interval


@dataclass(frozen=True)
class Evidence:
    """What a rule found: an effect with its 95 % interval over seeds, and the published relation.

    The effect points the published way when it is above `no_effect`. `exact` marks quantities
    without noise (formulas), which need no seeds.
    """

    estimate: float
    low: float
    high: float
    no_effect: float
    n_seeds: int
    relation_holds: bool
    detail: str
    exact: bool = False


def evidence(
    values: pd.Series, holds: bool, detail: str, no_effect: float = 0.0
) -> Evidence | None:
    """From effects [n seeds], whose mean and 95 % interval count; None without any."""
    if values.empty:
        return None
    mean, low, high = interval(values.to_numpy())
    return Evidence(mean, low, high, no_effect, len(values), bool(holds), detail)
