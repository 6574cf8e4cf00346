"""Collect the measures of all runs of a figure into its tidy CSV, a row per run."""

import importlib
import sys

from physlm.config import build
from physlm.figures.base import FigureConfig, write_table
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write <figure>.csv from the outputs of the runs in the input roles."""
    config = build(FigureConfig, job.config)
    figure = importlib.import_module(f"physlm.figures.{config.figure}")
    table = figure.table(job.inputs)
    missing = [column for column in figure.COLUMNS if column not in table.columns]
    if missing:
        raise ValueError(f"{config.figure}.csv: columns missing: {', '.join(missing)}")
    write_table(table, job.out / f"{config.figure}.csv")
    print(f"{len(table)} rows", flush=True)


if __name__ == "__main__":
    sys.exit(main(run))
