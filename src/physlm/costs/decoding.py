"""What it costs to write solutions in several ways (Part 2.2), reckoned from the settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from physlm.config import build
from physlm.costs.cost import CHECKPOINT_BYTES, Cost, Source
from physlm.costs.flops import forward_flops
from physlm.costs.problems import (
    N_DRAWN,
    WRITTEN_ASSUMED,
    drawn,
    mean_lengths,
    model_left,
    problems_of,
)
from physlm.costs.v_probing import PROBE_RECORD, row
from physlm.model.config import ModelConfig, count_parameters
from physlm.probe.regret_config import DecodingConfig
from physlm.train.problems import ProblemsConfig

# Bytes of an arm in decoding.json, and of the rest.
ARM_RECORD, NOTES = 450, 1200
ASSUMED = f"{WRITTEN_ASSUMED}, without retries"


def decoding(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """Solutions of the model `model`, forward: each arm reads the problems and writes, a beam as if
    it were a text. A trained detector is a V-probe that is trained first, reads the text once for
    each sentence that it is asked about, and twice more about greedy solutions.
    """
    run, model = build(DecodingConfig, config), model_left(sources["model"])
    trained = build(ProblemsConfig, sources["model"].config)
    world = problems_of(trained)
    learned = run.detector is not None
    n_regret = len(run.most_retries)
    n_arms = 1 + len(run.beams) + n_regret * (1 + learned)
    read, passes, lengths = 0.0, 0.0, []
    for op in run.ops:
        prompt, written = mean_lengths(*world, op, False)
        lengths.append(prompt + written)
        texts = 1 + sum(run.beams) + n_regret
        texts += learned * (n_regret * (1 + sentences(*world, op)) + 2)
        read += run.n * texts * (prompt + written)
        sizes = [run.batch_size // width or 1 for width in run.beams]
        sizes += [run.batch_size] * (n_arms - len(run.beams))
        passes += sum(-(-run.n // size) for size in sizes) * (1 + written)
    probing = _Probing() if run.detector is None else _probing(run, world, model)
    forward = sum(forward_flops(model, max(1, round(sum(lengths) / len(lengths)))).values())
    records = len(run.ops) * n_arms * ARM_RECORD
    return Cost(
        tokens=round(read + probing.taught + probing.tested),
        kept_bytes=NOTES + records + learned * len(run.ops) * PROBE_RECORD,
        scratch_bytes=records + probing.n_params * CHECKPOINT_BYTES,
        flops=(read + probing.tested) * forward + probing.flops,
        n_params=count_parameters(model),
        n_calls=round(passes) + probing.n_steps,
        n_layers=model.n_layers,
        d_model=model.d_model,
        precision=run.precision,
        threads=run.threads,
        backward=learned,
        assumed=ASSUMED,
    )


@dataclass(frozen=True)
class _Probing:
    """Of a trained detector: tokens that it is trained on and tested with, flops of its training,
    its own weights, and its updates.
    """

    taught: float = 0.0
    tested: float = 0.0
    flops: float = 0.0
    n_params: int = 0
    n_steps: int = 0


def _probing(run: DecodingConfig, world: tuple[str, str], model: ModelConfig) -> _Probing:
    probe = run.probing
    kind = *world, probe.tasks[0], probe.population, probe.n_queries
    means = [row(*kind, op, False, "train") for op in probe.train_ops or (None,)]
    mean = sum(means) / len(means)
    taught = probe.n_steps * probe.batch_size * mean
    parts = forward_flops(model, max(1, round(mean)))
    forward = sum(parts.values()) - parts["unembedding"]
    # Forward, back to what came in, and back to both factors of the products in attention.
    both = 2 * forward + parts["attention"] if probe.rank else forward
    return _Probing(
        taught=taught,
        tested=probe.n_test * sum(row(*kind, op, False, "test") for op in run.ops),
        flops=taught * both,
        n_params=probe.rank * (model.d_vocab + model.d_model) + 2 * (model.d_model + 1),
        n_steps=probe.n_steps,
    )


@lru_cache(maxsize=256)
def sentences(world: str, settings: str, op: int) -> float:
    """Mean sentences of the right solutions of some test problems."""
    _, some = drawn(world, settings, op, False, "test")
    return sum(len(problem.solution) for problem in some) / N_DRAWN
