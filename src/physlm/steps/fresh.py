"""Train a new model on texts that never repeat."""

import dataclasses
import sys

from physlm.config import build
from physlm.steps.job import Job, main
from physlm.train.fresh import FreshConfig


def run(job: Job) -> None:
    """Write model.safetensors, model.json and metrics.jsonl; no inputs: texts are drawn on the way.

    model.json has the world and its settings, so that a measure needs the model's folder alone.
    """
    config = build(FreshConfig, job.config)

    import torch

    from physlm import files
    from physlm.data.fresh import EOS, FreshStream, source
    from physlm.model.storage import save_model
    from physlm.model.transformer import Transformer, init_weights
    from physlm.train.loop import train
    from physlm.train.losses import objective
    from physlm.train.masking import Masked, Words

    torch.set_num_threads(config.threads)
    texts = source(config.world, config.settings)
    stream = FreshStream(texts, config.seed, config.stream.n_ctx, config.stream.rows)
    batches: FreshStream | Masked = stream
    if config.masking is not None:
        words = Words(texts.vocabulary, (EOS,), subwords=False)
        batches = Masked(stream, words, config.masking, config.seed)
    masked = config.masking is not None
    model = Transformer(config.model.resolve(len(texts.vocabulary) + masked, config.stream.n_ctx))
    init_weights(model, config.seed)
    outcome = train(
        model,
        objective(model.config),
        batches,
        n_steps=config.n_steps,
        config=config,
        identity={"config": config.science()},
        scratch=job.scratch,
    )
    if not outcome.is_main:
        return
    files.copy(job.scratch / "metrics.jsonl", job.out / "metrics.jsonl")
    save_model(
        job.out,
        model,
        world=config.world,
        settings=config.settings,
        seed=config.seed,
        steps=outcome.steps,
        texts=round(outcome.exposures),
        tokens=outcome.tokens,
        masking=None if config.masking is None else dataclasses.asdict(config.masking),
        final_loss_nats=outcome.loss_nats,
    )


if __name__ == "__main__":
    sys.exit(main(run))
