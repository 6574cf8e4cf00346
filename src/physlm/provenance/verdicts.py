"""Judge every job of a tier against its lock, and tell Snakemake by the dates of files.

A job is valid if its lock is whole and asks for what today's params and code ask for, if every
output that is here has the digest the lock says, and if its inputs are what their makers' locks
say. Absent outputs count as their lock says while they can be had (DVC cache or remote).
"""

import os
import time
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from physlm.config import ConfigError, build
from physlm.files import read_json, write_json
from physlm.provenance import cache, locks
from physlm.provenance.closure import Closure
from physlm.provenance.digests import OLD, Digests
from physlm.provenance.grid import Grid, Job


@dataclass(frozen=True)
class Verdict:
    """Why a job must run; no reason means that it is valid. `absent`: only for files not here."""

    reason: str = ""
    absent: bool = False

    def __bool__(self) -> bool:
        return not self.reason


class State:
    """The jobs of a tier, their specs, locks and verdicts, as of now.

    trust: absent files count as their lock says even if they cannot be had (`from=tables`).
    fresh: believe nothing that was remembered of files and modules.
    """

    def __init__(
        self,
        tier: str | None = None,
        trust: bool = False,
        fresh: bool = False,
    ) -> None:
        self.grid = Grid(tier)
        self.trust = trust
        self.digests = Digests(fresh)
        self.closure = Closure(fresh)
        self.specs = {name: self._spec(job) for name, job in self.grid.jobs.items()}
        self.locks: dict[str, dict[str, Any] | None] = {}
        self.damaged: dict[str, str] = {}
        for name, job in self.grid.jobs.items():
            try:
                self.locks[name] = locks.read(job.lock)
            except locks.DamagedLock as error:
                self.locks[name], self.damaged[name] = None, str(error)
        self._check_configs()
        self._check_files()

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict on every job, upstream first."""
        found: dict[str, Verdict] = {}
        for name, job in self.grid.jobs.items():
            verdict = self._judge(job)
            bad = [found[up] for up in job.upstream if not found[up]]
            if bad and (not verdict.reason or verdict.absent):
                absent = all(v.absent for v in bad)
                first = next(up for up in job.upstream if not found[up])
                verdict = Verdict(f"{self.grid.jobs[first].label} must run first", absent)
            found[name] = verdict
        return found

    def expected(self, path: str) -> str | None:
        """The digest the maker's lock gives for an output."""
        job = self.grid.makers.get(path)
        lock = self.locks[job.name] if job else None
        return lock["outputs"].get(path) if lock else None

    def _spec(self, job: Job) -> dict[str, Any]:
        step, configs = self.grid.steps[job.step], {}
        for role, files in job.files.items():
            maker = self.grid.makers.get(files[0]) if files else None
            if maker is not None:
                configs[role] = maker.config
        where = f"{job.family}.{job.step}.config"
        try:
            code = self.closure.of([step.module, *step.parts(job.config, configs)])
        except ConfigError as error:
            raise ConfigError(f"{where}.{error}") from None
        except ValueError as error:
            raise ConfigError(str(error)) from None
        if step.module not in code:
            raise ConfigError(f"{job.step}: there is no module {step.module}")
        return {
            "name": job.name,
            "label": job.label,
            "step": job.step,
            "module": step.module,
            "config": job.config,
            "execution": job.execution,
            "resources": asdict(job.resources),
            "distributed": step.distributed,
            "code": code,
            "inputs": job.inputs,
            "files": job.files,
            "folder": job.folder,
            "outputs": list(job.outputs),
            "lock": job.lock,
        }

    def _check_configs(self) -> None:
        """Check every config that no lock vouches for with the dataclass of its step."""
        checked = set()
        for name, job in self.grid.jobs.items():
            lock, settings = self.locks[name], self.grid.steps[job.step].settings
            mark = locks.digest([job.step, job.config])
            if settings is None or mark in checked:
                continue
            checked.add(mark)
            if not lock or locks.difference(self.specs[name], lock):
                where = f"{job.family}.{job.step}.config"
                build(_load(settings), {**job.config, **job.execution}, where)
                for path in self.grid.steps[job.step].needs(job.config):
                    if not os.path.exists(path):
                        raise ConfigError(f"{where}: {path!r}: no such file, and it is needed")

    def _check_files(self) -> None:
        for job in self.grid.jobs.values():
            for role, paths in job.files.items():
                for path in paths:
                    if path not in self.grid.makers and not os.path.exists(path):
                        where = f"{job.family}.{job.step}.files.{role}"
                        raise ConfigError(f"params.yaml: {where}={path!r}: no such file")

    def _judge(self, job: Job) -> Verdict:
        lock = self.locks[job.name]
        if lock is None:
            return Verdict("its lock is damaged" if job.name in self.damaged else "never run")
        reason = (
            locks.difference(self.specs[job.name], lock)
            or self._inputs_differ(job, lock)
            or ("" if set(lock["outputs"]) == set(job.paths) else "its outputs have other names")
        )
        if reason:
            return Verdict(reason)
        gone = []
        for path, md5 in lock["outputs"].items():
            now = self.digests.md5(path)
            if now is None:
                gone.append((path, md5))
            elif now != md5:
                return Verdict(f"{path} differs from its lock")
        # What git keeps is in no remote of DVC.
        remote = cache.has_remote() and not self.grid.steps[job.step].git
        if gone and not self.trust and not remote:
            for path, md5 in gone:
                if not cache.holds([md5]):
                    return Verdict(f"{path} is not here, nor in the DVC cache", absent=True)
        return Verdict()

    def _inputs_differ(self, job: Job, lock: dict[str, Any]) -> str:
        if set(lock["inputs"]) != set(job.files):
            return "its inputs have other roles"
        for role, files in job.files.items():
            then = lock["inputs"][role]
            if set(then) != set(files):
                new, old = len(set(files) - set(then)), len(set(then) - set(files))
                return f"input {role}: {new} files came, {old} left"
            for path in files:
                now = self.expected(path) if path in self.grid.makers else self.digests.md5(path)
                if now is not None and now != then[path]:
                    return f"input {path} changed"
        return ""


