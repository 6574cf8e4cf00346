"""The command `physlm`: look at the pipeline and its results."""

import argparse
import os
import sys
from collections.abc import Callable

from physlm.config import ConfigError

Handler = Callable[[argparse.Namespace], int]


def main(argv: list[str] | None = None) -> int:
    """Run a verb; returns the exit status (2 for a user's error, named in one line)."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        args = _parser(arguments).parse_args(arguments)
        status = args.handler(args)
        sys.stdout.flush()
        return status
    except (ConfigError, ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            # The reader went away (`physlm audit ... | head`): nothing more to say, also at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="physlm", description=__doc__)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name, (handler, text, targets) in VERBS.items():
        verb = verbs.add_parser(name, help=text, description=text)
        if targets:
            verb.add_argument("target", nargs=targets, help="files in figures/ or results/")
        if name != "report":
            verb.add_argument("--tier", help="tier to look at (default: that of params.yaml)")
        if name == "plan":
            _add_price(verb)
        if name == "commit":
            verb.add_argument(
                "--from",
                dest="source",
                choices=("scratch", "tables"),
                default="scratch",
                help="tables: trust the locks of stages whose files are not here",
            )
        verb.set_defaults(handler=handler)
    if "bits" in arguments[:1]:
        from physlm.evaluate.bits_cli import add_bits_parser

        add_bits_parser(verbs)
    else:
        verbs.add_parser("bits", help="count the bits of a world of people")
    if "grammar" in arguments[:1]:
        from physlm.data.grammars.grammar_cli import add_grammar_parser

        add_grammar_parser(verbs)
    else:
        verbs.add_parser("grammar", help="look at a grammar of Part 1")
    if "igsm" in arguments[:1]:
        from physlm.data.igsm.igsm_cli import add_igsm_parser

        add_igsm_parser(verbs)
    else:
        verbs.add_parser("igsm", help="draw problems of Part 2, look at them, grade solutions")
    return parser


def _add_price(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--on", metavar="NAME", help="tell the time on this accelerator: cpu, h100, ..."
    )
    verb.add_argument(
        "--utilisation",
        metavar="U",
        help="share of its peak that is reached, above 0 and at most 1 (default: its own)",
    )
    verb.add_argument(
        "--jobs",
        action="store_true",
        help="a line for every job (default: up to 40 jobs, more are told by step and reason)",
    )
    verb.add_argument("--json", action="store_true", help="every job and its cost as JSON")


def _audit(args: argparse.Namespace) -> int:
    from physlm.provenance.audit import audit

    return audit(args.target, args.tier)


def _plan(args: argparse.Namespace) -> int:
    from physlm.provenance import plan
    from physlm.provenance.verdicts import State

    share = args.utilisation
    try:
        utilisation = None if share is None else float(share)
    except ValueError:
        raise ConfigError(f"utilisation={share!r}: must be above 0 and at most 1") from None
    accelerator = plan.accelerator(args.on, utilisation)
    state = State(args.tier)
    if args.json:
        plan.show_json(state, args.target, accelerator)
    else:
        plan.show(state, args.target, accelerator, args.jobs)
    return 0


def _status(args: argparse.Namespace) -> int:
    from physlm.provenance import status
    from physlm.provenance.verdicts import State

    status.show(State(args.tier))
    return 0


def _commit(args: argparse.Namespace) -> int:
    from physlm.provenance.commit import commit
    from physlm.provenance.verdicts import State

    commit(State(args.tier, trust=args.source == "tables"))
    return 0


def _prune(args: argparse.Namespace) -> int:
    from physlm.provenance.commit import prune
    from physlm.provenance.verdicts import State

    prune(State(args.tier))
    return 0


def _report(args: argparse.Namespace) -> int:
    from pathlib import Path

    from physlm import report
    from physlm.provenance.params import load

    for path in report.write(Path(), load()[1]):
        print(path)
    return 0


VERBS: dict[str, tuple[Handler, str, str | None]] = {
    "plan": (_plan, "say what the next run would do, job by job, why, and what it will cost", "*"),
    "audit": (_audit, "walk from a result back to data, settings, code and machine", "+"),
    "status": (_status, "count the valid jobs of every family and step", None),
    "commit": (_commit, "record whole stages in dvc.lock (Snakemake does it at its end)", None),
    "prune": (_prune, "take away runs that left the grid (the DVC cache keeps them)", None),
    "report": (_report, "rebuild the pages that show the claims", None),
}


if __name__ == "__main__":
    sys.exit(main())
