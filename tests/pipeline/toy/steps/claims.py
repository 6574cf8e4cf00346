"""Toy: counts the lines of the tables and of the ledger."""

import sys
from pathlib import Path

from physlm.files import write_text
from physlm.steps.job import Job, main
from physlm.toy import executed


def run(job: Job) -> None:
    executed(job)
    counts = {"ledger": len(Path(job.inputs["ledger"]).read_text().splitlines())}
    for family in ("capacity", "information"):
        counts[family] = len((job.input(family) / f"{family}.csv").read_text().splitlines())
    write_text(job.out / "claims.csv", "".join(f"{k},{v}\n" for k, v in counts.items()))


if __name__ == "__main__":
    sys.exit(main(run))
