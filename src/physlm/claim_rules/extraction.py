"""Rules of the claims about extraction of knowledge (Part 3.1, arXiv 2309.14316), K1 to K7.

Accuracies are shares of right whole answers about people whose questions were not taught, the mean
over attributes, unless a rule says otherwise. Arms that share a seed share their world, so that
differences are taken seed by seed and the interval is that of the differences.
"""

import math

import numpy as np
import pandas as pd

from physlm.claim_rules.evidence import Evidence, evidence
from physlm.exams import ATTRIBUTES, nearest_ratio, standard
from physlm.figures.q_probing import pairs
from physlm.statistics import interval

TEST = "test_accuracy"


def by_seed(runs: pd.DataFrame, column: str = TEST) -> pd.Series:
    """Mean of `column` over the rows of each seed; seeds without a value are left out."""
    return runs.groupby("seed")[column].mean().dropna()


def difference(one: pd.Series, other: pd.Series) -> pd.Series:
    """one - other for the seeds that both have."""
    return (one - other).dropna()


def _finetuned(table: pd.DataFrame, variant: str) -> pd.DataFrame:
    """Runs of `variant` finetuned in the standard setting, see physlm.exams.standard."""
    chosen = standard(table[table["arm"] == "finetune"])
    return chosen[chosen["variant"] == variant]


def extraction_fails(
    table: pd.DataFrame,
    variant: str,
    published: float,
    tolerance: float,
    memorised: float,
    trained: float,
) -> Evidence | None:
    """K1: a model that has memorised `variant` answers about the people it was taught alone.

    The effect is train - test accuracy (LoRA). The relation: biographies are known (value accuracy
    >= memorised), the training half is learned (>= trained), and test <= published + tolerance.
    """
    runs = _finetuned(table, variant)
    if runs.empty:
        return None
    train, test = by_seed(runs, "train_accuracy").mean(), by_seed(runs).mean()
    known = by_seed(runs, "biography_accuracy").mean()
    holds = known >= memorised and train >= trained and test <= published + tolerance
    biographies = "not measured" if math.isnan(known) else f"{known:.1%}"
    detail = (
        f"{variant}: biographies {biographies}, train {train:.1%}, test {test:.1%} "
        f"(published {published:.1%}), majority {runs['majority_accuracy'].mean():.1%}"
    )
    return evidence(difference(by_seed(runs, "train_accuracy"), by_seed(runs)), holds, detail)


def variants_extract(
    table: pd.DataFrame,
    base: str,
    best: str,
    kinds: list[str],
    published: float,
    tolerance: float,
) -> Evidence | None:
    """K2: the augmented variant `best` is extractable where `base` is not, and each kind adds.

    The effect is test accuracy of `best` - `base` (LoRA). The relation: `best` reaches published -
    tolerance, and for each of `kinds` the interval of its gain over `base` lies above 0.
    """
    tests = {name: by_seed(_finetuned(table, name)) for name in (base, best, *kinds)}
    if any(values.empty for values in tests.values()):
        return None
    adds, parts = [], []
    for kind in kinds:
        gain = difference(tests[kind], tests[base])
        if gain.empty:
            return None
        mean, low, _ = interval(gain.to_numpy())
        adds.append(low > 0)
        parts.append(f"{kind} {mean:+.1%} (from {low:+.1%})")
    reached = tests[best].mean()
    detail = (
        f"test {base} {tests[base].mean():.1%}, {best} {reached:.1%} (published {published:.1%}); "
        f"gains over {base}: {', '.join(parts)}"
    )
    holds = reached >= published - tolerance and all(adds)
    return evidence(difference(tests[best], tests[base]), holds, detail)


def finetuning_cannot_repair(
    table: pd.DataFrame, variant: str, qa_ratio: float, at_least: float, share: float
) -> Evidence | None:
    """K3: mixed training extracts `variant`, no way of finetuning does.

    The effect is test accuracy of mixed training, at the share of questions nearest to `qa_ratio`,
    minus that of the best finetuned setting (by its mean over seeds; LoRA of any ranks and full).
    The relation: mixed >= at_least, every setting <= share * mixed, with LoRA and full among them.
    """
    own = table[table["variant"] == variant]
    mixed = nearest_ratio(own[own["arm"] == "mixed"], qa_ratio)
    taught = own[own["arm"] == "finetune"]
    if mixed.empty or taught.empty:
        return None
    keys = ["method", "rank_qv", "rank_embed", "lr_finetune"]
    settings = [by_seed(runs) for _, runs in taught.groupby(keys, dropna=False)]
    best = max(settings, key=lambda values: values.mean())
    together = by_seed(mixed)
    low = sum(values.mean() <= share * together.mean() for values in settings)
    both = {"lora", "full"} <= set(taught["method"])
    detail = (
        f"{variant}: mixed {together.mean():.1%} at {mixed['qa_ratio'].iloc[0]:.0%} questions; "
        f"best of {len(settings)} finetuned settings {best.mean():.1%}, {low} of them at most "
        f"{share:.0%} of mixed{'' if both else '; LoRA and full were not both run'}"
    )
    holds = together.mean() >= at_least and low == len(settings) and both
    return evidence(difference(together, best), holds, detail)


def _excess(runs: pd.DataFrame) -> pd.Series:
    """Accuracy above the majority guess by seed, mean over attributes."""
    return difference(by_seed(runs, "accuracy"), by_seed(runs, "majority"))


