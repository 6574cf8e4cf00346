"""What the jobs of problems with solutions cost (Part 2), reckoned from their settings."""

from collections.abc import Mapping
from typing import Any

from physlm.config import build
from physlm.costs.cost import Cost, Source, adapted, n_adapters, training
from physlm.data.problems import source
from physlm.model.config import ModelConfig, count_parameters
from physlm.train.problems import ProblemsConfig


def problems(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A training of n_steps batches. A given model has the architecture that the settings say, and
    adapters are priced as if all weights had gradients. Drawing the problems has no price.
    """
    run = build(ProblemsConfig, config)
    model = _read(run, sources)
    trained = count_parameters(model) if run.lora is None else n_adapters(model, run.lora)
    shape = run.n_steps, run.stream.rows, run.stream.n_ctx
    return training(run, model, adapted(model, run.lora), trained, shape, "")


def _read(run: ProblemsConfig, sources: Mapping[str, Source]) -> ModelConfig:
    """The model that a training starts from: its context is that of the first one."""
    if "model" in sources:
        given = sources["model"]
        first = build(ProblemsConfig, given.config)
        return adapted(_read(first, given.sources), first.lora)
    d_vocab = len(source(run.world, run.settings).vocabulary)
    return run.model.resolve(d_vocab, run.stream.n_ctx)
