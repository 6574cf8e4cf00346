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
    table: pd.DataFrame,
    preset: str,
    op: int,
    trained_problems: float,
    published: float,
    published_hard: float,
    hard_op: int,
) -> Evidence | None:
    """R2: there are more templates than training sees problems, and none of the test's among them.

    The effect is log10 of how many templates of `preset` there are at `op` operations: the least
    that the pairs of equal ones among those drawn allow (95 %); "no effect" is log10 of
    `trained_problems`, those of the published training. The relation: no template is on both sides
    of the split in any world; and the number of templates, going on as log10 of it grows from 4
    operations on, reaches `published` at `op` and `published_hard` at `hard_op` (lower bounds).
    """
    split = table[table["check"] == "split"]
    counted = table[(table["check"] == "templates") & (table["world"] == preset)]
    at = counted[counted["op"] == op]
    few = counted[(counted["op"] >= 4) & (counted["pairs"] >= 5)]
    if at.empty or split.empty or len(few) < 2:
        return None
    row = at.iloc[0]
    least = row["at_least"]
    if row["pairs"] > 0:
        least = row["estimate"] - 1.645 * row["error"]
    logs = few["estimate"].map(math.log10)
    growth = ((few["op"] - few["op"].mean()) * (logs - logs.mean())).sum() / (
        (few["op"] - few["op"].mean()) ** 2
    ).sum()
    reached = [logs.mean() + growth * (x - few["op"].mean()) for x in (op, hard_op)]
    shared = int(split["shared"].sum())
    texts = int(split["distinct_train"].sum() + split["distinct_test"].sum())
    ops = f"{few['op'].min():.0f} to {few['op'].max():.0f}"
    detail = (
        f"{preset}, op {op}: {int(row['distinct']):,} different of {int(row['n']):,}, at least "
        f"10^{math.log10(max(least, 1)):.1f} templates (95 %); op {ops} grow by 10^{growth:.2f} "
        f"each, which makes 10^{reached[0]:.1f} at op {op} (published > 10^"
        f"{math.log10(published):.1f}) and 10^{reached[1]:.1f} at {hard_op} (> 10^"
        f"{math.log10(published_hard):.1f}); {shared} of {texts:,} templates on both sides"
    )
    enough = 10 ** reached[0] >= published and 10 ** reached[1] >= published_hard
    log_least = math.log10(max(least, 1))
    return _exact(log_least, math.log10(trained_problems), shared == 0 and enough, detail)
