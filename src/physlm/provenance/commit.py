"""Tell DVC what is whole, and take away what left the grid."""

import functools
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from physlm.provenance import cache, locks
from physlm.provenance.verdicts import State, published

if TYPE_CHECKING:
    from dvc.stage import PipelineStage


def commit(state: State) -> None:
    """`dvc commit` every stage that changed and is whole, and say why the others are left alone.

    Whole: all its jobs and all jobs it depends on are valid, its own files and those it reads are
    here. With trust in locks (`from=tables`) a stage may be absent as a whole: what it left stays
    as dvc.lock has it, what it depends on is recorded as it is. Another tier than that of
    params.yaml is only pruned, for dvc.lock does not know it.
    """
    prune(state)
    if state.grid.tier != state.grid.default_tier:
        return
    import networkx as nx
    from dvc.repo import Repo

    # DVC announces each write of dvc.lock; our own line says it once.
    logging.getLogger("dvc").setLevel(logging.WARNING)
    invalid, absent = _flaws(state)
    with _params_read_once(), Repo(_wait_for_lock=True) as repo:
        graph, status = repo.index.graph, repo.status()
        left = {}
        for stage in graph:
            below = nx.descendants(graph, stage)
            bad = [invalid[s.name] for s in [stage, *below] if s.name in invalid]
            bad += [absent[s.name] for s in [stage, *graph.successors(stage)] if s.name in absent]
            if bad:
                left[stage.name] = bad[0]
        changed = [
            stage
            for stage in graph
            if stage.name in status
            and stage.name not in left
            and not _absent_alone(status[stage.name])
        ]
        if changed:
            with repo.lock:
                _record(changed)
            print("dvc commit:", ", ".join(stage.name for stage in changed))
    for name, reason in left.items():
        print(f"not committed to DVC: {name} ({reason})")


def _record(stages: list["PipelineStage"]) -> None:
    """`repo.commit` of all these, which would read the project anew for each of them."""
    for stage in stages:
        # What is not here cannot be hashed for the cache of runs.
        whole = all(os.path.exists(item.fs_path) for item in (*stage.outs, *stage.deps))
        stage.save(allow_missing=not whole, run_cache=whole)
        if whole:
            stage.commit()
    # They are all in one dvc.yaml.
    stages[0].dvcfile.dump_stages(stages, update_pipeline=False)


@contextmanager
def _params_read_once() -> Iterator[None]:
    """DVC parses params.yaml, and walks through all of it for each key, anew for every stage."""
    from unittest.mock import patch

    from dvc.dependency import param

    with (
        patch.object(param, "load_path", functools.cache(param.load_path)),
        patch.object(param.dpath, "get", _get),
    ):
        yield


def _get(content: Any, key: str, separator: str) -> Any:
    """The value at a key of keys. Raises KeyError."""
    for name in key.split(separator):
        if not isinstance(content, dict):
            raise KeyError(key)
        content = content[name]
    return content


def _absent_alone(changes: list[str | dict[str, Any]]) -> bool:
    """Whether DVC sees no change of a stage but files that are not here: nothing to record, and
    each write of dvc.lock takes seconds.
    """
    return all(
        isinstance(change, dict)
        and not any(
            isinstance(how, dict) or os.path.exists(path)
            for files in change.values()
            for path, how in files.items()
        )
        for change in changes
    )


def prune(state: State) -> None:
    """Remove runs that left the grid, with their locks; their files stay in the DVC cache."""
    current = {job.lock for job in state.grid.jobs.values()}
    wanted = set(state.grid.makers)
    for path in sorted(Path(f"results/{state.grid.tier}/locks").glob("*/*/*.json")):
        if str(path) in current:
            continue
        try:
            lock = locks.read(str(path))
        except locks.DamagedLock:
            continue
        if lock is None or not _kept(state, lock["outputs"], wanted):
            continue
        cache.remember(lock)
        for file in lock["outputs"]:
            if file not in wanted:
                for copy in (file, *_copies(state, file)):
                    Path(copy).unlink(missing_ok=True)
                _remove_empty(Path(file).parent)
        path.unlink()
        _remove_empty(path.parent)


def _copies(state: State, file: str) -> list[str]:
    """Where a figure of a run that is gone was published."""
    tier, figures = state.grid.tier, f"results/{state.grid.tier}/figures/"
    if not file.startswith(figures):
        return []
    name = file.removeprefix(figures)
    short = [f"figures/{name}"] if tier == state.grid.default_tier else []
    return [f"figures/{tier}/{name}", *short]


def _kept(state: State, outputs: dict[str, str], wanted: set[str]) -> bool:
    """Whether what is here of these files is in the cache, or could be put there."""
    for file, md5 in outputs.items():
        now = state.digests.md5(file)
        if file in wanted or now is None:
            continue
        if now != md5:
            return False
        cache.add(file, md5)
    return True


def _remove_empty(folder: Path) -> None:
    for place in (folder, folder.parent):
        if place.is_dir() and not any(p.name != ".snakemake_timestamp" for p in place.iterdir()):
            shutil.rmtree(place)


def _flaws(state: State) -> tuple[dict[str, str], dict[str, str]]:
    """Stage name -> first reason that it is invalid; stage name -> first file not here."""
    invalid: dict[str, str] = {}
    absent: dict[str, str] = {}
    for name, job in state.grid.jobs.items():
        stage = stage_name(job.family, job.step)
        if not state.verdicts[name]:
            invalid.setdefault(stage, f"{job.label}: {state.verdicts[name].reason}")
        # Of a stage that is here in part DVC would take the part for the whole.
        whole_absent = state.trust and not Path(job.folder).parent.exists()
        for path in job.paths:
            if not os.path.exists(path) and not whole_absent:
                absent.setdefault(stage, f"{path} is not here")
    for path, source in published(state.grid).items():
        job = state.grid.makers[source]
        if path.count("/") == 1 and not os.path.exists(path):
            absent.setdefault(stage_name(job.family, job.step), f"{path} is not here")
    return invalid, absent


def stage_name(family: str, step: str) -> str:
    """The name of a step of a family in dvc.yaml."""
    return step if family == step else f"{step}@{family}"
