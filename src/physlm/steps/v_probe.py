"""The `v_probe` step: what V-probes read of the plans of a model that solves problems."""

import sys

from physlm.config import build
from physlm.probe.v_config import VProbeConfig
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write v_probe.json; input role `model`, of the step `problems`."""
    config = build(VProbeConfig, job.config)

    import torch

    from physlm.evaluate.igsm.trained import load_trained
    from physlm.files import write_json
    from physlm.probe.v_probing import probe_solver

    torch.set_num_threads(config.threads)
    record = probe_solver(load_trained(job.input("model")), config, job.scratch)
    write_json(job.out / "v_probe.json", record)


if __name__ == "__main__":
    sys.exit(main(run))
