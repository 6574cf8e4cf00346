"""How steps are started: the command lines, two real processes, kills and errors among ranks."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from physlm.files import read_json
from physlm.provenance import launch
from physlm.provenance.circumstances import meta
from tests.pipeline.conftest import Copy
from tests.pipeline.project import Project, kill_group, real
from tests.pipeline.test_failures import gone, wait_for

STEP = [sys.executable, "-m", "physlm.steps.x", "spec.json"]
# Names of devices that no machine has: the runner leases them, torch finds none and uses the CPU.
FAKE = "90,91"


def spec(
    gpu: int = 0, nodes: int = 1, distributed: bool = True, threads: int = 1
) -> dict[str, Any]:
    asked = {"gpu": gpu, "nodes": nodes, "mem_mb": 1, "runtime": 1}
    return {"resources": asked, "distributed": distributed, "config": {"threads": threads}}


def options(command: list[str]) -> dict[str, str]:
    """The options of accelerate launch, without the command that it starts."""
    words = command[: command.index("--no_python")]
    first = next(i for i, word in enumerate(words) if word.startswith("--") and "=" not in word)
    words = [word for word in words[first:] if word != "--multi_gpu"]
    return dict(zip(words[::2], words[1::2], strict=True))


def test_without_devices_or_ranks_the_step_runs_plainly(tmp_path: Path) -> None:
    assert launch.command(spec(), STEP, tmp_path) is STEP
    assert launch.command(spec(gpu=1, distributed=False), STEP, tmp_path) is STEP
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("gpu", [1, 4])
def test_one_node(tmp_path: Path, gpu: int) -> None:
    command = launch.command(spec(gpu=gpu, threads=3), STEP, tmp_path)
    assert command[:3] == [sys.executable, "-m", "accelerate.commands.launch"]
    assert options(command) == {
        "--main_process_port": "0",
        "--config_file": str(tmp_path / "accelerate.json"),
        "--num_processes": str(gpu),
        "--num_machines": "1",
        "--num_cpu_threads_per_process": "3",
        "--mixed_precision": "no",
        "--dynamo_backend": "no",
    }
    assert ("--multi_gpu" in command) == (gpu > 1)
    tied = [sys.executable, "-m", "physlm.provenance.tied", *STEP]
    assert command[command.index("--no_python") + 1 :] == tied
    assert read_json(tmp_path / "accelerate.json")["mixed_precision"] == "no"


def test_several_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, script in {
        "squeue": 'test "$*" = "--noheader --job 77 --format %N" && echo "node[03-04]"',
        "scontrol": 'test "$*" = "show hostnames node[03-04]" && printf "node03\\nnode04\\n"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    command = launch.command(spec(gpu=4, nodes=2, threads=3), STEP, tmp_path)
    assert command[: command.index("sh")] == [
        "srun",
        "--nodes=2",
        "--ntasks=2",
        "--ntasks-per-node=1",
        "--cpus-per-task=12",
        "--gpus-per-node=4",
        "--kill-on-bad-exit=1",
    ]
    told = options(command)
    assert told["--num_processes"] == "8"
    assert told["--num_machines"] == "2"
    assert told["--main_process_ip"] == "node03"
    assert 1024 < int(told["--main_process_port"]) < 65536
    # The shell that srun starts on each node says which node it is.
    start = command.index("sh")
    shell = ["sh", "-c", command[start + 2], "echo", *command[start + 4 :]]
    run = subprocess.run(
        shell, env={**os.environ, "SLURM_NODEID": "1"}, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("-m accelerate.commands.launch --machine_rank 1 --main_process_ip")
    assert run.stdout.split()[-len(STEP) :] == STEP


def test_several_nodes_without_a_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(ValueError, match="several nodes, which only a scheduler can give"):
        launch.command(spec(gpu=1, nodes=2), STEP, tmp_path)


def test_circumstances_count_processes_and_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    def counts(used: list[str], **asked: Any) -> dict[str, Any]:
        found = meta(spec(**asked), 1.0, used)
        return {k: found[k] for k in ("gpu", "gpus", "processes", "nodes") if k in found}

    assert counts([]) == {"processes": 1, "nodes": 1}
    one = {"gpu": "unknown", "gpus": 1, "processes": 1, "nodes": 1}
    assert counts(["90"], gpu=1, distributed=False) == one
    both = {"gpu": "unknown", "gpus": 4, "processes": 4, "nodes": 2}
    assert counts(["90", "91"], gpu=2, nodes=2) == both


@pytest.mark.parametrize(
    ("status", "said"), [(2, "exit status 2"), (-9, "killed by signal 9"), (0, "")]
)
def test_how_the_only_rank_failed(status: int, said: str) -> None:
    error = str(subprocess.CalledProcessError(status, ["python"])) if status else "no traceback"
    assert launch.failure(f"Traceback ...\nsubprocess.CalledProcessError: {error}\n") == said


# --- real processes


@pytest.mark.pipeline
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    project = real(tmp_path / "real", "capacity")
    project.sh("snakemake --cores 1 -n --config tier=smoke")  # writes the specs
    (llama,) = project.folder.glob(".physlm/specs/smoke/capacity/pretrain/*arch=llama,*.json")
    run = llama.stem
    folder = f"results/smoke/capacity/pretrain/{run}"
    command = f"snakemake --cores 2 --config tier=smoke -- {folder}/model.safetensors"
    # A user's settings of Accelerate are set to things that would change the result or fail.
    hostile = project.folder.parent / ".cache/huggingface/accelerate/default_config.yaml"
    hostile.parent.mkdir(parents=True)
    hostile.write_text(
        "{compute_environment: LOCAL_MACHINE, distributed_type: DEEPSPEED, debug: no,"
    )
    hostile.write_text(
        hostile.read_text() + " mixed_precision: fp8, use_cpu: no, num_processes: 3}"
    )
    project.variables |= {
        "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4",
        "CUDA_VISIBLE_DEVICES": FAKE,
    }
    found = []
    for gpu in (0, 1, 2):
        project.params(capacity__pretrain__resources={"gpu": gpu})
        project.variables["PHYSLM_FORCE"] = str(min(gpu, 1))
        project.sh(f"rm -rf {folder}")
        done = project.sh(command)
        found.append(load_file(project.folder / folder / "model.safetensors"))
        lock = project.json(f"results/smoke/locks/capacity/pretrain/{run}.json")
        assert (done.stdout + done.stderr).count("step 25/25") == 1
        project.sh(f"rm results/smoke/locks/capacity/pretrain/{run}.json")
        assert lock["meta"]["processes"] == max(gpu, 1)
        assert lock["meta"].get("gpus", 0) == gpu
    plain, one, two = found
    assert all(np.array_equal(plain[name], one[name]) for name in plain)
    worst = max(float(np.abs(plain[name] - two[name]).max()) for name in plain)
    assert 0 < worst < 1e-5  # not bit-equal: the sum over two processes rounds otherwise


@pytest.fixture(scope="module")
def project(copy_of: Copy) -> Project:
    project = copy_of("launch")
    project.params(capacity__pretrain__resources={"gpu": 2})
    project.commit("two devices")
    project.variables["CUDA_VISIBLE_DEVICES"] = FAKE
    return project


@pytest.mark.pipeline
@pytest.mark.parametrize("who", ["everything", "snakemake", "physlm.provenance.runner"])
def test_nothing_outlives_a_kill(project: Project, who: str) -> None:
    process = started(project, d_model=20 + len(who))
    if who == "everything":
        kill_group(process)
    elif who == "snakemake":
        process.kill()
        process.wait()
    else:
        (pid,) = project.processes(who)
        os.kill(pid, signal.SIGKILL)
        assert process.wait() == 1
    assert gone(project)


def started(project: Project, d_model: int) -> subprocess.Popen[bytes]:
    """Snakemake with one slow training on two devices, well under way."""
    project.params(tiers__laptop__capacity__grid=[{"n_people": 3, "d_model": d_model}])
    project.sh("rm -rf .physlm/scratch")  # what the one before left
    project.variables["TOY_SLEEP"] = "0.5"
    process = project.start("exec snakemake --cores 2 -- capacity_pretrain")
    del project.variables["TOY_SLEEP"]
    wait_for(project, 2, seconds=90)
    assert len(project.processes("physlm.steps.")) == 3  # two ranks and their launcher
    return process


@pytest.mark.pipeline
def test_one_rank_killed_ends_the_job_and_the_next_run_resumes_it(project: Project) -> None:
    process = started(project, d_model=30)
    ranks = set(project.processes("physlm.steps.")) - set(project.processes("accelerate."))
    os.kill(min(ranks), signal.SIGKILL)
    assert process.wait() == 1
    assert gone(project)
    log = next(project.folder.glob("logs/laptop/pretrain/capacity/*d_model=30*.log"))
    assert "Signal 9 (SIGKILL) received" in log.read_text()
    resumed = project.executed(lambda: project.sh("snakemake --cores 2 -- capacity_pretrain"))
    assert len(resumed) == 2
    assert all(" from " in line for line in resumed)


@pytest.mark.pipeline
def test_an_error_in_the_ranks_is_one_clear_failure(project: Project) -> None:
    project.params(tiers__laptop__capacity__grid=[{"n_people": 3, "d_model": 40}])
    project.variables["TOY_FAIL"] = "d_model=40"
    done = project.sh("snakemake --cores 2 -- capacity_pretrain", ok=False)
    del project.variables["TOY_FAIL"]
    text = done.stdout + done.stderr
    assert text.count("FAILED: ") == 1
    assert ": exit status 2; the end of logs/laptop/pretrain/capacity/" in text
    end = [line for line in text.splitlines() if line.startswith("  | ")]
    assert end[-1] == "  | error: this toy was told to fail"
    assert "  | trouble ahead" in end
    assert gone(project)


@pytest.mark.pipeline
def test_more_devices_than_there_are(project: Project) -> None:
    project.params(
        capacity__pretrain__resources={"gpu": 3},
        tiers__laptop__capacity__grid=[{"n_people": 3, "d_model": 50}],
    )
    done = project.sh("snakemake --cores 4 -- capacity_pretrain", ok=False)
    assert "FAILED: asks for gpu=3, this machine has 2 (CUDA_VISIBLE_DEVICES=90,91)" in (
        done.stdout + done.stderr
    )
    project.params(capacity__pretrain__resources={"gpu": 1, "nodes": 2})
    done = project.sh("snakemake --cores 4 -- capacity_pretrain", ok=False)
    assert "FAILED: asks for several nodes, which only a scheduler" in done.stdout + done.stderr
