"""The `probe` step: what linear probes read from a frozen model about everyone's attributes."""

import sys

from physlm.config import build
from physlm.probe.config import ProbeConfig
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write probe.json; input roles `model` and `corpus`, on which the model was trained."""
    config = build(ProbeConfig, job.config)

    import torch

    from physlm.data import corpus as corpora
    from physlm.files import write_json
    from physlm.model.storage import load_model
    from physlm.probe.training import probe

    torch.set_num_threads(config.threads)
    corpus = corpora.load(job.input("corpus"))
    model, info = load_model(job.input("model"))
    if info["corpus_digest"] != corpus.digest:
        raise ValueError(
            f"{job.input('model')}: was trained on the corpus {info['corpus_digest'][:12]}, "
            f"but {corpus.folder} is {corpus.digest[:12]}"
        )
    results = probe(model, corpus, config, job.scratch)
    world = corpus.manifest["config"]
    record = {
        "world": corpus.manifest["world"],
        "variant": str(world["variant"]),
        "celebrities": world["celebrities"],
        "tokenizer": world["tokenizer"],
        "arch": info["arch"],
        "n_layers": model.config.n_layers,
        "d_model": model.config.d_model,
        "n_params": info["n_params"],
        "n_people": corpus.n_people,
        "seed": config.seed,
        "kind": config.kind,
        "control": config.control,
        "rank_embed": config.rank_embed,
        "n_steps": config.n_steps,
        "results": results,
    }
    write_json(job.out / "probe.json", record)


if __name__ == "__main__":
    sys.exit(main(run))
