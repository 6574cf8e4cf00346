"""Train a new model on biographies and on questions about the training half, together."""

import sys
from functools import partial

from physlm.config import build
from physlm.steps.job import Job, main
from physlm.train.questions import MixedConfig


def run(job: Job) -> None:
    """Write model.safetensors, model.json and metrics.jsonl; input role `corpus`.

    A bidirectional model has words of its biographies masked as in pretraining, and of its
    questions all answers and nothing else (the paper does not say what it masked there).
    """
    config = build(MixedConfig, job.config)

    import torch

    from physlm import files
    from physlm.data import corpus as corpora
    from physlm.data import qa
    from physlm.data.qa_stream import Mixed
    from physlm.model.storage import save_model
    from physlm.train.loop import train
    from physlm.train.losses import objective
    from physlm.train.masking import Masked, Words
    from physlm.train.start import starting_model

    torch.set_num_threads(config.threads)
    corpus = corpora.load(job.input("corpus"))
    hide = None
    if config.masking is not None:
        hide = partial(Masked, words=Words.of(corpus), config=config.masking, seed=config.seed)
    batches = Mixed(
        corpus,
        qa.about(corpus),
        qa.split_of(corpus),
        config.seed,
        config.stream.n_ctx,
        config.stream.rows,
        config.qa_ratio,
        config.scored or "all",
        hide,
    )
    model, _ = starting_model(config, corpus.manifest, None)
    outcome = train(
        model,
        objective(model.config),
        batches,
        n_steps=batches.n_steps(config.exposures),
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
        vocabulary_digest=corpus.manifest["digests"]["vocabulary"],
        seed=config.seed,
        steps=outcome.steps,
        exposures=outcome.exposures,
        qa_passes=batches.qa_passes({"windows": outcome.steps * batches.batch_size}),
        tokens=outcome.tokens,
        final_loss_nats=outcome.loss_nats,
    )


if __name__ == "__main__":
    sys.exit(main(run))
