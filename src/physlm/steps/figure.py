"""Draw a figure from its tidy CSV, as PDF and PNG."""

import importlib
import sys

from physlm.config import build
from physlm.figures.base import FigureConfig, apply_style, save
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write <figure>.pdf and <figure>.png from <figure>.csv in the input role `table`."""
    import pandas as pd

    config = build(FigureConfig, job.config)
    figure = importlib.import_module(f"physlm.figures.{config.figure}")
    table = pd.read_csv(job.input("table") / f"{config.figure}.csv")
    apply_style()
    save(figure.draw(table), job.out, config.figure)


if __name__ == "__main__":
    sys.exit(main(run))
