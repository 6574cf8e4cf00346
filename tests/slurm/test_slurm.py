"""The pipeline on a real SLURM, started on the loopback for these tests (cluster.sh)."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from physlm.provenance import devices
from tests.pipeline.project import Project, build, real

SCRIPT = Path(__file__).parent / "cluster.sh"
DAEMONS = ("slurmctld", "slurmd", "munged")
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
MISSING = [name for name in DAEMONS if not shutil.which(name, path=SBIN)]
if not importlib.util.find_spec("snakemake_executor_plugin_slurm"):
    MISSING.append("snakemake-executor-plugin-slurm (pip install -e '.[slurm]')")

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

# A cluster of one's own answers at once; its jobs are asked after every second and not every 20.
QUICK = (
    "--slurm-init-seconds-before-status-checks 1 --latency-wait 10 --slurm-status-command squeue"
)
FIGURE = "figures/smoke/capacity.pdf"
ARCHITECTURES = ["llama", "mistral"]
SNAKEMAKE = f"snakemake --workflow-profile profiles/slurm {QUICK}"


class Cluster:
    """A running SLURM and its own record of the jobs that ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def join(self, project: Project) -> Project:
        """Let the commands of a project use this SLURM."""
        project.variables["PATH"] = f"{self.folder}/bin:{project.environment['PATH']}"
        return project

    def ended(self, project: Project) -> list[dict[str, str]]:
        """The jobs of this project that ended, as the scheduler wrote them down."""
        record = self.folder / "finished.txt"
        lines = record.read_text().splitlines() if record.exists() else []
        jobs = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
        return [job for job in jobs if job["WorkDir"] == str(project.folder)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # Sockets have short names: pytest's folders are too deep for them.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    try:
        started = subprocess.run(
            [SCRIPT, "start", folder], capture_output=True, text=True, timeout=60
        )
        assert started.returncode == 0, started.stdout + started.stderr
        yield Cluster(folder)
    finally:
        subprocess.run([SCRIPT, "stop", folder], check=True)
        shutil.rmtree(folder)


def small(folder: Path, **variables: list) -> Project:
    """The real project, with a model per architecture in its smoke tier."""
    project = real(folder, "capacity")
    block = {"exposures": 20, "n_people": 20, "d_model": 16, "warmup_steps": 10, **variables}
    project.params(tiers__smoke__capacity__grid=[block])
    return project


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A figure of the smoke tier, done by processes of this machine."""
    project = small(tmp_path_factory.mktemp("local") / "project", arch=ARCHITECTURES)
    project.sh(f"snakemake --cores 2 --config tier=smoke -- {FIGURE}")
    return project


def digests(project: Project) -> dict[str, dict[str, str]]:
    """Job -> {output: digest}."""
    paths = (project.folder / "results/smoke/locks").rglob("*.json")
    locks = [project.json(str(path.relative_to(project.folder))) for path in paths]
    return {lock["name"]: lock["outputs"] for lock in locks}


def test_a_figure_of_the_smoke_tier_runs_as_slurm_jobs(
    cluster: Cluster, local: Project, tmp_path: Path
) -> None:
    project = cluster.join(small(tmp_path / "project", arch=ARCHITECTURES))
    done = project.sh(f"{SNAKEMAKE} --config tier=smoke -- {FIGURE}")
    ended = cluster.ended(project)
    print(done.stdout + done.stderr, *ended, sep="\n")  # pytest -s shows it
    assert len(ended) == len(digests(local)) == 7
    assert {job["JobState"] for job in ended} == {"COMPLETED"}
    assert len({job["JobId"] for job in ended}) == len(ended)
    assert digests(project) == digests(local)
    assert (project.folder / FIGURE).read_bytes() == (local.folder / FIGURE).read_bytes()
    again = project.sh(f"{SNAKEMAKE} --config tier=smoke -- {FIGURE}")
    assert "Nothing to be done" in again.stdout + again.stderr
    assert len(cluster.ended(project)) == len(ended)


def test_a_failing_job_is_reported(cluster: Cluster, tmp_path: Path) -> None:
    project = cluster.join(build(tmp_path / "toy"))
    project.variables["TOY_FAIL"] = "d_model=16"
    done = project.sh(f"{SNAKEMAKE} -- capacity_pretrain", ok=False)
    text = done.stdout + done.stderr
    (failed,) = [job for job in cluster.ended(project) if job["JobState"] != "COMPLETED"]
    assert failed["JobState"] == "FAILED"
    assert f"SLURM-job '{failed['JobId']}' failed" in text
    (log,) = project.folder.glob(f".snakemake/slurm_logs/**/{failed['JobId']}.log")
    assert str(log) in text
    assert "  | error: this toy was told to fail" in log.read_text()
    assert len(list(project.folder.glob("results/laptop/locks/capacity/pretrain/*"))) == 2


@pytest.mark.skipif(bool(devices.visible()), reason="two nodes would share this machine's devices")
def test_several_devices_and_several_nodes(
    cluster: Cluster, local: Project, tmp_path: Path
) -> None:
    """The devices of this SLURM are mere counts, so the ranks meet over gloo."""
    asked = {"llama": {"gpu": 1, "nodes": 2}, "mistral": {"gpu": 2, "nodes": 1}}
    shapes = [{"arch": arch, **resources} for arch, resources in asked.items()]
    project = cluster.join(small(tmp_path / "project", shape=shapes))
    project.params(capacity__pretrain__resources={"gpu": "$gpu", "nodes": "$nodes"})
    project.sh(f"{SNAKEMAKE} --config tier=smoke -- capacity_pretrain")
    ended = cluster.ended(project)
    assert {job["JobState"] for job in ended} == {"COMPLETED"}
    assert sorted(job["NodeCnt"] for job in ended) == ["1", "1", "2"]  # data, mistral, llama
    for arch, resources in asked.items():
        (path,) = local.folder.glob(f"results/smoke/locks/capacity/pretrain/*arch={arch},*.json")
        run = path.stem
        meta = project.json(f"results/smoke/locks/capacity/pretrain/{run}.json")["meta"]
        assert (meta["processes"], meta["nodes"]) == (2, resources["nodes"])
        path = f"results/smoke/capacity/pretrain/{run}/model.safetensors"
        one, two = load_file(local.folder / path), load_file(project.folder / path)
        worst = max(float(np.abs(one[name] - two[name]).max()) for name in one)
        assert 0 < worst < 1e-5
