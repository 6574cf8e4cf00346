"""The rules of M3 to M7 on made-up tables: every verdict, and nothing said without the runs."""

import math
from typing import Any

import pandas as pd
import pytest

from physlm.figures import retry_finetune
from physlm.retry_runs import arms_table, rows_of
from tests.figures.retry_records import Made, sweep
from tests.ledger import LEDGER, found, judged

GAINS = {0: 0, 0.05: 0.3, 0.1: 0.5, 0.2: 0.6, 0.5: 0.7}


def table(*parts: list[Made]) -> pd.DataFrame:
    """The table of these runs; what they are of is not filtered."""
    rows = [row for part in parts for run, names in part for row in rows_of({**names, **run})]
    return arms_table(rows)


def base(**more: Any) -> list[Made]:
    return sweep({0: 0}, **more)


def detail(claim: str, frame: pd.DataFrame) -> str:
    evidence = judged(claim, frame)
    assert evidence is not None
    return evidence.detail


def test_every_claim_has_a_rule_and_the_table_of_its_figure() -> None:
    figures = {"M3": "retry", "M4": "retry", "M5": "retry"}
    figures |= {"M6": "retry_finetune", "M7": "retry_fake"}
    for claim, figure in figures.items():
        assert (LEDGER[claim].figure, LEDGER[claim].table) == (figure, f"{figure}/{figure}")
        assert LEDGER[claim].rule


# --- M3: the gain grows


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (table(sweep(GAINS)), "reproduced"),
        # Half of the published .71 of the errors: .355.
        (table(sweep({0: 0, 0.1: 0.2, 0.5: 0.36})), "reproduced"),
        (table(sweep({0: 0, 0.1: 0.2, 0.5: 0.35})), "direction only"),
        # No more at the larger rate.
        (table(sweep({0: 0, 0.1: 0.7, 0.5: 0.69})), "direction only"),
        (table(sweep({0: 0, 0.5: 0.7})), "direction only"),
        # The largest rate counts, whatever others gain.
        (table(sweep({0: 0, 0.1: 0.7, 0.5: -0.3})), "contradicted"),
        (table(sweep({0: 0, 0.1: 0.7, 0.5: 0.01}, noise=0.05)), "not at this scale"),
        (table(sweep(GAINS, seeds=(0, 1))), "not at this scale"),
        # Too good and too bad for a gain to show.
        (table(sweep(GAINS, base=0.999, fall=0.001)), "not at this scale"),
        (table(sweep(GAINS, base=0.4)), "not at this scale"),
        (table(base()), "not run"),
        (table(sweep({0.1: 0.5, 0.5: 0.7})), "not run"),
        (table(base(), sweep({0.5: 0.7}, masked="name")), "not run"),
        (table(base(), sweep({0.5: 0.7}, kind="weak")), "not run"),
        (table(sweep(GAINS, steps=0)), "not run"),
        (table(), "not run"),
    ],
)
def test_m3_gain_grows_with_the_rate(frame: pd.DataFrame, expected: str) -> None:
    assert found("M3", frame) == expected


def test_m3_is_paired_by_seed_at_the_op_that_the_baseline_decides_on() -> None:
    # Seeds differ far more in what they solve than in what they gain.
    runs = [
        made
        for seed, fall in enumerate((0.05, 0.1, 0.15))
        for made in sweep({0: 0, 0.1: 0.2, 0.5: 0.4}, seeds=(seed,), fall=fall)
    ]
    evidence = judged("M3", table(runs))
    assert evidence is not None
    # Error-free .89, .79 and .69 at op 7, whose mean is nearest to .777.
    assert "micro, op 7 (trained to 5): error-free 79.0% (99.0% at op 5)" in evidence.detail
    gains = [0.396 * 0.11, 0.4 * 0.21, 0.404 * 0.31]
    assert evidence.estimate == pytest.approx(sum(gains) / 3)
    assert "at p 0.5 40% of the errors are gone" in evidence.detail


