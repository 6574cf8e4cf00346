"""Judge every claim of the ledger by the tables of this tier."""

import sys
from pathlib import Path

from physlm.claims import judge, load
from physlm.figures.base import write_table
from physlm.steps.job import Job, main


def run(job: Job) -> None:
    """Write claims.csv; input role `ledger` is claims.yaml, every other role a table's folder."""
    import pandas as pd
    from omegaconf import OmegaConf

    ledger = Path(job.inputs["ledger"])
    claims = load(OmegaConf.to_container(OmegaConf.load(ledger)), ledger.name)
    tables = {}
    for role, folder in job.inputs.items():
        if role != "ledger":
            for file in sorted(Path(folder).glob("*.csv")):
                tables[f"{Path(folder).name}/{file.stem}"] = pd.read_csv(file)
    verdicts = judge(claims, tables)
    write_table(verdicts, job.out / "claims.csv")
    for name, count in verdicts["verdict"].value_counts().items():
        print(f"{count} {name}", flush=True)


if __name__ == "__main__":
    sys.exit(main(run))
