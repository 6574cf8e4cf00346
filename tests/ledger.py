"""Claims judged by the rules and settings of the committed ledger, on tables that tests make up."""

from pathlib import Path

import pandas as pd
from omegaconf import OmegaConf

from physlm import claims
from physlm.claim_rules.evidence import Evidence
from physlm.claims import verdict

ROOT = Path(__file__).parents[1]
LEDGER = {
    c.id: c for c in claims.load(OmegaConf.to_container(OmegaConf.load(ROOT / "claims.yaml")))
}


def judged(claim: str, table: pd.DataFrame) -> Evidence | None:
    """The evidence by the rule and settings of the ledger."""
    entry = LEDGER[claim]
    return claims.RULES[entry.rule](table, **entry.settings)


def found(claim: str, table: pd.DataFrame) -> str:
    """The verdict on it."""
    evidence = judged(claim, table)
    return "not run" if evidence is None else verdict(evidence)
