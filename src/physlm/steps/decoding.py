"""The `decoding` step: solutions that are written in several ways, mistakes taken back or not."""

import sys

from physlm.config import build
from physlm.probe.regret_config import DecodingConfig
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write decoding.json; input role `model`, of the step `problems`."""
    config = build(DecodingConfig, job.config)

    import torch

    from physlm.evaluate.igsm.trained import load_trained
    from physlm.files import write_json
    from physlm.probe.regret import decoded

    torch.set_num_threads(config.threads)
    record = decoded(load_trained(job.input("model")), config, job.scratch)
    write_json(job.out / "decoding.json", record)


if __name__ == "__main__":
    sys.exit(main(run))
