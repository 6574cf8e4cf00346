"""`physlm igsm`: draw problems of Part 2, look at them, and grade solutions."""

from typing import Any

from physlm.data.igsm.draw_cli import add_draw_parser
from physlm.data.igsm.sample_cli import add_sample_parser
from physlm.data.igsm.templates_cli import add_templates_parser
from physlm.evaluate.igsm.grade_cli import add_grade_parser


def add_igsm_parser(subparsers: Any) -> None:
    """Add `igsm sample`, `draw`, `templates` and `grade` to those of the command line.

    The parsed arguments have `handler`, a function of them that returns the exit status.
    """
    text = "draw problems of Part 2 (iGSM), look at them, and grade solutions"
    parser = subparsers.add_parser("igsm", help=text, description=text)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    add_sample_parser(verbs)
    add_draw_parser(verbs)
    add_templates_parser(verbs)
    add_grade_parser(verbs)
