"""The verdict engine: claims.yaml and the tables of a tier -> a verdict per claim.

A claim's `rule` is a function of RULES, from physlm.claim_rules: it reads the claim's table and
returns `Evidence`; the verdict follows from the evidence alone, the same way for every claim
(`verdict`). Claims without a rule, or whose table was not made, are "not run". Nothing is typed in
by hand.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from physlm.claim_rules.capacity import capacity_peak, capacity_plateau, formulas_hold
from physlm.claim_rules.evidence import Evidence
from physlm.claim_rules.extraction import (
    celebrities_help,
    encoders_fail,
    extraction_fails,
    finetuning_cannot_repair,
    probe_early,
    probe_follows_answers,
    variants_extract,
)
from physlm.claim_rules.grammars import (
    attention_at_ends,
    distribution_matches,
    encoders_miss_deep_levels,
    output_is_diverse,
    perturbed_training_helps,
    positions_order,
    simple_attention_suffices,
    trees_are_decodable,
)
from physlm.claim_rules.hidden_reasoning import (
    knows_beforehand,
    knows_of_needless,
    layers_reach_farther,
    mistakes_are_foreseen,
)
from physlm.claim_rules.igsm import templates_are_many, two_sides_agree
from physlm.claim_rules.reasoning import (
    depth_beats_width,
    no_needless_steps,
    solves_longer_ones,
)
from physlm.claim_rules.retry import (
    fake_mistakes_work,
    gain_grows,
    masking_is_unnecessary,
    retries_are_rare,
)
from physlm.claim_rules.retry_decoding import decoding_gains_little, mistakes_are_noticed
from physlm.claim_rules.retry_finetune import finetuning_falls_short
from physlm.config import ConfigError, build, require

REPRODUCED = "reproduced"
DIRECTION_ONLY = "direction only"
NOT_AT_THIS_SCALE = "not at this scale"
CONTRADICTED = "contradicted"
NOT_RUN = "not run"

# Every rule that claims.yaml may name.
RULES: dict[str, Callable[..., Evidence | None]] = {
    "attention_at_ends": attention_at_ends,
    "capacity_peak": capacity_peak,
    "capacity_plateau": capacity_plateau,
    "celebrities_help": celebrities_help,
    "decoding_gains_little": decoding_gains_little,
    "depth_beats_width": depth_beats_width,
    "distribution_matches": distribution_matches,
    "encoders_fail": encoders_fail,
    "encoders_miss_deep_levels": encoders_miss_deep_levels,
    "extraction_fails": extraction_fails,
    "fake_mistakes_work": fake_mistakes_work,
    "finetuning_cannot_repair": finetuning_cannot_repair,
    "finetuning_falls_short": finetuning_falls_short,
    "formulas_hold": formulas_hold,
    "gain_grows": gain_grows,
    "knows_beforehand": knows_beforehand,
    "knows_of_needless": knows_of_needless,
    "layers_reach_farther": layers_reach_farther,
    "masking_is_unnecessary": masking_is_unnecessary,
    "mistakes_are_foreseen": mistakes_are_foreseen,
    "mistakes_are_noticed": mistakes_are_noticed,
    "no_needless_steps": no_needless_steps,
    "output_is_diverse": output_is_diverse,
    "perturbed_training_helps": perturbed_training_helps,
    "positions_order": positions_order,
    "probe_early": probe_early,
    "probe_follows_answers": probe_follows_answers,
    "retries_are_rare": retries_are_rare,
    "simple_attention_suffices": simple_attention_suffices,
    "solves_longer_ones": solves_longer_ones,
    "templates_are_many": templates_are_many,
    "trees_are_decodable": trees_are_decodable,
    "two_sides_agree": two_sides_agree,
    "variants_extract": variants_extract,
}

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
