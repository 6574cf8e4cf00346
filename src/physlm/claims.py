"""The verdict engine: claims.yaml and the tables of a tier -> a verdict per claim.

A claim's `rule` is a function of RULES: it reads the claim's table and returns `Evidence`; the
verdict follows from the evidence alone, the same way for every claim (`verdict`). Claims without a
rule, or whose table was not made, are "not run". Nothing is typed in by hand.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from physlm.config import ConfigError, build, require
from physlm.figures.capacity import CONFIGURATION, best_learning_rates
from physlm.statistics import interval

REPRODUCED = "reproduced"
DIRECTION_ONLY = "direction only"
NOT_AT_THIS_SCALE = "not at this scale"
CONTRADICTED = "contradicted"
NOT_RUN = "not run"

COLUMNS = [
    "id",
    "verdict",
    "estimate",
    "low",
    "high",
    "no_effect",
    "n_seeds",
    "published",
    "detail",
    "statement",
    "source",
    "figure",
    "table",
]


@dataclass(frozen=True)
class Claim:
    """One entry of claims.yaml; see the head of that file for the fields."""

    id: str
    statement: str
    source: str
    published: str
    measure: str = ""
    control: str = ""
    figure: str = ""
    table: str = ""
    rule: str = ""
    settings: dict = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.rule:
            require(self.rule in RULES, "rule", self.rule, f"one of {', '.join(sorted(RULES))}")
            require(bool(self.table), "table", self.table, "named when there is a rule")


@dataclass(frozen=True)
class ClaimsConfig:
    """Settings of the claims step: none; the ledger and the tables are its inputs."""


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


def verdict(evidence: Evidence) -> str:
    """The verdict of a claim: see CLAIMS in docs/claims.md; at least 3 seeds unless exact."""
    if not evidence.exact and (evidence.n_seeds < 3 or math.isnan(evidence.low)):
        return NOT_AT_THIS_SCALE
    if evidence.high < evidence.no_effect:
        return CONTRADICTED
    if evidence.low <= evidence.no_effect:
        return NOT_AT_THIS_SCALE
    return REPRODUCED if evidence.relation_holds else DIRECTION_ONLY


def load(entries: Any, where: str = "claims.yaml") -> list[Claim]:
    """Check the parsed ledger; ConfigError names the entry that is wrong."""
    if not isinstance(entries, list):
        raise ConfigError(f"{where}: must be a list of claims, not {type(entries).__name__}")
    claims = []
    for entry in entries:
        name = entry.get("id", "?") if isinstance(entry, Mapping) else entry
        if not isinstance(entry, Mapping):
            raise ConfigError(f"{where}: {name!r}: must be a mapping with id, statement, ...")
        claims.append(build(Claim, entry, f"{where}:{name}"))
    ids = [claim.id for claim in claims]
    for identifier in ids:
        require(ids.count(identifier) == 1, f"{where}:id", identifier, "used once")
    return claims


def judge(claims: list[Claim], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row per claim with COLUMNS; `tables` maps "<family>/<table>" to its data."""
    rows = []
    for claim in claims:
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
        row |= {name: getattr(claim, name) for name in ("id", "statement", "source", "published")}
        row |= {"figure": claim.figure, "table": claim.table, "verdict": NOT_RUN}
        if claim.rule and claim.table in tables:
            try:
                evidence = RULES[claim.rule](tables[claim.table], **(claim.settings or {}))
            except TypeError as error:
                raise ConfigError(f"claims.yaml:{claim.id}.settings: {error}") from None
            if evidence is not None:
                row |= {"verdict": verdict(evidence), "detail": evidence.detail}
                for name in ("estimate", "low", "high", "no_effect", "n_seeds"):
                    row[name] = getattr(evidence, name)
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


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


RULES: dict[str, Callable[..., Evidence | None]] = {
    "capacity_peak": capacity_peak,
    "capacity_plateau": capacity_plateau,
    "formulas_hold": formulas_hold,
}


def markdown(frame: pd.DataFrame) -> str:
    """The claims as a Markdown table: id, statement, verdict, what was found."""
    lines = ["| id | claim | published | verdict | found |", "|---|---|---|---|---|"]
    for row in frame.fillna("").to_dict("records"):
        found = str(row["detail"])
        if float(row["n_seeds"] or 0) > 0:
            found += (
                f"; effect {float(row['estimate']):.2f}"
                f" [{float(row['low']):.2f}, {float(row['high']):.2f}], {int(row['n_seeds'])} seeds"
            )
        cells = [row["id"], row["statement"], row["published"], row["verdict"], found]
        lines.append("| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"
