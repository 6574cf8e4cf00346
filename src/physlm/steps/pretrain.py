"""Train a model on a corpus until each person was seen the asked number of times."""

import sys

from physlm.config import build
from physlm.steps.job import Job, main
from physlm.train.config import PretrainConfig


def run(job: Job) -> None:
    """Write model.safetensors, model.json and metrics.jsonl; input roles `corpus` and, to go on
    from its weights instead of new ones, `model`.
    """
    config = build(PretrainConfig, job.config)

    import torch

    from physlm import files
    from physlm.data import corpus as corpora
    from physlm.data.stream import Stream
    from physlm.model.storage import save_model
    from physlm.train.loop import train
    from physlm.train.losses import objective
    from physlm.train.masking import Masked, Words
    from physlm.train.start import starting_model

    torch.set_num_threads(config.threads)
    corpus = corpora.load(job.input("corpus"))
    stream = Stream(corpus, config.seed, config.stream.n_ctx, config.stream.rows)
    batches: Stream | Masked = stream
    if config.masking is not None:
        batches = Masked(stream, Words.of(corpus), config.masking, config.seed)
    folder = job.input("model") if "model" in job.inputs else None
    model, base = starting_model(config, corpus.manifest, folder)
    outcome = train(
        model,
        objective(model.config),
        batches,
        n_steps=stream.n_steps(config.exposures),
        config=config,
        identity={"corpus": corpus.digest, "config": config.science(), **base},
        scratch=job.scratch,
    )
    if not outcome.is_main:
        return
    files.copy(job.scratch / "metrics.jsonl", job.out / "metrics.jsonl")
    save_model(
        job.out,
        model,
        corpus_digest=corpus.digest,
        vocabulary_digest=corpus.manifest["digests"]["vocabulary"],
        **base,
        seed=config.seed,
        steps=outcome.steps,
        exposures=outcome.exposures,
        tokens=outcome.tokens,
        final_loss_nats=outcome.loss_nats,
    )


if __name__ == "__main__":
    sys.exit(main(run))
