"""Under what circumstances a job ran: commit, versions, machine. Recorded, never part of a key."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

# What a run depends on; uncommitted changes elsewhere do not make it "dirty".
SOURCES = ("src", "workflow", "Snakefile", "params.yaml", "claims.yaml")


def meta(spec: dict[str, Any], seconds: float) -> dict[str, Any]:
    """What a lock records beside content; `seconds` is how long the job took."""
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
        **({"gpu": gpu} if (gpu := _gpu()) else {}),
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


def _gpu() -> str:
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in path.read_text().splitlines():
            if line.startswith("Model:"):
                return line.partition(":")[2].strip()
    return ""
