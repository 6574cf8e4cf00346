"""`resources` and `execution` of params.yaml: filled, checked, and no part of what a job is."""

import copy
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from physlm.config import ConfigError
from physlm.provenance.grid import Grid
from physlm.provenance.resources import Resources
from physlm.provenance.workflow import Workflow, join_run
from tests.pipeline.conftest import Copy
from tests.pipeline.project import ROOT, TOY

TEXT = (TOY / "params.yaml").read_text()
RUN = "world=biod,arch=gpt2_rot,d_model={},n_people=5,seed=0"


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    return copy.deepcopy(yaml.safe_load(TEXT))


def write(params: dict[str, Any]) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def grid(params: dict[str, Any]) -> Grid:
    write(params)
    return Grid()


def two_sizes(params: dict[str, Any]) -> None:
    params["capacity"]["pretrain"]["resources"] = {"gpu": "$gpu", "nodes": "$nodes"}
    params["capacity"]["pretrain"]["resources"]["runtime"] = "$minutes"
    params["capacity"]["pretrain"]["execution"] = {"micro_batch_size": "$micro"}
    params["capacity"]["point"] |= {"gpu": 0, "nodes": 1, "minutes": 5, "micro": 4}
    big = {"n_people": 5, "d_model": 16, "gpu": 4, "nodes": 2, "minutes": 600, "micro": 1}
    params["tiers"]["laptop"]["capacity"]["grid"] = [{"n_people": 5, "d_model": 8}, big]


def test_big_models_ask_for_more(params: dict[str, Any]) -> None:
    before = grid(params).jobs
    two_sizes(params)
    jobs = grid(params).jobs
    small, big = (jobs[f"laptop/capacity/pretrain/{RUN.format(d)}"] for d in (8, 16))
    assert (small.resources.gpu, small.resources.nodes, small.resources.runtime) == (0, 1, 5)
    assert (big.resources.gpu, big.resources.nodes, big.resources.runtime) == (4, 2, 600)
    assert small.resources.mem_mb == Resources().mem_mb
    assert (small.execution, big.execution) == ({"micro_batch_size": 4}, {"micro_batch_size": 1})
    assert big.config == before[big.name].config
    assert jobs[f"laptop/capacity/measure/{RUN.format(16)}"].resources == Resources()


def test_what_snakemake_is_told(params: dict[str, Any]) -> None:
    two_sizes(params)
    params["capacity"]["pretrain"]["config"]["threads"] = 3
    write(params)
    jobs = Workflow({}, main=False, dry=False, remote=False)

    def told(step: str, run: str) -> dict[str, Any]:
        wildcards = SimpleNamespace(items=lambda: [("family", "capacity"), ("run", run)])
        found = {name: value(wildcards) for name, value in jobs.resources(step).items()}
        assert set(found) == set(jobs.resources(step))
        found = {name: value for name, value in found.items() if value is not None}
        return found | {"threads": jobs.threads(step)(wildcards)}

    small, big = (told("pretrain", RUN.format(d)) for d in (8, 16))
    memory = Resources().mem_mb
    assert small == {"nodes": 1, "mem_mb": memory, "runtime": 5, "threads": 3}
    several = {"mpi": "srun", "tasks": 2, "tasks_per_gpu": 0}
    asked = {"gpu": 8, "nodes": 2, "mem_mb": memory, "runtime": 600, "threads": 12}
    assert big == asked | several
    assert told("measure", RUN.format(16)) == small | {"runtime": Resources().runtime, "threads": 1}


@pytest.mark.parametrize(
    ("step", "values", "said"),
    [
        ("pretrain", {"gpus": 1}, "pretrain.resources.gpus=1: unknown key"),
        ("pretrain", {"gpu": -1}, "pretrain.resources.gpu=-1: must be 0 or more"),
        ("pretrain", {"gpu": 1.5}, "pretrain.resources.gpu=1.5: must be int, not float"),
        ("pretrain", {"gpu": True}, "pretrain.resources.gpu=True: must be int, not bool"),
        ("pretrain", {"gpu": 1, "nodes": 0}, "pretrain.resources.nodes=0: must be 1 or more"),
        ("pretrain", {"nodes": 2}, "pretrain.resources.nodes=2: must be 1 for a job without gpu"),
        ("pretrain", {"mem_mb": "8GB"}, "pretrain.resources.mem_mb='8GB': must be int"),
        ("pretrain", {"runtime": 0}, "pretrain.resources.runtime=0: must be 1 or more (minutes)"),
        ("pretrain", {"runtime": "$hours"}, "pretrain.resources.runtime: $hours is not a variable"),
        ("measure", {"gpu": 2}, "measure.resources.gpu=2: must be at most 1, this step is one"),
        ("table", {"gpu": 1, "nodes": 2}, "table.resources.nodes=2: must be at most 1"),
        ("table", [1], "table.resources: must be a mapping"),
    ],
)
def test_refused_in_one_line(params: dict[str, Any], step: str, values: Any, said: str) -> None:
    params["capacity"][step]["resources"] = values
    with pytest.raises(ConfigError) as error:
        grid(params)
    assert f"capacity.{said}" in str(error.value)
    assert "\n" not in str(error.value)


