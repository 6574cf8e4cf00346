"""Train a new model on biographies and on questions about half of the people, mixed."""

import sys

from physlm.config import build
from physlm.steps.job import Job, main
from physlm.train.questions import MixedConfig


def run(job: Job) -> None:
    """Write model.safetensors, model.json and metrics.jsonl; input role `corpus`."""
    config = build(MixedConfig, job.config)

    import torch

    from physlm import files
    from physlm.data import corpus as corpora
    from physlm.data import qa
    from physlm.data.qa_stream import Mixed, Windows, mixed_steps
    from physlm.data.stream import Stream
    from physlm.model.storage import save_model
    from physlm.train.loop import train
    from physlm.train.losses import objective
    from physlm.train.masking import Masked, Words
    from physlm.train.start import starting_model

    torch.set_num_threads(config.threads)
    corpus = corpora.load(job.input("corpus"))
    stream = Stream(corpus, config.seed, config.stream.n_ctx, batch_size=1)
    biographies: Windows = stream
    mask = None
    if config.masking is not None:
        biographies = Masked(stream, Words.of(corpus), config.masking, config.seed)
        mask = biographies.mask_token
    batches = Mixed(
        biographies,
        qa.about(corpus),
        qa.split_of(corpus),
        config.seed,
        config.stream.rows,
        config.qa_ratio,
        config.scored,
        mask,
    )
    model, _ = starting_model(config, corpus.manifest, None)
    outcome = train(
        model,
        objective(model.config),
        batches,
        n_steps=mixed_steps(stream.n_steps(config.exposures), config.qa_ratio, config.stream.rows),
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
        tokens=outcome.tokens,
        final_loss_nats=outcome.loss_nats,
    )


if __name__ == "__main__":
    sys.exit(main(run))
