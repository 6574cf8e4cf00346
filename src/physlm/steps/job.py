"""What every step shares: read the spec, run, report errors in one line.

A spec is a JSON file. A step reads `name` (for messages), `config` (resolved settings), `inputs`
(role -> folder, or a list of folders) and `folder` (where the outputs belong). It runs alone on any
machine that has torch: python -m physlm.steps.<step> SPEC [--out DIR] [--scratch DIR].
With PHYSLM_TRACE=FILE it leaves there the names of our modules and resources that it used.
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from physlm.files import read_json, write_json


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
    trace = os.environ.get("PHYSLM_TRACE")
    opened = _watch() if trace else set()
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
    if trace:
        write_json(trace, sorted(opened | _modules()))
    return 0


def _modules() -> set[str]:
    """Our modules that are loaded, the running step under its full name."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    names = {*sys.modules, spec.name if spec else "physlm"}
    return {name for name in names if name.partition(".")[0] == "physlm"}


def _watch() -> set[str]:
    """The set of files inside our package, other than code, that are opened from now on."""
    root = str(Path(__file__).parents[2]) + os.sep
    package, opened = root + "physlm" + os.sep, set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(package):
            path = arguments[0]
            if not path.endswith((".py", ".pyc")) and "__pycache__" not in path:
                opened.add(path.removeprefix(root).replace(os.sep, "/"))

    sys.addaudithook(hook)
    return opened
