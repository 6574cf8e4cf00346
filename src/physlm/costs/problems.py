"""What the jobs of problems with solutions cost (Part 2), reckoned from their settings."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from physlm.config import build
from physlm.costs.cost import Cost, Source, adapted, n_adapters, training
from physlm.costs.flops import forward_flops
from physlm.data.problems import source
from physlm.evaluate.config import EvaluateConfig
from physlm.evaluate.igsm.config import ReasoningConfig
from physlm.model.config import ModelConfig, count_parameters
from physlm.random import generator
from physlm.train.problems import ProblemsConfig

# Problems whose lengths stand for all of their kind; bytes of a cell in evaluate.json.
N_DRAWN, CELL_RECORD = 20, 700

WRITTEN_ASSUMED = "models write solutions as long as the right ones"
WORDS_ASSUMED = "problems have a token for each word (no tokenizer_file is set)"


def problems(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """A training of n_steps batches. A given model has the architecture that the settings say, and
    adapters are priced as if all weights had gradients. Drawing the problems has no price.
    """
    run = build(ProblemsConfig, config)
    model = _read(run, sources)
    trained = count_parameters(model) if run.lora is None else n_adapters(model, run.lora)
    shape = run.n_steps, run.stream.rows, run.stream.n_ctx
    assumed = WORDS_ASSUMED if _unknown_tokens(run.settings) else ""
    return training(run, model, adapted(model, run.lora), trained, shape, assumed)


def reasoning(config: Mapping[str, Any], sources: Mapping[str, Source]) -> Cost:
    """Problems read and solutions written by the model `model`, forward; their lengths are those of
    a few test problems. Grading has no price.
    """
    step = build(EvaluateConfig, config)
    run = build(ReasoningConfig, step.settings)
    trained = build(ProblemsConfig, sources["model"].config)
    model = model_left(sources["model"])
    asked = [(op, False) for op in run.ops] + [(op, True) for op in run.reask_ops]
    told = problems_of(trained)
    lengths = [mean_lengths(*told, op, reask) for op, reask in asked]
    tokens = run.n * sum(map(sum, lengths))
    batches = -(-run.n // run.batch_size)
    mean = max(1, round(tokens / run.n / len(asked)))
    return Cost(
        tokens=round(tokens),
        kept_bytes=500 + CELL_RECORD * len(asked),
        flops=tokens * sum(forward_flops(model, mean).values()),
        n_params=count_parameters(model),
        n_calls=round(batches * sum(1 + written for _, written in lengths)),
        n_layers=model.n_layers,
        d_model=model.d_model,
        threads=step.threads,
        assumed=WRITTEN_ASSUMED,
    )


def problems_of(trained: ProblemsConfig) -> tuple[str, str]:
    """World and settings (JSON) of the test problems: retry has those of the world it changes."""
    if trained.world == "retry":
        return trained.settings["of"], json.dumps(trained.settings["settings"])
    return trained.world, json.dumps(trained.settings)


@lru_cache(maxsize=256)
def mean_lengths(world: str, settings: str, op: int | None, reask: bool) -> tuple[float, float]:
    """Mean tokens of problem and right solution of some test problems."""
    made, some = drawn(world, settings, op, reask, "test")
    rng = generator(0, "cost", "solution")
    prompts = sum(1 + len(made.prompt(problem)) for problem in some)
    solutions = sum(1 + len(made.solution(problem, rng)) for problem in some)
    return prompts / N_DRAWN, solutions / N_DRAWN


@lru_cache(maxsize=256)
def drawn(
    world: str, settings: str, op: int | None, reask: bool, split: str
) -> tuple[Any, list[Any]]:
    """The world of these settings (JSON), and the problems that stand for all of their kind."""
    made = words_of(world, json.loads(settings))
    return made, made.problems(N_DRAWN, generator(0, "cost"), op=op, split=split, reask=reask)


def model_left(source: Source) -> ModelConfig:
    """The model that a training leaves."""
    run = build(ProblemsConfig, source.config)
    return adapted(_read(run, source.sources), run.lora)


def _read(run: ProblemsConfig, sources: Mapping[str, Source]) -> ModelConfig:
    """The model that a training starts from: its context is that of the first one."""
    if "model" in sources:
        return model_left(sources["model"])
    d_vocab = len(words_of(run.world, run.settings).vocabulary)
    return run.model.resolve(d_vocab, run.stream.n_ctx)


def words_of(world: str, settings: Mapping[str, Any]) -> Any:
    """Its problems, in words where the tokeniser would have to be fetched; of retry those of the
    world it changes, which have its words.
    """
    if world == "retry":
        return words_of(settings["of"], settings["settings"])
    words = {"tokenizer": "words"} if _unknown_tokens(settings) else {}
    return source(world, {**settings, **words})


def _unknown_tokens(settings: Mapping[str, Any]) -> bool:
    told = settings.get("settings", settings)
    return told.get("tokenizer") == "gpt2" and told.get("tokenizer_file") is None
