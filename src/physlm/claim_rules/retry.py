"""Rules of the claims about retry data (Part 2.2, arXiv 2408.16293): M3, M4, M5, M7.

Of several settings of a task one counts, for all arms alike, and of several tasks the hardest one
that has a reported op: an op at which the error-free models are neither too good nor too bad for a
gain to show. Task, setting and op follow from the error-free models alone, see physlm.retry_runs;
where no task has such an op, a gain is not at this scale. Effects are taken seed by seed, of the
mean of both orders of texts where there are two. p is the retry rate.
"""

import math

import numpy as np
import pandas as pd

from physlm.claim_rules.evidence import Evidence, evidence
from physlm.retry_runs import (
    ENOUGH_SEEDS,
    REGIME,
    arm,
    asked,
    by_seed,
    comparable,
    error_free,
    gain,
    hardest_in_regime,
    reported_op,
    tasks,
)
from physlm.statistics import interval


def task_of(frame: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    """Rows of the task that counts, of those that `wanted` rows were run of; maybe none."""
    return hardest_in_regime(frame[frame["task"].isin(wanted["task"])])


def at(rows: pd.DataFrame, op: int) -> pd.DataFrame:
    """Rows of an op, of problems that were not asked again."""
    return asked(rows[rows["op"] == op])


def where(task: pd.DataFrame, op: int) -> str:
    """The task, the op, and how well the error-free model does there and in range."""
    base, top = error_free(task), int(task["op_max"].iloc[0])
    within = at(base, top)["accuracy"].mean()
    return (
        f"{task['task'].iloc[0]}, op {op} (trained to {top}): error-free "
        f"{at(base, op)['accuracy'].mean():.1%} ({within:.1%} at op {top})"
    )


def no_regime(task: pd.DataFrame) -> Evidence:
    """Run, but where no gain can show."""
    means = asked(error_free(task)).groupby("op")["accuracy"].mean()
    listed = ", ".join(f"{op:.0f}: {value:.1%}" for op, value in means.items())
    low, high = REGIME
    detail = (
        f"{task['task'].iloc[0]}: at no op is the error-free accuracy between {low:.0%} and "
        f"{high:.0%} ({listed})"
    )
    return Evidence(math.nan, math.nan, math.nan, 0.0, 0, False, detail)


def above(values: pd.Series) -> bool:
    """Whether the whole interval of effects [n seeds] is above 0."""
    return len(values) > 1 and interval(values.to_numpy())[1] > 0


def gain_grows(table: pd.DataFrame, published: float, share: float) -> Evidence | None:
    """M3: pretraining on retry data gains, and the more the larger p.

    The effect is accuracy at the reported op with the largest p that was trained, minus error-free.
    The relation: that takes away at least `share` of the share of errors that was published to go
    (published), and accuracy rises with p among the rates above 0: the slope of a line through
    them, of each seed, lies above 0 with its whole interval.
    """
    frame = comparable(table)
    task = task_of(frame, arm(frame, "perfect"))
    if task.empty:
        return None
    op = reported_op(task)
    if op is None:
        return no_regime(task)
    base, rows = at(error_free(task), op), at(arm(task, "perfect"), op)
    by_rate = pd.DataFrame({rate: by_seed(part) for rate, part in rows.groupby("rate")})
    top = max(by_rate.columns)
    gains = gain(rows[rows["rate"] == top], base)
    removed = gains.mean() / (1 - by_seed(base).mean())
    slopes = _slopes(by_rate)
    listed = ", ".join(f"{rate:g}: {values.mean():.1%}" for rate, values in by_rate.items())
    detail = (
        f"{where(task, op)}, by p {listed}; at p {top:g} {removed:.0%} of the errors are gone "
        f"(published {published:.0%} at .5); slope over p above 0 "
        f"{slopes.mean() if len(slopes) else math.nan:+.2f}{_elsewhere(frame, task)}"
    )
    return evidence(gains, removed >= share * published and above(slopes), detail)


def _slopes(by_rate: pd.DataFrame) -> pd.Series:
    """Of the seeds with all rates, the slope of a line through the columns; none of one rate."""
    rows = by_rate.dropna()
    if by_rate.shape[1] < 2 or rows.empty:
        return pd.Series(dtype=float)
    slopes = np.polyfit(rows.columns.to_numpy(float), rows.to_numpy(float).T, 1)[0]
    return pd.Series(slopes, index=rows.index)


def _elsewhere(frame: pd.DataFrame, task: pd.DataFrame) -> str:
    """The gains at the largest p in the other tasks, each at its own reported op."""
    parts = []
    for name in tasks(frame):
        own = frame[frame["task"] == name]
        op = reported_op(own)
        if name == task["task"].iloc[0] or op is None:
            continue
        rows = at(arm(own, "perfect"), op)
        if len(rows):
            top = rows["rate"].max()
            value = gain(rows[rows["rate"] == top], at(error_free(own), op)).mean()
            parts.append(f"{name} op {op} {value:+.1%} at p {top:g}")
    return f"; other tasks: {', '.join(parts)}" if parts else ""


def retries_are_rare(
    table: pd.DataFrame,
    most_rate: float,
    multiple: float,
    correct: int,
    at_most: float,
    share: float,
    needless: float,
) -> Evidence | None:
    """M4: models that were trained on retries hardly retry, and their solutions stay the shortest.

    Of rates up to `most_rate` and op up to `multiple` times the range, cells with `correct` right
    solutions. The effect is the least that texts of training have, p before each step but the
    last, minus what the model has per right solution. The relation: in every cell the mean over
    seeds is at most `at_most`; overall it is at most `share` of what training has; and parameters
    that nobody needs are at most `needless` more than those of the error-free model.
    """
    frame = comparable(table)
    few = arm(frame, "perfect")
    few = asked(few[(few["rate"] <= most_rate) & (few["n_correct"] >= correct)])
    few = few[few["op"] <= multiple * few["op_max"]]
    task = task_of(frame, few)
    if task.empty:
        return None
    rows = few[few["task"] == task["task"].iloc[0]]
    rows = rows.assign(taught=rows["rate"] * (rows["necessary"] - 1))
    base = asked(error_free(task))
    base = base[base["op"].isin(rows["op"]) & (base["n_correct"] >= correct)]
    taught, written = by_seed(rows, "taught"), by_seed(rows, "backs")
    worst = rows.groupby(["rate", "op"])["backs"].mean().max()
    extra = gain(rows, base, "unnecessary").mean()
    rates = ", ".join(f"{rate:g}" for rate in sorted(rows["rate"].unique()))
    detail = (
        f"{task['task'].iloc[0]}, op {rows['op'].min():.0f} to {rows['op'].max():.0f}, p {rates}: "
        f"{written.mean():.3f} retries per right solution, at most {worst:.2f} at any p and op "
        f"(published 0.01 to 0.25); in training at least {taught.mean():.2f}; needless parameters "
        f"{extra:+.3f} over error-free"
    )
    rare = worst <= at_most and written.mean() <= share * taught.mean()
    return evidence((taught - written).dropna(), rare and extra <= needless, detail)


def masking_is_unnecessary(table: pd.DataFrame, margin: float) -> Evidence | None:
    """M5: whether the mistakes are masked or learned makes no difference.

    Of the rates that have both, accuracy masked minus unmasked, mean over rates and over op from
    the last in range on. This is a claim of equality, so the effect is how far from 0 that is, as a
    negative number, and "no effect" is -margin: its interval is above that only if the difference
    is within the margin with its whole interval. Of several ways to mask with enough seeds, the one
    that speaks most against the claim. The relation: without masks there is a gain over the
    error-free model.
    """
    frame = comparable(table)
    found = [
        result
        for masked in sorted(set(frame["masked"]) - {"none"})
        if (result := _masking(frame, masked, margin)) is not None
    ]
    return min(found, key=lambda e: (-min(e.n_seeds, ENOUGH_SEEDS), e.low), default=None)


def _masking(frame: pd.DataFrame, masked: str, margin: float) -> Evidence | None:
    task = task_of(frame, arm(frame, "perfect", masked))
    op = reported_op(task) if len(task) else None
    if task.empty:
        return None
    if op is None:
        return no_regime(task)
    hard = asked(task[task["op"] >= task["op_max"]])
    hidden, open_ = arm(hard, "perfect", masked), arm(hard, "perfect")
    rates = sorted(set(hidden["rate"]) & set(open_["rate"]))
    hidden, open_ = (rows[rows["rate"].isin(rates)] for rows in (hidden, open_))
    values = gain(hidden, open_)
    if values.empty:
        return None
    gains = gain(open_, error_free(hard))
    mean, low, high = interval(values.to_numpy())
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    detail = (
        f"{task['task'].iloc[0]}, op {hard['op'].min():.0f} to {hard['op'].max():.0f}, p "
        f"{', '.join(f'{rate:g}' for rate in rates)}: {masked} masked minus unmasked {mean:+.1%} "
        f"[{low:+.1%}, {high:+.1%}] (published +0.1 points), unmasked over error-free "
        f"{gains.mean():+.1%}"
    )
    holds = above(gains)
    return Evidence(
        -abs(mean), -max(abs(low), abs(high)), -nearest, -margin, len(values), holds, detail
    )


def fake_mistakes_work(table: pd.DataFrame, rate: float, collapse: float) -> Evidence | None:
    """M7: mistakes of a later step (weak) help, more than any unused ones (miss), up to a rate.

    The effect is accuracy at the reported op of weak minus error-free, at the p nearest to `rate`
    that both kinds have. The relation: weak is above miss there, and at the largest p of weak,
    which is at least `collapse`, it is below error-free, each with its whole interval.
    """
    frame = comparable(table)
    task = task_of(frame, arm(frame, "weak"))
    if task.empty:
        return None
    op = reported_op(task)
    if op is None:
        return no_regime(task)
    base = at(error_free(task), op)
    weak, miss = (at(arm(task, kind), op) for kind in ("weak", "miss"))
    rates = sorted(set(weak["rate"]) & set(miss["rate"]))
    if not rates:
        return None
    p = min(rates, key=lambda r: round(abs(r - rate), 9))
    far = weak["rate"].max()
    own, other, last = weak[weak["rate"] == p], miss[miss["rate"] == p], weak[weak["rate"] == far]
    gains, over, lost = gain(own, base), gain(own, other), gain(last, base)
    detail = (
        f"{where(task, op)}; p {p:g}: weak {by_seed(own).mean():.1%}, miss "
        f"{by_seed(other).mean():.1%}; weak at p {far:g} {by_seed(last).mean():.1%} (published, "
        "all op: error-free 91.8 %, weak .1 95.5 %, miss .1 92.6 %, weak .5 74.6 %)"
    )
    fails = far >= collapse and above(-lost)
    return evidence(gains, above(over) and fails, detail)