def test_m3_says_where_there_is_no_room() -> None:
    text = detail("M3", table(sweep(GAINS, base=0.4)))
    assert text.startswith("micro: at no op is the error-free accuracy between 50% and 95%")
    assert "5: 40.0%, 6: 29.7%" in text
    evidence = judged("M3", table(sweep(GAINS, base=0.4)))
    assert evidence is not None
    assert (evidence.n_seeds, math.isnan(evidence.estimate)) == (0, True)


def test_m3_takes_the_hardest_task_in_the_regime_and_tells_of_the_others() -> None:
    plan = {"preset": "plan", "op_max": 6}
    easy = sweep({0: 0, 0.2: 0.9, 0.4: 0.95}, **plan)
    hard = sweep(GAINS, preset="tiny", op_max=10, ops=(None, 8, 10, 12))
    too_hard = sweep(GAINS, preset="med", op_max=15, ops=(15, 20), base=0.3)
    text = detail("M3", table(easy, hard, too_hard))
    assert text.startswith("tiny10, op 12")
    assert "other tasks: plan6 op 8 +20.5% at p 0.4" in text
    assert detail("M3", table(easy, too_hard)).startswith("plan6, op 8")
    assert detail("M3", table(too_hard)).startswith("med15: at no op")
    # Tasks without retry data are not looked at.
    only = table(easy, base(preset="tiny", op_max=10, ops=(10, 12)))
    assert detail("M3", only).startswith("plan6")


def test_m3_takes_means_of_both_orders() -> None:
    pq, qp = sweep(GAINS, order="pq"), sweep(GAINS, order="qp", seeds=(0, 1))
    evidence = judged("M3", table(pq, qp))
    assert evidence is not None
    assert evidence.n_seeds == 2


# --- M4: retries are rare


def test_m4_compares_with_the_least_that_training_has() -> None:
    evidence = judged("M4", table(base(), sweep({0.2: 0.5}, backs=0.05)))
    assert evidence is not None
    # p for each of op 1 to 8 but the last step: .2 * 3.5; eight op at most, 1.6 times 5.
    assert evidence.estimate == pytest.approx(0.7 - 0.05)
    assert "op 1 to 8, p 0.2: 0.050 retries per right solution, at most 0.05" in evidence.detail


def raised(frame: pd.DataFrame, column: str, more: float, op: int = 7) -> pd.DataFrame:
    """The table with more of a column at one op of the retry arms."""
    rows = (frame["rate"] > 0) & (frame["op"] == op)
    return frame.assign(**{column: frame[column].where(~rows, frame[column] + more)})


RARE = table(sweep(GAINS, backs=0.05))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (RARE, "reproduced"),
        # .05 at most at p = .2, and .25 more.
        (raised(RARE, "backs", 0.249), "reproduced"),
        (raised(RARE, "backs", 0.26), "direction only"),
        # Beyond 1.6 times the range and at larger rates nothing is asked.
        (table(sweep(GAINS, backs=0.05, ops=(3, 5, 6, 9))).assign(), "reproduced"),
        (raised(table(sweep(GAINS, ops=(3, 5, 6, 7, 9))), "backs", 2.0, op=9), "reproduced"),
        (table(sweep(GAINS | {0.5: 0.7}, backs=0.05), sweep({0.4: 0.6}, backs=9)), "reproduced"),
        # A quarter of the .7 that training has is .175.
        (table(base(), sweep({0.2: 0.6}, backs=0.17)), "reproduced"),
        (table(base(), sweep({0.2: 0.6}, backs=0.18)), "direction only"),
        (table(base(), sweep({0.2: 0.6}, backs=0.9)), "contradicted"),
        (table(base(needless=0.01), sweep({0.2: 0.6}, needless=0.055)), "reproduced"),
        (table(base(needless=0.01), sweep({0.2: 0.6}, needless=0.065)), "direction only"),
        (table(sweep(GAINS, seeds=(0, 1))), "not at this scale"),
        # No gain can show here, but retries can.
        (table(sweep(GAINS, base=0.999, fall=0.001)), "reproduced"),
        (table(base(), sweep({0.4: 0.6})), "not run"),
        (table(sweep({0: 0, 0.2: 0}, base=0.09)), "not run"),
        (table(base()), "not run"),
    ],
)
def test_m4_retries_are_rare(frame: pd.DataFrame, expected: str) -> None:
    assert found("M4", frame) == expected


