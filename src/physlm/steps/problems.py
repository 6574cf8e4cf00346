"""Train a model on problems with solutions that never repeat."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from physlm.config import build, require
from physlm.steps.job import Job, main
from physlm.train.problems import ProblemsConfig

if TYPE_CHECKING:
    from physlm.model.transformer import Transformer


def run(job: Job) -> None:
    """Write model.safetensors, model.json and metrics.jsonl; problems are drawn on the way. Input
    role, to go on from its weights instead of new ones: `model`.

    model.json has the world and its settings, so that a measure needs the model's folder alone.
    """
    config = build(ProblemsConfig, job.config)

    import torch

    from physlm import files
    from physlm.data.ahead import ahead
    from physlm.data.problems import ProblemStream, source
    from physlm.model.storage import save_model
    from physlm.train import lora
    from physlm.train.checkpoints import digest
    from physlm.train.loop import train
    from physlm.train.losses import objective

    torch.set_num_threads(config.threads)
    texts = source(config.world, config.settings)
    shape = config.stream.n_ctx, config.stream.rows
    folder = job.input("model") if "model" in job.inputs else None
    model = _starting_model(config, texts.vocabulary, folder)
    base = {} if folder is None else {"base_digest": digest(dict(model.named_parameters()))}
    if config.lora is not None:
        require(folder is not None, "lora", config.lora, "null without an input model")
        lora.adapt(model, config.lora, config.seed)
    with contextlib.ExitStack() as stack:
        blocks = None
        if config.workers:
            drawing = ahead(config.world, config.settings, config.seed, config.workers)
            blocks = stack.enter_context(drawing)
        outcome = train(
            model,
            objective(model.config),
            ProblemStream(texts, config.seed, *shape, config.scored, config.packing, blocks),
            n_steps=config.n_steps,
            config=config,
            identity={"config": config.science(), **base},
            scratch=job.scratch,
        )
    if not outcome.is_main:
        return
    files.copy(job.scratch / "metrics.jsonl", job.out / "metrics.jsonl")
    save_model(
        job.out,
        model if config.lora is None else lora.merge(model),
        world=config.world,
        settings=config.settings,
        **base,
        seed=config.seed,
        steps=outcome.steps,
        problems=round(outcome.exposures),
        tokens=outcome.tokens,
        final_loss_nats=outcome.loss_nats,
    )


def _starting_model(
    config: ProblemsConfig, vocabulary: list[str], folder: Path | None
) -> "Transformer":
    """A new model, or that of `folder`.

    ConfigError if that one has another architecture, world or vocabulary, or too short a context.
    """
    from physlm.data.problems import source
    from physlm.model.storage import load_model
    from physlm.model.transformer import Transformer, init_weights

    n_ctx = config.stream.n_ctx
    if folder is None:
        model = Transformer(config.model.resolve(len(vocabulary), n_ctx))
        init_weights(model, config.seed)
        return model
    model, info = load_model(folder)
    world = info.get("world")
    require(world == config.world, "world", config.world, f"{world!r}, as of the model of {folder}")
    same = source(config.world, info["settings"]).vocabulary == vocabulary
    allowed = f"of the vocabulary that the model of {folder} was trained on"
    require(same, "settings", config.settings, allowed)
    context = model.config.n_ctx
    most = f"at most {context}, the context of the model of {folder}"
    require(n_ctx <= context, "stream.n_ctx", n_ctx, most)
    for key, value in vars(config.model.resolve(len(vocabulary), context)).items():
        theirs = getattr(model.config, key)
        # How the weights were drawn is no matter once they are there.
        if key != "init_std":
            allowed = f"{theirs!r}, as in the model of {folder}"
            require(value == theirs, f"model.{key}", value, allowed)
    return model


if __name__ == "__main__":
    sys.exit(main(run))
