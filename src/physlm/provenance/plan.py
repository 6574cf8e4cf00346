"""What the next run will do, job by job: restore, fetch or run, and why."""

import os
from dataclasses import dataclass

from physlm.config import ConfigError
from physlm.provenance import cache, locks
from physlm.provenance.grid import Job
from physlm.provenance.verdicts import State, published

RESTORE, FETCH, RUN = "restore", "fetch", "run"


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


def show(state: State, targets: list[str] | None = None) -> None:
    """Print the plan and its totals."""
    actions = plan(state, targets)
    for action in actions:
        print(f"{action.what:8}{action.label}: {action.why}")
    tally = {what: sum(a.what == what for a in actions) for what in (RESTORE, FETCH, RUN)}
    rest = len(_ancestors(state, _makers(state, targets or []))) - len(actions)
    counts = ", ".join(f"{count} to {what}" for what, count in tally.items())
    print(f"tier {state.grid.tier}: {rest} up to date, {counts}")


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