def probe_early(
    table: pd.DataFrame, base: str, best: str, at_least: float, tolerance: float
) -> Evidence | None:
    """K4: with augmentation the attributes can be read right after the name, without it late.

    Probes of the first token, attributes other than the first of the text. The effect is accuracy
    above majority at position 0, `best` - `base`. The relation: `best` >= at_least at position 0;
    `base` there at most tolerance above majority, but >= at_least right before each sentence; and
    the control probes at most tolerance above majority at position 0 (both kinds must be there).
    """
    first = table[(table["task"] == "first") & (table["attribute"] != ATTRIBUTES[0])]
    real, start = first[first["control"] == "none"], first[first["position"] == 0]
    augmented, plain = (
        start[(start["control"] == "none") & (start["variant"] == name)] for name in (best, base)
    )
    if augmented.empty or plain.empty:
        return None
    own_place = real["attribute"].map(ATTRIBUTES.index)
    late = by_seed(real[(real["variant"] == base) & (real["position"] == own_place)], "accuracy")
    controls = start[start["control"].isin(["labels", "model"])]
    above = {name: _excess(runs).mean() for name, runs in controls.groupby("control")}
    early, left = by_seed(augmented, "accuracy").mean(), _excess(plain).mean()
    written = ", ".join(f"{name} {value:+.1%}" for name, value in above.items()) or "none run"
    detail = (
        f"at position 0: {best} {early:.1%}, {base} {by_seed(plain, 'accuracy').mean():.1%} "
        f"(majority {plain['majority'].mean():.1%}); {base} right before its sentences "
        f"{late.mean():.1%}; controls above majority: {written}"
    )
    controlled = len(above) == 2 and all(value <= tolerance for value in above.values())
    holds = early >= at_least and left <= tolerance and late.mean() >= at_least and controlled
    return evidence(difference(_excess(augmented), _excess(plain)), holds, detail)


def probe_follows_answers(
    table: pd.DataFrame, at_least: float, tolerance: float
) -> Evidence | None:
    """K5: what a probe of the name reads goes with what the finetuned model answers.

    The effect is Pearson's correlation over variants and attributes (whole values; first tokens of
    both for an attribute without a whole task), of each seed. The relation: its mean >= at_least,
    and the control probes at most tolerance above majority (both kinds must be there).
    """
    points = pairs(table)
    if points["variant"].nunique() < 2:
        return None
    found = {
        seed: np.corrcoef(runs["probe"], runs["answer"])[0, 1]
        for seed, runs in points.groupby("seed")
        if len(runs) > 2 and runs[["probe", "answer"]].nunique().min() > 1
    }
    correlations = pd.Series(found, dtype=float)
    controls = table[table["control"].isin(["labels", "model"])]
    above = {name: _excess(runs).mean() for name, runs in controls.groupby("control")}
    written = ", ".join(f"{name} {value:+.1%}" for name, value in above.items()) or "none run"
    controlled = len(above) == 2 and all(value <= tolerance for value in above.values())
    n_points = len(points.drop_duplicates(["variant", "attribute"]))
    detail = (
        f"Pearson {correlations.mean():.2f} over {n_points} points "
        f"({points['variant'].nunique()} variants); controls above majority: {written}"
    )
    holds = controlled and correlations.mean() >= at_least
    return evidence(correlations, holds, detail)


def celebrities_help(
    table: pd.DataFrame, variant: str, published_gain: float, share: float
) -> Evidence | None:
    """K6: with celebrities the minority's single texts can be extracted.

    The effect is the gain in test accuracy for the minority (of several numbers of celebrities the
    largest counts). The relation: it is at least `share` of the published gain.
    """
    chosen = standard(table, per=("variant", "celebrities"))
    parts, gain = [], pd.Series(dtype=float)
    for name, runs in chosen.groupby("variant"):
        most = runs["celebrities"].max()
        without = by_seed(runs[runs["celebrities"] == 0])
        helped = by_seed(runs[(runs["celebrities"] == most) & (runs["celebrities"] > 0)])
        if without.empty or helped.empty:
            continue
        parts.append(f"{name} {without.mean():.1%} -> {helped.mean():.1%}")
        if name == variant:
            gain = difference(helped, without)
    detail = f"test without -> with celebrities: {', '.join(parts)}"
    return evidence(gain, gain.mean() >= share * published_gain, detail)


def encoders_fail(
    table: pd.DataFrame, variant: str, published: float, tolerance: float
) -> Evidence | None:
    """K7: a bidirectional masked model cannot be finetuned to answer where a causal one can.

    The effect is test accuracy, causal - bidirectional, both finetuned. The relation: bidirectional
    <= published + tolerance.
    """
    own = table[table["variant"] == variant]
    taught = standard(own[own["arm"] == "finetune"], per=("variant", "arch"))
    causal, masked = taught[taught["causal"].eq(True)], taught[taught["causal"].eq(False)]
    if causal.empty or masked.empty:
        return None
    reached = by_seed(masked).mean()
    scores = {a: masked[f"{TEST}_{a}"].mean() for a in ATTRIBUTES}
    attribute = max(scores, key=lambda a: scores[a])
    mixed = own[(own["arm"] == "mixed") & own["causal"].eq(False)]
    together = f"; mixed {by_seed(mixed).mean():.1%}" if len(mixed) else ""
    detail = (
        f"{variant}: causal {by_seed(causal).mean():.1%}, bidirectional {reached:.1%} (published "
        f"{published:.1%}; best attribute {attribute} {scores[attribute]:.1%}; majority "
        f"{masked['majority_accuracy'].mean():.1%}){together}"
    )
    values = difference(by_seed(causal), by_seed(masked))
    return evidence(values, reached <= published + tolerance, detail)
