"""Rules of the claims about what probes read of a model (arXiv 2407.20311): R5, R6, R7, R9.

Which models count, and what in range means: see physlm.claim_rules.reasoning. Probes are asked
about problems that were not asked again, unless a rule says otherwise.
"""

import math

import pandas as pd

from physlm.claim_rules.evidence import Evidence, evidence
from physlm.claim_rules.extraction import difference
from physlm.claim_rules.reasoning import by_seed, normal
from physlm.figures.depth import SOLVED, layer_shares
from physlm.figures.mistakes import SOLUTIONS, shares
from physlm.figures.v_probing import LEVEL2, NEEDLESS, TASKS, by_label, overall
from physlm.problem_runs import hardest, largest


def _probes(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of normal problems and of the largest models of the hardest preset."""
    return normal(largest(hardest(table)))


def _gain(own: pd.DataFrame, control: pd.DataFrame, guess: pd.Series) -> pd.Series:
    """Accuracy above the better of guess and control, per seed; empty without a control."""
    above = difference(by_seed(own), guess)
    untrained = difference(by_seed(own), by_seed(control)) if len(control) else above.iloc[:0]
    return pd.concat([above, untrained], axis=1).dropna().min(axis=1)


def knows_beforehand(table: pd.DataFrame, published: float, tolerance: float) -> Evidence | None:
    """R5: all six tasks can be read of the model before it writes.

    The effect is accuracy above the better of majority and the same probe of an untrained model, of
    the worst of the six tasks (of each seed), over all op. The relation: in range the accuracy of
    each task is at least published - tolerance.
    """
    rows = overall(_probes(table))
    rows = rows[rows["task"].isin(list(TASKS))]
    own, control = (rows[rows["control"] == name] for name in ("none", "model"))
    if set(own["task"]) < set(TASKS) or set(control["task"]) < set(TASKS):
        return None
    gains, reached, parts = [], [], []
    for task in TASKS:
        mine, other = own[own["task"] == task], control[control["task"] == task]
        gains.append(_gain(mine, other, by_seed(mine, "majority")))
        within = mine[mine["op"] <= mine["op_max"]]
        reached.append(by_seed(within).mean())
        parts.append(
            f"{task} {mine['accuracy'].mean():.1%} (in range {reached[-1]:.1%}; majority "
            f"{mine['majority'].mean():.1%}, untrained {other['accuracy'].mean():.1%})"
        )
    detail = f"{own['preset'].iloc[0]}: {'; '.join(parts)}"
    holds = all(value >= published - tolerance for value in reached)
    return evidence(pd.concat(gains, axis=1).dropna().min(axis=1), holds, detail)


def knows_of_needless(table: pd.DataFrame, published: float, tolerance: float) -> Evidence | None:
    """R6: what depends on what, and what can be next, is known of parameters nobody asked for.

    Probes of dep and can_next on parameters A that the question does not need; balanced accuracy,
    the mean of both right answers. The effect is that above the better of 1/2 and the same probe of
    an untrained model, of the worse task (of each seed). The relation: for each task and right
    answer accuracy in range is at least published - tolerance.
    """
    rows = by_label(_probes(table), NEEDLESS)
    rows = rows[rows["task"].isin(LEVEL2)]
    own, control = (rows[rows["control"] == name] for name in ("none", "model"))
    if set(own["task"]) < set(LEVEL2) or set(control["task"]) < set(LEVEL2):
        return None
    gains, reached, parts = [], [], []
    for task in LEVEL2:
        mine, other = own[own["task"] == task], control[control["task"] == task]
        balanced, half = _balanced(mine), _balanced(other)
        gains.append(_gain(balanced, half, by_seed(balanced.assign(guess=0.5), "guess")))
        within = mine[mine["op"] <= mine["op_max"]]
        lowest = within.groupby("label")["accuracy"].mean()
        reached.append(lowest.min() if len(lowest) == 2 else 0.0)
        yes, no = (lowest.get(label, float("nan")) for label in (1, 0))
        parts.append(
            f"{task} in range: yes {yes:.1%}, no {no:.1%}; untrained balanced "
            f"{half['accuracy'].mean():.1%}"
        )
    detail = f"{own['preset'].iloc[0]}: {'; '.join(parts)} (published {published:.1%} or more)"
    holds = all(value >= published - tolerance for value in reached)
    return evidence(pd.concat(gains, axis=1).dropna().min(axis=1), holds, detail)


def _balanced(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of the right answers of each cell; columns seed, order, accuracy."""
    keys = ["seed", "order", "op"]
    return pd.DataFrame(rows.groupby(keys, as_index=False)["accuracy"].mean())


def mistakes_are_foreseen(
    table: pd.DataFrame, at_most: float, at_least: float, not_ready: float, cases: int
) -> Evidence | None:
    """R7: the model takes parameters for needed that it goes on to write without need.

    The effect is what the probe of nece gets right of all parameters, minus what it gets right of
    those that right solutions have without need; seeds with fewer than `cases` of these do not
    count. The relation: it gets at most `at_most` of these right and at least `at_least` of all;
    and of wrong solutions at least the share `not_ready` have a first wrong parameter that could
    not be computed yet.
    """
    rows = largest(hardest(table[table["case"] != SOLUTIONS]))
    if rows.empty:
        return None
    found = shares(rows, "unnecessary", "nece")
    found = found[found["n"] >= cases]
    first = rows[rows["task"] == "can_next"]
    unready = first["n"].sum() / max(1, first["n_wrong"].sum())
    ready = shares(rows, "first_wrong", "can_next")
    values = difference(found["all_accuracy"], found["accuracy"])
    detail = (
        f"{rows['preset'].iloc[0]}: nece right on {found['accuracy'].mean():.1%} of "
        f"{found['n'].sum():.0f} parameters written without need, on "
        f"{found['all_accuracy'].mean():.1%} of all; can_next right on "
        f"{ready['accuracy'].mean():.1%} of first wrong ones that were not ready, which "
        f"{unready:.1%} of {first['n_wrong'].sum():.0f} wrong solutions have "
        "(published 17 to 49 %, 89.6 to 99.9 %, 57 to 76 %)"
    )
    if values.empty:
        # Too few mistakes to tell, which is not the same as not to have looked.
        return Evidence(math.nan, math.nan, math.nan, 0.0, 0, False, detail)
    right = found["accuracy"].mean() <= at_most and found["all_accuracy"].mean() >= at_least
    return evidence(values, right and unready >= not_ready, detail)


def layers_reach_farther(table: pd.DataFrame, pairs: int, flat: float) -> Evidence | None:
    """R9: the farther a needed parameter is from the question, the later the layer that knows it.

    Of the deepest models with probes of several layers. The layer that knows a distance is the mean
    number of layers that do not yet: the sum over layers of what is missing to the last one's
    accuracy, as a share of it. The effect is that of the farthest distance minus that of the
    nearest; distances of fewer than `pairs` parameters (in a seed and layer) do not count. The
    relation: it grows from each distance to the next, and the last layer is at least `flat` right
    at every distance.
    """
    rows = hardest(table[table["part"] != SOLVED])
    rows = rows[rows["n_layers"] == rows["n_layers"].max()]
    known = layer_shares(rows)
    counts = known.groupby("distance")["n"].min()
    known = known[known["distance"].isin(counts.index[counts >= pairs])]
    if known["layer"].nunique() < 2 or known["distance"].nunique() < 2:
        return None
    grid = known.pivot_table(index=["seed", "distance"], columns="layer", values="accuracy")
    grid = grid.dropna()
    last = grid.iloc[:, -1]
    missing = (1 - grid.div(last.where(last > 0), axis=0)).clip(lower=0).sum(axis=1)
    depths = missing.unstack("distance").dropna()
    means, final = depths.mean(), last.groupby("distance").mean()
    listed = ", ".join(f"{t:.0f}: {value:.2f}" for t, value in means.items())
    first = grid.iloc[:, 0].groupby("distance").mean()
    detail = (
        f"{rows['preset'].iloc[0]}, {rows['n_layers'].iloc[0]:.0f} layers: layers that do not know "
        f"yet, by distance {listed}; first layer right {first.iloc[0]:.1%} (nearest) to "
        f"{first.iloc[-1]:.1%} (farthest), last {final.iloc[0]:.1%} to {final.iloc[-1]:.1%}"
    )
    grows = bool((means.diff().dropna() > 0).all())
    effect = depths.iloc[:, -1] - depths.iloc[:, 0]
    return evidence(effect, grows and final.min() >= flat, detail)
