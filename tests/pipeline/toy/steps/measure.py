"""Toy: a number from a model and its corpus."""

import sys

from physlm.evaluate.toy import bits
from physlm.files import read_json, write_json
from physlm.steps.job import Job, main
from physlm.toy import executed


def run(job: Job) -> None:
    executed(job)
    model = read_json(job.input("model") / "model.safetensors")
    people = read_json(job.input("corpus") / "profiles.npy")[1]
    write_json(job.out / "measure.json", {"bits": bits(model["weight"], len(people))})


if __name__ == "__main__":
    sys.exit(main(run))
