"""`physlm igsm templates`: how many templates there must be, by how often two problems agree."""

import argparse
import dataclasses
import hashlib
import json
from functools import partial
from typing import Any

from physlm.config import require
from physlm.data.igsm.sample_cli import (
    Drawing,
    add_amount_arguments,
    add_problem_arguments,
    amount,
    chosen,
    made,
)
from physlm.data.igsm.templates import collisions


def add_templates_parser(verbs: Any) -> None:
    """Add `templates`."""
    text = (
        "count how often two problems that `igsm sample` prints have the same template, and "
        "estimate how many there are (as JSON)"
    )
    command = verbs.add_parser("templates", help="count templates", description=text)
    add_problem_arguments(command)
    add_amount_arguments(command, "10000")
    command.set_defaults(handler=print_collisions)


def print_collisions(args: argparse.Namespace) -> int:
    """Print the count and return 0; ConfigError for an impossible argument."""
    n, jobs = amount(args)
    require(n >= 2, "n", n, "2 or more, so that two can agree")
    found = collisions(made(partial(digest, chosen(args)), n, jobs))
    print(json.dumps(dataclasses.asdict(found)))
    return 0


def digest(drawing: Drawing, index: int) -> str:
    """What stands for the template of a problem: long enough never to agree by chance."""
    template = drawing.texts.template(drawing.problem(index)[0])
    return hashlib.sha256(template.encode()).hexdigest()[:32]
