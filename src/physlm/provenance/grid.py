"""The jobs of one tier: grid points, runs, resolved settings and how the jobs feed each other."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from physlm.config import ConfigError
from physlm.provenance import params as parameters
from physlm.provenance.params import FILE, check_known, check_mapping
from physlm.provenance.resources import Resources, resources
from physlm.provenance.template import Point, fill, references, show
from physlm.steps.catalogue import STEPS

ALL = "all"
FILLED = ("config", "execution", "resources")  # may hold variables of the point
STEP_KEYS = ("run", "inputs", "files", *FILLED)
# A file name has at most 255 bytes, 20 of which tell a file that is being written.
LONGEST = 235
VALUE = re.compile(r"[A-Za-z0-9._+-]+")


@dataclass(frozen=True)
class Job:
    """One job: a step of a family for one run.

    inputs: role -> folder, or a list of folders for a role that stands for every run of a step.
    files: role -> paths of all the files of it that count. upstream: names of the jobs it needs.
    execution and resources: how and where it is carried out, which does not decide its result.
    """

    name: str
    family: str
    step: str
    run: str
    label: str
    config: dict[str, Any]
    execution: dict[str, Any]
    resources: Resources
    inputs: dict[str, Any]
    files: dict[str, list[str]]
    upstream: tuple[str, ...]
    folder: str
    outputs: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """The output files, in the order of the catalogue."""
        return [f"{self.folder}/{name}" for name in self.outputs]

    @property
    def spec(self) -> str:
        """Where the spec lies."""
        return f".physlm/specs/{self.name}.json"

    @property
    def lock(self) -> str:
        """Where the lock lies."""
        tier, rest = self.name.split("/", 1)
        return f"results/{tier}/locks/{rest}.json"


class Grid:
    """All jobs of a tier, upstream first: `jobs[name]`. Raises ConfigError for bad params."""

    def __init__(self, tier: str | None = None) -> None:
        self.params, self.tier = parameters.load(tier)
        self.steps = STEPS
        self.families: list[str] = self.params["families"]
        self.points = {family: _points(family, self.params[family]) for family in self.families}
        self.jobs: dict[str, Job] = {}
        self._runs: dict[tuple[str, str], dict[str, Point]] = {}
        for family in self.families:
            self._check_family(family)
        for family, step in self._ordered():
            self._expand(family, step)
        self._check_outputs()

    @cached_property
    def default_tier(self) -> str:
        """The tier of params.yaml, the only one that dvc.lock knows."""
        return self.params["tier"]

    def of(self, family: str, step: str) -> list[Job]:
        """The jobs of one step of a family."""
        return [self.jobs[self._name(family, step, run)] for run in self._runs[family, step]]

    def stages(self) -> list[tuple[str, str]]:
        """(family, step) in an order in which inputs come first."""
        return list(self._runs)

    @cached_property
    def makers(self) -> dict[str, Job]:
        """Output path -> the job that makes it."""
        return {path: job for job in self.jobs.values() for path in job.paths}

    def _name(self, family: str, step: str, run: str) -> str:
        return f"{self.tier}/{family}/{step}/{run}"

    def _check_family(self, family: str) -> None:
        section = self.params[family]
        for key in section:
            check_known(key, ("point", "grid", *self.steps), family)
        used: set[str] = set()
        for step in section:
            if step in ("point", "grid"):
                continue
            check_mapping(section[step], f"{family}.{step}")
            for key in section[step]:
                check_known(key, STEP_KEYS, f"{family}.{step}")
            for part in FILLED:
                check_mapping(section[step].get(part) or {}, f"{family}.{step}.{part}")
                used |= references(section[step].get(part))
            for key in section[step].get("execution") or {}:
                check_known(key, self.steps[step].execution, f"{family}.{step}.execution")
            used |= set(section[step].get("run", []))
        for point in self.points[family]:
            for variable in point:
                if variable not in used:
                    raise ConfigError(
                        f"{FILE}: {family}: {variable}={point[variable]!r}: no step uses this "
                        f"variable, used are {', '.join(sorted(used))}"
                    )

    def _ordered(self) -> Iterator[tuple[str, str]]:
        done: set[tuple[str, str]] = set()

        def visit(node: tuple[str, str], path: tuple[tuple[str, str], ...]) -> Iterator[Any]:
            if node in path:
                cycle = " -> ".join("/".join(n) for n in (*path, node))
                raise ConfigError(f"{FILE}: inputs go round in a circle: {cycle}")
            if node in done:
                return
            for source in self._sources(*node).values():
                yield from visit(source, (*path, node))
            done.add(node)
            yield node

        for family in self.families:
            for step in self.steps:
                if step in self.params[family]:
                    yield from visit((family, step), ())

    def _sources(self, family: str, step: str) -> dict[str, tuple[str, str]]:
        found = {}
        for role, source in (self.params[family][step].get("inputs") or {}).items():
            other, name = source.split("/", 1) if "/" in source else (family, source)
            if other not in self.families or name not in self.params[other]:
                raise ConfigError(
                    f"{FILE}: {family}.{step}.inputs.{role}={source!r}: there is no such step"
                )
            found[role] = (other, name)
        return found

    def _expand(self, family: str, step: str) -> None:
        section, where = self.params[family][step], f"{family}.{step}"
        variables = section.get("run")
        points: list[Point] = [{}] if variables is None else self.points[family]
        if not points:
            raise ConfigError(f"{FILE}: {family}.grid: missing, {where} has a run per point")
        runs = self._runs.setdefault((family, step), {})
        for point in points:
            run = ALL if variables is None else _run_id(variables, point, where)
            job = self._job(family, step, run, point)
            known = self.jobs.get(job.name)
            if known and _settings(known) != _settings(job):
                raise ConfigError(
                    f"{FILE}: {where}: points {show(runs[run])} and {show(point)} give the same "
                    f"run {run} with different settings; add what differs to {where}.run"
                )
            self.jobs[job.name] = job
            runs.setdefault(run, point)
        for run, label in _labels(list(runs)).items():
            job = self.jobs[self._name(family, step, run)]
            object.__setattr__(job, "label", f"{family} {step}{' ' + label if label else ''}")

    def _job(self, family: str, step: str, run: str, point: Point) -> Job:
        section, kind, where = self.params[family][step], self.steps[step], f"{family}.{step}"
        filled = {p: fill(section.get(p) or {}, point, f"{where}.{p}") for p in FILLED}
        config = filled["config"]
        names = {"tier": self.tier, "family": family, "step": step, "run": run}
        figure = str(config.get("figure"))
        inputs: dict[str, Any] = {}
        files: dict[str, list[str]] = {}
        upstream: list[str] = []
        for role, source in self._sources(family, step).items():
            many, jobs = self._feeders(source, run, point, f"{where}.inputs.{role}")
            folders = [job.folder for job in jobs]
            inputs[role] = folders if many else folders[0]
            read = kind.reads.get(role)
            files[role] = [
                f"{job.folder}/{name}"
                for job in jobs
                for name in job.outputs
                if not read or name in read
            ]
            upstream += [job.name for job in jobs]
        for role, path in (section.get("files") or {}).items():
            inputs[role], files[role] = path, [path]
        return Job(
            name=self._name(family, step, run),
            family=family,
            step=step,
            run=run,
            label="",
            config=config,
            execution=filled["execution"],
            resources=resources(filled["resources"], kind.distributed, f"{where}.resources"),
            inputs=inputs,
            files=files,
            upstream=tuple(upstream),
            folder=kind.folder.format(**names),
            outputs=tuple(name.format(figure=figure, **names) for name in kind.outputs),
        )

    def _feeders(
        self, source: tuple[str, str], run: str, point: Point, where: str
    ) -> tuple[bool, list[Job]]:
        variables = self.params[source[0]][source[1]].get("run")
        if variables is None:
            return False, self.of(*source)
        if run == ALL:
            return True, self.of(*source)
        wanted = self._name(*source, _run_id(variables, point, where))
        if wanted not in self.jobs:
            raise ConfigError(f"{FILE}: {where}: {wanted} is not in the grid of {source[0]}")
        return False, [self.jobs[wanted]]

    def _check_outputs(self) -> None:
        seen: dict[str, str] = {}
        for job in self.jobs.values():
            for path in job.paths:
                if path in seen:
                    raise ConfigError(f"{FILE}: {seen[path]} and {job.name} both make {path}")
                seen[path] = job.name


def _settings(job: Job) -> tuple[Any, ...]:
    return job.config, job.execution, job.resources, job.inputs


def _points(family: str, section: Mapping[str, Any]) -> list[Point]:
    defaults = section.get("point") or {}
    check_mapping(defaults, f"{family}.point")
    points: list[Point] = []
    blocks = section.get("grid") or []
    if not isinstance(blocks, list):
        raise ConfigError(f"{FILE}: {family}.grid: must be a list of blocks, not {blocks!r}")
    for block in blocks:
        check_mapping(block, f"{family}.grid")
        variables = {**defaults, **block}
        axes = [v if isinstance(v, list) else [v] for v in variables.values()]
        for values in itertools.product(*axes):
            point: Point = {}
            for name, value in zip(variables, values, strict=True):
                # A mapping sets several variables together, e.g. a width and its learning rate.
                point |= value if isinstance(value, dict) else {name: value}
            points.append(point)
    return points


def _run_id(variables: list[str], point: Point, where: str) -> str:
    parts = []
    for variable in variables:
        if variable not in point:
            raise ConfigError(f"{FILE}: {where}: the point {show(point)} has no {variable}")
        value = str(point[variable])
        if not VALUE.fullmatch(value) or isinstance(point[variable], bool | None):
            raise ConfigError(
                f"{FILE}: {where}: {variable}={point[variable]!r}: must be a number or a name of "
                "letters, digits and . _ + - to stand in the name of a run"
            )
        parts.append(f"{variable}={value}")
    run = ",".join(parts)
    if len(run) > LONGEST:
        raise ConfigError(
            f"{FILE}: {where}: run={run!r}: must have at most {LONGEST} characters, to be the name "
            "of a file; leave out variables that never vary"
        )
    return run


def _labels(runs: list[str]) -> dict[str, str]:
    """Each run by what tells it from the others of its step, for messages."""
    split = {run: run.split(",") for run in runs if run != ALL}
    common = set.intersection(*map(set, split.values())) if len(split) > 1 else set()
    return {run: ",".join(p for p in parts if p not in common) for run, parts in split.items()} | (
        {ALL: ""} if ALL in runs else {}
    )
