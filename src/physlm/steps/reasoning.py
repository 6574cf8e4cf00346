"""The `reasoning` step: how many problems a model solves, and how."""

import sys

from physlm.config import build
from physlm.evaluate.igsm.config import ReasoningConfig
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write reasoning.json; input role `model`, of the step `problems`."""
    config = build(ReasoningConfig, job.config)

    import torch

    from physlm.evaluate.igsm.reasoning import measure
    from physlm.files import write_json

    torch.set_num_threads(config.threads)
    write_json(job.out / "reasoning.json", measure(job.input("model"), config))


if __name__ == "__main__":
    sys.exit(main(run))
