"""The verdict engine on hand-made evidence and tables, and the committed ledger itself."""

import math
from pathlib import Path

import pandas as pd
import pytest
from omegaconf import OmegaConf

from physlm import claims
from physlm.claims import Evidence, verdict
from physlm.config import ConfigError
from tests.figures.capacity_table import runs

ROOT = Path(__file__).parents[1]


def evidence(low: float, high: float, holds: bool = True, n: int = 3) -> Evidence:
    return Evidence((low + high) / 2, low, high, 0.0, n, holds, "")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (evidence(0.1, 0.3), "reproduced"),
        (evidence(0.1, 0.3, holds=False), "direction only"),
        (evidence(-0.1, 0.3), "not at this scale"),
        (evidence(0.0, 0.3), "not at this scale"),
        (evidence(-0.3, -0.1), "contradicted"),
        (evidence(0.1, 0.3, n=2), "not at this scale"),
        (evidence(math.nan, math.nan, n=1), "not at this scale"),
    ],
)
def test_verdict_follows_from_interval_and_relation(found: Evidence, expected: str) -> None:
    assert verdict(found) == expected


def test_capacity_peak_takes_the_best_shape_and_names_it() -> None:
    table = runs(
        {
            (1000, 1000, 20_000): [1.98, 2.0, 2.02],
            (1000, 1000, 40_000): [1.06, 1.07, 1.05],
            (0, 1000, 20_000): [-0.1, -0.1, -0.1],
        }
    )
    found = claims.capacity_peak(table, 1000, 2.0, 0.05, 1.8, 0.95)
    assert found is not None
    assert found.estimate == pytest.approx(2.0)
    assert found.no_effect == pytest.approx(-0.1)
    assert verdict(found) == "reproduced"
    assert "1 of 1 shapes" in found.detail


def test_capacity_peak_falls_to_direction_only_when_small_data_is_not_stored() -> None:
    table = runs({(1000, 1000, 20_000): [2.0, 2.0, 2.01], (1000, 1000, 40_000): [0.8, 0.8, 0.8]})
    found = claims.capacity_peak(table, 1000, 2.0, 0.05, 1.8, 0.95)
    assert found is not None
    assert verdict(found) == "direction only"
    below = claims.capacity_peak(runs({(1000, 1000, 20_000): [1.5, 1.5, 1.6]}), 1000, 2.0, 0.05)
    assert below is not None
    assert verdict(below) == "direction only"


def test_capacity_claims_take_the_best_learning_rate_of_every_shape() -> None:
    point, small = (1000, 1000, 20_000), (1000, 1000, 40_000)
    good = runs({point: [1.98, 2.0, 2.02], small: [1.06, 1.07, 1.05]}, lr_peak=0.001)
    # A rate at which nothing was stored must not make the claim fail, nor one lucky seed carry it.
    bad = runs({point: [0.1, 0.1, 2.9], small: [0.2, 0.2, 0.2]}, lr_peak=0.01)
    for table in (pd.concat([good, bad]), pd.concat([bad, good])):
        found = claims.capacity_peak(table, 1000, 2.0, 0.05, 1.8, 0.95)
        assert found is not None
        assert (found.estimate, found.n_seeds) == (pytest.approx(2.0), 3)
        assert "1 of 1 shapes" in found.detail
        assert found.relation_holds
    full = runs({(1000, 1000, 100_000): [0.43 * 0.99] * 3})
    lost = runs({(1000, 1000, 100_000): [0.1] * 3}, lr_peak=0.1)
    plateau = claims.capacity_plateau(pd.concat([lost, full]), 1000, 2.0, 0.99, 0.02, 1.0)
    assert plateau is not None
    assert plateau.relation_holds


def test_capacity_rules_say_nothing_without_their_runs() -> None:
    table = runs({(100, 1000, 20_000): [1.0, 1.0, 1.1]})
    assert claims.capacity_peak(table, 1000, 2.0, 0.05) is None
    assert claims.capacity_plateau(table, 1000, 2.0, 0.99, 0.02, 1.0) is None


