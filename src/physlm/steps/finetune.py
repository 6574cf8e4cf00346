"""Finetune a trained model on the questions about the training half, in full or by adapters."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physlm.config import ConfigError, build
from physlm.steps.job import Job, main
from physlm.train.questions import FinetuneConfig

if TYPE_CHECKING:
    from physlm.data.corpus import Corpus
    from physlm.model.transformer import Transformer


def run(job: Job) -> None:
    """Write model.safetensors and model.json, a plain model with the adapters in it, and
    metrics.jsonl; input roles `model` and the `corpus` that it was trained on.
    """
    config = build(FinetuneConfig, job.config)

    import torch

    from physlm import files
    from physlm.data import corpus as corpora
    from physlm.data import qa
    from physlm.data.qa_stream import QaRows
    from physlm.model.storage import save_model
    from physlm.train import lora
    from physlm.train.checkpoints import digest
    from physlm.train.loop import train
    from physlm.train.losses import objective

    torch.set_num_threads(config.threads)
    corpus = corpora.load(job.input("corpus"))
    model, info = _base(job.input("model"), corpus)
    base = {"base_digest": digest(dict(model.named_parameters()))}
    rows = QaRows(
        qa.about(corpus),
        qa.split_of(corpus),
        config.seed,
        config.batch_size,
        config.scored,
        masked=not model.config.causal,
    )
    if rows.n_ctx > model.config.n_ctx:
        raise ConfigError(
            f"{job.input('model') / 'model.json'}: n_ctx={model.config.n_ctx} must be at least "
            f"{rows.n_ctx}, the longest question"
        )
    if config.lora is not None:
        lora.adapt(model, config.lora, config.seed)
    outcome = train(
        model,
        objective(model.config),
        rows,
        n_steps=rows.n_steps(config.passes),
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
        # Of the biographies, as measures of what is remembered of them want to know.
        exposures=info["exposures"],
        passes=outcome.exposures,
        tokens=outcome.tokens,
        final_loss_nats=outcome.loss_nats,
    )


def _base(folder: Path, corpus: "Corpus") -> tuple["Transformer", dict[str, Any]]:
    """The model in `folder` and what is told of it; ConfigError if its corpus was another one."""
    from physlm.model.storage import load_model

    model, info = load_model(folder)
    if info.get("corpus_digest") != corpus.digest:
        raise ConfigError(
            f"{folder / 'model.json'}: the model was not trained on the corpus of {corpus.folder}, "
            "about whose people it would be asked"
        )
    return model, info


if __name__ == "__main__":
    sys.exit(main(run))
