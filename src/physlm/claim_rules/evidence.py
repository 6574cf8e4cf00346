"""What a rule of a claim returns."""

from dataclasses import dataclass


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