# --- M5: masking makes no difference


def masks(gain: float, masked: str = "name", noise: float = 0.004, **more: Any) -> list[Made]:
    return sweep({0.2: gain, 0.5: gain}, masked=masked, noise=noise, **more)


OPEN = [*base(), *masks(0.6, "none")]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        # From op 5 on .17 of the problems are wrong on average, so .1 of them are 1.7 points.
        (table(OPEN, masks(0.6)), "reproduced"),
        (table(OPEN, masks(0.7)), "reproduced"),
        (table(OPEN, masks(0.5)), "reproduced"),
        (table(OPEN, masks(0.75)), "contradicted"),
        (table(OPEN, masks(0.45)), "contradicted"),
        # Whatever the mean, too uncertain.
        (table(OPEN, masks(0.6, noise=0.1)), "not at this scale"),
        (table(OPEN, masks(0.6, seeds=(0, 1))), "not at this scale"),
        # Alike, but nothing was gained.
        (table(base(), masks(0, "none"), masks(0)), "direction only"),
        # Of two ways of masking the worse counts; one of a single seed does not.
        (table(OPEN, masks(0.6), masks(0.45, "begun")), "contradicted"),
        (table(OPEN, masks(0.6), masks(0.45, "begun", seeds=(1,))), "reproduced"),
        (table(OPEN, masks(0.6), sweep({0.3: 0.1}, masked="name")), "reproduced"),
        (table(OPEN, sweep({0.3: 0.6}, masked="name")), "not run"),
        (table(OPEN), "not run"),
        (table(sweep(GAINS, base=0.4), masks(0.6, base=0.4)), "not at this scale"),
    ],
)
def test_m5_masking_makes_no_difference(frame: pd.DataFrame, expected: str) -> None:
    assert found("M5", frame) == expected


def test_m5_is_about_the_whole_interval() -> None:
    evidence = judged("M5", table(OPEN, masks(0.7, noise=0.02)))
    assert evidence is not None
    assert evidence.no_effect == -0.02
    assert evidence.low < evidence.estimate < evidence.high < 0
    mixed = judged("M5", table(OPEN, masks(0.6, noise=0.02)))
    assert mixed is not None
    assert mixed.high == 0
    assert "name masked minus unmasked +0.0%" in mixed.detail


# --- M6: finetuning


def tuned(gain: float, method: str = "lora", rank: int | str = 16, **more: Any) -> list[Made]:
    names = {"method": method, "rank": rank, "lr_tuned": more.pop("lr", 0.001)}
    rate = more.pop("rate", 0.2)
    return sweep({rate: gain}, names=names, **{"steps": 300, **more})


def finetuned(*parts: list[Made], pretrained: list[Made] | None = None) -> pd.DataFrame:
    """Accuracies of error-free and of all rates, and these finetuned models."""
    rows = []
    for made in sweep(GAINS) if pretrained is None else pretrained:
        rows += [row | {"method": "pretrain"} for row in rows_of({**made[1], **made[0]})]
    for made in (made for part in parts for made in part):
        for row in rows_of({**made[1], **made[0]}):
            rows.append(row | {"rank": row["rank"] if row["method"] == "lora" else None})
    return pd.DataFrame(rows).reindex(
        columns=[*retry_finetune.COLUMNS, *(set(rows[0]) - set(retry_finetune.COLUMNS))]
    )


