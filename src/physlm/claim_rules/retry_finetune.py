"""The rule of the claim about finetuning on retry data (Part 2.2, arXiv 2408.16293): M6.

Which task, setting and op count: see physlm.claim_rules.retry.
"""

import math

import pandas as pd

from physlm.claim_rules.evidence import Evidence, evidence
from physlm.claim_rules.retry import at, no_regime, task_of, where
from physlm.figures.retry_finetune import FULL, LORA, PRETRAIN, arms_of, of_setting, settings
from physlm.retry_runs import arm, by_seed, error_free, reported_op


def finetuning_falls_short(table: pd.DataFrame, share: float, tolerance: float) -> Evidence | None:
    """M6: LoRA on retry data does not give an error-free model the skill; full finetuning does.

    The effect is accuracy at the reported op of retry pretraining minus the best LoRA (of all ranks
    and maskings, by its mean there, which works against the claim), at the largest p that both
    have, nothing masked in pretraining. The relation: LoRA covers at most `share` of the way from
    error-free to retry pretraining, and full finetuning, unmasked, is at most `tolerance` below the
    latter.
    """
    frame = arms_of(table)
    lora = frame[(frame["method"] == LORA) & (frame["kind"] == "perfect")]
    task = task_of(frame, lora)
    if task.empty:
        return None
    base = task[task["method"] == PRETRAIN]
    op = reported_op(base)
    if op is None:
        return no_regime(base)
    rows = at(task[task["kind"] == "perfect"], op)
    taught = arm(rows[rows["method"] == PRETRAIN], "perfect")
    rates = set(taught["rate"]) & set(rows.loc[rows["method"] == LORA, "rate"])
    if not rates:
        return None
    top = max(rates)
    rows, taught = rows[rows["rate"] == top], by_seed(taught[taught["rate"] == top])
    arms = {
        (method, rank, masked): by_seed(part)
        for method, rank in settings(rows)
        if method != PRETRAIN
        for masked, part in of_setting(rows, method, rank).groupby("masked")
    }
    adapted = {key: values for key, values in arms.items() if key[0] == LORA}
    best = max(adapted, key=lambda key: adapted[key].mean())
    full = arms[FULL, None, "none"].mean() if (FULL, None, "none") in arms else math.nan
    start = by_seed(at(error_free(base), op)).mean()
    way = taught.mean() - start
    reached = adapted[best].mean() - start
    detail = (
        f"{where(base, op)}, p {top:g}: retry pretraining {taught.mean():.1%}, best of "
        f"{len(adapted)} LoRA {adapted[best].mean():.1%} (rank {best[1]:.0f}, masked {best[2]}), "
        f"full {full:.1%} (published, all op: 96.2 %, 92.9 %, 96.9 %, error-free 91.8 %)"
    )
    holds = way > 0 and reached <= share * way and full >= taught.mean() - tolerance
    return evidence((taught - adapted[best]).dropna(), holds, detail)
