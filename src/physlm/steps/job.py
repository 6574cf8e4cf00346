"""What every step shares: read the spec, run, report errors in one line.

A spec is a JSON file. A step reads `name` (for messages), `config` (resolved settings), `inputs`
(role -> folder, or a list of folders) and `folder` (where the outputs belong). It runs alone on any
machine that has torch: python -m physlm.steps.<step> SPEC [--out DIR] [--scratch DIR].
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from physlm.files import read_json


@dataclass(frozen=True)
class Job:
    """One job as a step sees it. `out` exists and is empty or ours; `scratch` outlives a kill."""

    name: str
    config: dict[str, Any]
    inputs: dict[str, Any]
    out: Path
    scratch: Path

    def input(self, role: str) -> Path:
        """The folder of a single input, e.g. job.input("corpus")."""
        return Path(self.inputs[role])


def main(run: Callable[[Job], None], argv: list[str] | None = None) -> int:
    """Parse the command line, run the step, return its exit status (2 for a user's error)."""
    parser = argparse.ArgumentParser(description=run.__doc__)
    parser.add_argument("spec", type=Path, help="JSON file that says what to do")
    parser.add_argument("--out", type=Path, help="output folder (default: the spec's)")
    parser.add_argument("--scratch", type=Path, help="folder for checkpoints to resume from")
    args = parser.parse_args(argv)
    try:
        spec = read_json(args.spec)
        out = args.out or Path(spec["folder"])
        scratch = args.scratch or out / "scratch"
        out.mkdir(parents=True, exist_ok=True)
        run(Job(spec["name"], spec["config"], spec["inputs"], out, scratch))
    except (ValueError, OSError, FloatingPointError) as error:
        # ConfigError and its kin are ValueErrors whose text is meant for the user.
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2
    return 0
