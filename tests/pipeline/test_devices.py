"""Leases of devices: never shared, freed by death, refused when there are too few."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from physlm.provenance import devices

# Leases, says what it got, holds it while it lives.
HOLDER = """
import sys, time
from physlm.provenance import devices
def wait(text):
    print(text, flush=True)
with devices.lease(int(sys.argv[1]), wait) as lease:
    print("got", *lease.devices, flush=True)
    time.sleep(float(sys.argv[2]))
"""
SMI = """#!/bin/sh
echo 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-aa11)'
echo 'GPU 1: NVIDIA A100-SXM4 (UUID: GPU-bb22)'
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "90,91,92,93")


def holder(count: int, seconds: float = 60) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(count), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    """The next line, without repetitions of the one that says it waits."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def got(process: subprocess.Popen[str]) -> set[str]:
    while (text := line(process)).startswith("waits"):
        pass
    word, *names = text.split()
    assert word == "got", text
    return set(names)


def kill(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        process.kill()
        process.communicate()


def refuse(text: str) -> None:
    raise AssertionError(text)


def test_held_devices_are_nobody_elses_until_their_holder_is_killed() -> None:
    one, two = holder(2), holder(2)
    held = got(one), got(two)
    assert held[0] | held[1] == {"90", "91", "92", "93"}
    assert held[0] & held[1] == set()
    three = holder(2)
    assert line(three) == "waits for 2 of 4 devices"
    one.send_signal(signal.SIGKILL)
    assert got(three) == held[0]
    kill(one, two, three)


def test_who_asks_for_many_is_not_overtaken() -> None:
    one = holder(1)
    got(one)
    all_four = holder(4)
    assert line(all_four) == "waits for 4 of 4 devices"
    late = holder(1)
    assert line(late) == "waits for 1 of 4 devices"
    kill(one)
    assert got(all_four) == {"90", "91", "92", "93"}
    kill(all_four)
    assert len(got(late)) == 1
    kill(late)


def test_killed_while_it_gathers_leaves_nothing_held() -> None:
    one = holder(1)
    got(one)
    waiting = holder(4)
    line(waiting)
    kill(waiting, one)
    with devices.lease(4, refuse) as lease:
        assert len(lease.devices) == 4


def test_a_child_keeps_the_device_of_a_killed_holder() -> None:
    code = HOLDER.replace(
        "time.sleep(",
        "import subprocess as s; "
        "print(s.Popen(['sleep', '60'], pass_fds=lease.handles).pid, flush=True); time.sleep(",
    )
    one = subprocess.Popen(
        [sys.executable, "-c", code, "4", "60"], stdout=subprocess.PIPE, text=True
    )
    got(one)
    child = int(line(one))
    one.kill()
    one.wait()
    two = holder(1)
    assert line(two) == "waits for 1 of 4 devices"
    os.kill(child, signal.SIGKILL)
    assert len(got(two)) == 1
    kill(two)


def test_many_processes_never_share() -> None:
    """Eight processes of two devices each, on four: at most two at work at any time."""
    code = """
import os, time
from pathlib import Path
from physlm.provenance import devices
for _ in range(3):
    with devices.lease(2, lambda text: None) as lease:
        marks = [Path(f"in-use-{name}") for name in lease.devices]
        for mark in marks:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        time.sleep(0.02)
        for mark in marks:
            mark.unlink()
"""
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(8)]
    assert [process.wait() for process in started] == [0] * 8


def test_more_than_there_are_is_refused_at_once() -> None:
    said = r"gpu=5, this machine has 4 \(CUDA_VISIBLE_DEVICES=90,"
    with pytest.raises(ValueError, match=said), devices.lease(5, refuse):
        pass
    assert not Path(".physlm/devices").exists()


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("0,2", ["0", "2"]),
        (" GPU-aa11 , MIG-7 ", ["GPU-aa11", "MIG-7"]),
        ("1,-1,2", ["1"]),
        ("", []),
        ("NoDevFiles", []),
    ],
)
def test_cuda_visible_devices_is_respected(
    monkeypatch: pytest.MonkeyPatch, told: str, names: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    assert devices.visible() == names


def test_found_and_named_without_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    smi = tmp_path / "bin/nvidia-smi"
    smi.parent.mkdir()
    smi.write_text(SMI)
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{smi.parent}:{os.environ['PATH']}")
    assert devices.visible() == ["0", "1"]
    assert devices.models(["1", "0"]) == ["NVIDIA A100-SXM4", "NVIDIA H100 80GB HBM3"]
    assert devices.models(["GPU-bb22", "7"]) == ["NVIDIA A100-SXM4"]


def test_waiting_may_be_given_up() -> None:
    one = holder(4)
    got(one)

    def give_up(text: str) -> None:
        raise InterruptedError(text)

    with pytest.raises(InterruptedError, match="waits for 1 of 4"), devices.lease(1, give_up):
        pass
    kill(one)
    with devices.lease(4, refuse):
        pass
