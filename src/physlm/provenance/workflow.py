"""What the Snakefile and its rules call. The rules name steps; all paths come from the grid."""

import fcntl
import os
import re
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from physlm.config import ConfigError
from physlm.provenance import verdicts
from physlm.provenance.closure import root_of
from physlm.provenance.grid import Grid, Job

OPTIONS = ("tier", "from")
GUARD = Path(".physlm/snakemake.lock")
WILDCARDS = ("family", "run", "figure", "published")  # of all rules


class Workflow:
    """The jobs as Snakemake sees them: patterns with wildcards, and functions of wildcards."""

    def __init__(self, config: Mapping[str, Any], main: bool, dry: bool, remote: bool) -> None:
        """`config` is what --config gave. `main`: not a child Snakemake, `remote`: a child that a
        scheduler started on a node.
        """
        for key in config:
            if key not in OPTIONS:
                raise ConfigError(
                    f"--config {key}=...: only tier and from can be set here; settings belong in "
                    "params.yaml, where DVC sees them"
                )
        source = config.get("from", "scratch")
        if source not in ("scratch", "tables"):
            raise ConfigError(f"--config from={source}: must be scratch or tables")
        self.source = source
        tier = config.get("tier")
        if main:
            state = verdicts.State(None if tier is None else str(tier), trust=source == "tables")
            self.grid: Grid = state.grid
            if not dry:
                guard()
            verdicts.sync(state, dry)
        else:
            self.grid = Grid(None if tier is None else str(tier))
        self.published = verdicts.published(self.grid)
        self._found = {self._id(job): job for job in self.grid.jobs.values()}
        _children(remote)

    @property
    def tier(self) -> str:
        """The tier of this run."""
        return self.grid.tier

    @property
    def is_default(self) -> bool:
        """Whether this is the tier that dvc.lock knows."""
        return self.grid.tier == self.grid.default_tier

    def outputs(self, step: str) -> list[str]:
        """Output patterns of a step, with the wildcards family, run and figure as it needs."""
        kind = self.grid.steps[step]
        folder = kind.folder.replace("{tier}", self.tier).replace("{step}", step)
        return [f"{folder}/{name}" for name in kind.outputs]

    def log(self, step: str) -> str:
        """Log pattern of a step; it has the wildcards of the outputs."""
        first = self.outputs(step)[0]
        names = [n for n in ("family", "run", "figure") if f"{{{n}}}" in first]
        return "/".join(["logs", self.tier, step, *(f"{{{n}}}" for n in names)]) + ".log"

    def spec(self, step: str) -> Callable[[Any], str]:
        """Input function: the spec of the job."""
        return lambda wildcards: self.find(step, wildcards).spec

    def inputs(self, step: str) -> Callable[[Any], list[str]]:
        """Input function: every file the job reads."""
        return lambda wildcards: [
            path for files in self.find(step, wildcards).files.values() for path in files
        ]

    def threads(self, step: str) -> Callable[[Any], int]:
        """Threads of the job on a node: config.threads, or one, for each of its processes."""

        def count(wildcards: Any) -> int:
            job = self.find(step, wildcards)
            return int(job.config.get("threads", 1)) * max(1, self._ranks(job))

        return count

    def resources(self, step: str) -> dict[str, Callable[[Any], int | str | None]]:
        """Resources of the job, by Snakemake's names; None stands for one that it does not have.

        gpu counts the devices of all nodes. A job on several nodes starts its processes by srun
        itself, for which the SLURM executor wants `mpi` and `tasks`; without tasks_per_gpu=0 it
        would start that many for each device.
        """

        def ask(value: Callable[[Job], Any]) -> Callable[[Any], Any]:
            return lambda wildcards: value(self.find(step, wildcards))

        def many(value: Callable[[Job], Any]) -> Callable[[Any], Any]:
            return ask(lambda job: value(job) if job.resources.nodes > 1 else None)

        return {
            "gpu": ask(lambda job: job.resources.gpu * job.resources.nodes or None),
            "nodes": ask(lambda job: job.resources.nodes),
            "mem_mb": ask(lambda job: job.resources.mem_mb),
            "runtime": ask(lambda job: job.resources.runtime),
            "mpi": many(lambda job: "srun"),
            "tasks": many(lambda job: job.resources.nodes),
            "tasks_per_gpu": many(lambda job: 0),
        }

    def _ranks(self, job: Job) -> int:
        return job.resources.gpu if self.grid.steps[job.step].distributed else 0

    def find(self, step: str, wildcards: Any) -> Job:
        """The job that these wildcards mean; ValueError if the grid has none."""
        values = tuple(sorted(dict(wildcards.items()).items()))
        if (step, values) not in self._found:
            raise ValueError(
                f"the grid of tier {self.tier} has no {step} "
                f"{', '.join(v for _, v in values)} (see params.yaml)"
            )
        return self._found[step, values]

    def published_sources(self, wildcards: Any) -> list[str]:
        """Input function: the figure that figures/{published}.pdf and .png are copies of."""
        copies = (f"figures/{wildcards.published}{suffix}" for suffix in (".pdf", ".png"))
        return [self.published[copy] for copy in copies]

    def published_names(self) -> str:
        """Pattern of the names in figures/ that exist at this tier, without their endings."""
        names = {
            str(Path(path).with_suffix("")).removeprefix("figures/") for path in self.published
        }
        return "|".join(map(re.escape, sorted(names))) or "none"

    def figures(self) -> list[str]:
        """Names of the figures, with something that is no name if there is none."""
        names = {job.config.get("figure") for job in self.grid.jobs.values()}
        return sorted(str(name) for name in names if name) or ["none"]

    def targets(self) -> list[str]:
        """What a full run makes: tables, figures, claims, and the figures' published copies."""
        kept = [
            path
            for job in self.grid.jobs.values()
            if self.grid.steps[job.step].git
            for path in job.paths
        ]
        copies = [p for p in self.published if (p.count("/") == 1) == self.is_default]
        return kept + copies

    def stages(self) -> dict[str, list[str]]:
        """Target name -> outputs, for every family and step: what the stages of DVC ask for."""
        return {
            f"{family}_{step}": [p for job in self.grid.of(family, step) for p in job.paths]
            for family, step in self.grid.stages()
        }

    def _id(self, job: Job) -> tuple[str, tuple[tuple[str, str], ...]]:
        pattern = self.outputs(job.step)[0]
        names = {"family": job.family, "run": job.run, "figure": str(job.config.get("figure"))}
        used = {name: value for name, value in names.items() if f"{{{name}}}" in pattern}
        return job.step, tuple(sorted(used.items()))


