"""The `evaluate` step: one measure of a trained model, chosen by name."""

import importlib
import sys

from physlm.config import build
from physlm.evaluate.config import EvaluateConfig, module_of
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write evaluate.json; input role `model`."""
    config = build(EvaluateConfig, job.config)

    import torch

    from physlm.files import write_json

    torch.set_num_threads(config.threads)
    measure = importlib.import_module(module_of(config.measure)).measure
    record = measure(job.input("model"), config.built())
    write_json(job.out / "evaluate.json", {"measure": config.measure, **record})


if __name__ == "__main__":
    sys.exit(main(run))
