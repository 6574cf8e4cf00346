"""The `data` step: draw a world's people and write the corpus."""

import sys

from physlm.config import build
from physlm.data import corpus
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write the corpus that the spec's config asks for."""
    corpus.build(job.out, build(corpus.DataConfig, job.config, "config"))


if __name__ == "__main__":
    sys.exit(main(run))
