"""`physlm igsm sample`: problems with their solutions as JSON lines."""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from physlm.config import ConfigError, build, require
from physlm.data.igsm.languages import spell
from physlm.data.igsm.problem import Problem
from physlm.data.igsm.retries import KINDS
from physlm.data.igsm.split import Split
from physlm.data.igsm.worlds import boxes, igsm, plan, retry
from physlm.random import generator

# Presets of iGSM, and the worlds that have none.
OTHERS = {"plan": plan, "boxes": boxes}
PRESETS = ("med", "hard", "tiny", "micro", *OTHERS)
SPLITS = ("all", "train", "test")
# Problems that a worker makes at a time.
BLOCK = 64

# What is made of problem number i.
Maker = Callable[[int], str]


@dataclass(frozen=True)
class Drawing:
    """Problems of a source, numbered from 0; op, split and reask as in its `problems`."""

    texts: Any
    seed: int
    op: int | None
    split: Split
    reask: bool

    def problem(self, index: int) -> tuple[Any, np.random.Generator]:
        """A problem, and the generator that goes on after it."""
        rng = generator(self.seed, "igsm sample", index)
        one = self.texts.problems(1, rng, op=self.op, split=self.split, reask=self.reask)
        return one[0], rng


def add_sample_parser(verbs: Any) -> None:
    """Add `sample`."""
    text = "print problems as JSON lines; line i of a seed is the same for every N and J"
    command = verbs.add_parser("sample", help=text, description=text)
    add_problem_arguments(command)
    # Numbers are read as text and checked here, so that an error is one line.
    add_amount_arguments(command, "10")
    command.add_argument(
        "--retry",
        metavar="P",
        help="put mistakes that are taken back into solutions, at this rate (Part 2.2)",
    )
    command.add_argument(
        "--mistakes",
        metavar="KIND",
        help=f"which ones: {', '.join(KINDS)} (default with --retry: perfect)",
    )
    command.set_defaults(handler=print_sample)


def add_problem_arguments(command: argparse.ArgumentParser) -> None:
    """Add what says which problems are drawn."""
    command.add_argument("--preset", metavar="NAME", help=f"one of {', '.join(PRESETS)}")
    command.add_argument(
        "--op", metavar="K", help="operations of each solution (default: mixed, as in training)"
    )
    command.add_argument("--seed", default="0", metavar="S", help="default: %(default)s")
    command.add_argument(
        "--order", metavar="O", help="pq: problem before question (default), or qp"
    )
    command.add_argument(
        "--reask", action="store_true", help="ask for another number of each problem"
    )
    command.add_argument(
        "--split", default="all", metavar="SIDE", help="train, test or all (default: %(default)s)"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another setting of the world, e.g. empty=false (may be repeated)",
    )


def add_amount_arguments(command: argparse.ArgumentParser, n: str) -> None:
    """Add how many problems are drawn, and by how many processes."""
    command.add_argument("-n", default=n, metavar="N", help="problems (default: %(default)s)")
    text = "processes (default: %(default)s)"
    command.add_argument("--jobs", default="1", metavar="J", help=text)


def amount(args: argparse.Namespace) -> tuple[int, int]:
    """Problems and processes; ConfigError for impossible ones."""
    n, jobs = whole("n", args.n), whole("jobs", args.jobs)
    require(jobs >= 1, "jobs", args.jobs, "1 or more")
    return n, jobs


def print_sample(args: argparse.Namespace) -> int:
    """Print the problems and return 0; ConfigError for an impossible argument."""
    n, jobs = amount(args)
    drawing = chosen(args)
    if args.retry is not None:
        drawing = replace(drawing, texts=_retried(drawing.texts, args))
    else:
        require(args.mistakes is None, "mistakes", args.mistakes, "left out without --retry")
    for line in made(partial(record_line, drawing), n, jobs):
        sys.stdout.write(line + "\n")
    return 0


def made(make: Maker, n: int, jobs: int) -> Iterator[str]:
    """What is made of problems 0 to n - 1, in their order, by so many processes."""
    starts = range(0, n, BLOCK)
    jobs = min(jobs, len(starts))
    if jobs <= 1:
        yield from map(make, range(n))
        return
    with multiprocessing.Pool(jobs, _start, (make,)) as pool:
        for block in pool.imap(_block, [range(i, min(i + BLOCK, n)) for i in starts]):
            yield from block


