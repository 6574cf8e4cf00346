"""Toy: writes the ten files of a corpus."""

import sys

from physlm.data.biod import names
from physlm.files import write_json
from physlm.steps.catalogue import CORPUS
from physlm.steps.job import Job, main
from physlm.toy import executed


def run(job: Job) -> None:
    executed(job)
    people = names(job.config["n_people"], job.config["seed"])
    for file in CORPUS:
        write_json(job.out / file, [file, people, job.config["settings"]])


if __name__ == "__main__":
    sys.exit(main(run))
