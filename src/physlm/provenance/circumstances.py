"""Under what circumstances a job ran: commit, versions, machine. Recorded, never part of a key."""

import contextlib
import os
import subprocess
import sys
import time
from typing import Any

from physlm.provenance import devices, launch

# What a run depends on; uncommitted changes elsewhere do not make it "dirty".
SOURCES = ("src", "workflow", "Snakefile", "params.yaml", "claims.yaml")


def meta(spec: dict[str, Any], seconds: float, used: list[str]) -> dict[str, Any]:
    """What a lock records beside content.

    seconds: how long the job took, all sittings together. used: the devices it had on this node;
    the other nodes of a job on several are taken to have the same.
    """
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in ("numpy", "torch", "accelerate"):
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    status = _git("status", "--porcelain", "--", *SOURCES)
    return {
        "commit": _git("rev-parse", "HEAD"),
        "dirty": status is None or status != "",
        "python": ".".join(map(str, sys.version_info[:3])),
        "versions": versions,
        "cpu": _cpu(),
        **_devices(spec, used),
        "threads": spec["config"].get("threads", 1),
        "seconds": round(seconds, 1),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return os.uname().machine


def _devices(spec: dict[str, Any], used: list[str]) -> dict[str, Any]:
    """gpu: models; gpus, processes and nodes: how many, over the whole job."""
    nodes = spec["resources"]["nodes"]
    counts = {"processes": nodes * max(1, launch.ranks(spec)), "nodes": nodes}
    if not used:
        return counts
    names = sorted(set(devices.models(used)))
    return {"gpu": ", ".join(names) or "unknown", "gpus": nodes * len(used), **counts}
