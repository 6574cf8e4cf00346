"""The rules of M1 and M2 on made-up tables: every verdict, and nothing said without the runs."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pytest

from physlm.figures import retry_decoding
from tests.figures.decoding_records import SPARED, decoding
from tests.ledger import LEDGER, found, judged

NOISE = (-0.01, 0.0, 0.01)


def runs(
    seeds: Iterable[int] = (0, 1, 2), orders: tuple[str, ...] = ("pq",), **more: Any
) -> pd.DataFrame:
    """Models that differ by a little noise in what they solve and notice."""
    base, noticed = more.pop("base", 0.98), more.pop("noticed", 0.6)
    rows = []
    for order in orders:
        for seed in seeds:
            noise = NOISE[seed % 3]
            run = decoding(seed, base + noise, noticed=noticed + noise, order=order, **more)
            rows += retry_decoding.rows_of(run)
    return pd.DataFrame(rows)


def spared(**changes: float) -> dict[str, float]:
    return SPARED | changes


def test_both_claims_have_a_rule_and_a_table() -> None:
    for claim in ("M1", "M2"):
        assert LEDGER[claim].table == "retry_decoding/retry_decoding"
        assert LEDGER[claim].rule


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (runs(), "reproduced"),
        (runs(orders=("pq", "qp")), "reproduced"),
        (runs(noticed=0.42), "reproduced"),
        (runs(noticed=0.38), "direction only"),
        (runs(overall=0.95), "direction only"),
        (runs(noticed=0.05, alarms=0.05), "not at this scale"),
        (runs(noticed=0.05, alarms=0.2), "contradicted"),
        (runs(seeds=(0, 1)), "not at this scale"),
        # Four operations of four mistakes each, which is less than 20.
        (runs(mistakes=4), "not at this scale"),
        (runs(mistakes=0), "not at this scale"),
        (runs(probe=False), "not run"),
        (runs(steps=0), "not run"),
    ],
)
def test_m1_mistakes_are_noticed(table: pd.DataFrame, expected: str) -> None:
    assert found("M1", table) == expected


def test_m1_weighs_operations_by_their_mistakes() -> None:
    table = runs(alarms=0.1)
    mistakes = table["case"] == "mistakes"
    table.loc[mistakes & (table["op"] == 8), ["n", "accuracy"]] = [360, 0.2]
    evidence = judged("M1", table)
    assert evidence is not None
    # 120 mistakes of which 60 % were noticed, and 360 of 20 %.
    assert evidence.estimate == pytest.approx((120 * 0.6 + 360 * 0.2) / 480 - 0.1)
    assert "30.0% of 1440 own mistakes and to 10.0% of own right steps" in evidence.detail


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (runs(), "reproduced"),
        (runs(orders=("pq", "qp")), "reproduced"),
        # A quarter is wrong at op 7 and 8 together: 4 points are spared by 16 % of it.
        (runs(spared=spared(beams=0.16)), "direction only"),
        (runs(spared=spared(trained=0.3)), "direction only"),
        (runs(spared=spared(perfect=0.05)), "direction only"),
        (runs(spared=spared(trained=0.5)), "not at this scale"),
        (runs(spared=spared(trained=0.8)), "contradicted"),
        (runs(seeds=(0, 1)), "not at this scale"),
        (runs(ops=(3, 5)), "not at this scale"),
        (runs(base=0.4), "not at this scale"),
        (runs(probe=False), "not run"),
        (runs().query("arm != 'beams'"), "not run"),
        (runs(steps=0), "not run"),
    ],
)
def test_m2_little_is_gained(table: pd.DataFrame, expected: str) -> None:
    assert found("M2", table) == expected


def test_m2_counts_operations_that_are_neither_too_easy_nor_too_hard() -> None:
    evidence = judged("M2", runs(ops=(3, 5, 6, 7, 8, 10), n=100_000))
    assert evidence is not None
    assert "op 6, 7, 8: greedy 78.0%" in evidence.detail
    assert "beams +0.9%, trained detector +2.2%, perfect detector +8.8%" in evidence.detail
    assert evidence.estimate == pytest.approx(0.9, abs=1e-3)
    assert evidence.no_effect == 0.5


def test_m2_takes_the_hardest_preset_and_its_largest_models() -> None:
    plan = runs(world="plan", preset="plan", spared=spared(trained=0.8))
    small = runs(spared=spared(trained=0.8)).assign(n_params=1000)
    table = pd.concat([plan, small, runs()])
    assert judged("M2", table) == judged("M2", runs())
    assert found("M2", plan) == "contradicted"
