"""Finetune a pretrained model on questions about half of the people."""

import sys

from physlm.config import build
from physlm.steps.job import Job, main
from physlm.train.questions import FinetuneConfig


def run(job: Job) -> None:
    """Write model.safetensors (adapters merged), model.json and metrics.jsonl; input roles `model`
    and the `corpus` that it was trained on.
    """
    config = build(FinetuneConfig, job.config)

    import torch

    from physlm import files
    from physlm.data import corpus as corpora
    from physlm.data import qa
    from physlm.data.qa_stream import QaRows
    from physlm.model.storage import load_model, save_model
    from physlm.train import lora
    from physlm.train.loop import train
    from physlm.train.losses import objective

    torch.set_num_threads(config.threads)
    corpus = corpora.load(job.input("corpus"))
    model, info = load_model(job.input("model"))
    if info["corpus_digest"] != corpus.digest:
        raise ValueError(
            f"{job.input('model')}: was trained on the corpus {info['corpus_digest'][:12]}, "
            f"but {corpus.folder} is {corpus.digest[:12]}"
        )
    # The first row after the corpus's, where masked modelling has its token.
    mask = None if model.config.causal else corpus.manifest["d_vocab"]
    halves = qa.split_of(corpus)
    batches = QaRows(
        qa.about(corpus), halves, config.seed, config.batch_size, config.scored, mask
    )
    base = {"base_digest": lora.base_digest(model)}
    if config.lora is not None:
        lora.adapt(model, config.lora, config.seed)
    outcome = train(
        model,
        objective(model.config),
        batches,
        n_steps=batches.n_steps(config.passes),
        config=config,
        identity={"corpus": corpus.digest, "config": config.science(), **base},
        scratch=job.scratch,
    )
    if not outcome.is_main:
        return
    files.copy(job.scratch / "metrics.jsonl", job.out / "metrics.jsonl")
    save_model(
        job.out,
        model if config.lora is None else lora.merge(model),
        corpus_digest=corpus.digest,
        vocabulary_digest=corpus.manifest["digests"]["vocabulary"],
        **base,
        seed=config.seed,
        steps=outcome.steps,
        passes=outcome.exposures,
        tokens=outcome.tokens,
        final_loss_nats=outcome.loss_nats,
    )


if __name__ == "__main__":
    sys.exit(main(run))
