"""Rules of the claims about how models solve problems (Part 2.1, arXiv 2407.20311): R3, R4, R8.

Of several presets of iGSM in a table the hardest counts (physlm.problem_runs.hardest), of several
shapes the largest. Problem before question (pq) and question before problem (qp) count alike: the
mean of both, of the seeds that have both. In range are problems with at most `op_max` operations,
as in training; asked again are problems to which another question was put (reask).
"""

import pandas as pd

from physlm.claim_rules.evidence import Evidence, evidence
from physlm.claim_rules.extraction import difference
from physlm.figures.depth import SOLVED
from physlm.figures.reasoning import OP
from physlm.problem_runs import SHAPE, best_rates, hardest, largest


def by_seed(rows: pd.DataFrame, column: str = "accuracy") -> pd.Series:
    """Mean of `column` per seed, of each order first; seeds that lack one of the orders are left
    out.
    """
    means = rows.groupby(["seed", "order"])[column].mean().unstack("order")
    return means.dropna().mean(axis=1)


def normal(rows: pd.DataFrame) -> pd.DataFrame:
    """Those that were not asked again."""
    return rows[~rows["reask"].astype(bool)]


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    """Rows per op and reask of the largest models of the hardest preset."""
    return largest(hardest(table[table["part"] == OP]))


def solves_longer_ones(
    table: pd.DataFrame,
    published: float,
    tolerance: float,
    published_beyond: float,
    multiple: float,
    share: float,
) -> Evidence | None:
    """R3: new problems are solved, also with more operations than in training.

    The effect is accuracy beyond the range, mean over op, minus the commonest answer's share. The
    relation: at `op_max` accuracy is at least published - tolerance; and at the largest op that is
    at most `multiple` times that (published: 23 / 15) it is at least `share` of published_beyond.
    """
    rows = normal(_cells(table))
    beyond = rows[rows["op"] > rows["op_max"]]
    within = rows[rows["op"] == rows["op_max"]]
    if beyond.empty or within.empty:
        return None
    near = beyond[beyond["op"] <= multiple * beyond["op_max"]]
    far = near[near["op"] == near["op"].max()]
    reached, farthest = by_seed(within).mean(), by_seed(far).mean() if len(far) else 0.0
    by_op = rows.groupby("op")["accuracy"].mean()
    listed = ", ".join(f"{op:.0f}: {value:.1%}" for op, value in by_op.items())
    detail = (
        f"{rows['preset'].iloc[0]}, trained up to op {within['op'].iloc[0]:.0f}; {listed}; "
        f"commonest answer {beyond['majority'].mean():.1%} (published {published:.1%} at the last "
        f"op in range, {published_beyond:.1%} at {multiple:.2g} times it)"
    )
    holds = reached >= published - tolerance and farthest >= share * published_beyond
    return evidence(difference(by_seed(beyond), by_seed(beyond, "majority")), holds, detail)


def no_needless_steps(
    table: pd.DataFrame, at_most: float, share: float, correct: int
) -> Evidence | None:
    """R4: right solutions have almost no parameter that the question does not need.

    The effect is how many a solver without a plan has in the problems that the model solved, minus
    the model's, in range. The relation: the model has at most `at_most` in range, and on problems
    asked again at most `share` of what that solver has. Cells with fewer than `correct` right
    solutions do not count.
    """
    rows = _cells(table)
    rows = rows[rows["n_correct"] >= correct]
    within, again = normal(rows), rows[rows["reask"].astype(bool)]
    within = within[within["op"] <= within["op_max"]]
    if within.empty:
        return None
    own, without = (
        by_seed(within, column) for column in ("unnecessary", "level0_unnecessary_correct")
    )
    part = again["unnecessary"].mean() / again["level0_unnecessary_correct"].mean()
    detail = (
        f"{rows['preset'].iloc[0]}: {own.mean():.3f} per right solution in range, without a plan "
        f"{without.mean():.2f}; asked again {again['unnecessary'].mean():.3f}, without a plan "
        f"{again['level0_unnecessary_correct'].mean():.2f} (published 0.00 to 0.01; again 0.09 to "
        f"0.44)"
    )
    holds = own.mean() <= at_most and len(again) > 0 and part <= share
    return evidence(difference(without, own), holds, detail)


def depth_beats_width(
    table: pd.DataFrame, published: float, share: float, size: float
) -> Evidence | None:
    """R8: of models of equal size the deepest solves more than the shallowest.

    The effect is accuracy beyond the range of training, mean over op, deepest minus shallowest
    shape (each at its best learning rate). The relation: it is at least `share` of the published
    gain, and the two differ by at most the share `size` of their parameters.
    """
    solved = hardest(table[table["part"] == SOLVED])
    rows = best_rates(normal(solved))
    rows = rows[rows["op"] > rows["op_max"]]
    if rows["n_layers"].nunique() < 2:
        return None
    layers = rows["n_layers"]
    deep, wide = (rows[layers == n] for n in (layers.max(), layers.min()))
    sizes = sorted([deep["n_params"].mean(), wide["n_params"].mean()])
    parts = [
        f"{shape['n_layers']:.0f} x {shape['d_model']:.0f} {own['accuracy'].mean():.1%}"
        for _, own in rows.groupby(SHAPE)
        for shape in [own.iloc[0]]
    ]
    gain = difference(by_seed(deep), by_seed(wide))
    detail = (
        f"{rows['preset'].iloc[0]}, op {rows['op'].min():.0f} to {rows['op'].max():.0f}, layers x "
        f"width: {', '.join(parts)}; {sizes[0] / 1e6:.2f}M to {sizes[1] / 1e6:.2f}M parameters "
        f"(published {published:+.0%} of 12 over 4 layers)"
    )
    equal = sizes[1] <= (1 + size) * sizes[0]
    return evidence(gain, equal and gain.mean() >= share * published, detail)
