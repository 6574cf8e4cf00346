"""Rules of the claims about bits and capacity (Part 3.3, arXiv 2404.05405)."""

import pandas as pd

from physlm.claim_rules.evidence import Evidence
from physlm.figures.capacity import CONFIGURATION, best_learning_rates
from physlm.statistics import interval


def formulas_hold(table: pd.DataFrame, tolerance: float) -> Evidence:
    """Every case of the paper's formula holds, and the notes' formula fails each of its limits.

    `table` is information.csv; `tolerance` is relative. The effect is the share of cases that hold.
    """
    error = (table["computed"] - table["expected"]).abs()
    holds = error <= tolerance * table["expected"].abs().clip(lower=1e-9)
    paper, notes = table["formula"] == "paper", table["formula"] == "lecture notes"
    share = float(holds[paper].mean())
    refuted = int((~holds[notes]).sum())
    return Evidence(
        estimate=share,
        low=share,
        high=share,
        no_effect=0.0,
        n_seeds=0,
        relation_holds=bool(share == 1 and refuted == notes.sum() > 0),
        detail=f"{holds[paper].sum()} of {paper.sum()} cases of the paper's formula hold; "
        f"the lecture notes' formula fails {refuted} of its {notes.sum()} limits",
        exact=True,
    )


def _configurations(table: pd.DataFrame) -> list[pd.DataFrame]:
    return [group for _, group in table.groupby(CONFIGURATION)]


def capacity_peak(
    table: pd.DataFrame,
    exposures: int,
    published: float,
    tolerance: float,
    small_data: float = 0.0,
    small_data_stored: float = 0.0,
) -> Evidence | None:
    """The highest mean R over model shapes reaches the published bits per parameter.

    Of several learning rates of a shape the best counts (figures.capacity.best_learning_rates).
    The effect is that R minus the R of untrained models (0 where none were run). The relation is
    R >= published (1 - tolerance) and, where `small_data` is given, R >= small_data_stored * Rmax
    for the mean of every configuration with Rmax <= small_data.
    """
    chosen = best_learning_rates(table[table["exposures_nominal"] == exposures])
    if chosen.empty:
        return None
    best = max(_configurations(chosen), key=lambda g: g["bits_per_param"].mean())
    untrained = table.loc[table["exposures_nominal"] == 0, "bits_per_param"]
    mean, low, high = interval(best["bits_per_param"].to_numpy())
    control = float(untrained.mean()) if len(untrained) else 0.0
    holds = mean >= published * (1 - tolerance)
    shape = f"{best['n_layers'].iloc[0]} layers of width {best['d_model'].iloc[0]}"
    detail = (
        f"peak R = {mean:.2f} bit/param ({shape}, N = {best['n_people'].iloc[0]}, "
        f"published {published:g}); untrained {control:.2f}"
    )
    if small_data:
        groups = [
            g for g in _configurations(chosen) if g["max_bits_per_param"].mean() <= small_data
        ]
        shares = [g["bits_per_param"].mean() / g["max_bits_per_param"].mean() for g in groups]
        stored = sum(share >= small_data_stored for share in shares)
        holds = holds and bool(shares) and stored == len(shares)
        lowest = f", lowest {min(shares):.3f}" if shares else ""
        detail += (
            f"; {stored} of {len(shares)} shapes with Rmax <= {small_data:g} store at least "
            f"{small_data_stored:.0%} of the data{lowest}"
        )
    return Evidence(mean, low, high, control, len(best), holds, detail)


def capacity_plateau(
    table: pd.DataFrame,
    exposures: int,
    law: float,
    published: float,
    tolerance: float,
    at_most: float,
) -> Evidence | None:
    """Models with far more room than data store the data and no more.

    Taken are the configurations with Rmax <= at_most. The effect is law - R, what they leave unused
    of the law's bits per parameter (mean over configurations, interval over seeds); the relation is
    a share of stored data of at least published - tolerance, for every configuration.
    """
    chosen = best_learning_rates(table[table["exposures_nominal"] == exposures])
    groups = [g for g in _configurations(chosen) if g["max_bits_per_param"].mean() <= at_most]
    if not groups:
        return None
    runs = pd.concat(groups)
    unused = law - runs.groupby("seed")["bits_per_param"].mean()
    mean, low, high = interval(unused.to_numpy())
    shares = [(g["bits_per_param"] / g["max_bits_per_param"]).mean() for g in groups]
    return Evidence(
        mean,
        low,
        high,
        0.0,
        len(unused),
        min(shares) >= published - tolerance,
        f"{len(groups)} shapes with Rmax <= {at_most:g} store {min(shares):.1%} to "
        f"{max(shares):.1%} of the data (published {published:.0%}) and leave {mean:.2f} bit/param "
        "of the law unused",
    )
