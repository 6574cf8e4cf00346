"""Devices of this machine, and leases, so that two local jobs never share one.

A lease is a lock on a file of .physlm/devices, which the kernel frees when its last holder dies.
Leases hold in one working tree; trees that share a machine are kept apart by CUDA_VISIBLE_DEVICES.
"""

import contextlib
import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(".physlm/devices")
POLL_S = 0.2
GPU = re.compile(r"GPU (\d+): (.+) \(UUID: (\S+)\)")


@dataclass(frozen=True)
class Lease:
    """Names of devices as CUDA_VISIBLE_DEVICES has them, and the files that hold them."""

    devices: list[str]
    handles: list[int]


def visible() -> list[str]:
    """The devices there are: what CUDA_VISIBLE_DEVICES leaves, or all of the machine."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is None:
        return [index for index, _, _ in _installed()]
    names: list[str] = []
    for name in map(str.strip, told.split(",")):
        if name in ("", "-1", "none", "NoDevFiles"):  # CUDA ignores what follows
            break
        names.append(name)
    return names


def models(devices: list[str]) -> list[str]:
    """Model names of these devices, without those of which nothing is known."""
    return [
        model
        for name in devices
        for index, model, uuid in _installed()
        if name == index or (name.startswith("GPU-") and uuid.startswith(name))
    ]


@contextlib.contextmanager
def lease(count: int, wait: Callable[[str], None]) -> Iterator[Lease]:
    """Hold `count` devices; ValueError at once if the machine has fewer.

    `wait` is called again and again with a line of text while others hold them; it may raise.
    Jobs are served in turn: whoever gathers devices keeps the door shut until it has enough.
    """
    known = visible()
    if count > len(known):
        told = os.environ.get("CUDA_VISIBLE_DEVICES")
        limit = "" if told is None else f" (CUDA_VISIBLE_DEVICES={told})"
        raise ValueError(f"asks for gpu={count}, this machine has {len(known)}{limit}")
    text = f"waits for {count} of {len(known)} devices"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        held: dict[str, int] = {}
        with contextlib.ExitStack() as entry:
            while (door := _hold("door")) is None:
                wait(text)
                time.sleep(POLL_S)
            entry.callback(os.close, door)
            while True:
                for name in known:
                    if len(held) < count and name not in held:
                        handle = _hold(name)
                        if handle is not None:
                            held[name] = handle
                            stack.callback(os.close, handle)
                if len(held) == count:
                    break
                wait(text)
                time.sleep(POLL_S)
        names = [name for name in known if name in held]
        yield Lease(names, [held[name] for name in names])


def _hold(name: str) -> int | None:
    handle = os.open(FOLDER / name.replace("/", "_"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle


def _installed() -> list[tuple[str, str, str]]:
    """(index, model, UUID) of the machine's devices, found without CUDA."""
    with contextlib.suppress(OSError):
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return [m.groups() for m in GPU.finditer(done.stdout)]  # type: ignore[misc]
    found = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        facts = dict(re.findall(r"^([^:]+):\s*(.*?)\s*$", path.read_text(), re.M))
        found.append((str(len(found)), facts.get("Model", ""), facts.get("GPU UUID", "")))
    return found
