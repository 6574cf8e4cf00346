"""The `tree_probe` step: what linear probes read of the hidden trees of a grammar's strings."""

import sys

from physlm.config import build
from physlm.probe.trees_config import TreeProbeConfig
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write tree_probe.json; input role `model`."""
    config = build(TreeProbeConfig, job.config)

    import torch

    from physlm.evaluate.grammars.trained import load_trained
    from physlm.files import write_json
    from physlm.probe.trees import probe

    torch.set_num_threads(config.threads)
    record = probe(load_trained(job.input("model")), config, job.scratch)
    write_json(job.out / "tree_probe.json", record)


if __name__ == "__main__":
    sys.exit(main(run))
