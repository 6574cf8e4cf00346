"""What the next run will do, job by job: restore, fetch or run, and why; and what it will cost."""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from physlm.config import ConfigError, require
from physlm.provenance import cache, locks
from physlm.provenance.grid import Job
from physlm.provenance.verdicts import State, published

if TYPE_CHECKING:
    from physlm.costs.accelerators import Accelerator

RESTORE, FETCH, RUN = "restore", "fetch", "run"

# More jobs than this are told by step and reason: nobody reads a thousand lines.
MANY = 40


@dataclass(frozen=True)
class Action:
    """What will be done with one job. `fetch` becomes a run if the remote lacks the files."""

    name: str
    label: str
    what: str
    why: str


def plan(state: State, targets: list[str] | None = None) -> list[Action]:
    """The jobs that a run for `targets` (files; none: everything) will touch, upstream first."""
    asked = _makers(state, targets or [])
    touched = _touched(state, asked)
    made: dict[str, str | None] = {}
    actions = []
    for name in state.grid.jobs:
        if name not in touched:
            continue
        job = state.grid.jobs[name]
        inputs = {
            role: {
                path: made.get(path, state.expected(path)) or _here(state, path) for path in paths
            }
            for role, paths in job.files.items()
        }
        outputs = None
        if all(md5 for group in inputs.values() for md5 in group.values()):
            key = locks.key(state.specs[name], inputs)  # type: ignore[arg-type]
            outputs = _known(state, job, key)
        if outputs is None:
            what = RUN
        elif cache.holds(outputs.values()):
            what = RESTORE
        else:
            remote = cache.has_remote() and not state.grid.steps[job.step].git
            what = FETCH if remote else RUN
        for path, file in zip(job.paths, job.outputs, strict=True):
            made[path] = outputs[file] if outputs else None
        why = state.verdicts[name].reason or "its files are not here"
        actions.append(Action(name, job.label, what, why))
    return actions


def show(
    state: State,
    targets: list[str] | None = None,
    on: "Accelerator | None" = None,
    every: bool = False,
) -> None:
    """Print the plan, the price of what is to run (with the hours `on` an accelerator), the totals.

    More than MANY jobs are told by step and reason, unless `every` one is asked for.
    """
    actions = plan(state, targets)
    lines = _lines(state, actions, every)
    if any(action.what == RUN for action in actions):
        from physlm.provenance import price

        lines += price.report(state, [a.name for a in actions if a.what == RUN], on)
    tally = {what: sum(a.what == what for a in actions) for what in (RESTORE, FETCH, RUN)}
    rest = len(_ancestors(state, _makers(state, targets or []))) - len(actions)
    counts = ", ".join(f"{count} to {what}" for what, count in tally.items())
    print(*lines, f"tier {state.grid.tier}: {rest} up to date, {counts}", sep="\n")


def show_json(
    state: State, targets: list[str] | None = None, on: "Accelerator | None" = None
) -> None:
    """Print the plan as JSON: a record per job, with its cost where it is to run and has one."""
    records: list[dict[str, Any]] = [vars(action) for action in plan(state, targets)]
    run = [record["name"] for record in records if record["what"] == RUN]
    if run:
        from physlm.provenance import price

        found = price.costs(state, run, on)
        for record in records:
            cost, seconds = found.get(record["name"], (None, None))
            record["cost"] = vars(cost) if cost else None
            if seconds is not None:
                record["seconds"] = seconds
    told = {"name": on.name, "utilisation": on.utilisation} if on else None
    print(json.dumps({"tier": state.grid.tier, "on": told, "jobs": records}, indent=1))


def accelerator(on: str | None, utilisation: float | None) -> "Accelerator | None":
    """The accelerator that was asked for, if any; ConfigError for one that is not known."""
    if on is None:
        require(utilisation is None, "utilisation", utilisation, "left out without --on")
        return None
    from physlm.costs import accelerators

    return accelerators.find(on, utilisation)


def _lines(state: State, actions: list[Action], every: bool) -> list[str]:
    """A line per job, or per step and reason where there are many."""
    if every or len(actions) <= MANY:
        return [f"{a.what:8}{a.label}: {a.why}" for a in actions]
    groups: dict[tuple[str, str, str], list[Action]] = {}
    for action in actions:
        job = state.grid.jobs[action.name]
        what = f"{job.family} {job.step}"
        groups.setdefault((action.what, what, _kind(action.why)), []).append(action)
    lines = []
    for (what, label, _), group in groups.items():
        if len(group) == 1:
            lines.append(f"{what:8}{group[0].label}: {group[0].why}")
        else:
            whys = {action.why for action in group}
            first = group[0].why + (" (the first; others like it)" if len(whys) > 1 else "")
            lines.append(f"{what:8}{label}, {len(group)} jobs: {first}")
    return lines


def _kind(why: str) -> str:
    """What reasons have in common that differ in the names of files and runs only."""
    return " ".join("*" if "=" in word or "/" in word else word for word in why.split())


def _here(state: State, path: str) -> str | None:
    return None if path in state.grid.makers else state.digests.md5(path)


def _known(state: State, job: Job, key: str) -> dict[str, str] | None:
    """{file name: md5} of the result that the runner would take for this key."""
    lock = state.locks[job.name]
    if lock and lock["key"] == key:
        return {os.path.basename(path): md5 for path, md5 in lock["outputs"].items()}
    entries = cache.entries(key, job.outputs)
    return entries[0][0] if entries else None


def _makers(state: State, targets: list[str]) -> list[str]:
    if not targets:
        return [name for name, job in state.grid.jobs.items() if state.grid.steps[job.step].git]
    copies = published(state.grid)
    names = []
    for target in targets:
        # figures/<name> is taken at the tier that was asked for.
        own = target.replace("figures/", f"results/{state.grid.tier}/figures/", 1)
        job = state.grid.makers.get(copies.get(target, target)) or state.grid.makers.get(own)
        if job is None:
            raise ConfigError(f"{target}: no job of tier {state.grid.tier} makes this file")
        names.append(job.name)
    return names


def _ancestors(state: State, names: list[str]) -> set[str]:
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += state.grid.jobs[name].upstream
    return found


def _touched(state: State, asked: list[str]) -> set[str]:
    """Jobs that must run, asked jobs that lack a file, and jobs whose absent files they read."""
    wanted, read = _ancestors(state, asked), set(asked)
    touched: set[str] = set()
    for name, job in reversed(state.grid.jobs.items()):
        if name not in wanted:
            continue
        absent = any(not os.path.exists(path) for path in job.paths)
        if not state.verdicts[name] or (absent and name in read):
            touched.add(name)
            read.update(job.upstream)
    return touched
