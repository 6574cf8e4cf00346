"""The rules of L1 to L8 on hand-made tables: every verdict, and nothing said without the runs."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from physlm import claims
from physlm.claim_rules import grammars as rules
from physlm.figures import cfg_attention, cfg_generation, cfg_probing, cfg_robustness
from tests.figures.grammar_records import (
    attention,
    folder,
    generation,
    robustness,
    tree_probe,
)
from tests.ledger import LEDGER, found, judged

NOISE = (-0.004, 0.0, 0.004)
WORLD: dict[str, Any] = {"grammar": "cfg3f", "root": 16, "n_levels": 5, "steps": 1000}


def written(seeds: tuple[int, ...] = (0, 1, 2), **accuracies: float) -> pd.DataFrame:
    """Models that write from nothing, and better after a cut, which must not count."""
    rows = []
    for i, (arch, accuracy) in enumerate(accuracies.items()):
        for seed in seeds:
            # The noise of each architecture is another one.
            value = accuracy + NOISE[(seed + i) % 3]
            row = WORLD | {"arch": arch, "seed": seed}
            rows += [row | {"cut": 0, "accuracy": value}, row | {"cut": 0.3, "accuracy": 1.0}]
    return pd.DataFrame(rows)


def positions(rel: float = 0.98, rot: float = 0.97, gpt2: float = 0.6, **more: Any) -> pd.DataFrame:
    return written(gpt2_rel=rel, gpt2_rot=rot, gpt2=gpt2, **more)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (positions(), "reproduced"),
        (positions(rel=0.965), "reproduced"),
        (positions(rel=0.93), "direction only"),
        (positions(rel=0.8, rot=0.8), "direction only"),
        (positions().query("arch != 'gpt2_rel'"), "direction only"),
        (positions(gpt2=0.97), "not at this scale"),
        (positions(seeds=(0, 1)), "not at this scale"),
        (positions(rot=0.5), "contradicted"),
        (positions().query("arch != 'gpt2'"), "not run"),
        (positions().assign(steps=0), "not run"),
        (positions().query("cut > 0"), "not run"),
    ],
)
def test_l1_relative_and_rotary_beat_absolute(table: pd.DataFrame, expected: str) -> None:
    assert found("L1", table) == expected


def test_l1_takes_the_hardest_grammar_that_has_both() -> None:
    easy = positions(gpt2=0.97).assign(grammar="cfg3b", n_levels=7, root=22)
    deeper = written(gpt2_rot=0.3).assign(root=19, n_levels=6)
    evidence = judged("L1", pd.concat([easy, deeper, positions()]))
    assert evidence is not None
    assert evidence.estimate == pytest.approx(0.37)
    assert evidence.detail.startswith("cfg3f from 16 (5 levels): relative 98.0% (+1.0%), rotary 97")


def diverse(
    model: float = 44.5, trees: float = 0.97, n: int = 200, spread: float = 0.1
) -> pd.DataFrame:
    """Entropies and distinct counts of rotary models; those of absolute ones must not count."""
    rows = []
    for arch in ("gpt2_rot", "gpt2"):
        for seed in range(3):
            row = WORLD | {"arch": arch, "seed": seed, "cut": 0, "accuracy": 0.9}
            row |= {"model_bits": model + spread * (seed - 1), "truth_bits": 44.0, "n_distinct": n}
            counts = {1: (9, 9), 2: (120 * trees, 120), 3: (198, 200), 4: (200, 200)}
            for depth, (one, other) in counts.items():
                row[f"distinct_model_d{depth}"] = one if n else 0
                row[f"distinct_truth_d{depth}"] = other if n else 0
            # A depth that this grammar does not have.
            row |= {"distinct_model_d5": None, "distinct_truth_d5": None}
            rows.append(row | ({"model_bits": 90.0} if arch == "gpt2" else {}))
    return pd.DataFrame(rows).astype({"distinct_model_d5": float, "distinct_truth_d5": float})


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (diverse(), "reproduced"),
        (diverse(model=43.2), "reproduced"),
        (diverse(model=46.5), "direction only"),
        (diverse(model=41.5), "direction only"),
        (diverse(trees=0.93), "direction only"),
        (diverse(model=48.9, spread=2.0), "not at this scale"),
        (diverse().query("seed == 0"), "not at this scale"),
        (diverse(model=80), "contradicted"),
        (diverse(model=20), "contradicted"),
        (diverse(trees=0.5), "contradicted"),
        (diverse(n=0), "contradicted"),
        (diverse().query("arch == 'gpt2'"), "not run"),
    ],
)
def test_l2_output_is_as_diverse_as_the_grammar(table: pd.DataFrame, expected: str) -> None:
    assert found("L2", table) == expected


def test_l2_effect_is_the_worst_likeness_either_way() -> None:
    own = diverse(spread=0.0).query("arch == 'gpt2_rot'")
    alike = rules.likenesses(own)
    assert list(alike) == ["entropy", "d1", "d2", "d3", "d4"]
    assert alike.iloc[0].tolist() == pytest.approx([44 / 44.5, 1, 0.97, 0.99, 1])
    # More than the grammar has is as unlike as less.
    more = rules.likenesses(own.assign(distinct_model_d2=150.0))
    assert more["d2"].tolist() == pytest.approx([0.8] * 3)
    evidence = judged("L2", own)
    assert evidence is not None
    assert (evidence.estimate, evidence.no_effect) == pytest.approx((0.97, 0.9))
    assert "44.5 bits, the grammar's 44.0 (+1.1%); distinct trees at worst 97.0% alike (d2)" in (
        evidence.detail
    )


def divergent(
    rot: float = 0.001, gpt2: float = 0.006, untrained: float | None = None
) -> pd.DataFrame:
    """KL of rotary and absolute models, and of untrained ones if it is given."""
    parts = {("gpt2_rot", 1000): rot, ("gpt2", 1000): gpt2}
    if untrained is not None:
        parts["gpt2_rot", 0] = untrained
    rows = [
        WORLD
        | {"arch": arch, "steps": steps, "seed": seed, "cut": 0, "exact_nats": 0.742}
        | {"kl_nats": kl * (1 + 10 * NOISE[seed])}
        for (arch, steps), kl in parts.items()
        for seed in range(3)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (divergent(), "reproduced"),
        (divergent(untrained=0.6), "reproduced"),
        # No better than absolute, but untrained models are the control where they were run.
        (divergent(gpt2=0.001, untrained=0.6), "reproduced"),
        (divergent(rot=0.003), "direction only"),
        (divergent(rot=0.005, untrained=0.6), "direction only"),
        (divergent(gpt2=0.001), "not at this scale"),
        (divergent(rot=0.02), "contradicted"),
        (divergent(rot=0.9, untrained=0.6), "contradicted"),
        (divergent().query("arch == 'gpt2'"), "not run"),
        (divergent().query("arch == 'gpt2_rot'"), "not run"),
    ],
)
def test_l3_distribution_matches(table: pd.DataFrame, expected: str) -> None:
    assert found("L3", table) == expected


def test_l3_names_the_control_and_the_share_of_the_loss() -> None:
    evidence = judged("L3", divergent(untrained=0.5))
    assert evidence is not None
    assert evidence.estimate == pytest.approx(1 - 0.001 / 0.5)
    assert "KL 0.001 nats per token, 0.13% of the loss" in evidence.detail
    assert evidence.detail.endswith("untrained 0.5 nats")
    other = judged("L3", divergent())
    assert other is not None
    assert other.estimate == pytest.approx(1 - 1 / 6)


def simple(
    pos: float = 0.94, uni: float = 0.93, rot: float = 0.97, gpt2: float = 0.6
) -> pd.DataFrame:
    return written(gpt2_pos=pos, gpt2_uni=uni, gpt2_rot=rot, gpt2=gpt2)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (simple(), "reproduced"),
        (simple(uni=0.8), "direction only"),
        (simple(pos=0.8), "direction only"),
        (simple(gpt2=0.928), "not at this scale"),
        (simple(uni=0.5), "contradicted"),
        (simple().query("arch != 'gpt2_uni'"), "not run"),
        (simple().query("arch != 'gpt2_rot'"), "not run"),
    ],
)
def test_l4_simple_attention_does_nearly_as_well(table: pd.DataFrame, expected: str) -> None:
    assert found("L4", table) == expected


def test_l4_takes_the_worse_of_the_two() -> None:
    evidence = judged("L4", simple(pos=0.8, uni=0.9))
    assert evidence is not None
    assert evidence.estimate == pytest.approx(0.2)


def probes(
    symbol: float = 0.95,
    boundary: float = 0.98,
    diagonal: float = 0.96,
    control: float = 0.6,
    ends: float = 0.8,
    ceiling: float | None = 0.99,
) -> pd.DataFrame:
    """Probes of rotary models and their controls; of a middle layer, which must not count."""
    asked = {("symbol", "whole"): (symbol, control), ("boundary", "whole"): (boundary, ends)}
    asked["symbol", "diagonal"] = (diagonal, control)
    rows = []
    for (question, span), values in asked.items():
        for kind, value in zip(("none", "model"), values, strict=True):
            for seed, noise in enumerate(NOISE):
                for depth in (1, 2, 3):
                    row = WORLD | {"arch": "gpt2_rot", "seed": seed, "control": kind, "span": span}
                    row |= {"question": question, "depth": depth, "height": 4 - depth}
                    row |= {"ceiling": ceiling, "accuracy": value + noise * (kind == "none")}
                    rows += [row | {"layer": None}, row | {"layer": 0, "accuracy": 0.1}]
    return pd.DataFrame(rows).astype({"layer": float, "ceiling": float})


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (probes(), "reproduced"),
        (probes(ceiling=None), "reproduced"),
        (probes(symbol=0.9), "direction only"),
        (probes(boundary=0.9), "direction only"),
        (probes(diagonal=0.9), "direction only"),
        (probes(symbol=0.9, ceiling=0.93, boundary=0.9, diagonal=0.9), "reproduced"),
        (probes(boundary=0.93, ends=0.93), "direction only"),
        (probes().query("question == 'symbol'"), "direction only"),
        (probes().query("span == 'whole'"), "direction only"),
        (probes(control=0.95), "not at this scale"),
        (probes(symbol=0.5), "contradicted"),
        (probes().query("control == 'none'"), "not run"),
        (probes().query("control == 'model'"), "not run"),
        (probes().query("span == 'diagonal'"), "not run"),
        (probes().query("layer == 0"), "not run"),
    ],
)
def test_l5_trees_are_decodable(table: pd.DataFrame, expected: str) -> None:
    assert found("L5", table) == expected


def test_l5_gain_is_over_the_untrained_model() -> None:
    evidence = judged("L5", probes())
    assert evidence is not None
    assert evidence.estimate == pytest.approx(0.35)
    assert "symbol whole: 95.0 95.0 95.0 % from the tokens up" in evidence.detail


def looks(
    near: float = 0.02,
    far: float = 0.005,
    peak: float = 0.006,
    beside: float = -0.001,
    n_pairs: int = 1000,
) -> pd.DataFrame:
    """Excess attention of three levels; a wild value of few pairs must not count."""
    rows = []
    for seed, noise in enumerate(NOISE):
        for height in (1, 2, 3):
            row = WORLD | {"arch": "gpt2_rot", "seed": seed, "layer": 0, "height": height}
            row["n_pairs"] = n_pairs
            ends = {-1: beside, 0: peak, 1: beside}
            rows += [row | {"kind": "end", "shift": s, "value": v} for s, v in ends.items()]
            row["kind"] = "adjacent"
            rows.append(row | {"apart": 1, "value": near + noise})
            rows.append(row | {"apart": 2, "value": far})
            rows.append(row | {"apart": 3, "value": 0.9, "n_pairs": 5})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (looks(), "reproduced"),
        (looks(far=0.03), "direction only"),
        (looks(beside=0.007), "direction only"),
        (looks(peak=-0.0005), "direction only"),
        (looks().query("kind != 'end'"), "direction only"),
        (looks().query("apart != 2"), "direction only"),
        (looks(near=0.0), "not at this scale"),
        (looks(near=-0.05), "contradicted"),
        (looks(n_pairs=50), "not run"),
        (looks().assign(arch="gpt2"), "not run"),
        (looks().query("kind == 'end'"), "not run"),
    ],
)
def test_l6_attention_goes_to_adjacent_ends(table: pd.DataFrame, expected: str) -> None:
    assert found("L6", table) == expected


def test_l6_one_level_that_differs_is_seen_and_pure_distance_has_no_effect() -> None:
    table = looks()
    one = (table["height"] == 2) & (table["kind"] == "end") & (table["shift"] == 1)
    table.loc[one, "value"] = 0.02
    evidence = judged("L6", table)
    assert evidence is not None
    assert not evidence.relation_holds
    assert "peak at ends on 2 of 3 levels, falling on 3 of 3" in evidence.detail
    assert found("L6", looks().assign(value=0.0)) == "not at this scale"


def encoders(
    deep: float = 0.7, near: float = 0.97, causal: float = 0.98, other: float = 0.6
) -> pd.DataFrame:
    """Diagonal probes of a causal model and two encoders on a grammar of 7 levels."""
    rows = []
    far = {"gpt2_rot": causal, "deberta": deep, "gbert": other}
    for i, (arch, value) in enumerate(far.items()):
        for seed in range(3):
            for depth in range(1, 6):
                row = WORLD | {"arch": arch, "seed": seed, "control": "none", "n_levels": 7}
                row |= {"question": "symbol", "span": "diagonal", "layer": float("nan")}
                row |= {"depth": depth, "height": 6 - depth, "root": 22}
                # The middle level is neither near nor deep.
                accuracy = value if depth <= 2 else 0.0 if depth == 3 else near
                if arch == "gpt2_rot" and depth > 3:
                    accuracy = 0.99
                rows.append(row | {"accuracy": accuracy + NOISE[(seed + i) % 3]})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (encoders(), "reproduced"),
        (encoders(deep=0.92), "direction only"),
        (encoders(near=0.9), "direction only"),
        (encoders(deep=0.98), "not at this scale"),
        (encoders(causal=0.5), "contradicted"),
        (encoders().query("arch == 'gpt2_rot'"), "not run"),
        (encoders().query("arch != 'gpt2_rot'"), "not run"),
        (encoders().query("depth > 2"), "not run"),
        (encoders().assign(span="whole"), "not run"),
        # No level of so shallow a grammar is deep and not near.
        (encoders().query("depth > 3").assign(depth=lambda t: t["depth"] - 3), "not run"),
    ],
)
def test_l7_encoders_miss_deep_levels(table: pd.DataFrame, expected: str) -> None:
    assert found("L7", table) == expected


def test_l7_compares_with_the_better_encoder() -> None:
    evidence = judged("L7", encoders(deep=0.7, other=0.8))
    assert evidence is not None
    assert evidence.estimate == pytest.approx(0.18)
    assert "the 2 deepest levels: causal 98.0%, gbert 80.0%" in evidence.detail


def corrupted(clean: float = 0.3, seen: float = 0.8, kind: str = "token") -> pd.DataFrame:
    """Shares of 0, 0.1 and 1 at two temperatures, and clean prefixes, which must not count."""
    rows = []
    for i, (share, value) in enumerate({0.0: clean, 0.1: seen, 1.0: 0.0}.items()):
        for seed in range(3):
            row = WORLD | {"arch": "gpt2_rot", "seed": seed, "perturbed_share": share}
            row["perturbation"] = kind if share else "none"
            value_here = value + NOISE[(seed + i) % 3]
            for temperature in (0.1, 1.0):
                for given in ("clean", "corrupted"):
                    counts = given == "corrupted" and temperature == 0.1
                    accuracy = value_here if counts else 0.5
                    more = {"given": given, "temperature": temperature, "accuracy": accuracy}
                    rows.append(row | more)
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (corrupted(), "reproduced"),
        (corrupted(seen=0.4), "direction only"),
        (corrupted(seen=0.3), "not at this scale"),
        (corrupted().query("seed > 0"), "not at this scale"),
        (corrupted(seen=0.1), "contradicted"),
        (corrupted(kind="symbol"), "not run"),
        (corrupted().query("perturbed_share == 0"), "not run"),
        (corrupted().query("perturbed_share > 0"), "not run"),
        (corrupted().query("given == 'clean'"), "not run"),
    ],
)
def test_l8_perturbed_training_helps(table: pd.DataFrame, expected: str) -> None:
    assert found("L8", table) == expected


def test_the_ledger_judges_the_tables_as_they_are_written(tmp_path: Path) -> None:
    whole = {"root": 22, "n_levels": 7}
    written_by = {"gpt2": (0.57, 0.00455), "gpt2_rel": (0.988, 0.00043), "gpt2_rot": (0.976, 6e-4)}
    written_by |= {"gpt2_pos": (0.939, 0.00093), "gpt2_uni": (0.928, 0.00112)}
    records: dict[str, list[dict[str, Any]]] = {"cfg_generation": [], "cfg_probing": []}
    for seed in range(3):
        for arch, (accuracy, kl) in written_by.items():
            record = generation(arch, seed, accuracy, kl * (1 + seed / 10), **whole)
            record["distinct"]["model"] = record["distinct"]["truth"]
            records["cfg_generation"].append(record)
        for reach in (None, 0):
            for control, accuracy in (("none", 0.99), ("model", 0.6 + 0.01 * seed)):
                record = tree_probe("gpt2_rot", seed, reach, control, accuracy, **whole)
                records["cfg_probing"].append(record)
            encoder = tree_probe("deberta", seed, reach, accuracy=0.98, **whole)
            for result in encoder["results"]:
                result["accuracy"] -= 0.3 * (result["depth"] < 3)
            records["cfg_probing"].append(encoder)
    records["cfg_attention"] = [attention("gpt2_rot", s, 1 + s / 10, **whole) for s in range(3)]
    records["cfg_robustness"] = [
        robustness(s, share, "token", accuracy + s / 100)
        for s in range(3)
        for share, accuracy in ((0.0, 0.3), (0.1, 0.79))
    ]
    modules = (cfg_generation, cfg_probing, cfg_attention, cfg_robustness)
    tables = {}
    for name, module in zip(records, modules, strict=True):
        file = "tree_probe.json" if name == "cfg_probing" else "evaluate.json"
        runs = [folder(tmp_path / name, r, file, i=i) for i, r in enumerate(records[name])]
        module.table({"runs": runs}).to_csv(tmp_path / f"{name}.csv", index=False)
        tables[f"{name}/{name}"] = pd.read_csv(tmp_path / f"{name}.csv")
    rows = claims.judge(list(LEDGER.values()), tables).set_index("id")
    for i in range(1, 9):
        assert rows.loc[f"L{i}", "verdict"] == "reproduced", rows.loc[f"L{i}", "detail"]
        assert rows.loc[f"L{i}", "n_seeds"] == 3


def test_empty_tables_are_not_run() -> None:
    tables = {"L1": cfg_generation, "L2": cfg_generation, "L3": cfg_generation}
    tables |= {"L4": cfg_generation, "L5": cfg_probing, "L6": cfg_attention, "L7": cfg_probing}
    tables["L8"] = cfg_robustness
    for claim, module in tables.items():
        assert found(claim, module.table({})) == "not run", claim
