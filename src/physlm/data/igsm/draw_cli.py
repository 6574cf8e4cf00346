"""`physlm igsm draw`: a picture of a problem's graphs."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from physlm.config import require
from physlm.data.igsm.sample_cli import add_problem_arguments, chosen, record_line

# Of the arguments that say which problem is drawn.
DEFAULTS = {"op": None, "order": None, "seed": "0", "reask": False, "split": "all", "set": []}


def add_draw_parser(verbs: Any) -> None:
    """Add `draw`."""
    text = (
        "draw the structure and dependency graphs of the first problem that `igsm sample` prints "
        "for the same arguments, or without --preset of a line of its that is read"
    )
    command = verbs.add_parser("draw", help="draw the graphs of a problem", description=text)
    add_problem_arguments(command)
    command.add_argument("--out", required=True, metavar="FILE", help="FILE.pdf, .png or .svg")
    command.set_defaults(handler=draw_problem)


def draw_problem(args: argparse.Namespace) -> int:
    """Write the picture and return 0; ConfigError or ValueError for an impossible argument."""
    # Matplotlib takes a second to load; the other verbs do without.
    from physlm.data.igsm.picture import draw_picture

    if args.preset is None:
        for key, default in DEFAULTS.items():
            value = getattr(args, key)
            require(value == default, key, value, "left out where a problem is read (no --preset)")
        line = sys.stdin.readline()
    else:
        line = record_line(chosen(args), 0)
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"standard input: must be a line of JSON ({error})") from None
    draw_picture(record, Path(args.out))
    return 0