def _load(settings: str) -> type:
    import importlib

    module, _, name = settings.partition(":")
    return getattr(importlib.import_module(module), name)


def sync(state: State, dry: bool = False) -> None:
    """Write the specs and date the files so that Snakemake runs what the verdicts say.

    Also enters every lock of the tier in the cache's memory, keeps copies of small valid results,
    and removes published figures that no longer equal a valid one (not if `dry`).
    """
    _writable(state)
    _remember_all(state)
    for name, job in state.grid.jobs.items():
        verdict = state.verdicts[name]
        _write_spec(job, state.specs[name], verdict)
        if verdict:
            _settle(state, job)
    _check_published(state, dry)
    state.closure.save()
    state.digests.save()


def _remember_all(state: State) -> None:
    """Locks may have come with git; also those of other tiers and of runs outside the grid."""
    here = {job.lock: state.locks[name] for name, job in state.grid.jobs.items()}
    for path in map(str, Path("results").glob("*/locks/**/*.json")):
        try:
            lock = here[path] if path in here else locks.read(path)
        except locks.DamagedLock:
            continue
        if lock:
            cache.remember(lock)


def _write_spec(job: Job, spec: dict[str, Any], verdict: Verdict) -> None:
    path = Path(job.spec)
    try:
        old = read_json(path)
    except (OSError, ValueError):
        old = None
    if verdict:
        if old != spec:
            write_json(path, spec)
        if path.stat().st_mtime != OLD:
            os.utime(path, (OLD, OLD))
    else:
        # Snakemake compares small inputs by content before it believes a date: hence the time.
        write_json(path, {**spec, "why": verdict.reason, "at": time.time()})


def _settle(state: State, job: Job) -> None:
    lock = state.locks[job.name]
    assert lock is not None
    for path, md5 in lock["outputs"].items():
        if os.path.exists(path):
            state.digests.settle(path)
            if state.grid.steps[job.step].git:
                cache.add(path, md5)


def published(grid: Grid) -> dict[str, str]:
    """Copies of the figures of this tier: {figures/<name>.pdf: results/<tier>/figures/<name>.pdf}.

    The tier of params.yaml is published in figures/ too, any other only in figures/<tier>/.
    """
    found = {}
    for job in grid.jobs.values():
        if job.folder == f"results/{grid.tier}/figures":
            for name, path in zip(job.outputs, job.paths, strict=True):
                found[f"figures/{grid.tier}/{name}"] = path
                if grid.tier == grid.default_tier:
                    found[f"figures/{name}"] = path
    return found


def _check_published(state: State, dry: bool) -> None:
    for path, source in published(state.grid).items():
        now = state.digests.md5(path)
        verdict = state.verdicts[state.grid.makers[source].name]
        if now is None:
            continue
        if now == state.expected(source) and (verdict or verdict.absent):
            state.digests.settle(path)
        elif not dry:
            os.unlink(path)


def _writable(state: State) -> None:
    if all(state.verdicts.values()):
        return
    for place in (f"results/{state.grid.tier}", ".physlm", "logs", "figures"):
        path = Path(place)
        while not path.exists():
            path = path.parent
        if not path.is_dir():
            raise ConfigError(f"{path}: is in the way, a folder is wanted there")
        if not os.access(path, os.W_OK | os.X_OK):
            raise ConfigError(f"{path}: not writable; nothing was started")
