"""Train a new model on a corpus until each person was seen the asked number of times."""

import sys

from physlm.config import build
from physlm.steps.job import Job, main
from physlm.train.config import PretrainConfig


def run(job: Job) -> None:
    """Write model.safetensors, model.json and metrics.jsonl; input role `corpus`."""
    config = build(PretrainConfig, job.config)

    import torch

    from physlm import files
    from physlm.data import corpus as corpora
    from physlm.data.stream import Stream
    from physlm.model.storage import save_model
    from physlm.model.transformer import Transformer, init_weights, loss_nats
    from physlm.train.loop import train

    torch.set_num_threads(config.threads)
    corpus = corpora.load(job.input("corpus"))
    stream = Stream(corpus, config.seed, config.stream.n_ctx, config.stream.batch_size)
    model = Transformer(config.model.resolve(corpus.manifest["d_vocab"], stream.n_ctx))
    init_weights(model, config.seed)
    outcome = train(
        model,
        loss_nats,
        stream,
        n_steps=stream.n_steps(config.exposures),
        config=config,
        identity={"corpus": corpus.digest, "config": config.science()},
        scratch=job.scratch,
    )
    if not outcome.is_main:
        return
    files.copy(job.scratch / "metrics.jsonl", job.out / "metrics.jsonl")
    save_model(
        job.out,
        model,
        corpus_digest=corpus.digest,
        seed=config.seed,
        steps=outcome.steps,
        exposures=outcome.exposures,
        tokens=outcome.tokens,
        final_loss_nats=outcome.loss_nats,
    )


if __name__ == "__main__":
    sys.exit(main(run))
