"""What the jobs of grammars cost (Part 1), reckoned from their settings and exact mean lengths."""

from collections.abc import Mapping
from typing import Any

from physlm.config import build
from physlm.costs.cost import CHECKPOINT_BYTES, Cost, Source, training
from physlm.costs.flops import forward_flops
from physlm.data.fresh import world_config
from physlm.data.grammars.build import named
from physlm.data.grammars.grammar import Grammar
from physlm.data.grammars.statistics import lengths
from physlm.evaluate.config import EvaluateConfig
from physlm.evaluate.grammars.config import (
    AttentionConfig,
    GenerationConfig,
    RobustnessConfig,
)
from physlm.model.config import ModelConfig, count_parameters
from physlm.probe.trees_config import TreeProbeConfig
from physlm.train.fresh import FreshConfig

# evaluate.json; a record of tree_probe.json.
EVALUATE_NOTES, PROBE_RECORD = 4000, 200

WRITTEN_ASSUMED = "models of grammars write strings as long as the grammar's"


def fresh(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A training of n_steps batches."""
    run = build(FreshConfig, config)
    model = _model(run)
    shape = run.n_steps, run.stream.rows, run.stream.n_ctx
    return training(run, model, model, count_parameters(model), shape, "")


def evaluate(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A measure of the model `model`, forward; the exact side of a grammar has no price."""
    run = build(EvaluateConfig, config)
    model, grammar = _trained(sources["model"])
    settings, mean = run.built(), lengths(grammar).mean
    tokens, n_calls, assumed = 0.0, 0, ""
    if isinstance(settings, GenerationConfig):
        batches = -(-settings.n // settings.batch_size)
        tokens = settings.n_rows * mean + len(settings.cuts) * settings.n * mean
        n_calls, assumed = round(len(settings.cuts) * batches * mean), WRITTEN_ASSUMED
    elif isinstance(settings, RobustnessConfig):
        n_texts = 3 * len(settings.temperatures) * settings.n
        tokens, n_calls = n_texts * mean, round(n_texts / settings.batch_size * mean)
        assumed = WRITTEN_ASSUMED
    elif isinstance(settings, AttentionConfig):
        # Once for the means by distance, once for what goes beyond them.
        tokens, n_calls = 2 * settings.n * mean, 2 * -(-settings.n // settings.batch_size)
    return Cost(
        tokens=round(tokens),
        kept_bytes=EVALUATE_NOTES,
        flops=tokens * sum(forward_flops(model, round(mean)).values()),
        n_params=count_parameters(model),
        n_calls=n_calls,
        n_layers=model.n_layers,
        d_model=model.d_model,
        threads=run.threads,
        assumed=assumed,
    )


def tree_probe(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """Probes of the model `model`: the frozen model forward, its probes forward and back."""
    run = build(TreeProbeConfig, config)
    model, grammar = _trained(sources["model"])
    mean = lengths(grammar).mean
    inner = grammar.levels[1:-1]
    widest, n_tasks = max(len(level) for level in inner), 2 * len(inner)
    n_mapped = n_tasks * run.n_heads * widest
    n_positions = 0 if run.reach == 0 else n_tasks * run.n_heads * model.n_ctx * run.d_position
    # The maps, and for every token the weighted sum over the others.
    probes = 2 * n_mapped * (model.d_model + (0 if run.reach == 0 else mean))
    trained, tested = run.n_steps * run.batch_size * mean, run.n_tested * mean
    forward = sum(forward_flops(model, round(mean)).values())
    return Cost(
        tokens=round(trained + tested),
        kept_bytes=400 + n_tasks * PROBE_RECORD,
        scratch_bytes=(n_mapped * model.d_model + n_positions) * CHECKPOINT_BYTES,
        flops=(trained + tested) * forward + (3 * trained + tested) * probes,
        n_params=count_parameters(model),
        n_calls=run.n_steps,
        n_layers=model.n_layers,
        d_model=model.d_model,
        precision=run.precision,
        threads=run.threads,
        backward=True,
    )


def _model(run: FreshConfig) -> ModelConfig:
    world = world_config(run.world, run.settings)
    n_tokens = world.vocabulary or named(world.grammar, world.root).n_terminals
    # EOS, and the mask token of a bidirectional model.
    return run.model.resolve(n_tokens + 1 + (not run.model.causal), run.stream.n_ctx)


def _trained(source: Source) -> tuple[ModelConfig, Grammar]:
    run = build(FreshConfig, source.config)
    world = world_config(run.world, run.settings)
    return _model(run), named(world.grammar, world.root)
