"""The `measure` step: the losses of a trained model on everyone, in bits."""

import sys

from physlm.config import build
from physlm.data import corpus
from physlm.evaluate.capacity import MeasureConfig, measure
from physlm.files import write_json
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write measure.json for the model and the corpus that the spec names."""
    config = build(MeasureConfig, job.config, "config")
    result = measure(job.input("model"), corpus.load(job.input("corpus")), config)
    write_json(job.out / "measure.json", result)


if __name__ == "__main__":
    sys.exit(main(run))
