"""Ways to write solutions that might spare a model mistakes (Part 2.2, section 3): see
physlm.probe.regret_config; and how well a probe detects its mistakes.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from physlm.config import require
from physlm.data.igsm.words import EOS
from physlm.evaluate.generation import GenerateConfig, generate
from physlm.evaluate.igsm.reasoning import outcome
from physlm.evaluate.igsm.regret import Detector, Draft, perfect, write_drafts
from physlm.evaluate.igsm.trained import Posed, Trained, judged, pose
from physlm.files import read_json, write_json
from physlm.probe.detector import by_probe, questions_of, trained_probe
from physlm.probe.own_mistakes import own_mistakes
from physlm.probe.regret_config import DecodingConfig
from physlm.probe.v_mistakes import Solution
from physlm.probe.v_probes import VProbe
from physlm.probe.v_probing import scored
from physlm.random import generator
from physlm.train.checkpoints import digest


@dataclass(frozen=True)
class Arm:
    """A way to write: greedy, beams (of width n_beams) or regret (a detector and how many retries
    a solution may have).
    """

    arm: str
    n_beams: int | None = None
    detector: str | None = None
    most_retries: int | None = None


def decoded(trained: Trained, config: DecodingConfig, scratch: Path) -> dict[str, Any]:
    """The content of decoding.json (docs/regret.md).

    Resumes from `scratch` if it was cut. ConfigError for a model that was trained on mistakes, and
    with a trained detector for one that V-probes cannot read.
    """
    rate = getattr(trained.source.config, "rate", 0)
    require(rate == 0, "rate", rate, "0, for a model that was trained on right solutions")
    identity = {
        "model": digest(dict(trained.model.named_parameters())),
        "config": config.science(),
    }
    detectors = {"perfect": perfect(trained.source)}
    probe, questions = None, None
    if config.detector is not None:
        probe = trained_probe(trained, config.probing, scratch / "can_next")
        questions = scored(probe, questions_of(trained, config.probing), config.probing)
        detectors["trained"] = by_probe(trained, probe, config.batch_size)
    cells = [
        once(
            scratch / "cells" / f"{op}.json",
            identity,
            lambda op=op: _cell(trained, config, op, detectors, probe),
        )
        for op in config.ops
    ]
    return {
        **trained.facts,
        "test_seed": config.seed,
        "length_penalty": config.length_penalty,
        "probe": None if config.detector is None else asdict(config.detector),
        "questions": questions,
        "cells": cells,
    }


def once(file: Path, identity: dict[str, Any], make: Callable[[], Any]) -> Any:
    """What `make` returned the first time: from `file`, if that is of the same identity."""
    mine = json.loads(json.dumps(identity))
    kept = read_json(file) if file.exists() else {}
    if kept.get("identity") != mine:
        kept = {"identity": mine, "made": make()}
        write_json(file, kept)
    return kept["made"]


def arms(config: DecodingConfig, detectors: Sequence[str]) -> list[Arm]:
    """All ways to write that the settings ask for."""
    beams = [Arm("beams", n_beams=width) for width in config.beams]
    regret = [
        Arm("regret", detector=name, most_retries=most)
        for name in detectors
        for most in config.most_retries
    ]
    return [Arm("greedy"), *beams, *regret]


def _cell(
    trained: Trained,
    config: DecodingConfig,
    op: int,
    detectors: dict[str, Detector],
    probe: VProbe | None,
) -> dict[str, Any]:
    """What is told of n problems of one op: of each arm, and of the probe on greedy solutions.

    Problems that do not fit into the context with their right solution are left out, and counted.
    """
    drawn = pose(
        trained.source, config.n, generator(config.seed, "reasoning", "asked", op), op, False
    )
    given = [test for test in drawn if test.n_tokens <= trained.model.config.n_ctx]
    records, greedy = [], []
    for arm in arms(config, list(detectors)):
        drafts = [
            Draft(given[i], limit, generator(config.seed, "regret", op, i))
            for i, limit in limits(given, trained.model.config.n_ctx, config.slack)
        ]
        if arm.detector is None:
            write_plain(trained, drafts, arm.n_beams or 1, config)
        else:
            write_batches(trained, drafts, detectors[arm.detector], arm.most_retries or 0, config)
        written = [
            Solution(d.test, judged(trained.source, d.test, np.array(d.ids, int), d.stopped), d.ids)
            for d in drafts
        ]
        greedy = greedy or written
        records.append(asdict(arm) | told(drafts, written, arm))
    return {
        "op": op,
        "n": len(given),
        "too_long": len(drawn) - len(given),
        "arms": records,
        "own": None if probe is None else own_mistakes(trained, probe, greedy, config.batch_size),
    }


def told(drafts: Sequence[Draft], written: Sequence[Solution], arm: Arm) -> dict[str, Any]:
    """How solutions came out (see reasoning.outcome).

    retries: sentences taken back, per solution; spent: share of solutions with as many as allowed.
    """
    cuts = [draft.n_cuts for draft in drafts]
    return {
        **outcome([one.test for one in written], [one.verdict for one in written]),
        "unfinished": sum(not d.stopped for d in drafts) / len(drafts) if drafts else None,
        "retries": sum(cuts) / len(cuts) if cuts else None,
        "spent": sum(n == arm.most_retries for n in cuts) / len(cuts) if cuts else None,
    }


def limits(given: Sequence[Posed], n_ctx: int, slack: float) -> list[tuple[int, int]]:
    """Places of problems, longest prompts first, and how many tokens may be written after each.

    `slack` times what it takes to compute all parameters of any problem, as far as the context has
    room behind the longest prompt. Problems whose right solution would not fit there come later,
    with a limit of their own.
    """
    found: list[tuple[int, int]] = []
    rest = sorted(range(len(given)), key=lambda i: -len(given[i].prompt))
    while rest:
        longest = len(given[rest[0]].prompt)
        some = {i for i in rest if longest + given[i].n_gold <= n_ctx}
        most = int(slack * max(given[i].n_all for i in some))
        found += [(i, min(most, n_ctx - longest)) for i in rest if i in some]
        rest = [i for i in rest if i not in some]
    return found


def batches(drafts: Sequence[Draft], size: int) -> list[list[Draft]]:
    """Drafts in order, at most so many at once and all of the same limit."""
    by_limit: dict[int, list[Draft]] = {}
    for draft in drafts:
        by_limit.setdefault(draft.limit, []).append(draft)
    return [
        same[start : start + size]
        for same in by_limit.values()
        for start in range(0, len(same), size)
    ]


def write_plain(
    trained: Trained, drafts: Sequence[Draft], n_beams: int, config: DecodingConfig
) -> None:
    """Write them greedily, or by beam search."""
    for some in batches(drafts, max(1, config.batch_size // n_beams)):
        settings = GenerateConfig(
            max_new_tokens=some[0].limit,
            stop=(EOS,),
            n_beams=n_beams,
            length_penalty=config.length_penalty if n_beams > 1 else 0.0,
            batch_size=len(some),
        )
        texts = generate(trained.model, [draft.test.prompt for draft in some], settings)
        for draft, text in zip(some, texts, strict=True):
            for token in text.tokens.tolist():
                draft.add(token)


def write_batches(
    trained: Trained,
    drafts: Sequence[Draft],
    detector: Detector,
    most_retries: int,
    config: DecodingConfig,
) -> None:
    """Write them with retry upon regret."""
    for some in batches(drafts, config.batch_size):
        write_drafts(trained, some, detector, most_retries)