def test_one_run_asks_for_one_thing(params: dict[str, Any]) -> None:
    two_sizes(params)
    params["capacity"]["data"]["resources"] = {"runtime": "$minutes"}
    with pytest.raises(ConfigError, match="give the same run"):
        grid(params)


@pytest.mark.pipeline
def test_resources_are_no_part_of_a_job(copy_of: Copy) -> None:
    project = copy_of("resources")
    project.params(capacity__pretrain__resources={"mem_mb": 123, "runtime": 7})
    assert project.snakemake() == []
    run = RUN.format(8)
    spec = project.json(f".physlm/specs/laptop/capacity/pretrain/{run}.json")
    assert spec["resources"] == asdict(Resources(mem_mb=123, runtime=7))
    project.params(capacity__pretrain__resources={"mem_mb": 123, "gpu": -7})
    done = project.sh("snakemake --cores 1", ok=False)
    assert "error: capacity.pretrain.resources.gpu=-7: must be 0 or more" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.pipeline
def test_the_scheduler_gets_them(copy_of: Copy) -> None:
    """Snakemake's own view of a job, where what is None must be absent."""
    project = copy_of("asked")
    project.params(capacity__pretrain__resources={"gpu": 2, "mem_mb": 123})
    project.edit("params.yaml", "exposures: 5", "exposures: 55")
    done = project.sh("snakemake --cores 8 -n --quiet host -- capacity_pretrain")
    told = done.stdout + done.stderr
    assert "mem_mb=123" in told
    assert "gpu=2" in told
    assert "nodes=1" in told
    assert "mpi" not in told
    assert "tasks" not in told
    assert "threads: 2" in told


def test_every_rule_asks() -> None:
    rules = [p for p in (ROOT / "workflow/rules").glob("*.smk") if p.name != "common.smk"]
    assert len(rules) >= 6
    for path in rules:
        assert f'**jobs.resources("{path.stem}")' in path.read_text()


@pytest.mark.pipeline
def test_the_snakemake_that_a_scheduler_starts(copy_of: Copy) -> None:
    """As the SLURM executor would start it; run names have commas, which Snakemake splits at."""
    project = copy_of("child")
    project.edit("params.yaml", "exposures: 5", "exposures: 77")
    project.sh("snakemake --cores 1 -n")  # writes the specs
    run = RUN.format(16)
    project.sh(f"rm -rf results/laptop/capacity/pretrain/{run} .dvc/cache")
    executed = project.snakemake(
        f"--target-jobs 'pretrain:family=capacity,run=\"{run}\"' --allowed-rules pretrain --force "
        "--nolock --no-hooks --mode remote --rerun-triggers mtime"
    )
    assert executed == [f"capacity/pretrain/{run}"]


def test_a_run_name_is_put_together_as_it_was() -> None:
    taken_apart = {"family": "capacity", "run": "world=biod", "d_model": "8", "seed": "0"}
    join_run(taken_apart)
    assert taken_apart == {"family": "capacity", "run": "world=biod,d_model=8,seed=0"}
    for whole in ({"family": "capacity", "run": "seed=0"}, {"family": "a", "figure": "b"}, {}):
        same = dict(whole)
        join_run(same)
        assert same == whole


def test_both_profiles_judge_by_the_same_rules() -> None:
    default, slurm = (
        yaml.safe_load((ROOT / f"profiles/{name}/config.yaml").read_text())
        for name in ("default", "slurm")
    )
    # A workflow profile replaces the default one, so what keeps results right stands in both.
    own = {"cores", "quiet", "latency-wait"}
    assert {k: slurm[k] for k in default.keys() - own} == {
        k: default[k] for k in default.keys() - own
    }
    assert slurm["executor"] == "slurm"


def test_tiers_for_accelerators_ask_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for tier, gpu in {"laptop": 0, "gpu": 1, "paper": 1}.items():
        for step in ("pretrain", "measure"):
            jobs = Grid(tier).of("capacity", step)
            assert {job.resources.gpu >= gpu for job in jobs} == {True}
            assert {job.resources.gpu == 0 for job in jobs} == {gpu == 0}
