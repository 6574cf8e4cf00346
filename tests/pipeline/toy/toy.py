"""Counts what really runs: a line per job in the file that TOY_TRACE names."""

import os

from physlm.steps.job import Job


def executed(job: Job, note: str = "") -> None:
    with open(os.environ["TOY_TRACE"], "a", encoding="utf-8") as trace:
        trace.write(f"{job.name} {note}".strip() + "\n")
