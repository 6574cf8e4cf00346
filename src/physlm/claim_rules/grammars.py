"""Rules of the claims about grammars (Part 1, arXiv 2305.13673), L1 to L8.

Of several grammars in a table the hardest counts in which all architectures that a rule needs were
run (physlm.grammar_runs.hardest). Models of no steps are controls and nothing else. Effects are
taken seed by seed.
"""

import pandas as pd

from physlm.claim_rules.evidence import Evidence, evidence
from physlm.claim_rules.extraction import by_seed, difference
from physlm.grammar_runs import ENCODERS, WORLD, hardest, title
from physlm.statistics import interval

RELATIVE, ROTARY, ABSOLUTE = "gpt2_rel", "gpt2_rot", "gpt2"
POSITION_ONLY = ("gpt2_pos", "gpt2_uni")


def _named(rows: pd.DataFrame) -> str:
    return title(tuple(rows[WORLD].iloc[0]))  # type: ignore[arg-type]


def _in_world_of(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `table` in the one world of `rows`."""
    return table[(table[WORLD] == rows[WORLD].iloc[0]).all(axis=1)]


def _of(rows: pd.DataFrame, arch: str) -> pd.DataFrame:
    return rows[rows["arch"] == arch]


def _written(table: pd.DataFrame, *arches: str) -> pd.DataFrame:
    """Rows of trained models that were given nothing, of the hardest grammar with `arches`."""
    return hardest(table[(table["steps"] > 0) & (table["cut"] == 0)], arches)


def positions_order(
    table: pd.DataFrame, published: float, tolerance: float, slack: float
) -> Evidence | None:
    """L1: a GPT learns the hardest grammar; relative >= rotary > absolute positions.

    Accuracy of strings that are written from nothing. The effect is rotary - absolute. The
    relation: rotary reaches published - tolerance, and relative is at most `slack` below rotary.
    """
    rows = _written(table, ROTARY, ABSOLUTE)
    if rows.empty:
        return None
    scores = {a: by_seed(_of(rows, a), "accuracy") for a in (RELATIVE, ROTARY, ABSOLUTE)}
    ahead = difference(scores[RELATIVE], scores[ROTARY])
    reached = scores[ROTARY].mean()
    relative = "not run" if ahead.empty else f"{scores[RELATIVE].mean():.1%} ({ahead.mean():+.1%})"
    detail = (
        f"{_named(rows)}: relative {relative}, rotary {reached:.1%} (published {published:.1%} on "
        f"the whole of cfg3f), absolute {scores[ABSOLUTE].mean():.1%}"
    )
    holds = reached >= published - tolerance and not ahead.empty and ahead.mean() >= -slack
    return evidence(difference(scores[ROTARY], scores[ABSOLUTE]), holds, detail)


def likenesses(rows: pd.DataFrame) -> pd.DataFrame:
    """How alike model and grammar are, from 0 to 1: the smaller over the larger, per row.

    Columns: entropy, and d1 and so on for distinct rows of symbols at a depth. A model none of
    whose strings is right has a likeness of 0 in these.
    """
    found = {"entropy": _alike(rows["model_bits"], rows["truth_bits"])}
    for column in rows.filter(like="distinct_model_d"):
        name = str(column).removeprefix("distinct_model_")
        model, truth = rows[column], rows[f"distinct_truth_{name}"]
        if truth.notna().any():
            found[name] = _alike(model, truth).where((rows["n_distinct"] > 0) | truth.isna(), 0.0)
    return pd.DataFrame(found)


def _alike(one: pd.Series, other: pd.Series) -> pd.Series:
    pair = pd.concat([one, other], axis=1)
    return pair.min(axis=1) / pair.max(axis=1)


def output_is_diverse(
    table: pd.DataFrame, arch: str, alike: float, entropy: float, counts: float
) -> Evidence | None:
    """L2: what the model writes is as diverse as the grammar.

    The effect is the worst of its likenesses to the grammar, in entropy and in distinct rows of
    symbols at every depth; "no effect" is `alike`, below which they are not alike. The relation:
    entropy differs from the grammar's by at most the share `entropy`, and distinct counts are alike
    to at least `counts` at every depth (means over seeds).
    """
    rows = _of(_written(table, arch), arch)
    if rows.empty:
        return None
    found = likenesses(rows)
    means = found.groupby(rows["seed"]).mean().mean()
    off = (rows["model_bits"] - rows["truth_bits"]).mean() / rows["truth_bits"].mean()
    trees = means.drop("entropy")
    worst = trees.min() if len(trees) else 0.0
    detail = (
        f"{_named(rows)}: entropy {rows['model_bits'].mean():.1f} bits, the grammar's "
        f"{rows['truth_bits'].mean():.1f} ({off:+.1%}); distinct trees at worst {worst:.1%} alike"
        f"{f' ({trees.idxmin()})' if len(trees) else ''} among "
        f"{rows['n_distinct'].min():.0f} strings"
    )
    values = found.min(axis=1).groupby(rows["seed"]).mean()
    return evidence(values, abs(off) <= entropy and worst >= counts, detail, alike)


def distribution_matches(
    table: pd.DataFrame, arch: str, control: str, at_most: float
) -> Evidence | None:
    """L3: the model's next-token distribution is the grammar's.

    The effect is the share of the control's KL divergence from the exact distribution that `arch`
    does not have, 1 - KL / KL of the control: untrained models of `arch` if there are any, else
    trained ones of `control`. The relation: KL is at most the share `at_most` of the exact
    distribution's own entropy, which is the loss that nobody can avoid.
    """
    free = table[table["cut"] == 0]
    untrained = free[(free["steps"] == 0) & (free["arch"] == arch)]
    rows = _written(table, arch)
    if len(rows):
        untrained = _in_world_of(rows, untrained)
    against = "untrained"
    if untrained.empty:
        rows, against = _written(table, arch, control), control
        untrained = _of(rows, control)
    if rows.empty:
        return None
    own = _of(rows, arch)
    kl, other = by_seed(own, "kl_nats"), by_seed(untrained, "kl_nats")
    share = kl.mean() / own["exact_nats"].mean()
    detail = (
        f"{_named(own)}: KL {kl.mean():.2g} nats per token, {share:.2%} of the loss that nobody "
        f"can avoid (at most {at_most:.2%}); {against} {other.mean():.2g} nats"
    )
    return evidence((1 - kl / other).dropna(), share <= at_most, detail)


def simple_attention_suffices(table: pd.DataFrame, margin: float) -> Evidence | None:
    """L4: attention that knows distances alone, or none, writes nearly as well as rotary.

    The effect is accuracy from nothing of the worse of the two (of each seed) - absolute. The
    relation: the worse of their means is at most `margin` below rotary.
    """
    rows = _written(table, *POSITION_ONLY, ROTARY, ABSOLUTE)
    if rows.empty:
        return None
    scores = {a: by_seed(_of(rows, a), "accuracy") for a in (*POSITION_ONLY, ROTARY, ABSOLUTE)}
    worse = pd.concat([scores[a] for a in POSITION_ONLY], axis=1).dropna().min(axis=1)
    lowest = min(scores[a].mean() for a in POSITION_ONLY)
    detail = (
        f"{_named(rows)}: distance {scores['gpt2_pos'].mean():.1%}, uniform "
        f"{scores['gpt2_uni'].mean():.1%}, rotary {scores[ROTARY].mean():.1%}, absolute "
        f"{scores[ABSOLUTE].mean():.1%}"
    )
    holds = lowest >= scores[ROTARY].mean() - margin
    return evidence(difference(worse, scores[ABSOLUTE]), holds, detail)


def trees_are_decodable(table: pd.DataFrame, arch: str, tolerance: float) -> Evidence | None:
    """L5: ancestors and ends of the hidden tree can be read linearly of the last layer.

    The effect is accuracy for symbols of probes that read the whole string, mean over depths, minus
    that of the same probes of untrained models. The relation: the accuracy is at most `tolerance`
    below the ceiling (below 1 where that was not worked out) at every depth, of these, of the same
    for ends, and of diagonal probes of symbols at ends; and the interval of the gain over untrained
    models lies above 0 for ends, too.
    """
    probes = table[(table["steps"] > 0) & table["layer"].isna() & (table["arch"] == arch)]
    rows = hardest(probes[(probes["control"] == "none") & (probes["span"] == "whole")])
    if rows.empty:
        return None
    probes = _in_world_of(rows, probes)
    gains, parts, below = {}, [], []
    for question, span in (("symbol", "whole"), ("boundary", "whole"), ("symbol", "diagonal")):
        asked = probes[(probes["question"] == question) & (probes["span"] == span)]
        own, other = (asked[asked["control"] == control] for control in ("none", "model"))
        if own.empty:
            parts.append(f"{question} {span}: not run")
            continue
        gains[question, span] = difference(by_seed(own, "accuracy"), by_seed(other, "accuracy"))
        missing = own["ceiling"].fillna(1.0) - own["accuracy"]
        below.append(missing.groupby(own["height"]).mean().max())
        by_height = [f"{100 * value:.1f}" for value in own.groupby("height")["accuracy"].mean()]
        untrained = f"{other['accuracy'].mean():.1%}" if len(other) else "not run"
        parts.append(
            f"{question} {span}: {' '.join(by_height)} % from the tokens up, at most "
            f"{below[-1]:.1%} below the ceiling; untrained {untrained} on average"
        )
    ends = gains.get(("boundary", "whole"), pd.Series(dtype=float))
    clear = len(ends) > 1 and interval(ends.to_numpy())[1] > 0
    holds = clear and len(below) == 3 and all(missing <= tolerance for missing in below)
    return evidence(gains["symbol", "whole"], holds, f"{_named(rows)}: {'. '.join(parts)}")


def attention_at_ends(table: pd.DataFrame, arch: str, pairs: int) -> Evidence | None:
    """L6: attention goes to ends of constituents, most to the adjacent one of the same level.

    Excess attention, mean over layers, heads, and levels. The effect is that of an end to the
    nearest earlier one of its level. The relation, on every level: keys at ends have a positive
    excess, larger than places beside them, and from end to end it falls from the nearest to the
    next, and so on as far as there are means of `pairs` pairs (one level with two such is needed).
    """
    trained = table[(table["steps"] > 0) & (table["arch"] == arch)]
    rows = hardest(trained[(trained["kind"] == "adjacent") & (trained["apart"] == 1)])
    if rows.empty:
        return None
    own = _in_world_of(rows, trained)
    own = own[own["n_pairs"] >= pairs]
    adjacent, ends = own[own["kind"] == "adjacent"], own[own["kind"] == "end"]
    levels = sorted(ends["height"].unique())
    peaked, falls, parts = 0, [], []
    for h in levels:
        by_shift = ends[ends["height"] == h].groupby("shift")["value"].mean()
        by_apart = adjacent[adjacent["height"] == h].groupby("apart")["value"].mean()
        at = by_shift.get(0, 0.0)
        peaked += bool(at > 0 and (by_shift.drop(0, errors="ignore") < at).all())
        if len(by_apart) > 1:
            falls.append(bool((by_apart.diff().dropna() < 0).all()))
        parts.append(f"{at:+.2%} / {' '.join(f'{value:+.2%}' for value in by_apart)}")
    values = by_seed(adjacent[adjacent["apart"] == 1], "value")
    detail = (
        f"{_named(rows)}: at ends / from end to end by constituents apart, from the tokens up: "
        f"{'; '.join(parts)}; peak at ends on {peaked} of {len(levels)} levels, falling on "
        f"{sum(falls)} of {len(falls)}"
    )
    holds = len(falls) > 0 and all(falls) and peaked == len(levels) > 0
    return evidence(values, holds, detail)


def encoders_miss_deep_levels(
    table: pd.DataFrame, arch: str, deep: int, near: int, at_least: float, tolerance: float
) -> Evidence | None:
    """L7: masked bidirectional models do not learn the levels next to the root.

    Diagonal probes of symbols. Deep are the `deep` levels below the root, but for those at most
    `near` above the tokens; near are those. The effect is accuracy of the causal `arch` - that of
    the best encoder (by its mean on the deep levels), mean over the deep levels. The relation: the
    effect is at least `at_least`, and on each near level the encoder is at most `tolerance` below.
    """
    probes = table[(table["steps"] > 0) & table["layer"].isna() & (table["span"] == "diagonal")]
    probes = probes[(probes["question"] == "symbol") & (probes["control"] == "none")]
    far = probes[(probes["depth"] <= deep) & (probes["height"] > near)]
    masked = far[far["arch"].isin(ENCODERS)]
    worlds = masked[WORLD].merge(_of(far, arch)[WORLD]).drop_duplicates()
    rows = hardest(far.merge(worlds))
    if rows.empty:
        return None
    found = {a: by_seed(_of(rows, a), "accuracy") for a in ENCODERS if a in set(rows["arch"])}
    best = max(found, key=lambda a: found[a].mean())
    causal = by_seed(_of(rows, arch), "accuracy")
    gap = difference(causal, found[best])
    low = _in_world_of(rows, probes[probes["height"] <= near])
    behind = (
        _of(low, arch).groupby("height")["accuracy"].mean()
        - _of(low, best).groupby("height")["accuracy"].mean()
    )
    detail = (
        f"{_named(rows)}: the {rows['depth'].nunique()} deepest levels: causal "
        f"{causal.mean():.1%}, {best} {found[best].mean():.1%}; "
        f"{best} behind near the tokens by at most {behind.max():+.1%}"
    )
    holds = gap.mean() >= at_least and len(behind) > 0 and bool((behind <= tolerance).all())
    return evidence(gap, holds, detail)


def perturbed_training_helps(
    table: pd.DataFrame, kind: str, perturbed_share: float, published_gain: float, share: float
) -> Evidence | None:
    """L8: a model that saw perturbed strings goes on rightly after a corrupted prefix.

    At the lowest temperature, training strings perturbed as `kind` says, their share the nearest to
    `perturbed_share` that was run. The effect is accuracy after corrupted prefixes, minus that of
    models trained on clean strings. The relation: it is at least `share` of the published gain.
    """
    trained = table[(table["steps"] > 0) & (table["given"] == "corrupted")]
    trained = trained[trained["temperature"] == trained["temperature"].min()]
    clean = trained["perturbed_share"] == 0
    of_kind = trained[(trained["perturbation"] == kind) & ~clean]
    worlds = of_kind[WORLD].merge(trained.loc[clean, WORLD]).drop_duplicates()
    rows = hardest(of_kind.merge(worlds))
    if rows.empty:
        return None
    # Of two shares as near the lower one, which makes it harder.
    shares = sorted(rows["perturbed_share"].unique())
    nearest = min(shares, key=lambda value: abs(value - perturbed_share))
    seen = by_seed(rows[rows["perturbed_share"] == nearest], "accuracy")
    control = _in_world_of(rows, trained[clean])
    without = by_seed(control[control["arch"].isin(rows["arch"])], "accuracy")
    gain = difference(seen, without)
    detail = (
        f"{_named(rows)}, temperature {trained['temperature'].min():g}: trained on clean strings "
        f"{without.mean():.1%}, {nearest:.0%} perturbed ({kind}) {seen.mean():.1%} (published gain "
        f"{published_gain:+.0%})"
    )
    return evidence(gain, gain.mean() >= share * published_gain, detail)
