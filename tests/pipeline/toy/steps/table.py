"""Toy: a CSV with a line per run."""

import importlib
import sys

from physlm.files import write_text
from physlm.steps.job import Job, main
from physlm.toy import executed


def run(job: Job) -> None:
    executed(job)
    figure = importlib.import_module(f"physlm.figures.{job.config['figure']}")
    write_text(job.out / f"{job.config['figure']}.csv", figure.table(job.inputs))


if __name__ == "__main__":
    sys.exit(main(run))
