from pathlib import Path
from typing import Any

from physlm.files import read_json

RESOURCES = ("published/*.csv",)
PUBLISHED = Path(__file__).parent / "published"


def table(inputs: dict[str, Any]) -> str:
    law = (PUBLISHED / "capacity.csv").read_text()
    rows = [
        f"{Path(run).name.replace(',', ' ')},{read_json(Path(run) / 'measure.json')['bits']}"
        for run in inputs["runs"]
    ]
    return law + "\n".join(sorted(rows)) + "\n"
