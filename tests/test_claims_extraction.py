"""The rules of K1 to K7 on hand-made tables: every verdict, and nothing said without the runs."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm import claims
from physlm.claim_rules import extraction as rules
from physlm.data.bios import ATTRIBUTES
from physlm.figures import celebrity, encoder_extraction, extraction, p_probing, q_probing
from tests.figures.answer_runs import (
    celebrity_inputs,
    encoder_inputs,
    extraction_inputs,
    p_runs,
    q_inputs,
)
from tests.ledger import LEDGER, found, judged

NOISE = (-0.01, 0.0, 0.01)
BASIC: dict[str, Any] = {"n_people": 200, "exposures_nominal": 300, "majority_accuracy": 0.03}


def taught(
    variant: str,
    test: float,
    train: float = 0.99,
    known: float = 0.995,
    method: str = "lora",
    rank_embed: int = 64,
    seeds: tuple[int, ...] = (0, 1, 2),
    **more: Any,
) -> pd.DataFrame:
    """Finetuned runs of a variant; test accuracy differs a little by seed."""
    rows = [
        BASIC
        | {"arm": "finetune", "variant": variant, "method": method, "lr_finetune": 0.001}
        | {"rank_qv": 8, "rank_embed": rank_embed, "qa_ratio": float("nan"), "seed": seed}
        | {"biography_accuracy": known, "train_accuracy": train}
        | {"test_accuracy": test + NOISE[seed]}
        | {f"test_accuracy_{a}": test for a in ATTRIBUTES}
        | more
        for seed in seeds
    ]
    return pd.DataFrame(rows)


def mixed(variant: str, test: float, qa_ratio: float = 0.8, **more: Any) -> pd.DataFrame:
    """Mixed runs of a variant."""
    none = {"method": None, "rank_qv": None, "lr_finetune": None, "qa_ratio": qa_ratio}
    return taught(variant, test, **more).assign(arm="mixed", rank_embed=float("nan"), **none)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        (taught("single", 0.1), "reproduced"),
        # The gap is there, but: too high a test score, poor memory, none measured, poor training.
        (taught("single", 0.25), "direction only"),
        (taught("single", 0.1, known=0.97), "direction only"),
        (taught("single", 0.1, known=float("nan")), "direction only"),
        (taught("single", 0.1, train=0.9), "direction only"),
        (taught("single", 0.1, train=0.1), "not at this scale"),
        (taught("single", 0.1, seeds=(0, 1)), "not at this scale"),
        (taught("single", 0.5, train=0.4), "contradicted"),
        (taught("multi5", 0.1), "not run"),
        (taught("single", 0.1, method="full"), "not run"),
    ],
)
def test_k1_the_other_half_cannot_be_answered_about(runs: pd.DataFrame, expected: str) -> None:
    assert found("K1", runs) == expected


def test_k1_effect_is_train_minus_test_seed_by_seed() -> None:
    runs = taught("single", 0.1)
    # Train moves with test: the difference is the same for every seed, the interval a point.
    runs["train_accuracy"] = runs["test_accuracy"] + 0.88
    evidence = judged("K1", runs)
    assert evidence is not None
    assert (evidence.estimate, evidence.low, evidence.high) == pytest.approx((0.88, 0.88, 0.88))
    assert evidence.n_seeds == 3
    assert "biographies 99.5%, train 98.0%, test 10.0% (published 9.7%), majority 3.0%" in (
        evidence.detail
    )


def ladder(best: float = 0.95, fullname: float = 0.4, single: float = 0.1) -> pd.DataFrame:
    """The variants of K2."""
    tests = {"single": single, "single+fullname": fullname, "single+permute5": 0.7}
    tests |= {"multi5": 0.4, "multi5+permute": best}
    return pd.concat([taught(variant, test) for variant, test in tests.items()])


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (ladder(), "reproduced"),
        (ladder(best=0.8), "direction only"),
        (ladder(fullname=0.1), "direction only"),
        (ladder(best=0.1, single=0.1), "not at this scale"),
        (ladder(best=0.1, single=0.3), "contradicted"),
        (ladder().query("variant != 'multi5'"), "not run"),
        (ladder().query("seed < 2"), "not at this scale"),
    ],
)
def test_k2_augmentation_makes_extractable_and_each_kind_adds(
    table: pd.DataFrame, expected: str
) -> None:
    assert found("K2", table) == expected


def test_k2_pairs_seeds_and_gives_the_gain_of_each_kind() -> None:
    evidence = judged("K2", ladder())
    assert evidence is not None
    # The noise is the same in both arms and cancels.
    assert (evidence.low, evidence.high) == pytest.approx((0.85, 0.85))
    assert "single+fullname +30.0% (from +30.0%)" in evidence.detail
    only_some = ladder()[lambda t: (t["seed"] < 2) | (t["variant"] != "multi5+permute")]
    evidence = judged("K2", only_some)
    assert evidence is not None
    assert evidence.n_seeds == 2


def repair(together: float = 0.85, lora: float = 0.1, full: float | None = 0.08) -> pd.DataFrame:
    """The ways to train single: mixed by two ratios, LoRA of two ranks, and full."""
    parts = [mixed("single", together), mixed("single", 0.2, qa_ratio=0.2)]
    parts += [taught("single", 0.05), taught("single", lora, rank_embed=16)]
    if full is not None:
        parts.append(taught("single", full, method="full"))
    return pd.concat(parts)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (repair(), "reproduced"),
        (repair(lora=0.5), "direction only"),
        (repair(together=0.45), "direction only"),
        (repair(full=None), "direction only"),
        (repair(lora=0.85), "not at this scale"),
        (repair(together=0.3, full=0.6), "contradicted"),
        (repair().query("arm == 'mixed'"), "not run"),
        (repair().query("arm == 'finetune'"), "not run"),
    ],
)
def test_k3_mixed_training_repairs_and_finetuning_does_not(
    table: pd.DataFrame, expected: str
) -> None:
    assert found("K3", table) == expected


def test_k3_compares_with_the_best_of_all_settings() -> None:
    evidence = judged("K3", repair(lora=0.3))
    assert evidence is not None
    assert evidence.estimate == pytest.approx(0.55)
    assert "mixed 85.0% at 80% questions; best of 3 finetuned settings 30.0%, 3 of" in (
        evidence.detail
    )


def probed(
    single: float = 0.12, augmented: float = 0.98, late: float = 0.99, control: float = 0.1
) -> pd.DataFrame:
    """First-token probes of two variants; the month is always readable and must not count."""
    rows = []
    for variant, start in (("single", single), ("multi5+permute", augmented)):
        for kind in ("none", "labels", "model"):
            for seed, noise in enumerate(NOISE):
                for a, attribute in enumerate(ATTRIBUTES):
                    for position in range(a + 1 if variant == "single" else 6):
                        value = start if position == 0 else 0.5
                        if variant == "single" and position == a:
                            value = late
                        value = (value if kind == "none" else control) + noise / 2
                        row = {"variant": variant, "control": kind, "seed": seed, "task": "first"}
                        row |= {"attribute": attribute, "position": position, "majority": 0.1}
                        rows.append(row | {"accuracy": value})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (probed(), "reproduced"),
        (probed(single=0.3), "direction only"),
        (probed(augmented=0.8), "direction only"),
        (probed(late=0.5), "direction only"),
        (probed(control=0.3), "direction only"),
        (probed().query("control != 'labels'"), "direction only"),
        (probed(single=0.5, augmented=0.5), "not at this scale"),
        (probed(single=0.5, augmented=0.3), "contradicted"),
        (probed().query("variant == 'single'"), "not run"),
        (probed().query("control != 'none'"), "not run"),
    ],
)
def test_k4_attributes_are_early_only_with_augmentation(table: pd.DataFrame, expected: str) -> None:
    assert found("K4", table) == expected


def test_k4_effect_leaves_the_attribute_out_that_is_written_first() -> None:
    evidence = judged("K4", probed())
    assert evidence is not None
    # With birth_date (0.99 for single at its own position 0) it would be 0.72.
    assert evidence.estimate == pytest.approx(0.86)
    assert "single 12.0% (majority 10.0%)" in evidence.detail
    assert "labels +0.0%, model +0.0%" in evidence.detail


def asked(slope: float = 1.0, control: float = 0.1, seeds: int = 3) -> pd.DataFrame:
    """Whole-value Q-probes of three variants; answers are 0.5 + slope (probe - 0.5) and noise."""
    rows = []
    for variant, value in (("single", 0.1), ("multi5", 0.45), ("multi5+permute", 0.95)):
        for kind in ("none", "labels", "model"):
            for seed in range(seeds):
                for a, attribute in enumerate(ATTRIBUTES[1:]):
                    probe = value + 0.01 * a
                    answer = 0.5 + slope * (probe - 0.5) + 0.05 * (-1) ** (a // 2 + seed)
                    row = {"variant": variant, "control": kind, "seed": seed, "task": "whole"}
                    row |= {"attribute": attribute, "majority": 0.1}
                    row |= {"accuracy": probe if kind == "none" else control}
                    answer = answer if kind == "none" else None
                    rows.append(row | {"qa_accuracy": answer, "qa_first_token_accuracy": answer})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (asked(), "reproduced"),
        (asked(slope=0.1), "direction only"),
        (asked(control=0.3), "direction only"),
        (asked().query("control == 'none'"), "direction only"),
        (asked(slope=0.0), "not at this scale"),
        (asked(seeds=1), "not at this scale"),
        (asked(slope=-1.0), "contradicted"),
        (asked().query("variant == 'single'"), "not run"),
        (asked().assign(qa_accuracy=float("nan")), "not run"),
    ],
)
def test_k5_probes_of_the_name_go_with_answers(table: pd.DataFrame, expected: str) -> None:
    assert found("K5", table) == expected


def minority(without: float, helped: float, variant: str = "single+permute1") -> pd.DataFrame:
    """A minority without and with celebrities, and fewer celebrities that must not count."""
    arms = ((0, without), (10, 0.0), (100, helped))
    return pd.concat([taught(variant, test, celebrities=count) for count, test in arms])


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (minority(0.05, 0.7), "reproduced"),
        (minority(0.05, 0.3), "direction only"),
        (minority(0.05, 0.05), "not at this scale"),
        (minority(0.3, 0.05), "contradicted"),
        (minority(0.05, 0.7, variant="single"), "not run"),
        (minority(0.05, 0.7).query("celebrities == 0"), "not run"),
        (minority(0.05, 0.7).query("celebrities > 0"), "not run"),
    ],
)
def test_k6_celebrities_help_the_minority(table: pd.DataFrame, expected: str) -> None:
    assert found("K6", table) == expected


def test_k6_names_the_other_minorities_too() -> None:
    table = pd.concat([minority(0.05, 0.7), minority(0.1, 0.4, variant="single")])
    evidence = judged("K6", table)
    assert evidence is not None
    assert evidence.estimate == pytest.approx(0.65)
    assert "single 10.0% -> 40.0%, single+permute1 5.0% -> 70.0%" in evidence.detail


def directions(causal: float, masked: float, variant: str = "multi5+permute") -> pd.DataFrame:
    """A causal and a bidirectional model, finetuned; the latter mixed as well."""
    both = [
        taught(variant, causal, causal=True, arch="gpt2_rot"),
        taught(variant, masked, causal=False, arch="gbert", test_accuracy_major=masked + 0.1),
        mixed(variant, 0.3, causal=False, arch="gbert"),
    ]
    return pd.concat(both)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (directions(0.95, 0.04), "reproduced"),
        (directions(0.95, 0.4), "direction only"),
        (directions(0.4, 0.4), "not at this scale"),
        (directions(0.04, 0.4), "contradicted"),
        (directions(0.95, 0.04, variant="single"), "not run"),
        (directions(0.95, 0.04).query("arch == 'gbert'"), "not run"),
        (directions(0.95, 0.04).query("arm == 'mixed'"), "not run"),
    ],
)
def test_k7_bidirectional_models_cannot_be_made_to_answer(
    table: pd.DataFrame, expected: str
) -> None:
    assert found("K7", table) == expected


def test_k7_names_the_best_attribute_and_mixed_training() -> None:
    evidence = judged("K7", directions(0.95, 0.04))
    assert evidence is not None
    assert evidence.estimate == pytest.approx(0.91)
    assert "best attribute major 14.0%" in evidence.detail
    assert evidence.detail.endswith("mixed 30.0%")


def test_the_ledger_judges_the_tables_as_they_are_written(tmp_path: Path) -> None:
    encoders = {
        ("gpt2_rot", "finetune", "multi5+permute"): 0.95,
        ("gbert", "finetune", "multi5+permute"): 0.05,
    }
    minorities = celebrity_inputs(tmp_path / "c", {"single+permute1": (0.05, 0.7)})
    made = {
        "extraction": extraction.table(extraction_inputs(tmp_path / "e")),
        "p_probing": p_probing.table({"runs": p_runs(tmp_path, ("single", "multi5+permute"))}),
        "q_probing": q_probing.table(q_inputs(tmp_path / "q")),
        "celebrity": celebrity.table(minorities),
        "encoder_extraction": encoder_extraction.table(encoder_inputs(tmp_path / "b", encoders)),
    }
    tables = {}
    for name, frame in made.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        tables[f"{name}/{name}"] = pd.read_csv(tmp_path / f"{name}.csv")
    rows = claims.judge(list(LEDGER.values()), tables).set_index("id")
    assert list(rows.loc[[f"K{i}" for i in range(1, 8)], "verdict"]) == ["reproduced"] * 7
    assert list(rows.loc[[f"K{i}" for i in range(1, 8)], "n_seeds"]) == [3] * 7
    assert set(rows.loc[[f"K{i}" for i in range(8, 25)], "verdict"]) == {"not run"}


def test_differences_are_taken_for_the_seeds_that_both_arms_have() -> None:
    one, other = pd.Series({0: 0.5, 1: 0.6, 3: 0.9}), pd.Series({1: 0.1, 3: 0.2, 4: 0.3})
    assert dict(rules.difference(one, other)) == pytest.approx({1: 0.5, 3: 0.7})