def test_capacity_plateau_needs_all_of_the_data_and_no_more() -> None:
    full, part = 43_000 / 100_000, 0.8 * 43_000 / 100_000
    stored = runs({(1000, 1000, 100_000): [full * 0.99, full * 0.985, full * 0.995]})
    found = claims.capacity_plateau(stored, 1000, 2.0, 0.99, 0.02, 1.0)
    assert found is not None
    assert verdict(found) == "reproduced"
    lost = claims.capacity_plateau(
        runs({(1000, 1000, 100_000): [part, part, part + 0.001]}), 1000, 2.0, 0.99, 0.02, 1.0
    )
    assert lost is not None
    assert verdict(lost) == "direction only"


def test_formulas_hold_needs_the_notes_to_fail() -> None:
    rows = [("paper", 2.0, 2.0), ("paper", 0.0, 0.0), ("lecture notes", 5.0, 0.0)]
    table = pd.DataFrame(rows, columns=["formula", "computed", "expected"])
    assert verdict(claims.formulas_hold(table, 1e-3)) == "reproduced"
    table.loc[2, "computed"] = 0.0
    assert verdict(claims.formulas_hold(table, 1e-3)) == "direction only"


def test_the_committed_ledger_is_complete_and_sound() -> None:
    ledger = claims.load(OmegaConf.to_container(OmegaConf.load(ROOT / "claims.yaml")))
    ids = [claim.id for claim in ledger]
    expected = [
        *(f"K{i}" for i in range(1, 25)),
        *(f"R{i}" for i in range(1, 10)),
        *(f"M{i}" for i in range(1, 8)),
        *(f"L{i}" for i in range(1, 9)),
        *("N1", "N2", "N3", "B1", "B2"),
    ]
    assert ids == expected
    assert all(claim.control for claim in ledger if claim.rule)


def test_judge_lists_claims_without_a_table_as_not_run() -> None:
    ledger = claims.load(OmegaConf.to_container(OmegaConf.load(ROOT / "claims.yaml")))
    rows = claims.judge(ledger, {}).set_index("id")
    assert set(rows["verdict"]) == {"not run"}
    table = runs({(100, 1000, 20_000): [1.0, 1.0, 1.1], (0, 1000, 20_000): [0, 0.01, 0]})
    rows = claims.judge(ledger, {"capacity/capacity": table}).set_index("id")
    assert rows.loc["K14", "verdict"] == "reproduced"
    assert rows.loc["K13", "verdict"] == "not run"
    assert rows.loc["K14", "n_seeds"] == 3
    text = claims.markdown(rows.reset_index())
    assert text.count("\n") == len(ledger) + 2


def test_the_page_gives_intervals_of_seeds_and_none_of_formulas(tmp_path: Path) -> None:
    ledger = claims.load(OmegaConf.to_container(OmegaConf.load(ROOT / "claims.yaml")))
    runs_table = runs({(100, 1000, 20_000): [1.0, 1.0, 1.1], (0, 1000, 20_000): [0, 0.01, 0]})
    cases = pd.DataFrame(
        [("paper", 2.0, 2.0), ("lecture notes", 5.0, 0.0)],
        columns=["formula", "computed", "expected"],
    )
    tables = {"capacity/capacity": runs_table, "information/information": cases}
    # As `physlm report` reads it, through a file.
    claims.judge(ledger, tables).to_csv(tmp_path / "claims.csv", index=False)
    text = claims.markdown(pd.read_csv(tmp_path / "claims.csv", keep_default_na=False))
    lines = {line.split(" | ")[0].strip("| "): line for line in text.splitlines()}
    assert "effect 1.03 [0.89, 1.18], 3 seeds" in lines["K14"]
    assert "1 of 1 cases" in lines["K12"]
    assert "effect" not in lines["K12"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"id": "X1", "statement": "s", "source": "s"}, "published: missing"),
        ({"id": "X1", "statement": "s", "source": "s", "published": "p", "rul": "x"}, "rule"),
        (
            {"id": "X1", "statement": "s", "source": "s", "published": "p", "rule": "guess"},
            "rule='guess'",
        ),
        ("X1", "must be a mapping"),
    ],
)
def test_a_wrong_entry_is_named(entry: object, words: str) -> None:
    with pytest.raises(ConfigError, match="X1") as caught:
        claims.load([entry])
    assert words in str(caught.value)
