"""Toy: the table again, as a figure."""

import sys

from physlm.files import write_text
from physlm.steps.job import Job, main
from physlm.toy import executed


def run(job: Job) -> None:
    executed(job)
    name = job.config["figure"]
    text = (job.input("table") / f"{name}.csv").read_text()
    for suffix in ("pdf", "png"):
        write_text(job.out / f"{name}.{suffix}", f"{suffix} of\n{text}")


if __name__ == "__main__":
    sys.exit(main(run))
