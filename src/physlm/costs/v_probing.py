"""What V-probes cost (Part 2.1), reckoned from their settings and a few of their questions."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from physlm.config import build
from physlm.costs.cost import CHECKPOINT_BYTES, Cost, Source
from physlm.costs.flops import forward_flops
from physlm.costs.problems import N_DRAWN, WRITTEN_ASSUMED, drawn, mean_lengths, model_left
from physlm.data.problems import world_config
from physlm.model.config import count_parameters
from physlm.probe.v_config import FORESEEING, MistakesConfig, Population, Task, VProbeConfig
from physlm.probe.v_examples import ask, n_classes
from physlm.random import generator
from physlm.train.problems import ProblemsConfig

# Bytes of a record in v_probe.json.
PROBE_RECORD = 1300


def v_probe(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """Probes of the model `model`: for each task forward and back to the embeddings, then the test
    problems forward. For mistakes solutions are written, and read by three probes.
    """
    run, model = build(VProbeConfig, config), model_left(sources["model"])
    trained = build(ProblemsConfig, sources["model"].config)
    settings = json.dumps(trained.settings)
    modulus = world_config(trained.world, trained.settings).modulus
    taught = tested = 0.0
    n_probed = 0
    for task in run.tasks:
        kind = "igsm", settings, task, run.population, run.n_queries
        means = [row(*kind, op, False, "train") for op in run.train_ops or (None,)]
        taught += run.n_steps * run.batch_size * sum(means) / len(means)
        sets = [row(*kind, op, reask, "test") for op in run.ops for reask in run.reask]
        tested += run.n_test * sum(sets)
        update = run.rank * (model.d_vocab + model.d_model)
        n_probed += update + (model.d_model + 1) * n_classes(task, modulus)
    written, n_written = (0.0, 0) if run.mistakes is None else _mistakes(settings, run.mistakes)
    n_rows = run.n_steps * run.batch_size * len(run.tasks)
    parts = forward_flops(model, max(1, round(taught / n_rows)))
    forward = sum(parts.values()) - parts["unembedding"]
    # Forward, back to what came in, and back to both factors of the products in attention.
    both = 2 * forward + parts["attention"] if run.rank else forward
    return Cost(
        tokens=round(taught + tested + written),
        kept_bytes=1000 + len(run.tasks) * len(run.ops) * len(run.reask) * PROBE_RECORD,
        scratch_bytes=n_probed * CHECKPOINT_BYTES,
        flops=taught * both + (tested + written) * forward,
        n_params=count_parameters(model),
        n_calls=run.n_steps * len(run.tasks) + n_written,
        n_layers=model.n_layers,
        d_model=model.d_model,
        precision=run.precision,
        threads=run.threads,
        backward=bool(run.rank),
        assumed=WRITTEN_ASSUMED if written else "",
    )


def _mistakes(settings: str, run: MistakesConfig) -> tuple[float, int]:
    """Tokens that are written and probed, and passes of writing."""
    tokens, passes = 0.0, 0.0
    for ops, reask in ((run.ops, False), (run.reask_ops, True)):
        for op in ops:
            prompt, solution = mean_lengths("igsm", settings, op, reask)
            tokens += run.n * (prompt + solution) * (1 + len(FORESEEING))
            passes += -(-run.n // run.batch_size) * (1 + solution)
    return tokens, round(passes)


@lru_cache(maxsize=1024)
def row(
    world: str,
    settings: str,
    task: Task,
    population: Population,
    n_queries: int,
    op: int | None,
    reask: bool,
    split: str,
) -> float:
    """Mean tokens of a problem with the questions about it."""
    made, some = drawn(world, settings, op, reask, split)
    n, rng = 0, generator(0, "cost", "asked")
    for problem in some:
        asked = ask(made, problem, task, population, n_queries, rng)
        n += max(query.place for query in asked.queries) + sum(map(len, asked.suffixes))
    return n / N_DRAWN
