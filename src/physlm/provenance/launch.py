"""The command line of a step: plain, or through `accelerate launch` on the devices it asks for.

Everything that a user's own Accelerate configuration could decide is said here, so that it cannot
change a result: precision, compilation and sharding are the step's own settings.
"""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from physlm import files

# srun runs this on every node; $0 is the interpreter.
ON_NODE = 'exec "$0" -m accelerate.commands.launch --machine_rank "$SLURM_NODEID" "$@"'


def ranks(spec: dict[str, Any]) -> int:
    """Processes of a job on each node that Accelerate starts; 0 for a step that runs plainly."""
    return spec["resources"]["gpu"] if spec["distributed"] else 0


def command(spec: dict[str, Any], step: list[str], scratch: Path) -> list[str]:
    """The command that carries out `step` (itself a command) as `spec` asks.

    Writes Accelerate's configuration to `scratch`. ValueError if several nodes are asked for
    outside a SLURM job.
    """
    per_node, nodes = ranks(spec), spec["resources"]["nodes"]
    if per_node == 0:
        return step
    settings = scratch / "accelerate.json"
    threads = spec["config"].get("threads", 1)
    kind = "MULTI_GPU" if per_node * nodes > 1 else "NO"
    config = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": kind,
        "mixed_precision": "no",
        "use_cpu": False,
        "debug": False,
    }
    files.write_json(settings, config)
    options = {
        "config_file": settings,
        "num_processes": per_node * nodes,
        "num_machines": nodes,
        "num_cpu_threads_per_process": threads,
        "mixed_precision": "no",
        "dynamo_backend": "no",
    }
    flags = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    flags += ["--multi_gpu"] * (kind == "MULTI_GPU")
    tied = ["--no_python", sys.executable, "-m", "physlm.provenance.tied", *step]
    if nodes == 1:
        start = [sys.executable, "-m", "accelerate.commands.launch", "--main_process_port", "0"]
        return [*start, *flags, *tied]
    where = ["--main_process_ip", first_host(), "--main_process_port", str(free_port())]
    return [*srun(nodes, per_node, threads), *where, *flags, *tied]


def failure(said: str) -> str:
    """Which rank failed first and how, from what the launcher said; empty if it did not say."""
    cause = said.partition("Root Cause")[2]
    found = re.search(r"rank\s*: (\d+).*?exitcode\s*: (-?\d+)", cause, re.S)
    if found:
        rank, status = int(found[1]), int(found[2])
        how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        return f"rank {rank}: {how}"
    found = re.search(r"(died with <Signals\.\w+: (\d+)>|exit status (\d+))\.\s*$", said)
    if found:
        return f"killed by signal {found[2]}" if found[2] else f"exit status {found[3]}"
    return ""


def srun(nodes: int, per_node: int, threads: int) -> list[str]:
    """One launcher on each node of a SLURM job, which goes on with the arguments that follow."""
    return [
        "srun",
        f"--nodes={nodes}",
        f"--ntasks={nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={per_node * threads}",
        f"--gpus-per-node={per_node}",
        "--kill-on-bad-exit=1",
        "sh",
        "-c",
        ON_NODE,
        sys.executable,
    ]


def first_host() -> str:
    """The first node of this SLURM job, where its batch script and so this process runs."""
    job = os.environ.get("SLURM_JOB_ID")
    if not job:
        raise ValueError("asks for several nodes, which only a scheduler can give (profiles/slurm)")
    # The executor plugin hides SLURM_JOB_NODELIST from its jobs.
    nodes = _ask("squeue", "--noheader", "--job", job, "--format", "%N")
    return _ask("scontrol", "show", "hostnames", nodes).split()[0]


def free_port() -> int:
    """A port that is free on this machine now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def _ask(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise ValueError(f"cannot ask SLURM for the nodes of this job: {error}") from None