FULL = tuned(0.55, "full", "none")


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        # Retry pretraining takes .6 of the errors away at p = .2.
        (finetuned(tuned(0.1), FULL), "reproduced"),
        (finetuned(tuned(-0.4), FULL), "reproduced"),
        (finetuned(tuned(0.29), FULL), "reproduced"),
        (finetuned(tuned(0.31), FULL), "direction only"),
        # The best LoRA counts, of whatever rank and masking.
        (finetuned(tuned(0.1), tuned(0.7, rank=64), FULL), "contradicted"),
        (finetuned(tuned(0.1), tuned(0.31, masked="name"), FULL), "direction only"),
        # Five points of the 22 that are wrong: .23 of the errors.
        (finetuned(tuned(0.1), tuned(0.38, "full", "none")), "reproduced"),
        (finetuned(tuned(0.1), tuned(0.35, "full", "none")), "direction only"),
        (finetuned(tuned(0.1), tuned(0.6, "full", "none", masked="name")), "direction only"),
        (finetuned(tuned(0.1)), "direction only"),
        (finetuned(tuned(0.6, noise=0.02), FULL), "not at this scale"),
        (finetuned(tuned(0.1, seeds=(0, 1)), FULL), "not at this scale"),
        # At the largest rate that both have.
        (finetuned(tuned(0.1), tuned(0.6, rate=0.5), FULL), "direction only"),
        (finetuned(tuned(0.1), tuned(0.6, rate=0.4), FULL), "reproduced"),
        (finetuned(tuned(0.1, rate=0.3), FULL), "not run"),
        (finetuned(FULL), "not run"),
        (finetuned(tuned(0.1, d_model=8), FULL), "not run"),
        (finetuned(tuned(0.1), FULL, pretrained=sweep({0.2: 0.5})), "not run"),
        (finetuned(tuned(0.1), FULL, pretrained=sweep(GAINS, base=0.4)), "not at this scale"),
    ],
)
def test_m6_lora_falls_short(frame: pd.DataFrame, expected: str) -> None:
    assert found("M6", frame) == expected


def test_m6_takes_the_learning_rate_that_is_best_in_range() -> None:
    # The other one is better at op 7 and would contradict the claim.
    wild = tuned(0.9, lr=0.01, base=0.9, fall=0.0)
    text = detail("M6", finetuned(tuned(0.1), wild, FULL))
    assert "best of 1 LoRA 80.6% (rank 16, masked none), full 90.3%" in text


# --- M7: fake mistakes


def fakes(weak: dict[float, float], miss: dict[float, float], **more: Any) -> pd.DataFrame:
    runs = [base(**more), sweep(weak, "weak", **more), sweep(miss, "miss", **more)]
    return table(*runs, sweep({0.1: 0.5}, **more))


WEAK, MISS = {0.05: 0.2, 0.1: 0.5, 0.5: -1.0}, {0.1: 0.1, 0.5: 0.0}


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (fakes(WEAK, MISS), "reproduced"),
        (fakes(WEAK, {0.1: 0.5}), "direction only"),
        (fakes(WEAK, {0.1: 0.55}), "direction only"),
        (fakes(WEAK | {0.5: 0.1}, MISS), "direction only"),
        (fakes({0.1: 0.5, 0.4: -1.0}, MISS), "reproduced"),
        # Nothing was tried that could collapse.
        (fakes({0.1: 0.5, 0.3: -1.0}, MISS), "direction only"),
        # The rate nearest to .1 of those that both have.
        (fakes({0.1: -0.5, 0.2: 0.5, 0.5: -1.0}, {0.2: 0.1, 0.5: 0}), "reproduced"),
        (fakes(WEAK | {0.1: -0.3}, MISS), "contradicted"),
        (fakes(WEAK | {0.1: 0.0}, MISS, noise=0.02), "not at this scale"),
        (fakes(WEAK, MISS, seeds=(0, 1)), "not at this scale"),
        (fakes(WEAK, MISS, base=0.4), "not at this scale"),
        (fakes(WEAK, {0.3: 0.1}), "not run"),
        (fakes(WEAK, {}), "not run"),
        (fakes({}, MISS), "not run"),
    ],
)
def test_m7_cheap_mistakes_work(frame: pd.DataFrame, expected: str) -> None:
    assert found("M7", frame) == expected
