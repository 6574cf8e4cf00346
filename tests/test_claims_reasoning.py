"""The rules of R1 to R9 on made-up tables: every verdict, and nothing said without the runs."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
import pytest

from physlm.figures import depth, igsm_checks, mistakes, reasoning, v_probing
from tests.figures import problem_records as made_up
from tests.figures.problem_records import v_probe
from tests.ledger import LEDGER, found, judged

NOISE = (-0.004, 0.0, 0.004)
ORDERS = ("pq", "qp")
Change = Callable[[pd.DataFrame], pd.DataFrame]


def detail(claim: str, table: pd.DataFrame) -> str:
    evidence = judged(claim, table)
    assert evidence is not None
    return evidence.detail


def test_every_claim_of_reasoning_has_a_rule_and_a_table() -> None:
    tables = {claim: LEDGER[f"R{claim}"].table for claim in range(1, 10)}
    assert set(tables.values()) == {
        f"{name}/{name}" for name in ("igsm_checks", "reasoning", "v_probing", "mistakes", "depth")
    }


# --- R1 and R2: the problems


def oracle(**changes: Any) -> pd.DataFrame:
    """Checks without a fault, but for `changes` in the last row."""
    good = {"check": "oracle", "n": 100, "direct": 60, "implicit": 40, "instance": 5}
    good |= dict.fromkeys(igsm_checks.MEASURED, 100)
    good |= {"spoiled_accepted": 0, "dependencies": 1000, "told_in_order": 505}
    rows = [
        good | {"world": world, "order": order, "reask": reask}
        for world in ("med", "micro")
        for order in ORDERS
        for reask in (False, True)
    ]
    rows[-1] |= changes
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (oracle(), "reproduced"),
        (oracle(answers=99), "direction only"),
        (oracle(necessary=99), "direction only"),
        (oracle(ops=99), "direction only"),
        (oracle(accepted=99), "direction only"),
        (oracle(in_limits=99), "direction only"),
        (oracle(placed=99), "direction only"),
        (oracle(told_in_order=900), "direction only"),
        (oracle().assign(instance=0), "direction only"),
        (oracle().query("order == 'pq'"), "direction only"),
        (oracle().query("not reask"), "direction only"),
        (oracle().assign(accepted=0), "not at this scale"),
        (oracle().assign(accepted=0, spoiled_accepted=100), "contradicted"),
        (oracle().assign(check="split"), "not run"),
    ],
)
def test_r1_both_sides_agree(table: pd.DataFrame, expected: str) -> None:
    assert found("R1", table) == expected


def templates(
    n: int = 84_000, pairs: int = 0, hard_pairs: int = 0, shared: int = 0
) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for world, op, number, agree in (
        ("med", 4, 3000, 30_000),
        ("med", 15, n, pairs),
        ("hard", 21, 5000, hard_pairs),
    ):
        row = {"check": "templates", "world": world, "op": op, "n": number, "pairs": agree}
        row |= {"estimate": number**2 / 2 / agree if agree else None}
        rows.append(row | {"at_least": number**2 / 2 / (agree + 3)})
    for world in ("med", "micro"):
        row = {"check": "split", "world": world, "shared": shared if world == "micro" else 0}
        rows.append(row | {"distinct_train": 500, "distinct_test": 400})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (templates(), "reproduced"),
        (templates(shared=1), "direction only"),
        (templates(n=80_000), "direction only"),
        # One pair leaves 3.5e9, half of what was published.
        (templates(pairs=1), "direction only"),
        (templates(hard_pairs=1), "direction only"),
        (templates(n=10_000), "contradicted"),
        (templates(pairs=100), "contradicted"),
        (templates().query("op != 15"), "not run"),
        (templates().query("world != 'hard'"), "not run"),
        (templates().query("check == 'templates'"), "not run"),
    ],
)
def test_r2_templates_are_many_and_apart(table: pd.DataFrame, expected: str) -> None:
    assert found("R2", table) == expected


def test_r2_compares_with_what_training_sees() -> None:
    evidence = judged("R2", templates())
    assert evidence is not None
    assert evidence.estimate == pytest.approx(math.log10(84_000**2 / 6))
    assert evidence.no_effect == pytest.approx(math.log10(1.2e8))
    assert "0 pairs of 84,000 agree, at least 1.2e+09" in evidence.detail
    assert "in the paper's way 7.1e+09" in evidence.detail


# --- R3, R4 and R8: solutions


def solved(
    seeds: Iterable[int] = (0, 1, 2), orders: tuple[str, ...] = ORDERS, **more: Any
) -> pd.DataFrame:
    """Models that differ by a little noise in what they solve and write without need."""
    base, fall = more.pop("base", 0.985), more.pop("fall", 0.1)
    needless = more.pop("needless", 0.02)
    rows = []
    for order in orders:
        for seed in seeds:
            noise = {"base": base + NOISE[seed % 3], "needless": needless + NOISE[seed % 3]}
            run = made_up.reasoning(seed, fall=fall, order=order, n=1000, **(more | noise))
            rows += reasoning.rows_of(run)
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (solved(), "reproduced"),
        (solved(orders=("qp",)), "reproduced"),
        (solved(base=0.9), "direction only"),
        # 8 operations are 1.6 times the range: 0.375 is less than half of the published 77 %.
        (solved(fall=0.21), "direction only"),
        (solved(base=0.7, fall=0.3), "contradicted"),
        (solved(base=0.985, fall=0.358), "not at this scale"),
        (solved(seeds=(0, 1)), "not at this scale"),
        (solved(ops=(4, 5)), "not run"),
        (solved(ops=(6, 7)), "not run"),
        (solved(steps=0), "not run"),
        (solved(world="plan", preset="plan"), "not run"),
    ],
)
def test_r3_longer_problems_are_solved(table: pd.DataFrame, expected: str) -> None:
    assert found("R3", table) == expected


def test_r3_takes_the_hardest_preset_and_its_largest_models() -> None:
    easy = solved(base=0.5).assign(n_params=9_000_000)
    hard = solved(preset="med", op_max=15, ops=(15, 20, 23), fall=0.02)
    small = solved(preset="med", op_max=15, ops=(15, 20, 23), base=0.3).assign(n_params=1000)
    evidence = judged("R3", pd.concat([easy, hard, small]))
    assert evidence is not None
    assert evidence.detail.startswith("med, trained up to op 15; 15: 98.5%, 20: 88.5%, 23: 82.5%")
    assert evidence.estimate == pytest.approx(0.855 - 0.3, abs=1e-3)


def test_r3_takes_seeds_that_have_both_orders() -> None:
    table = pd.concat([solved(orders=("pq",)), solved(seeds=(0, 1), orders=("qp",))])
    evidence = judged("R3", table)
    assert evidence is not None
    assert evidence.n_seeds == 2


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (solved(), "reproduced"),
        (solved(needless=0.045), "reproduced"),
        (solved(needless=0.06), "direction only"),
        # Four times as many on problems asked again: more than a tenth of the 4 without a plan.
        (solved().query("not reask"), "direction only"),
        (solved(needless=2.5), "not at this scale"),
        (solved(needless=3.0), "contradicted"),
        (solved(base=0.02), "not run"),
        (solved(ops=(6, 7)), "not run"),
    ],
)
def test_r4_there_is_no_needless_step(table: pd.DataFrame, expected: str) -> None:
    assert found("R4", table) == expected


def test_r4_asks_again() -> None:
    table = solved(needless=0.02)
    again = table["reask"].astype(bool) & (table["part"] == "op")
    assert found("R4", table.assign(unnecessary=table["unnecessary"].where(~again, 0.41))) == (
        "direction only"
    )
    assert "asked again 0.080, without a plan 4.00" in detail("R4", table)


def shaped(
    deep: float = 0.1, wide: float = 0.25, params: int = 500_000, **more: Any
) -> pd.DataFrame:
    """Deep and wide models, and one between, by what they lose beyond the range."""
    parts = []
    for n_layers, d_model, fall, size in (
        (2, 192, wide, params),
        (4, 128, (deep + wide) / 2, 460_000),
        (8, 96, deep, 450_000),
    ):
        shape = {"n_layers": n_layers, "d_model": d_model, "n_params": size}
        settings: dict[str, Any] = more | shape
        parts.append(solved(fall=fall, **settings))
    table = pd.concat(parts)
    return table[table["part"] == reasoning.OP].assign(part=depth.SOLVED)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (shaped(), "reproduced"),
        # 0.06 for every one of 6 to 8 operations: exactly half of what was published on average.
        (shaped(deep=0.2, wide=0.255), "direction only"),
        (shaped(params=700_000), "direction only"),
        (shaped(deep=0.2, wide=0.2), "not at this scale"),
        (shaped(deep=0.25, wide=0.1), "contradicted"),
        (shaped(seeds=(0, 1)), "not at this scale"),
        (shaped().query("n_layers == 8"), "not run"),
        (shaped().query("op <= 5"), "not run"),
    ],
)
def test_r8_depth_beats_width(table: pd.DataFrame, expected: str) -> None:
    assert found("R8", table) == expected


def test_r8_takes_the_rate_of_each_shape_that_was_learned_best() -> None:
    good = shaped().assign(lr_peak=0.002, final_loss_nats=0.02)
    # A rate with a higher loss counts for nothing, however many test problems it solves.
    bad = shaped(deep=0.0, wide=0.0).assign(lr_peak=0.001, final_loss_nats=0.03)
    table = pd.concat([good, bad])
    assert judged("R8", table) == judged("R8", good)
    assert "2 x 192 48.5%, 4 x 128 63.5%, 8 x 96 78.5%" in detail("R8", table)


# --- R5, R6, R7 and R9: what probes read


def probed(
    accuracy: float = 0.97,
    seeds: Iterable[int] = (0, 1, 2),
    change: Callable[[dict[str, Any], str], None] | None = None,
    orders: tuple[str, ...] = ORDERS,
    **more: Any,
) -> pd.DataFrame:
    """Probes of models and of untrained ones; `change` is made to each result of a control."""
    rows = []
    for order in orders:
        for seed in seeds:
            for control in ("none", "model"):
                right = accuracy + NOISE[seed % 3]
                run = v_probe(seed, control, right, order=order, **more)
                for result in run["results"] if change else []:
                    change(result, control)  # type: ignore[misc]
                rows += v_probing.rows_of(run)
    return pd.DataFrame(rows)


def setting(task: str, control: str, **values: float) -> Callable[[dict[str, Any], str], None]:
    """A change of the results of one task and control; labels and parts too."""

    def change(result: dict[str, Any], of: str) -> None:
        if (result["task"], of) == (task, control):
            result |= values
            for part in (result["necessary"], result["unnecessary"]):
                part |= values
                for label in part["by_label"]:
                    label |= values

    return change


def one_sided(result: dict[str, Any], control: str) -> None:
    """A probe of dep that says no in most cases."""
    if result["task"] == "dep" and control == "none":
        result["unnecessary"]["by_label"][1]["accuracy"] = 0.6


def without(task: str) -> Change:
    return lambda table: table[table["task"] != task]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (probed(), "reproduced"),
        (probed(change=setting("value", "none", accuracy=0.9)), "direction only"),
        (probed(change=setting("nece", "none", accuracy=0.56)), "not at this scale"),
        (probed(change=setting("nece", "none", accuracy=0.5)), "contradicted"),
        # The untrained model's probe is as good as the trained one's.
        (probed(change=setting("dep", "model", accuracy=0.97)), "not at this scale"),
        (probed(seeds=(0, 1)), "not at this scale"),
        (without("known")(probed()), "not run"),
        (probed().query("control == 'none'"), "not run"),
        (probed(layer=2), "not run"),
    ],
)
def test_r5_all_tasks_can_be_read(table: pd.DataFrame, expected: str) -> None:
    assert found("R5", table) == expected


def test_r5_is_of_the_worst_task() -> None:
    evidence = judged("R5", probed())
    assert evidence is not None
    # nece_next has a majority of 90 % and an untrained model of 91 %; op 7 and 8 cost 1 and 1.5.
    assert evidence.estimate == pytest.approx(0.97 - 0.025 / 4 - 0.91)
    assert "nece_next 96.4% (in range 97.0%; majority 90.0%, untrained 91.0%)" in evidence.detail


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (probed(), "reproduced"),
        (probed(accuracy=0.9), "direction only"),
        (probed(change=one_sided), "direction only"),
        (probed(change=setting("can_next", "none", accuracy=0.525)), "not at this scale"),
        (probed(change=setting("can_next", "none", accuracy=0.4)), "contradicted"),
        (probed(change=setting("dep", "model", accuracy=0.99)), "contradicted"),
        (without("dep")(probed()), "not run"),
        (probed().query("control == 'none'"), "not run"),
        (probed().query("about != 'unnecessary'"), "not run"),
    ],
)
def test_r6_needless_parameters_are_known(table: pd.DataFrame, expected: str) -> None:
    # Untrained models say no: 0.95 and 0.1, which is 0.525 balanced.
    assert found("R6", table) == expected


def written(right: float = 0.35, seeds: Iterable[int] = (0, 1, 2), **more: Any) -> pd.DataFrame:
    rows = []
    for order in ORDERS:
        for seed in seeds:
            cells = made_up.mistakes(right=right + NOISE[seed % 3], **more)
            run = v_probe(seed, order=order, mistakes=cells)
            for cell in cells:
                known = reasoning.flat(run) | {"op": cell["op"], "reask": cell["reask"]}
                known |= {"n_wrong": cell["can_next"]["wrong"]}
                rows += [known | mistakes._case_of(cell, *case) for case in mistakes.CASES]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (written(), "reproduced"),
        (written(right=0.7), "direction only"),
        (written(overall=0.8), "direction only"),
        (written(not_ready=0.4), "direction only"),
        (written(right=0.98), "not at this scale"),
        (written(right=0.99, overall=0.6), "contradicted"),
        (written(seeds=(0, 1)), "not at this scale"),
        # 2.5 of them per cell and order.
        (written(n=2), "not at this scale"),
        (written().assign(case="solutions"), "not run"),
        (written().assign(steps=0), "not run"),
    ],
)
def test_r7_mistakes_are_foreseen(table: pd.DataFrame, expected: str) -> None:
    assert found("R7", table) == expected


def test_r7_says_what_little_it_found() -> None:
    evidence = judged("R7", written(n=2))
    assert evidence is not None
    assert evidence.n_seeds == 0
    assert "70.0% of" in detail("R7", written())


def known(
    reach: float = 1.5, last: float = 0.95, first: float = 0.0, n_layers: int = 6, **more: Any
) -> pd.DataFrame:
    """Layers that know a distance t from layer `reach` * (t - 1) on, and nothing before."""
    rows = []
    for seed in more.pop("seeds", (0, 1, 2)):
        for layer in range(n_layers):
            shares = {
                t: last if layer >= reach * (t - 1) + NOISE[seed] else first for t in range(4)
            }
            run = v_probe(seed, layer=layer, tasks=("nece",), distances=shares, n_layers=n_layers)
            rows += [row for row in v_probing.rows_of(run | more) if "distance" in row]
    return pd.DataFrame(rows).assign(part=depth.PROBED)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (known(), "reproduced"),
        (known(last=0.7), "direction only"),
        (known(reach=0), "not at this scale"),
        (known(seeds=(0, 1)), "not at this scale"),
        (known().assign(n=10), "not run"),
        (known().query("distance < 2"), "not run"),
        (known().query("layer == 5"), "not run"),
    ],
)
def test_r9_deeper_layers_reach_farther(table: pd.DataFrame, expected: str) -> None:
    # Seeds without noise have no interval to speak of, but a little: see NOISE in `known`.
    assert found("R9", table) == expected


def test_r9_counts_layers_that_do_not_know_yet() -> None:
    evidence = judged("R9", known())
    assert evidence is not None
    # Distance 1 is known from the first layer on (one seed: from the second), 3 from the fourth.
    assert evidence.estimate == pytest.approx(3 - 0 + (0 - 1 + 1) / 3, abs=0.34)
    assert "last 95.0% to 95.0%" in evidence.detail


def test_r9_is_contradicted_where_near_ones_come_last() -> None:
    table = known()
    turned = table.assign(distance=4 - table["distance"])
    assert found("R9", turned[turned["distance"] < 4]) == "contradicted"


def test_claims_of_empty_tables_are_not_run() -> None:
    empty = {"reasoning": reasoning, "v_probing": v_probing, "mistakes": mistakes, "depth": depth}
    for number in range(3, 10):
        name = LEDGER[f"R{number}"].table.split("/")[0]
        assert found(f"R{number}", empty[name].table({})) == "not run"