def chosen(args: argparse.Namespace) -> Drawing:
    """The problems that the arguments ask for; ConfigError for an impossible one."""
    require(args.preset in PRESETS, "preset", args.preset, f"one of {', '.join(PRESETS)}")
    require(args.split in SPLITS, "split", args.split, f"one of {', '.join(SPLITS)}")
    op = None if args.op is None else whole("op", args.op)
    settings = dict(map(_setting, args.set))
    if args.order is not None:
        settings["order"] = args.order
    if args.preset in OTHERS:
        world = OTHERS[args.preset]
        texts: Any = world.Source(build(world.Config, settings))
    else:
        texts = igsm.Source(build(igsm.Config, {"preset": args.preset} | settings))
    return Drawing(texts, whole("seed", args.seed), op, args.split, args.reask)


def _retried(texts: Any, args: argparse.Namespace) -> retry.Source:
    """The same problems with mistakes in their solutions."""
    try:
        rate = float(args.retry)
    except ValueError:
        rate = -1.0
    require(0 <= rate < 1, "retry", args.retry, "a rate from 0 to below 1")
    kind = "perfect" if args.mistakes is None else args.mistakes
    require(kind in KINDS, "mistakes", kind, f"one of {', '.join(KINDS)}")
    of = next((name for name in OTHERS if isinstance(texts, OTHERS[name].Source)), "igsm")
    settings = {"of": of, "settings": asdict(texts.config), "rate": rate, "kind": kind}
    return retry.Source(build(retry.Config, settings))


def record_line(drawing: Drawing, index: int) -> str:
    """A problem with all that is told of it, as JSON."""
    texts = drawing.texts
    problem, rng = drawing.problem(index)
    if isinstance(texts, retry.Source):
        steps = [words for words, _ in texts.retried(problem, rng)]
    else:
        steps = texts.solution_words(problem, rng)
    solution = spell([word for step in steps for word in step])
    told = {
        "problem": spell(texts.problem_words(problem)),
        "question": spell(texts.question_words(problem)),
    }
    if texts.config.order == "qp":
        told = dict(reversed(told.items()))
    record = told | {"solution": solution} | _numbers(texts, problem)
    record |= {"template": texts.template(problem), "split": texts.split_of(problem)}
    return json.dumps(record, ensure_ascii=False)


def _numbers(texts: Any, problem: Any) -> dict[str, Any]:
    if isinstance(problem, Problem):
        return _of_igsm(texts, problem)
    return _of_boxes(problem) if isinstance(problem, boxes.Boxes) else _of_plan(problem)


def _of_igsm(texts: Any, problem: Problem) -> dict[str, Any]:
    names = {p: spell(texts.name_words(problem, p)) for p in problem.needs}
    layers = zip(problem.names, problem.categories, strict=True)
    return {
        "answer": problem.answer,
        "op": problem.op,
        "ip": problem.ip,
        "necessary": [names[p] for p in problem.solution],
        "items": {item: category for items, category in layers for item in items},
        "parameters": {
            names[p]: {"needs": [names[q] for q in problem.needs[p]], "value": problem.values[p]}
            for p in problem.graph
        },
    }


def _of_plan(problem: plan.Plan) -> dict[str, Any]:
    names = problem.names
    return {
        "answer": None,
        "op": problem.op,
        "ip": len(problem.edges),
        "necessary": [names[vertex] for vertex in problem.solution],
        "items": {},
        "parameters": {
            names[vertex]: {"needs": [names[parent] for parent in parents], "value": None}
            for vertex, parents in problem.needs.items()
        },
    }


def _of_boxes(problem: boxes.Boxes) -> dict[str, Any]:
    names, values = problem.names, problem.values
    return {
        "answer": problem.answer,
        "op": problem.op,
        "ip": sum(map(len, problem.contents)),
        "necessary": [names[box] for box in problem.solution],
        "items": {},
        "modulus": problem.modulus,
        "parameters": {
            names[box]: {"needs": [names[inner] for inner in contents], "value": values[box]}
            for box, contents in problem.needs.items()
        },
    }


_make: list[Maker] = []


def _start(make: Maker) -> None:
    _make[:] = [make]


def _block(indices: range) -> list[str]:
    return [_make[0](index) for index in indices]


def _setting(text: str) -> tuple[str, Any]:
    import yaml

    key, equals, value = text.partition("=")
    require(bool(equals), "set", text, "KEY=VALUE")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigError(f"{key}={value!r}: must be a value as YAML writes it") from None


def whole(key: str, text: str) -> int:
    """A whole number from 0, or ConfigError."""
    ok = text.isascii() and text.isdigit() and len(text) < 19
    require(ok, key, text, "a whole number from 0")
    return int(text)
