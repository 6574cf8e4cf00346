"""Run one job, or restore it if the very same job was done before: what every rule calls.

    python -m physlm.provenance.runner SPEC --log LOG

Starts with every job, so it imports nothing heavy. The step writes into a folder beside the
target, from which finished files are renamed into place; the lock comes last. Scratch space lies
under the job's key, so a killed training finds its own checkpoints and no other's.
PHYSLM_FORCE=1 runs the job even if it is known.
"""

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from physlm import files
from physlm.provenance import cache, devices, launch, locks
from physlm.provenance.circumstances import meta
from physlm.provenance.digests import mark
from physlm.provenance.stopwatch import Stopwatch
from physlm.provenance.tied import die_with_parent

TAIL = 15  # lines of the log shown when a job fails


class JobError(Exception):
    """The job cannot be done; the text is for the user."""


def main(argv: list[str] | None = None) -> int:
    """Do the job of a spec; returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if len(arguments) != 3 or arguments[1] != "--log":
        print("usage: python -m physlm.provenance.runner SPEC --log LOG", file=sys.stderr)
        return 2
    spec, log = files.read_json(arguments[0]), Path(arguments[2])
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        Runner(spec, log).do()
    except KeyboardInterrupt:
        say(spec, "stopped; the next run resumes it")
        return 130
    except (JobError, ValueError) as error:
        say(spec, f"FAILED: {error}")
        return 1
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        say(spec, f"FAILED: {what}")
        return 1
    return 0


def say(spec: dict[str, Any], text: str) -> None:
    """A line for the person who watches."""
    print(f"[{spec['label']}] {text}", file=sys.stderr, flush=True)


class Runner:
    """One job on its way from spec to lock."""

    def __init__(self, spec: dict[str, Any], log: Path) -> None:
        self.spec, self.log, self.parent = spec, log, os.getppid()
        self.marks: dict[str, list[int] | None] = {}
        self.inputs = {
            role: {path: self._input(path) for path in paths}
            for role, paths in spec["files"].items()
        }
        self.key = locks.key(spec, self.inputs)
        self.folder = Path(spec["folder"])
        family = spec["name"].split("/")[1]
        self.out = self.folder / f".part.{family}.{spec['step']}"

    def do(self) -> None:
        """Restore the job or run it, and leave its lock."""
        force = os.environ.get("PHYSLM_FORCE") == "1"
        if not force and self._restore():
            return
        with alone(self.key):
            # Another job with the same key may have been at it while this one waited.
            if force or not self._restore():
                self._run()

    def _input(self, path: str) -> str:
        try:
            self.marks[path] = mark(path)
            return files.md5(path)
        except FileNotFoundError:
            raise JobError(f"input {path} is missing") from None

    def _restore(self) -> bool:
        self._empty()
        found = cache.recall(self.key, self.spec["outputs"], self.out, self._lock())
        if found is None:
            return False
        self._finish(*found)
        say(self.spec, "restored from the cache")
        self.log.touch()
        return True

    def _lock(self) -> dict[str, Any] | None:
        """The lock that is here, if it is of this very job: of several results, its is meant."""
        with contextlib.suppress(locks.DamagedLock):
            lock = locks.read(self.spec["lock"])
            if lock and lock["key"] == self.key:
                return lock
        return None

    def _run(self) -> None:
        say(self.spec, f"runs ({self.spec.get('why', 'its output was missing')})")
        self._empty()
        scratch = Path(".physlm/scratch") / self.key
        scratch.mkdir(parents=True, exist_ok=True)
        trace = scratch / "loaded.json"
        with self._lease() as lease:
            watch = Stopwatch(scratch / "spent.json")
            self._child(scratch, trace, lease, watch)
        self._check_inputs()
        _check_loaded(self.spec, trace)
        outputs = {}
        for name in self.spec["outputs"]:
            if not (self.out / name).is_file():
                raise JobError(f"it did not write {name}, see {self.log}")
            outputs[name] = files.md5(self.out / name)
            cache.add(self.out / name, outputs[name])
        seconds = watch.seconds()
        self._finish(outputs, self._meta(outputs, meta(self.spec, seconds, lease.devices)))
        shutil.rmtree(scratch, ignore_errors=True)
        say(self.spec, f"done in {_duration(seconds)}")

    def _meta(self, outputs: dict[str, str], now: dict[str, Any]) -> dict[str, Any]:
        """A job done again to the same bytes confirms its lock, which then stays as it is."""
        lock = self._lock()
        if lock is None or (lock["meta"]["dirty"] and not now["dirty"]):
            return now
        then = {Path(path).name: md5 for path, md5 in lock["outputs"].items()}
        return lock["meta"] if then == outputs else now

    @contextlib.contextmanager
    def _lease(self) -> Iterator[devices.Lease]:
        count, said = self.spec["resources"]["gpu"], set()

        def wait(text: str) -> None:
            self._check_parent()
            if text not in said:
                said.add(text)
                say(self.spec, text)

        if count == 0:
            yield devices.Lease([], [])
        elif os.environ.get("PHYSLM_SCHEDULED") == "1":
            yield devices.Lease(devices.visible(), [])
        else:
            with devices.lease(count, wait) as lease:
                yield lease

    def _child(self, scratch: Path, trace: Path, lease: devices.Lease, watch: Stopwatch) -> None:
        step = [sys.executable, "-m", self.spec["module"], self._spec_copy(scratch)]
        step += ["--out", str(self.out), "--scratch", str(scratch)]
        command = launch.command(self.spec, step, scratch)
        # What it says of its ranks is of use only if one of them fails.
        launcher = self.log if command is step else scratch / "launcher.log"
        for path in (self.log, launcher):
            path.write_bytes(b"")
        with open(self.log, "a", encoding="utf-8") as log, open(launcher, "ab") as errors:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment(trace, lease),
                pass_fds=lease.handles,  # a device is free when nobody who may use it is left
                preexec_fn=die_with_parent,
            )
            try:
                self._follow(child, log, watch)
                status = child.wait()
            finally:
                if child.poll() is None:
                    child.kill()
                    child.wait()
        if status != 0:
            how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
            if command is not step:
                how = launch.failure(launcher.read_text(errors="replace")) or how
                _append(launcher, self.log)
            raise JobError(f"{how}; the end of {self.log}:\n{_tail(self.log)}")

    def _environment(self, trace: Path, lease: devices.Lease) -> dict[str, str]:
        # A user's settings of Accelerate must not change what a job computes.
        kept = {k: v for k, v in os.environ.items() if not re.match("ACCELERATE_|FSDP_", k)}
        kept |= {"PHYSLM_TRACE": str(trace), "PYTHONUNBUFFERED": "1"}
        kept |= {"PHYSLM_LOG": str(self.log.absolute())}
        if self.spec["resources"]["gpu"] == 0 or lease.handles:
            kept["CUDA_VISIBLE_DEVICES"] = ",".join(lease.devices)
            kept.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # that of nvidia-smi
        return kept

    def _check_parent(self) -> None:
        if os.getppid() != self.parent:
            raise JobError("Snakemake was killed; the next run resumes this job")

    def _spec_copy(self, scratch: Path) -> str:
        path = scratch / "spec.json"
        config = {**self.spec["config"], **self.spec["execution"]}
        files.write_json(path, {**self.spec, "config": config})
        return str(path)

    def _follow(self, child: subprocess.Popen, log: TextIO, watch: Stopwatch) -> None:
        """Pass the child's lines on until it closes its output, or Snakemake is gone."""
        assert child.stdout is not None
        pipe, rest = child.stdout.fileno(), b""
        while True:
            ready, _, _ = select.select([pipe], [], [], 1.0)
            self._check_parent()
            watch.tick()
            if not ready:
                continue
            data = os.read(pipe, 65536)
            *lines, rest = (rest + data).split(b"\n")
            if not data and rest:
                lines = [rest]
            for line in lines:
                text = line.decode(errors="replace").rstrip()
                log.write(text + "\n")
                say(self.spec, text)
            log.flush()
            if not data:
                return

    def _finish(self, outputs: dict[str, str], details: dict[str, Any]) -> None:
        for name in outputs:
            os.replace(self.out / name, self.folder / name)
        cache.remember(locks.write(self.spec, self.inputs, outputs, details))
        shutil.rmtree(self.out, ignore_errors=True)

    def _empty(self) -> None:
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir(parents=True)

    def _check_inputs(self) -> None:
        for path, then in self.marks.items():
            if mark(path) != then:
                raise JobError(f"input {path} changed while the job ran; run again")


@contextlib.contextmanager
def alone(key: str) -> Iterator[None]:
    """Hold the key: two jobs with the same content never run at once in this tree."""
    import fcntl

    path = Path(".physlm/running") / key
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        # The former holder may have removed the file while this one waited for it.
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == path.stat().st_ino:
                break
        os.close(handle)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _check_loaded(spec: dict[str, Any], trace: Path) -> None:
    """Every module and resource of ours that the step loaded must be in its declared code."""
    try:
        loaded = files.read_json(trace)
    except FileNotFoundError:
        return
    unknown = sorted(set(loaded) - set(spec["code"]))
    if unknown:
        raise JobError(
            f"it used {', '.join(unknown)}, which its key does not cover: declare a module in "
            "`parts` of physlm.steps.catalogue, a file in RESOURCES of the module that reads it"
        )


def _append(launcher: Path, log: Path) -> None:
    """Keep the launcher's words with the log: before the ranks' own, of which the end is shown."""
    own = log.read_bytes()
    log.write_bytes(launcher.read_bytes() + own)


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
    return "\n".join(f"  | {line}" for line in lines)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{seconds:.1f}s"


if __name__ == "__main__":
    sys.exit(main())
