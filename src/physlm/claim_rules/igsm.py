"""Rules of the claims about the problems of iGSM (Part 2.1, arXiv 2407.20311), R1 and R2.

They need no models: what is judged is the generator, by a reader that shares no code with it.
"""

import math

import pandas as pd

from physlm.claim_rules.evidence import Evidence


def _exact(estimate: float, no_effect: float, holds: bool, detail: str) -> Evidence:
    return Evidence(estimate, estimate, estimate, no_effect, 0, bool(holds), detail, exact=True)


def two_sides_agree(table: pd.DataFrame, told: float) -> Evidence | None:
    """R1: what is drawn is what is read: solver, grader and generator agree on every problem.

    The effect is the share of right solutions that the grader accepts, minus that of solutions
    without one of their steps. The relation, for every kind of problem: answers, necessary sets,
    three ways of counting operations, limits on op and ip and the question's place are right in all
    cases; over all there are direct and implicit dependencies and totals over totals; and stated
    dependencies are told in either order, with shares that differ from a half by at most `told`.
    """
    rows = table[table["check"] == "oracle"]
    if rows.empty:
        return None
    checks = ["answers", "necessary", "ops", "accepted", "in_limits", "placed"]
    n = int(rows["n"].sum())
    failed = {name: int((rows["n"] - rows[name]).sum()) for name in checks}
    content = {name: int(rows[name].sum()) for name in ("direct", "implicit", "instance")}
    in_order = rows["told_in_order"].sum() / rows["dependencies"].sum()
    kinds = {"pq", "qp"} <= set(rows["order"]) and bool(rows["reask"].astype(bool).any())
    holds = kinds and not any(failed.values()) and all(content.values())
    holds = holds and abs(in_order - 0.5) <= told
    accepted, spoiled = rows["accepted"].sum() / n, rows["spoiled_accepted"].sum() / n
    parts = ", ".join(f"{name} {count:,}" for name, count in content.items())
    wrong = ", ".join(f"{name} {count}" for name, count in failed.items() if count)
    detail = (
        f"{n:,} problems of {rows['world'].nunique()} worlds: failed {wrong or 'none'}; solutions "
        f"without a step accepted: {int(rows['spoiled_accepted'].sum())}; solutions with "
        f"dependencies of a kind: {parts}; needed told before needing {in_order:.1%}"
    )
    return _exact(accepted - spoiled, 0.0, holds, detail)


def templates_are_many(
    table: pd.DataFrame, trained_problems: float, published: float, op: int, hard_op: int
) -> Evidence | None:
    """R2: there are more templates than training sees problems, and none of the test's among them.

    The effect is log10 of how many templates med has at `op` operations: the least that the number
    of equal ones among those drawn allows (95 %); "no effect" is log10 of `trained_problems`, those
    of the published training. The relation: no template is on both sides of the split in any world;
    the published number is reached in the paper's own way, by which n templates no two of which
    agree speak for n^2 (otherwise the estimate counts); and of hard no two agree at `hard_op`. For
    the published number of hard, 9e13, ten million would have to be drawn.
    """
    split = table[table["check"] == "split"]
    counted = table[table["check"] == "templates"]
    med = counted[(counted["world"] == "med") & (counted["op"] == op)]
    hard = counted[(counted["world"] == "hard") & (counted["op"] == hard_op)]
    if med.empty or hard.empty or split.empty:
        return None
    own, other = med.iloc[0], hard.iloc[0]
    number = own["n"] ** 2 if own["pairs"] == 0 else own["estimate"]
    shared = int(split["shared"].sum())
    texts = int(split["distinct_train"].sum() + split["distinct_test"].sum())
    detail = (
        f"med, op {op}: {own['pairs']:.0f} pairs of {own['n']:,.0f} agree, at least "
        f"{own['at_least']:.2g} templates (95 %), in the paper's way {number:.2g} (published "
        f"{published:.2g}); hard, op {hard_op}: {other['pairs']:.0f} pairs of {other['n']:,.0f} "
        f"agree, at least {other['at_least']:.2g}; {shared} of {texts:,} on both sides of the split"
    )
    holds = shared == 0 and number >= published and other["pairs"] == 0
    return _exact(math.log10(own["at_least"]), math.log10(trained_problems), holds, detail)
