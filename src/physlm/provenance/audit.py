"""From a figure or table back to its data, settings, code and machine, checking every digest.

Everything is read anew. A file that is not here is reported and does not fail; one that differs
from what a lock says, a lock that was changed, and a job that today's params or code would do
otherwise all fail.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from physlm.config import ConfigError
from physlm.provenance import cache, locks
from physlm.provenance.history import History
from physlm.provenance.verdicts import State, published

OK, ABSENT, DIFFERS = "ok", "not here", "DIFFERS"


class Audit:
    """One walk; `failures` lists (file, what is wrong) in the order found."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.failures: list[tuple[str, str]] = []
        self.absent = 0
        self.checked = 0
        self.seen: dict[str, dict[str, Any]] = {}
        self.history = History()
        self.locks: dict[str, dict[str, Any]] = {}
        self.damaged: dict[str, str] = {}
        for path in map(str, Path(f"results/{state.grid.tier}/locks").glob("*/*/*.json")):
            try:
                lock = locks.read(path)
            except locks.DamagedLock as error:
                self.damaged[path] = str(error)
                continue
            if lock:
                self.locks |= dict.fromkeys(lock["outputs"], lock)

    def walk(self, target: str) -> None:
        """Check `target` and everything it was made from."""
        source = published(self.state.grid).get(target, target)
        lock = self._maker(source)
        if lock is None:
            return
        if source != target:
            self._file(target, lock["outputs"][source], 0)
        self._job(lock, 0)

    def _maker(self, path: str) -> dict[str, Any] | None:
        if path in self.locks:
            return self.locks[path]
        job = self.state.grid.makers.get(path)
        if job is not None and job.lock in self.damaged:
            self._fail(job.lock, "is not what was written when the job was done")
        else:
            self._fail(path, "no lock vouches for it")
        return None

    def _job(self, lock: dict[str, Any], depth: int) -> None:
        name, meta = lock["name"], lock["meta"]
        if name in self.seen:
            return
        self.seen[name] = lock
        commit = (meta.get("commit") or "no commit")[:10] + ("+changes" if meta["dirty"] else "")
        results = {path: self._check(path, md5) for path, md5 in lock["outputs"].items()}
        print(
            f"{'  ' * depth}{name}: {_count(results)}; key {lock['key'][:10]}, code {commit}, "
            f"{meta['date']}, {meta['seconds']} s"
        )
        for path, result in results.items():
            if result == DIFFERS or len(results) <= 2:
                self._line(path, lock["outputs"][path], result, depth + 1)
        print(f"{'  ' * (depth + 1)}config {json.dumps(lock['config'])}")
        self._spec(lock, depth + 1)
        for files in lock["inputs"].values():
            makers = {}
            for path, md5 in files.items():
                if path in self.state.grid.makers or path in self.locks:
                    maker = self._maker(path)
                    if maker is not None:
                        makers[maker["name"]] = maker
                        if maker["outputs"][path] != md5:
                            self._fail(path, f"is not the one that {name} read")
                else:
                    self._file(path, md5, depth + 1)
            for maker in makers.values():
                self._job(maker, depth + 1)

    def _file(self, path: str, md5: str, depth: int) -> None:
        self._line(path, md5, self._check(path, md5), depth)

    def _line(self, path: str, md5: str, result: str, depth: int) -> None:
        print(f"{'  ' * depth}{path}: md5 {md5[:10]} {result}")

    def _check(self, path: str, md5: str) -> str:
        """Compare a file, and DVC's copy of it if there is one, with its recorded digest."""
        kept = cache.object_path(md5)
        if kept.exists() and self.state.digests.md5(str(kept)) != md5:
            self._fail(str(kept), f"DVC's copy of {path} is damaged")
        now = self.state.digests.md5(path)
        if now is None:
            self.absent += 1
            return ABSENT
        self.checked += 1
        if now != md5:
            self._fail(path, f"its md5 is {now}, the lock says {md5}")
        return OK if now == md5 else DIFFERS

    def _spec(self, lock: dict[str, Any], depth: int) -> None:
        spec = self.state.specs.get(lock["name"])
        if spec is None:
            self._fail("params.yaml", f"{lock['name']} is not in the grid any more")
            return
        change = locks.difference(spec, lock)
        if change:
            print(f"{'  ' * depth}OUT OF DATE: {change}")
            where = _blame(change, lock, spec)
            self._fail(where, f"{lock['name']} was made otherwise: {change}")

    def _fail(self, path: str, what: str) -> None:
        if (path, what) not in self.failures:
            self.failures.append((path, what))

    def check_code(self) -> None:
        """Compare the recorded code digests with the code at the recorded commits."""
        for commit, modules in self._commits().items():
            known = self.history.digests(commit, modules)
            if known is None:
                print(f"code: commit {commit[:10]} is not in this clone, not checked")
                continue
            bad = [name for name, md5 in modules.items() if known.get(name) != md5]
            for name in bad:
                self._fail(name, f"its code at commit {commit[:10]} is not what a lock recorded")
            print(
                f"code: {len(modules)} modules at commit {commit[:10]}: "
                f"{f'{len(bad)} DIFFER' if bad else 'as recorded'}"
            )

    def _commits(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for lock in self.seen.values():
            if lock["meta"].get("commit") and not lock["meta"]["dirty"]:
                found.setdefault(lock["meta"]["commit"], {}).update(lock["code"])
        return found

    def summary(self) -> None:
        """Print machines, totals and every failure."""
        for machine in sorted({_machine(lock["meta"]) for lock in self.seen.values()}):
            print(f"machine: {machine}")
        dirty = sum(bool(lock["meta"]["dirty"]) for lock in self.seen.values())
        if dirty:
            print(f"note: {dirty} jobs ran from a tree with uncommitted changes")
        print(f"measured: {hours(self.seen.values())}", *costly(self.seen.values()), sep="\n  ")
        for path, what in self.failures:
            print(f"FAILED {path}: {what}")
        print(
            f"{len(self.seen)} jobs, {self.checked} files read, {self.absent} not here, "
            f"{len(self.failures)} failures"
        )


def audit(targets: Iterable[str], tier: str | None = None) -> int:
    """Audit result files; returns 1 if anything does not hold."""
    walks = []
    for target in targets:
        path = str(Path(target))
        state = State(tier or _tier(path), trust=True, fresh=True)
        walk = Audit(state)
        walk.walk(path)
        walk.check_code()
        walk.summary()
        walks.append(walk)
    if len(walks) > 1:
        seen = [lock for walk in walks for lock in walk.seen.values()]
        print(f"all {len(walks)} together: {hours(seen)}", *costly(seen), sep="\n  ")
    return int(any(walk.failures for walk in walks))


def hours(jobs: Iterable[dict[str, Any]]) -> str:
    """The time that the jobs of these locks took, each content once however many locks name it.

    A job takes its threads, in each of its processes, for as long as it runs. How long that is
    depends on what else the machine did.

    >>> run = {"seconds": 7200.0, "threads": 2, "processes": 1}
    >>> hours([{"key": "a", "meta": run}, {"key": "a", "meta": run}, {"key": "b", "meta": run}])
    '8 core-hours'
    >>> hours([{"key": "c", "meta": run | {"gpu": "one", "gpus": 2}}])
    '4 core-hours, 4 GPU-hours'
    """
    metas = [lock["meta"] for lock in contents(jobs)]
    cores = sum(map(core_hours, metas))
    gpus = sum(m["seconds"] * m.get("gpus", 1) for m in metas if m.get("gpu")) / 3600
    return f"{cores:.3g} core-hours" + (f", {gpus:.3g} GPU-hours" if gpus else "")


def contents(jobs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """One lock of each content: where two families share it, the one that is met first."""
    found: dict[str, dict[str, Any]] = {}
    for lock in jobs:
        found.setdefault(lock["key"], lock)
    return list(found.values())


def core_hours(meta: dict[str, Any]) -> float:
    """Of one job, by what its lock says of how it ran."""
    return meta["seconds"] * meta["threads"] * meta.get("processes", 1) / 3600


def costly(jobs: Iterable[dict[str, Any]]) -> list[str]:
    """The steps of these locks that took a hundredth of all core-hours or more, costly ones first.

    >>> run = {"seconds": 1800.0, "threads": 1}
    >>> names = ["laptop/capacity/pretrain/a", "laptop/capacity/pretrain/b", "laptop/retry/table/c"]
    >>> costly([{"key": name, "name": name, "meta": run} for name in names])
    ['capacity/pretrain: 2 jobs, 1 core-hours', 'retry/table: 1 job, 0.5 core-hours']
    """
    steps: dict[str, list[float]] = {}
    for lock in contents(jobs):
        step = "/".join(lock["name"].split("/")[1:3])
        steps.setdefault(step, []).append(core_hours(lock["meta"]))
    least = sum(map(sum, steps.values())) / 100
    return [
        f"{step}: {len(each)} job{'s' * (len(each) > 1)}, {sum(each):.3g} core-hours"
        for step, each in sorted(steps.items(), key=lambda item: -sum(item[1]))
        if sum(each) >= least
    ]


def _tier(path: str) -> str | None:
    top, _, rest = path.partition("/")
    if top not in ("figures", "results"):
        raise ConfigError(f"{path}: must be a file in figures/ or results/")
    return rest.partition("/")[0] if "/" in rest else None


def _count(results: dict[str, str]) -> str:
    found = list(results.values())
    counts = {kind: found.count(kind) for kind in (OK, ABSENT, DIFFERS) if kind in found}
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _machine(meta: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in meta["versions"].items())
    gpu = f", {meta.get('gpus', 1)} x {meta['gpu']}" if meta.get("gpu") else ""
    return f"{meta['cpu']}{gpu}, python {meta['python']}, {versions}, {meta['threads']} threads"


def _blame(change: str, lock: dict[str, Any], spec: dict[str, Any]) -> str:
    if change.startswith("code of "):
        return next(
            name
            for name in sorted({*spec["code"], *lock["code"]})
            if spec["code"].get(name) != lock["code"].get(name)
        )
    return "params.yaml"