def mend(workflow: Any) -> None:
    """Let a child Snakemake put together the run names that it takes apart at their commas.

    It is told what to make as rule:name=value,name=value, without regard to commas in a value
    (snakemake issue 2366, open in 9.27). Its targets are not known yet when it reads the Snakefile.
    """

    class Mended(type(workflow)):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "dag_settings":
                for _, wildcards in value.target_jobs:
                    join_run(wildcards)
            super().__setattr__(name, value)

    workflow.__class__ = Mended


def join_run(wildcards: dict[str, str]) -> None:
    """Make {run: "a=1", b: "2"} {run: "a=1,b=2"} again, in place."""
    loose = [name for name in wildcards if name not in WILDCARDS]
    if loose:
        parts = [wildcards["run"], *(f"{name}={wildcards.pop(name)}" for name in loose)]
        wildcards["run"] = ",".join(parts)


RUN = "exec python -m physlm.provenance.runner {input.spec} --log {log}"
_held: list[int] = []  # keeps the guard open, hence locked, while this process lives


def guard() -> None:
    """Hold the working tree; clear what a killed Snakemake of this machine left locked.

    The kernel frees the guard when its holder dies, so a lock of Snakemake without it is stale.
    Raises ConfigError if another Snakemake is at work here.
    """
    if _held:
        return
    GUARD.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(GUARD, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.read(handle, 200).decode(errors="replace").strip()
        os.close(handle)
        raise ConfigError(f"another Snakemake is at work in this folder ({owner})") from None
    owner = os.read(handle, 200).decode(errors="replace")
    if not owner or socket.gethostname() in owner.split():
        shutil.rmtree(".snakemake/locks", ignore_errors=True)
        Path(".snakemake/locks").mkdir(parents=True, exist_ok=True)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()} ".encode(), 0)
    _held.append(handle)


def _children(remote: bool) -> None:
    """Let jobs use this very interpreter and these very modules, whatever is activated."""
    os.environ["PHYSLM_SCHEDULED"] = "1" if remote else "0"  # who hands out devices
    path, source = os.path.dirname(sys.executable), str(root_of("physlm"))
    os.environ["PATH"] = os.pathsep.join([path, os.environ.get("PATH", "")])
    others = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != source]
    os.environ["PYTHONPATH"] = os.pathsep.join([source, *others])
