"""Rules of the claims about mistakes that are noticed and taken back when a model writes: M1 and M2
(Part 2.2, arXiv 2408.16293).

Of several presets in a table the hardest counts, plans being the easiest, and of several shapes the
largest. Problem before question (pq) and question before problem (qp) count alike: the mean of
both, of the seeds that have both.
"""

import math

import pandas as pd

from physlm.claim_rules.evidence import Evidence, evidence
from physlm.claim_rules.extraction import difference
from physlm.claim_rules.reasoning import by_seed
from physlm.figures.retry_decoding import DETECTED, SOLVED
from physlm.problem_runs import largest, pooled, presets


def _rows(table: pd.DataFrame, part: str) -> pd.DataFrame:
    rows = table[(table["part"] == part) & (table["steps"] > 0)]
    return largest(rows[rows["preset"] == presets(rows)[-1]]) if len(rows) else rows


def _said(rows: pd.DataFrame, case: str) -> pd.Series:
    """Per seed, the share of the case's parameters of which the detector says the truth; of each
    order over all op, and then of both.
    """
    shares = pooled(rows[rows["case"] == case], ["seed", "order"])
    return by_seed(shares.rename("accuracy").reset_index())


def mistakes_are_noticed(
    table: pd.DataFrame,
    published: float,
    tolerance: float,
    regret: float,
    regret_tolerance: float,
    cases: int,
) -> Evidence | None:
    """M1: the model often knows that it has made a mistake.

    The effect is how often the probe says "not ready" of the model's own first parameters that were
    not, minus how often it says so of those in right solutions. Seeds with fewer than `cases`
    mistakes in an order do not count. The relation: of all questions at least published - tolerance
    are answered right, and of the mistakes at least regret - regret_tolerance.
    """
    rows = _rows(table, DETECTED)
    if rows.empty:
        return None
    own = rows[rows["case"] == "mistakes"]
    counts = own.groupby(["seed", "order"])["n"].sum()
    enough = counts.groupby("seed").min() >= cases
    noticed = _said(rows, "mistakes")
    noticed = noticed[noticed.index.isin(enough.index[enough])]
    alarms = 1 - _said(rows, "right")
    overall = _said(rows, "questions")
    detail = (
        f"{rows['preset'].iloc[0]}: the probe of can_next is right on {overall.mean():.1%} of "
        f"questions, says no to {noticed.mean():.1%} of {own['n'].sum():.0f} own mistakes and to "
        f"{alarms.mean():.1%} of own right steps (published {published:.0%}, {regret:.0%}; not "
        "stated)"
    )
    values = difference(noticed, alarms)
    if values.empty:
        # Too few mistakes to tell, which is not the same as not to have looked.
        return Evidence(math.nan, math.nan, math.nan, 0.0, 0, False, detail)
    detects = overall.mean() >= published - tolerance
    return evidence(values, detects and noticed.mean() >= regret - regret_tolerance, detail)


def decoding_gains_little(
    table: pd.DataFrame,
    low: float,
    high: float,
    half: float,
    beams: float,
    trained: float,
) -> Evidence | None:
    """M2: neither beams nor taking back what the model regrets spares it most of its mistakes.

    Of the operations at which greedy solutions are from `low` to `high` right, so that there is
    something to gain and a model that can. The effect is the share of greedy's wrong solutions that
    is left by the better of beams (the best width) and the trained detector (the most retries); no
    effect is `half`: as many spared as left. The relation: beams gain at most the share `beams` of
    solutions, the trained detector at most `trained`, and the perfect one more than either.
    """
    rows = _rows(table, SOLVED)
    greedy = rows[rows["arm"] == "greedy"]
    if rows.empty or not {"beams", "regret"} <= set(rows["arm"]):
        return None
    if not {"trained", "perfect"} <= set(rows["detector"].dropna()):
        return None
    means = greedy.groupby("op")["accuracy"].mean()
    ops = means.index[(means >= low) & (means <= high)]
    if ops.empty:
        listed = ", ".join(f"{op:.0f}: {value:.1%}" for op, value in means.items())
        detail = f"{rows['preset'].iloc[0]}: no operation with {low:.0%} to {high:.0%} ({listed})"
        return Evidence(math.nan, math.nan, math.nan, half, 0, False, detail)
    rows = rows[rows["op"].isin(ops)]
    plain = by_seed(rows[rows["arm"] == "greedy"])
    wide = [by_seed(part) for _, part in rows[rows["arm"] == "beams"].groupby("n_beams")]
    most = rows[rows["most_retries"] == rows.groupby("detector")["most_retries"].transform("max")]
    regret = {name: by_seed(part) for name, part in most.groupby("detector")}
    best = max(wide, key=lambda scores: scores.mean())
    gains = {
        "beams": difference(best, plain),
        **{name: difference(scores, plain) for name, scores in regret.items()},
    }
    better = pd.concat([best, regret["trained"]], axis=1).dropna().max(axis=1)
    left = ((1 - better) / (1 - plain)[plain < 1]).dropna()
    mean = {name: gain.mean() for name, gain in gains.items()}
    detail = (
        f"{rows['preset'].iloc[0]}, op {', '.join(f'{op:.0f}' for op in ops)}: greedy "
        f"{plain.mean():.1%}; beams {mean['beams']:+.1%}, trained detector "
        f"{mean['trained']:+.1%}, perfect detector {mean['perfect']:+.1%} (published, average of "
        "all: 91.5 %; +0.1, +1.4, +4.2 points)"
    )
    little = mean["beams"] <= beams and mean["trained"] <= trained
    return evidence(
        left, little and mean["perfect"] > max(mean["beams"], mean["trained"]), detail, half
    )
