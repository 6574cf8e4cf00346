"""The `exam` step: the questions that a trained model answers, about either half of the people."""

import sys

from physlm.config import build
from physlm.data import corpus
from physlm.evaluate.qa import ExamConfig, examine
from physlm.files import write_json
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write exam.json for the model and the corpus that the spec names."""
    config = build(ExamConfig, job.config, "config")
    result = examine(job.input("model"), corpus.load(job.input("corpus")), config)
    write_json(job.out / "exam.json", result)


if __name__ == "__main__":
    sys.exit(main(run))
